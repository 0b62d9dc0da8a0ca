/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last events of each CPU, in a ring that does not grow. */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/seqlock.h"
#include "qemu/timer.h"
#include "hw/core/cpu.h"
#include "system/cpu-timers.h"
#include "system/cpu-timers-internal.h"
#include "ledger.h"

LedgerCpu *ledger_cpu(UintrLedger *l, CPUState *cs)
{
    return &l->cpu[cs ? cs->cpu_index % LEDGER_CPUS : LEDGER_DEVICES];
}

/*
 * Under icount no clock may be read in the midst of a block: that it will
 * have been executed to its end is near enough.
 */
int64_t ledger_now(void)
{
    CPUState *cs = current_cpu;
    int64_t executed;

    if (!icount_enabled() || !cs || cs->neg.can_do_io) {
        return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    }
    executed = cs->icount_budget - cs->icount_extra -
               cs->neg.icount_decr.u16.low;
    return qatomic_read_i64(&timers_state.qemu_icount_bias) +
           icount_to_ns(qatomic_read_i64(&timers_state.qemu_icount) +
                        executed);
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
