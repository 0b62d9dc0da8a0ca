/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads: priorities, turns, and what each has for itself. */
#include "check.h"
#include "numbers.h"

#define MILLISECOND     1000000ull
#define MANY            32

static volatile int order[8], ordered;
static volatile uint32_t gate, arrived;

/* ---- priorities ---- */

static void pass_gate(void *priority)
{
    set_priority(0, (long)priority);
    arrived++;
    futex(&gate, FUTEX_WAIT, 0);
    order[ordered++] = (long)priority;
}

static void highest_goes_first(void)
{
    static const long priorities[] = { 20, 30, 25, 40 };
    struct pthread t[4];

    gate = arrived = ordered = 0;
    set_priority(0, 10);
    for (int i = 0; i < 4; i++) {
        CHECK(thread_create(&t[i], pass_gate, (void *)priorities[i]) > 0);
    }
    while (arrived < 4) {               /* all are more urgent than this one */
        sleep_for(MILLISECOND);
    }
    set_priority(0, 50);
    CHECK_EQ(futex(&gate, FUTEX_WAKE, 10), 4);
    CHECK_EQ(ordered, 0);               /* none of them is more urgent */
    set_priority(0, 10);
    for (int i = 0; i < 4; i++) {
        thread_join(&t[i]);
    }
    CHECK(order[0] == 40 && order[1] == 30 && order[2] == 25 &&
          order[3] == 20);
    set_priority(0, 16);
}

static volatile bool stop;
static volatile uint64_t turns[2];

static void count(void *which)
{
    while (!stop) {
        turns[(long)which]++;
    }
}

/* Two that never wait, while a more urgent one wakes so often. */
static void count_both(int times, uint64_t ns)
{
    struct pthread t[2];

    stop = false;
    turns[0] = turns[1] = 0;
    set_priority(0, 30);
    for (long i = 0; i < 2; i++) {
        thread_create(&t[i], count, (void *)i);
        set_priority(t[i].tid, 20);
    }
    for (int i = 0; i < times; i++) {
        sleep_for(ns);
    }
    stop = true;
    set_priority(0, 16);
    thread_join(&t[0]);
    thread_join(&t[1]);
}

/* Some of a slice may be the host's: one that starves does so every time. */
static bool both_get_turns(int times, uint64_t ns)
{
    for (int i = 0; i < 5; i++) {
        count_both(times, ns);
        if (turns[0] > turns[1] / 4 && turns[1] > turns[0] / 4) {
            return true;
        }
    }
    return false;
}

/* Neither starves, nor if its slice is never over at one go. */
static void equals_take_turns(void)
{
    CHECK(both_get_turns(1, 50 * MILLISECOND));
    CHECK(both_get_turns(60, MILLISECOND));
}

/* One below a busy one gets nothing. */
static void lower_waits(void)
{
    struct pthread t[2];
    uint64_t before[2];

    stop = false;
    turns[0] = turns[1] = 0;
    set_priority(0, 30);
    thread_create(&t[0], count, (void *)0);
    thread_create(&t[1], count, (void *)1);
    set_priority(t[0].tid, 20);
    set_priority(t[1].tid, 19);
    before[0] = turns[0];
    before[1] = turns[1];
    for (int i = 0; i < 20 || turns[0] == before[0]; i++) {
        sleep_for(MILLISECOND);
    }
    CHECK_EQ(turns[1], before[1]);
    stop = true;
    set_priority(0, 16);
    thread_join(&t[0]);
    thread_join(&t[1]);
}

/* ---- registers ---- */

static volatile bool spoiled;

/* All the vector registers keep their contents while others run. */
static void keep_registers(void *mark)
{
    uint64_t want = (uint64_t)mark * 0x0101010101010101, got;

    asm volatile("movq %0, %%xmm0\n movq %0, %%xmm15\n"
                 "vpbroadcastq %%xmm0, %%ymm7" : : "r"(want)
                 : "xmm0", "xmm7", "xmm15");
    while (!stop) {
        asm volatile("movq %%xmm15, %0" : "=r"(got));
        spoiled |= got != want;
        asm volatile("vextracti128 $1, %%ymm7, %%xmm1\n movq %%xmm1, %0"
                     : "=r"(got) : : "xmm1");
        spoiled |= got != want;
    }
}

static void registers_are_kept(void)
{
    struct pthread t[4];

    stop = spoiled = false;
    set_priority(0, 30);
    for (long i = 0; i < 4; i++) {
        thread_create(&t[i], keep_registers, (void *)(i + 1));
        set_priority(t[i].tid, 20);
    }
    sleep_for(60 * MILLISECOND);
    stop = true;
    set_priority(0, 16);
    for (int i = 0; i < 4; i++) {
        thread_join(&t[i]);
    }
    CHECK(!spoiled);
}

static void own_fs(void *mark)
{
    uint64_t word = (uint64_t)mark, got;

    call(CALL_arch_prctl, 0x1002, &word);
    for (int i = 0; i < 100; i++) {
        yield();
        asm volatile("mov %%fs:0, %0" : "=r"(got));
        spoiled |= got != (uint64_t)mark;
    }
}

static void each_has_its_fs(void)
{
    struct pthread t[3];

    spoiled = false;
    for (long i = 0; i < 3; i++) {
        thread_create(&t[i], own_fs, (void *)(i + 77));
    }
    for (int i = 0; i < 3; i++) {
        thread_join(&t[i]);
    }
    CHECK(!spoiled);
}

/* ---- beginning, waiting, ending ---- */

static volatile uint32_t sum;

static void add(void *n)
{
    yield();
    __atomic_fetch_add(&sum, (long)n, __ATOMIC_SEQ_CST);
}

static void many_come_and_go(void)
{
    static struct pthread t[MANY];

    sum = 0;
    for (int round = 0; round < 10; round++) {
        for (long i = 0; i < MANY; i++) {
            CHECK(thread_create(&t[i], add, (void *)i) > 0);
        }
        for (int i = 0; i < MANY; i++) {
            thread_join(&t[i]);
        }
    }
    CHECK_EQ(sum, 10 * MANY * (MANY - 1) / 2);
}

static void sleep_is_long_enough(void)
{
    uint64_t start = now();

    for (int i = 0; i < 20; i++) {
        uint64_t before = now();

        CHECK_EQ(sleep_for(i * 100000), 0);
        CHECK(now() - before >= i * 100000ull);
    }
    CHECK_EQ(sleep_until(start), 0);    /* which is past */
    CHECK_EQ(sleep_until(0), 0);
}

static void waits_end_in_time(void)
{
    volatile uint32_t word = 0;
    struct timespec t = { 0, 3000000 };
    uint64_t start = now();

    CHECK_EQ(call(CALL_futex, &word, FUTEX_WAIT, 0, &t), -ETIMEDOUT);
    CHECK(now() - start >= 3000000);
}

const struct check_case cases[] = {
    { "RT1-highest-first", highest_goes_first },
    { "RT1-equals-take-turns", equals_take_turns },
    { "RT1-lower-waits", lower_waits },
    { "RT7-registers-are-kept", registers_are_kept },
    { "RT7-own-fs", each_has_its_fs },
    { "many-come-and-go", many_come_and_go },
    { "sleep-is-long-enough", sleep_is_long_enough },
    { "waits-end-in-time", waits_end_in_time },
    { 0 }
};
