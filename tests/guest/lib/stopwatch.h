/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nanoseconds of the local APIC's timer, which runs at 1 GHz; divided by 16 it
 * lasts for more than a minute.
 */
#ifndef STOPWATCH_H
#define STOPWATCH_H

#include "lib.h"

#define TIMER_DIVIDE_BY_16 3

static inline uint64_t now(void)
{
    return (0xffffffffull - apic_read(APIC_TIMER_NOW)) * 16;
}

static inline void start_clock(void)
{
    apic_write(APIC_LVT_TIMER, 1 << 16);
    apic_write(APIC_TIMER_DIV, TIMER_DIVIDE_BY_16);
    apic_write(APIC_TIMER_INIT, 0xffffffff);
}

#endif
