/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last events of each CPU, in a ring that does not grow. */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "hw/core/cpu.h"
#include "ledger.h"

LedgerCpu *ledger_cpu(UintrLedger *l, CPUState *cs)
{
    return &l->cpu[cs ? cs->cpu_index : l->rings - 1];
}

LedgerEntry *ledger_write(UintrLedger *l, CPUState *cs, LedgerEntry entry)
{
    LedgerCpu *c = ledger_cpu(l, cs);
    LedgerEntry *place = &c->entries[c->written % l->history];

    entry.time = ledger_now();
    *place = entry;
    qatomic_set(&c->written, c->written + 1);
    return place;
}
