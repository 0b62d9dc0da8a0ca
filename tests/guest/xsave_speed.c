/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a context switch costs: XSAVES and XRSTORS of x87, SSE, AVX and UINTR
 * against XSAVE and XRSTOR of x87, SSE and AVX, in turns.  Prints "RESULT
 * name nanoseconds-per-switch" of the quickest turn, and the ratio in
 * hundredths.
 *
 *   n=SWITCHES in a turn     turns=N     at-most=HUNDREDTHS
 */
#include "xsave.h"

const char *const test_group = "/xsave_speed";

#define USER_STATE (X87 | SSE | YMM)

static struct area *one, *two;
static uint64_t seed;

typedef void (*switch_fn)(void);

static void switch_xsaves(void)
{
    uint64_t mask = USER_STATE | UINTR;

    asm volatile("xsaves64 %0" : "+m"(*one) : "a"(mask), "d"(0));
    asm volatile("xrstors64 %0" : : "m"(*two), "a"(mask), "d"(0));
}

static void switch_xsave(void)
{
    asm volatile("xsave64 %0" : "+m"(*one) : "a"(USER_STATE), "d"(0));
    asm volatile("xrstor64 %0" : : "m"(*two), "a"(USER_STATE), "d"(0));
}

static uint64_t turn(switch_fn fn, uint32_t n)
{
    uint64_t start = rdtsc();

    for (uint32_t i = 0; i < n; i++) {
        fn();
    }
    return rdtsc() - start;
}

/* In standard form in *one, in compacted form in *two: both are in use. */
static void prepare(void)
{
    struct uintr_image image = uintr_random(&seed);

    one = page_alloc();
    two = page_alloc();
    xsave_enable(USER_STATE, UINTR);
    xsave_random(two, USER_STATE, &seed);
    xsave_do(XRSTOR, two, USER_STATE);
    uintr_write(&image);
    xsave_do(XSAVES, one, USER_STATE | UINTR);
    CHECK_EQ(one->xstate_bv, USER_STATE | UINTR);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void test_switch(void)
{
    uint32_t n = arg_number("n", 2000), turns = arg_number("turns", 20);
    uint64_t with = -1ull, without = -1ull;
    static struct area compacted, standard;

    prepare();
    compacted = *one;
    xsave_do(XSAVE, &standard, USER_STATE);
    for (uint32_t t = 0; t < turns; t++) {
        *two = compacted;
        with = smaller(with, turn(switch_xsaves, n));
        memset(one, 0, sizeof(*one));
        *two = standard;
        without = smaller(without, turn(switch_xsave, n));
    }
    /* Two ticks of this TSC are about a nanosecond; the ratio is exact. */
    printf("RESULT xsaves-xrstors-ticks %lu\n", with / n);
    printf("RESULT xsave-xrstor-ticks %lu\n", without / n);
    printf("RESULT ratio-hundredths %lu\n", with * 100 / without);
    CHECK(with * 100 <= without * arg_number("at-most", 150));
}

const struct test tests[] = {
    { "switch-costs-at-most-half-more", test_switch },
    { NULL },
};
