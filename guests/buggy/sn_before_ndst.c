/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: on its new CPU a task is opened for notifications before they
 * are told where to go.  One that is sent between the two finds the old CPU,
 * where UINV is 0, and ON stays set: no other one follows.
 */
#include "buggy.h"

const char *const test_group = "/buggy/sn-before-ndst";

#define POSTS 10
#define BETWEEN 100000                  /* ticks, at most */

static volatile uint64_t turn = 1;      /* the CPU that has the task */

static void switch_on(void)
{
    wrmsr(UINTR_MSR_RR, task.rr);
    set_uinv(NV);
    if (IS_FIXED) {
        set_ndst(&task.upid);
    }
    clear_sn(&task.upid);
    if (task.upid.pir) {
        notify_self();
    }
    if (!IS_FIXED) {
        set_ndst(&task.upid);
    }
}

static void switch_off(void)
{
    set_uinv(0);
    set_sn(&task.upid);
    task.rr = rdmsr(UINTR_MSR_RR);
    wrmsr(UINTR_MSR_RR, 0);
}

/* The task goes to the other CPU after every slice. */
static void kernel(uint64_t cpu)
{
    receiver_setup(&task.upid);
    while (!task.ends) {
        if (turn == cpu) {
            switch_on();
            do {
                run_slice();
            } while (task.upid.pir && !task.ends);
            switch_off();
            turn = 3 - cpu;
        }
        other_work();
    }
}

static void test_all_received(void)
{
    uint64_t seed = 1;

    upid_init(&task.upid, NV, 1);
    task.upid.low |= UPID_SN;
    sender_setup(&task.upid);
    smp_run(1, kernel, 1);
    smp_run(2, kernel, 2);
    for (uint64_t post = 1; post <= POSTS; post++) {
        work_a_while(&seed, BETWEEN);
        senduipi(0);
        if (!SOON(task.received == post)) {
            CHECK(!"a post was not received");
            break;
        }
    }
    task.ends = true;
    smp_wait(1);
    smp_wait(2);
}

const struct test tests[] = {
    { "all-received", test_all_received, 3 },
    {}
};
