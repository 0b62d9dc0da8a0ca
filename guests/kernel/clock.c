/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emulator's local APIC has no TSC-deadline mode; its timer counts
 * nanoseconds, and so does the TSC under icount, where both are one clock.
 */
#include "clock.h"

#define DIVIDE_BY_1     0xb
#define LONGEST         0xffffffffull
#define MEASURED        MILLISECOND
#define ONE             BIT(32)
#define ROUNDING        (ONE / 5000)

static uint64_t start, scale;   /* nanoseconds in a tick of the TSC, 32.32 */

static uint64_t measure(void)
{
    uint64_t from, to, left, ratio;

    from = rdtsc();
    apic_write(APIC_TIMER_INIT, LONGEST);
    do {
        left = apic_read(APIC_TIMER_NOW);
    } while (left > LONGEST - MEASURED);
    to = rdtsc();
    apic_write(APIC_TIMER_INIT, 0);
    ratio = ((LONGEST - left) << 32) / (to - from);
    return ratio > ONE - ROUNDING && ratio < ONE + ROUNDING ? ONE : ratio;
}

void clock_start(void)
{
    apic_write(APIC_TIMER_DIV, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, CLOCK_VECTOR);
    if (!scale) {
        scale = measure();
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
