/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: a sender keeps the channel's lock while it waits for the
 * answer.  The receiver's kernel needs the lock to switch the task on: if the
 * post comes when the slice is over, each of the two waits for the other.
 */
#include "buggy.h"

const char *const test_group = "/buggy/lock-held";

#define ROUNDS 12

static struct {
    int lock;
    uint64_t request, switches;
} channel;

static void take_lock(void)
{
    while (__atomic_exchange_n(&channel.lock, 1, __ATOMIC_ACQUIRE)) {
        asm volatile("pause");          /* here, for the report's RIP */
    }
}

static void release_lock(void)
{
    __atomic_store_n(&channel.lock, 0, __ATOMIC_RELEASE);
}

static void switch_on(void)
{
    take_lock();
    channel.switches++;
    release_lock();
    wrmsr(UINTR_MSR_RR, task.rr);
    set_uinv(NV);
    clear_sn(&task.upid);
    if (task.upid.pir) {
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

static bool call(uint64_t request)
{
    bool answered;

    take_lock();
    channel.request = request;
    senduipi(0);
    if (IS_FIXED) {
        release_lock();
    }
    answered = SOON(task.received == request);
    if (!IS_FIXED && answered) {
        release_lock();
    }
    return answered;
}

static void test_all_answered(void)
{
    uint64_t slice = 0;

    upid_init(&task.upid, NV, 1);
    sender_setup(&task.upid);
    smp_run(1, kernel, 0);
    for (int round = 1; round <= ROUNDS; round++) {
        CHECK(in_new_slice(&slice));
        if (!call(round)) {
            CHECK(!"a call was not answered");
            return;                     /* the kernel is still waiting */
        }
    }
    task.ends = true;
    smp_wait(1);
}

const struct test tests[] = {
    { "all-answered", test_all_answered, 2 },
    {}
};
