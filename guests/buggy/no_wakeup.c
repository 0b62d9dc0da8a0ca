/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: whoever waits for a reply looks for it, then says that it
 * sleeps.  A reply that comes between the two wakes nobody, and the caller
 * sleeps until the next tick of its timer.  The line for the log in between
 * makes it likelier, not wrong.
 */
#include "buggy.h"

const char *const test_group = "/buggy/no-wakeup";

#define CALLS           10
#define WAKE_VECTOR     0x41
#define TICK_VECTOR     0x50
#define TICK            4000000         /* ns; no reply takes so long */
#define SPINS           40
#define CLOCK_DATA      0x71

static volatile uint64_t request, reply, replied_at;
static volatile bool ready, sleeps, ends;
static volatile uint64_t ticks, wakes;

static void on_wake(struct frame *f __attribute__((unused)))
{
    task.upid.low &= ~(uint64_t)UPID_ON;
    task.upid.pir = 0;
    wakes++;
    apic_eoi();
}

static void on_tick(struct frame *f __attribute__((unused)))
{
    ticks++;
    apic_eoi();
}

static void serve(uint64_t unused __attribute__((unused)))
{
    sender_setup(&task.upid);
    ready = true;
    for (uint64_t n = 1; !ends; ) {
        if (request == n) {
            inb(CLOCK_DATA);            /* the work: some device is asked */
            replied_at = rdtsc();
            reply = n++;
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            if (sleeps) {
                senduipi(0);
            }
        }
        cpu_relax();
    }
}

static void arm_tick(void)
{
    apic_write(APIC_TIMER_DIV, 0xb);
    apic_write(APIC_LVT_TIMER, TICK_VECTOR);
    apic_write(APIC_TIMER_INIT, TICK);
}

/* False if the reply was there long before the tick, and the tick woke us. */
static bool sleep_for(uint64_t call)
{
    uint64_t old_ticks = ticks, old_wakes = wakes;

    cli();
    if (IS_FIXED) {
        sleeps = true;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    if (reply != call) {
        printf("# call %lu sleeps\n", call);
        arm_tick();
        sleeps = true;
        asm volatile("sti; hlt; cli" : : : "memory");
    }
    sleeps = false;
    sti();
    apic_write(APIC_TIMER_INIT, 0);
    return ticks == old_ticks || wakes != old_wakes || reply != call ||
           rdtsc() - replied_at < TICK / 2;
}

static bool call(uint64_t n)
{
    uint64_t limit = spins(SPINS);

    request = n;
    for (uint64_t i = 0; i < limit && reply != n; i++) {
        cpu_relax();
    }
    while (reply != n) {
        if (!sleep_for(n)) {
            return false;
        }
    }
    return true;
}

static void test_replies(void)
{
    trap_handle(WAKE_VECTOR, on_wake);
    trap_handle(TICK_VECTOR, on_tick);
    upid_init(&task.upid, WAKE_VECTOR, apic_id());
    smp_run(1, serve, 0);
    CHECK(SOON(ready));
    for (uint64_t n = 1; n <= CALLS; n++) {
        if (!call(n)) {
            CHECK(!"a caller slept until the tick, its reply was there");
            break;
        }
    }
    ends = true;
    smp_wait(1);
}

const struct test tests[] = {
    { "replies", test_replies, 2 },
    {}
};
