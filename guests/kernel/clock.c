/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emulator's local APIC has no TSC-deadline mode; its timer counts
 * nanoseconds, and so does the TSC under icount, where both are one clock.
 */
#include "clock.h"

#define DIVIDE_BY_1     0xb
#define LONGEST         0xffffffffull

static uint64_t start, scale;   /* nanoseconds in a tick of the TSC, 32.32 */

void clock_start(void)
{
    apic_write(APIC_TIMER_DIV, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, CLOCK_VECTOR);
    if (!scale) {
        scale = timer_scale();
        start = rdtsc();
    }
}

uint64_t clock_now(void)
{
    return (unsigned __int128)(rdtsc() - start) * scale >> 32;
}

void clock_alarm(uint64_t at)
{
    uint64_t now = clock_now();
    uint64_t ticks = at > now ? at - now : 1;

    apic_write(APIC_TIMER_INIT, ticks < LONGEST ? ticks : LONGEST);
}
