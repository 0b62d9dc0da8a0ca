/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: UIRR is saved while UINV is still armed, and the kernel has
 * interrupts on.  A notification that comes in before UINV is cleared puts its
 * vector into a UIRR that has been saved already and is zeroed next.
 */
#include "buggy.h"

const char *const test_group = "/buggy/uinv-cleared-late";

#define ROUNDS 12
#define REST 64                         /* words of other state to save */

static uint64_t rest[REST], saved_rest[REST];

static void switch_on(void)
{
    wrmsr(UINTR_MSR_RR, task.rr);
    set_uinv(NV);
    set_ndst(&task.upid);
    clear_sn(&task.upid);
    if (task.upid.pir) {
        notify_self();
    }
}

static void save_rest(void)
{
    for (int i = 0; i < REST; i++) {
        saved_rest[i] = rest[i];
    }
}

static void switch_off(void)
{
    if (IS_FIXED) {
        set_uinv(0);
    }
    task.rr = rdmsr(UINTR_MSR_RR);
    sti();
    save_rest();
    cli();
    if (!IS_FIXED) {
        set_uinv(0);
    }
    set_sn(&task.upid);
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
