/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A task that is switched on and off on one CPU; the switch has the mistake. */
#include "switches.h"

#define ROUNDS 12

static void kernel(uint64_t unused __attribute__((unused)))
{
    receiver_setup(&task.upid);
    while (!task.ends) {
        switch_on();
        run_slice();
        switch_off();
        other_work();
    }
}

static void in_slice(uint64_t round __attribute__((unused)))
{
    static uint64_t slice;

    CHECK(in_new_slice(&slice));
}

static void test_all_received(void)
{
    upid_init(&task.upid, NV, 1);
    every_post_arrives(kernel, 1, ROUNDS, in_slice);
}

const struct test tests[] = {
    { "all-received", test_all_received, 2 },
    {}
};
