/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What time an event has.  Reading the host's clock takes longer than all
 * else that is written down, so each thread reads it once in a while, and in
 * between counts the host's ticks from there.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/seqlock.h"
#include "qemu/timer.h"
#include "hw/core/cpu.h"
#include "system/cpu-timers.h"
#include "system/cpu-timers-internal.h"
#include "ledger.h"

#define MEASURE_NS (2 * SCALE_MS)       /* once, for the rate */
#define TRUST_TICKS (1 << 21)           /* from one reading to the next */

/* The virtual clock and the host's ticks at one moment. */
typedef struct Reading {
    int64_t ns, ticks;
} Reading;

static uint64_t rate;                   /* ns for each 2^32 ticks; 0: unknown */
static int64_t host_start;              /* get_clock() at virtual time 0 */

static Reading read_clock(void)
{
    return (Reading) {
        .ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL),
        .ticks = cpu_get_host_ticks(),
    };
}

/* Ticks need not be those of one clock, or of any: then nobody counts them. */
static uint64_t measure(void)
{
    int64_t ns = get_clock(), ticks = cpu_get_host_ticks(), passed;

    do {
        passed = get_clock() - ns;
    } while (passed < MEASURE_NS);
    ticks = cpu_get_host_ticks() - ticks;
    return ticks > 0 ? muldiv64(passed, UINT32_MAX, MIN(ticks, UINT32_MAX)) : 0;
}

void ledger_start_time(void)
{
    if (!icount_enabled()) {
        rate = measure();
    }
}

/* That the machine was stopped in between is known with the next reading. */
static int64_t counted(void)
{
    static __thread Reading last;
    int64_t passed = cpu_get_host_ticks() - last.ticks;

    if (passed < 0 || passed > TRUST_TICKS) {
        last = read_clock();
        passed = 0;
        qatomic_set_i64(&host_start, get_clock() - last.ns);
    }
    return last.ns + (passed * rate >> 32);
}

/*
 * Under icount no clock may be read in the midst of a block: that it will
 * have been executed to its end is near enough.
 */
static int64_t executed(const CPUState *cs)
{
    int64_t instructions = cs->icount_budget - cs->icount_extra -
                           cs->neg.icount_decr.u16.low;

    return qatomic_read_i64(&timers_state.qemu_icount_bias) +
           icount_to_ns(qatomic_read_i64(&timers_state.qemu_icount) +
                        instructions);
}

int64_t ledger_now(void)
{
    CPUState *cs = current_cpu;

    if (!icount_enabled()) {
        return rate ? counted() : qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    }
    return cs && !cs->neg.can_do_io ? executed(cs) :
           qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

int64_t ledger_host_start(void)
{
    return qatomic_read_i64(&host_start);
}
