/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last events of each CPU, in a ring that does not grow. */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/lockable.h"
#include "hw/core/cpu.h"
#include "ledger.h"

LedgerCpu *ledger_cpu(UintrLedger *l, CPUState *cs)
{
    return &l->cpu[cs ? cs->cpu_index : l->rings - 1];
}

static int64_t write_entry(UintrLedger *l, LedgerCpu *c, LedgerEntry entry)
{
    entry.time = ledger_now();
    c->entries[c->written % l->history] = entry;
    qatomic_set(&c->written, c->written + 1);
    return entry.time;
}

/* Devices have one ring, and threads of their own. */
int64_t ledger_write(UintrLedger *l, CPUState *cs, LedgerEntry entry)
{
    if (cs) {
        return write_entry(l, ledger_cpu(l, cs), entry);
    }
    QEMU_LOCK_GUARD(&l->lock);
    return write_entry(l, ledger_cpu(l, NULL), entry);
}
