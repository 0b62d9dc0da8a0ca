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

static void test_all_received(void)
{
    uint64_t slice = 0;

    upid_init(&task.upid, NV, 1);
    sender_setup(&task.upid);
    smp_run(1, kernel, 0);
    for (int round = 1; round <= ROUNDS; round++) {
        CHECK(in_new_slice(&slice));
        senduipi(0);
        if (!SOON(task.received == (uint64_t)round)) {
            CHECK(!"a post was not received");
            break;
        }
    }
    task.ends = true;
    smp_wait(1);
}

const struct test tests[] = {
    { "all-received", test_all_received, 2 },
    {}
};
