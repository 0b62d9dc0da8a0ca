/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel that receives by a handler of its own, which has the mistake. */
#include "handler.h"

#define POSTS   12
#define BETWEEN 60000                   /* ticks, at most */

static void kernel(uint64_t unused __attribute__((unused)))
{
    while (!task.ends) {
        other_work();
    }
}

static void work(uint64_t post __attribute__((unused)))
{
    static uint64_t seed = 1;

    work_a_while(&seed, BETWEEN);
}

static void test_all_handled(void)
{
    trap_handle(KERNEL_VECTOR, on_interrupt);
    upid_init(&task.upid, KERNEL_VECTOR, 1);
    every_post_arrives(kernel, 1, POSTS, work);
}

const struct test tests[] = {
    { "all-handled", test_all_handled, 2 },
    {}
};
