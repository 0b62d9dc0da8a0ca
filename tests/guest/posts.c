/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a post costs that notifies nobody, to one UPID after the other.  Args:
 * upids=HOW-MANY, n=ROUNDS over all of them.  Prints "RESULT post
 * nanoseconds".
 */
#include "stopwatch.h"
#include "uintr.h"

const char *const test_group = "/posts";

#define MOST 4096

static struct upid upids[MOST];
static struct uitte uitt[MOST];

static void post_all(uint64_t n, uint64_t rounds)
{
    while (rounds--) {
        for (uint64_t i = 0; i < n; i++) {
            senduipi(i);
        }
    }
}

static void run_all(uint64_t n, uint64_t rounds)
{
    struct frame f = frame_user(post_all, n, rounds);

    CHECK_EQ(run(&f), VEC_EXIT);
}

static void test_posts(void)
{
    uint64_t n = arg_number("upids", 1), rounds = arg_number("n", 100), start;

    CHECK(n >= 1 && n <= MOST);
    for (uint64_t i = 0; i < n; i++) {
        upids[i].low = upid_low(NV, 0, UPID_SN);
        uitt[i] = uitte(i % UINTR_VECTORS, &upids[i]);
    }
    uintr_sender(uitt, n);
    run_all(n, 1);
    start_clock();
    start = now();
    run_all(n, rounds);
    printf("RESULT post %lu\n", (now() - start) / (n * rounds));
    for (uint64_t i = 0; i < n; i++) {
        CHECK_EQ(upids[i].pir, BIT(i % UINTR_VECTORS));
    }
}

const struct test tests[] = {
    { "posts", test_posts },
    {}
};
