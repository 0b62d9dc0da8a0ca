/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emulator's local APIC has no TSC-deadline mode; its timer counts
 * nanoseconds, and so does the TSC under icount, where both are one clock.
 */
#include "clock.h"

#define DIVIDE_BY_1     0xb
#define LONGEST         0xffffffffull
#define MEASURED        (2 * MILLISECOND)
#define LOOKS           8
#define ONE             BIT(32)
#define ROUNDING        (ONE / 5000)

static uint64_t start, scale;   /* nanoseconds in a tick of the TSC, 32.32 */

struct sample {
    uint64_t tsc, left, gap;
};

/* Both clocks at once: of several looks the one that took the least time. */
static struct sample look(void)
{
    struct sample best = { .gap = UINT64_MAX };

    for (int i = 0; i < LOOKS; i++) {
        struct sample s = { .tsc = rdtsc(), .left = apic_read(APIC_TIMER_NOW) };

        s.gap = rdtsc() - s.tsc;
        if (s.gap < best.gap) {
            best = s;
        }
    }
    return best;
}

static uint64_t measure(void)
{
    struct sample from, to;
    uint64_t ratio;

    apic_write(APIC_TIMER_INIT, LONGEST);
    from = look();
    do {
        to = look();
    } while (from.left - to.left < MEASURED);
    apic_write(APIC_TIMER_INIT, 0);
    ratio = ((from.left - to.left) << 32) / (to.tsc - from.tsc);
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
