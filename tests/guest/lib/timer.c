/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's timer counts nanoseconds, and so does the TSC under icount,
 * where both are one clock.  Elsewhere the TSC is the host's.
 */
#include "lib.h"

#define LONGEST         0xffffffffull
#define MEASURED        2000000ull
#define LOOKS           8
#define ONE             BIT(32)
#define ROUNDING        (ONE / 5000)

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

uint64_t timer_scale(void)
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
