/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: the allocator hands out the UPID of a task that has ended as it
 * was left.  A post that came in after the old task's last slice is the new
 * task's first interrupt, and nobody has sent it.
 */
#include "buggy.h"

const char *const test_group = "/buggy/not-cleared";

#define LIVES 12

static volatile bool alive, sends, strayed;

static void allocate(void)
{
    if (IS_FIXED) {
        task.upid.pir = 0;
        task.upid.low = UPID_SN;
    }
    task.upid.low = upid_low(NV, apic_id(), 0);
    wrmsr(UINTR_MSR_PD, (uint64_t)&task.upid);
    if (task.upid.pir) {
        notify_self();
    }
}

/* Nobody posts to a task any more once it is gone. */
static void end_task(void)
{
    set_uinv(0);
    set_sn(&task.upid);
    wrmsr(UINTR_MSR_RR, 0);
    wrmsr(UINTR_MSR_PD, 0);
    alive = false;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    while (sends) {
        cpu_relax();
    }
}

static void live(void)
{
    uint64_t before = task.received;

    allocate();
    set_uinv(NV);
    other_work();
    strayed |= task.upid.pir || rdmsr(UINTR_MSR_RR);
    alive = true;
    run_slice();
    strayed |= task.received > before + 1;
    end_task();
    other_work();
}

static void kernel(uint64_t unused __attribute__((unused)))
{
    receiver_setup(&task.upid);
    while (!task.ends) {
        live();
    }
}

static void test_no_strays(void)
{
    uint64_t slice = 0;

    upid_init(&task.upid, NV, 1);
    sender_setup(&task.upid);
    smp_run(1, kernel, 0);
    for (int n = 0; n < LIVES; n++) {
        CHECK(in_new_slice(&slice));
        sends = true;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (alive) {
            senduipi(0);
        }
        sends = false;
    }
    task.ends = true;
    smp_wait(1);
    CHECK(!strayed);
}

const struct test tests[] = {
    { "no-strays", test_no_strays, 2 },
    {}
};
