/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: a kernel receives through a UPID whose NV is an ordinary vector
 * of its own, and its handler clears ON when it has finished.  Whoever posts
 * before that sees ON set and sends nothing: ON comes first, then PIR.
 */
#include "buggy.h"

const char *const test_group = "/buggy/on-cleared-late";

#define KERNEL_VECTOR   0x41
#define POSTS           12
#define BETWEEN         60000

static volatile uint64_t handled;

static void clear_on(void)
{
    __atomic_fetch_and(&task.upid.low, ~(uint64_t)UPID_ON, __ATOMIC_SEQ_CST);
}

static void on_interrupt(struct frame *f __attribute__((unused)))
{
    if (IS_FIXED) {
        clear_on();
    }
    if (__atomic_exchange_n(&task.upid.pir, 0, __ATOMIC_SEQ_CST)) {
        handled++;
    }
    if (!IS_FIXED) {
        clear_on();
    }
    apic_eoi();
}

static void kernel(uint64_t unused __attribute__((unused)))
{
    while (!task.ends) {
        other_work();
    }
}

static void test_all_handled(void)
{
    uint64_t seed = 1;

    trap_handle(KERNEL_VECTOR, on_interrupt);
    upid_init(&task.upid, KERNEL_VECTOR, 1);
    sender_setup(&task.upid);
    smp_run(1, kernel, 0);
    for (uint64_t post = 1; post <= POSTS; post++) {
        senduipi(0);
        if (!SOON(handled == post)) {
            CHECK(!"a post was not handled");
            break;
        }
        work_a_while(&seed, BETWEEN);
    }
    task.ends = true;
    smp_wait(1);
}

const struct test tests[] = {
    { "all-handled", test_all_handled, 2 },
    {}
};
