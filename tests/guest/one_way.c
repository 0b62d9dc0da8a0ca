/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a notification is on its way: from before the instruction that
 * sends it until the first one of the handler, which reads the time stamp
 * counter as well.  The sender learns by memory that it was there.  Args:
 * n=ROUNDS, wait=pause|nop.  Prints "RESULT name nanoseconds" (the mean).
 */
#include "stopwatch.h"
#include "uintr.h"

const char *const test_group = "/one-way";

#define VEC 0x41

static struct {
    volatile uint64_t stamp;            /* of the handler; 0: not yet */
    volatile uint64_t turns;            /* of the loop that it interrupts */
    volatile bool ready, stop;
} receiver __attribute__((aligned(64)));

static struct upid upid;
static struct uitte uitt[1];

#define STAMP "push %rax; push %rdx; rdtsc; shl $32,%rdx; or %rdx,%rax\n"    \
              "mov %rax,receiver(%rip)\n"

static void __attribute__((naked, used)) irq_x2(void)
{
    asm volatile(STAMP "push %rcx; xor %eax,%eax; xor %edx,%edx\n"
                 "mov $0x80b,%ecx; wrmsr; pop %rcx\n"
                 "pop %rdx; pop %rax; iretq");
}

static void __attribute__((naked, used)) irq_x1(void)
{
    asm volatile(STAMP "mov $0xfee000b0,%eax; movl $0,(%rax)\n"
                 "pop %rdx; pop %rax; iretq");
}

static void __attribute__((naked, used)) ui_entry(void)
{
    asm volatile(STAMP "pop %rdx; pop %rax; lea 8(%rsp),%rsp\n" UIRET_BYTES);
}

static bool wait_with_pause(void)
{
    return !arg_is("wait", "nop");
}

static void idle_pause(void)
{
    while (!receiver.stop) {
        receiver.turns++;
        cpu_relax();
    }
}

static void idle_nop(void)
{
    while (!receiver.stop) {
        receiver.turns++;
        asm volatile("nop" : : : "memory");
    }
}

static void irq_receiver(uint64_t pause)
{
    receiver.ready = true;
    sti();
    pause ? idle_pause() : idle_nop();
    cli();
}

static void ui_receiver(uint64_t pause)
{
    struct frame f;

    upid_init(&upid, NV, apic_id());
    uitt[0] = uitte(0, &upid);
    uintr_receiver(USER(ui_entry), &upid, NV);
    stui();
    f = frame_user(pause ? idle_pause : idle_nop, 0, 0);
    f.rflags |= RFLAGS_IF;
    receiver.ready = true;
    run(&f);
}

static void send_irq(void)
{
    apic_icr(1, ICR_ASSERT | VEC);
}

static void send_ui(void)
{
    senduipi(0);
}

static void wait_once(void)
{
    if (wait_with_pause()) {
        cpu_relax();
    } else {
        asm volatile("nop" : : : "memory");
    }
}

/* Out of its handler: one on the way meets no other. */
static void wait_until_it_waits(void)
{
    uint64_t turns = receiver.turns;

    while (receiver.turns < turns + 2) {
        wait_once();
    }
}

/* Ticks on the way, of that many. */
static uint64_t rounds(uint64_t n, void (*send)(void))
{
    uint64_t sum = 0;

    while (n--) {
        uint64_t begin;

        receiver.stamp = 0;
        wait_until_it_waits();
        begin = rdtsc();
        send();
        while (!receiver.stamp) {
            wait_once();
        }
        sum += receiver.stamp - begin;
    }
    return sum;
}

static void measure(const char *name, void (*send)(void))
{
    uint64_t n = arg_number("n", 2000), ticks, took, start, begin;

    start_clock();
    rounds(100, send);
    start = now();
    begin = rdtsc();
    ticks = rounds(n, send);
    took = now() - start;
    ticks = ticks * 16 / n * took / (rdtsc() - begin) / 16;
    printf("RESULT %s %lu\n", name, ticks);
    receiver.stop = true;
    smp_wait(1);
}

static void start(void (*fn)(uint64_t))
{
    receiver.stop = receiver.ready = false;
    smp_run(1, fn, wait_with_pause());
    CHECK(WAIT_FOR(receiver.ready));
}

static void test_irq(void)
{
    idt_set(VEC, apic_is_x2() ? irq_x2 : irq_x1);
    start(irq_receiver);
    measure("irq-one-way", send_irq);
}

static void test_ui(void)
{
    if (!(cpuid(7, 0).edx & BIT(UINTR_CPUID_7_0_EDX_BIT))) {
        skip("no user interrupts here");
    }
    start(ui_receiver);
    uintr_sender(uitt, 1);
    measure("ui-one-way", send_ui);
}

const struct test tests[] = {
    { "irq", test_irq, 2 },
    { "ui", test_ui, 2 },
    {}
};
