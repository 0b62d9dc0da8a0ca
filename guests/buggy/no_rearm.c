/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: a task is switched on without a look at its PIR.  "Whoever
 * posts sends a notification": not while SN was set.
 */
#include "buggy.h"

const char *const test_group = "/buggy/no-rearm";

#define ROUNDS 12

static void switch_on(void)
{
    wrmsr(UINTR_MSR_RR, task.rr);
    set_uinv(NV);
    set_ndst(&task.upid);
    clear_sn(&task.upid);
    if (IS_FIXED && task.upid.pir) {
        notify_self();
    }
}

static void switch_off(void)
{
    set_uinv(0);
    set_sn(&task.upid);
    task.rr = rdmsr(UINTR_MSR_RR);
    wrmsr(UINTR_MSR_RR, 0);
}

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
