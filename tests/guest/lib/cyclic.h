/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cyclic task that notices what it missed: the local APIC's timer is
 * periodic, and interrupt n belongs between the deadlines n and n + 1.  Where
 * TSC and timer are one clock, under icount, that is exact.
 */
#ifndef CYCLIC_H
#define CYCLIC_H

#include <stdint.h>

#define CYCLIC_VECTOR   0x62
#define CYCLIC_PERIODIC 0x20000         /* of the timer's LVT entry */
#define CYCLIC_DIVIDE_BY_1 0xb          /* a tick is a nanosecond */

/* QEMU's timer counts to below zero: a period is one tick more. */
#define CYCLIC_COUNT(period) ((period) - 1)

struct cyclic {
    volatile uint64_t start, period;    /* TSC */
    volatile uint64_t ticks;            /* the last deadline that was served */
    volatile uint64_t missed;           /* interrupts out of their place */
    volatile uint64_t latest;           /* the worst delay */
    volatile uint64_t served;           /* interrupts */
};

static inline uint64_t cyclic_clock(void)
{
    uint32_t low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* Right before the timer is started. */
static inline void cyclic_begin(struct cyclic *c, uint64_t period)
{
    c->ticks = c->missed = c->latest = c->served = 0;
    c->period = period;
    c->start = cyclic_clock();
}

static inline void cyclic_tick(struct cyclic *c)
{
    uint64_t since = cyclic_clock() - c->start, late = since % c->period;

    c->missed += since / c->period != c->ticks + 1;
    c->ticks = since / c->period;
    c->served++;
    if (late > c->latest) {
        c->latest = late;
    }
}

/*
 * The same with this library's traps and local APIC (cyclictask.c).  With a
 * word "accel=" that is not icount, the TSC is measured against the timer.
 */
void cyclic_task_begin(struct cyclic *cyclic, uint64_t period);

#endif
