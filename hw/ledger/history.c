/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last events of each CPU, in a ring that does not grow. */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/lockable.h"
#include "hw/core/cpu.h"
#include "ledger.h"

/*
 * A thread of MTTCG has one CPU for life.  Where CPUState has its number is a
 * cache line that other CPUs write to: 40 ns for each user interrupt.
 */
unsigned ledger_number(const UintrLedger *l, CPUState *cs)
{
    static __thread int own = -1;

    if (l->exact || cs != current_cpu) {
        return cs->cpu_index;
    }
    if (own < 0) {
        own = cs->cpu_index;
    }
    return own;
}

LedgerCpu *ledger_cpu(UintrLedger *l, CPUState *cs)
{
    return &l->cpu[cs ? ledger_number(l, cs) : l->rings - 1];
}

/* Devices have one ring, and threads of their own. */
int64_t ledger_write_for_device(UintrLedger *l, LedgerEntry entry)
{
    QEMU_LOCK_GUARD(&l->lock);
    return ledger_put(l, ledger_cpu(l, NULL), entry);
}
