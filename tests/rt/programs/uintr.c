/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User interrupts between threads: each arrives, once, at the right one. */
#include "check.h"

#define MILLISECOND     1000000ull
#define RECEIVERS       4
#define POSTS           500

static volatile uint64_t got[64];
static volatile bool stop, ready;
static volatile long receiver_tid;

void user_interrupt(uint64_t vector)
{
    asm volatile("pcmpeqd %%xmm3, %%xmm3" : : : "xmm3");
    got[vector]++;
}

static void clear(void)
{
    for (int i = 0; i < 64; i++) {
        got[i] = 0;
    }
    stop = ready = false;
}

static void begin_receiving(void)
{
    uintr_handler();
    stui();
    receiver_tid = gettid();
    ready = true;
}

static void spin(void *unused __attribute__((unused)))
{
    begin_receiving();
    while (!stop) {
        asm volatile("pause");
    }
}

static void sleeper(void *unused __attribute__((unused)))
{
    begin_receiving();
    while (!stop) {
        sleep_for(MILLISECOND);
    }
}

static void start(struct pthread *t, void (*fn)(void *))
{
    clear();
    thread_create(t, fn, NULL);
    while (!ready) {
        yield();
    }
}

static void end(struct pthread *t)
{
    stop = true;
    thread_join(t);
}

static bool wait_for(volatile uint64_t *what, uint64_t value)
{
    for (int i = 0; *what != value && i < 1000; i++) {
        sleep_for(MILLISECOND / 10);
    }
    return *what == value;
}

/*
 * On one CPU the receiver is never on it when somebody posts: each of these
 * is found only when it is switched to.
 */
static void every_post_arrives(void (*fn)(void *))
{
    struct pthread t;
    long index;

    start(&t, fn);
    index = uintr_sender(receiver_tid, 7);
    CHECK(index > 0);
    for (int i = 1; i <= 50; i++) {
        senduipi(index);
        CHECK(wait_for(&got[7], i));
    }
    end(&t);
}

static void to_one_that_spins(void)
{
    every_post_arrives(spin);
}

static void to_one_that_sleeps(void)
{
    every_post_arrives(sleeper);
}

static void to_itself(void)
{
    long index;

    clear();
    begin_receiving();
    index = uintr_sender(gettid(), 63);
    for (int i = 1; i <= 50; i++) {
        senduipi(index);
        CHECK(wait_for(&got[63], i));
    }
    clui();
    senduipi(index);
    yield();
    CHECK_EQ(got[63], 50);
    stui();
    CHECK_EQ(got[63], 51);
}

/* UIF belongs to the thread, whoever ran in between. */
static void masked(void *unused __attribute__((unused)))
{
    begin_receiving();
    clui();
    while (!stop) {
        yield();
        if (testui()) {
            got[0]++;
        }
    }
    stui();
}

static void mask_is_kept(void)
{
    struct pthread t;
    long index;

    start(&t, masked);
    clui();
    stui();
    index = uintr_sender(receiver_tid, 9);
    senduipi(index);
    sleep_for(2 * MILLISECOND);
    CHECK_EQ(got[9], 0);
    end(&t);
    CHECK_EQ(got[9], 1);                /* with its STUI */
    CHECK_EQ(got[0], 0);
}

/* ---- several receivers, each with its own vectors ---- */

static volatile uint64_t heard[RECEIVERS];
static volatile long tids[RECEIVERS];

static void receive_own(void *which)
{
    long i = (long)which;
    uint64_t before = 0x1234567890abcdef, after;

    uintr_handler();
    asm volatile("movq %0, %%xmm3" : : "r"(before) : "xmm3");
    stui();
    tids[i] = gettid();
    while (!stop) {
        heard[i]++;
    }
    asm volatile("movq %%xmm3, %0" : "=r"(after));
    if (after != before) {
        got[0]++;
    }
}

static void each_gets_its_own(void)
{
    struct pthread t[RECEIVERS];
    long index[RECEIVERS];
    uint64_t seed = 1, sent[RECEIVERS] = { 0 };

    clear();
    for (long i = 0; i < RECEIVERS; i++) {
        tids[i] = 0;
        thread_create(&t[i], receive_own, (void *)i);
        while (!tids[i]) {
            yield();
        }
        index[i] = uintr_sender(tids[i], 10 + i);
    }
    for (int n = 0; n < POSTS; n++) {
        int i = random64(&seed) % RECEIVERS;

        senduipi(index[i]);
        CHECK(wait_for(&got[10 + i], ++sent[i]));
    }
    stop = true;
    for (int i = 0; i < RECEIVERS; i++) {
        thread_join(&t[i]);
        CHECK_EQ(got[10 + i], sent[i]);
    }
    CHECK_EQ(got[0], 0);
}

/* ---- the end ---- */

static long stale;

static void post_to_the_dead(void)
{
    struct pthread t;

    start(&t, spin);
    stale = uintr_sender(receiver_tid, 5);
    end(&t);
    start(&t, spin);                    /* in the place of the first */
    senduipi(stale);                    /* #GP: nobody is there */
}

static void nobody_posts_to_the_next(void)
{
    CHECK_EQ(status_of(post_to_the_dead), 11);
}

/* Neither a fork nor an exec has its parent's handler. */
static void look_for_handler(void)
{
    exit_group(uintr_sender(gettid(), 1) != -ESRCH || testui());
}

static void child_has_none(void)
{
    begin_receiving();
    CHECK(uintr_sender(gettid(), 1) > 0);
    CHECK_EQ(status_of(look_for_handler), 0);
}

static void exec_with_handler(void)
{
    char *const argv[] = { "hello", "without", "handler", NULL };

    begin_receiving();
    execve("hello", argv);
}

static void exec_has_none(void)
{
    CHECK_EQ(status_of(exec_with_handler), 0);
}

/* ---- another process ---- */

static void nothing(void *unused __attribute__((unused)))
{
}

/* Threads are numbered one after the other: the next one of all. */
static long next_tid(void)
{
    struct pthread t;

    thread_create(&t, nothing, NULL);
    thread_join(&t);
    return t.tid + 1;
}

static void change_program(void)
{
    char *argv[] = { "cyclictest", "80", "1000", "20", NULL };

    clear();
    begin_receiving();
    while (!got[5]) {
        sleep_for(MILLISECOND / 10);
    }
    execve("cyclictest", argv);
}

static void post_to_another_program(void)
{
    long tid = next_tid(), index;

    if (!fork()) {
        change_program();
    }
    while ((index = uintr_sender(tid, 5)) == -ESRCH) {
        sleep_for(MILLISECOND / 10);
    }
    for (int i = 0; i < 40; i++) {      /* the other lives for 80 ms */
        senduipi(index);                /* #GP as soon as its program is another */
        sleep_for(MILLISECOND);
    }
}

static void nobody_posts_to_another_program(void)
{
    CHECK_EQ(status_of(post_to_another_program), 11);
}

const struct check_case cases[] = {
    { "RT7-one-that-spins", to_one_that_spins },
    { "RT7-one-that-sleeps", to_one_that_sleeps },
    { "RT7-itself", to_itself },
    { "RT7-mask-is-kept", mask_is_kept },
    { "RT7-each-its-own", each_gets_its_own },
    { "RT8-nobody-posts-to-the-next", nobody_posts_to_the_next },
    { "RT8-another-program", nobody_posts_to_another_program },
    { "RT8-child-has-none", child_has_none },
    { "RT8-exec-has-none", exec_has_none },
    { 0 }
};
