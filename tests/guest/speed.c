/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long notifications take, in nanoseconds of the local APIC's timer.
 * Entries are naked, so that the guest's share is as small for an interrupt
 * as for a user interrupt.  Args: n=ROUNDS, wait=pause|nop, plain=1 (notify
 * with the big lock).  Prints "RESULT name nanoseconds-per-round".
 */
#include "stopwatch.h"
#include "uintr.h"

const char *const test_group = "/speed";

#define APIC_BASE_ENABLE 0x800
#define APIC_BASE_X2     0x400

#define VEC_PING 0x41
#define VEC_PONG 0x42

struct side {
    volatile uint64_t hits;
    uint64_t answer;            /* whom the handler answers */
    uint64_t pad[6];
} __attribute__((aligned(64)));

static struct side sides[4];
static struct upid upids[4];
static struct uitte uitt[4];
static volatile bool stop;

#define HANDLER(name, count, answer)                                        \
    static void __attribute__((naked, used)) name(void)                     \
    {                                                                       \
        asm volatile("push %rax; push %rcx; push %rdx\n"                    \
                     count answer                                           \
                     "pop %rdx; pop %rcx; pop %rax; iretq");                \
    }

#define COUNT(side)     "lock incq sides+" side "*64(%rip)\n"
#define EOI_X2          "xor %eax,%eax; xor %edx,%edx; mov $0x80b,%ecx; wrmsr\n"
#define ICR_X2(side)    "mov sides+8+" side "*64(%rip),%rax; mov %rax,%rdx\n" \
                        "shr $32,%rdx; mov $0x830,%ecx; wrmsr\n"
#define EOI_X1          "mov $0xfee000b0,%eax; movl $0,(%rax)\n"
#define ICR_X1(side)    "mov sides+8+" side "*64(%rip),%rdx; mov %edx,%ecx\n" \
                        "shr $8,%rdx; mov $0xfee00310,%eax; mov %edx,(%rax)\n" \
                        "mov $0xfee00300,%eax; mov %ecx,(%rax)\n"

HANDLER(ping_x2, COUNT("1"), EOI_X2 ICR_X2("1"))
HANDLER(pong_x2, COUNT("0"), EOI_X2)
HANDLER(ping_x1, COUNT("1"), EOI_X1 ICR_X1("1"))
HANDLER(pong_x1, COUNT("0"), EOI_X1)

#define UI_HANDLER(name, side, answer)                                      \
    static void __attribute__((naked, used)) name(void)                     \
    {                                                                       \
        asm volatile("push %rax\n" COUNT(side) answer                       \
                     "pop %rax; lea 8(%rsp),%rsp\n" UIRET_BYTES);           \
    }
#define ANSWER(index) "mov $" index ",%eax\n" SENDUIPI_RAX_BYTES "\n"

UI_HANDLER(ui_count0, "0", "")
UI_HANDLER(ui_answer1, "1", ANSWER("0"))
UI_HANDLER(ui_count2, "2", "")
UI_HANDLER(ui_answer3, "3", ANSWER("2"))

static void report(const char *name, uint64_t start, uint64_t rounds)
{
    uint64_t picoseconds = (now() - start) * 1000 / rounds;

    printf("RESULT %s %lu.%03lu\n", name, picoseconds / 1000,
           picoseconds % 1000);
}

/*
 * From the moment that an xAPIC ID was changed, QEMU searches for the local
 * APIC of a notification, with the big lock; that the ID is back again does
 * not matter.
 */
void payload_start(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) & ~(APIC_BASE_ENABLE | APIC_BASE_X2);

    if (!arg_given("plain")) {
        return;
    }
    wrmsr(MSR_APIC_BASE, base);
    wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    apic_write(APIC_ID, 0x77u << 24);
    apic_write(APIC_ID, 0);
    apic_init();
}

static bool wait_with_pause(void)
{
    return !arg_is("wait", "nop");
}

static void idle_pause(void)
{
    while (!stop) {
        cpu_relax();
    }
}

static void idle_nop(void)
{
    while (!stop) {
        asm volatile("nop" : : : "memory");
    }
}

/* Two loops, not one with a test inside: the loop is what is measured. */
static void await(volatile uint64_t *hits, uint64_t target, bool pause)
{
    if (pause) {
        while (*hits < target) {
            cpu_relax();
        }
    } else {
        while (*hits < target) {
            asm volatile("nop" : : : "memory");
        }
    }
}

static void irq_peer(uint64_t pause)
{
    sti();
    pause ? idle_pause() : idle_nop();
    cli();
}

static void send_icr(uint64_t dest, int vector)
{
    apic_icr(dest, ICR_ASSERT | vector);
}

static void test_irq_round_trip(void)
{
    bool x2 = apic_is_x2();
    uint64_t rounds = arg_number("n", 2000), start = 0;

    memset(sides, 0, sizeof(sides));
    stop = false;
    idt_set(VEC_PING, x2 ? ping_x2 : ping_x1);
    idt_set(VEC_PONG, x2 ? pong_x2 : pong_x1);
    sides[1].answer = (uint64_t)apic_id() << 32 | ICR_ASSERT | VEC_PONG;
    smp_run(1, irq_peer, wait_with_pause());
    sti();
    for (uint64_t i = 0; i < rounds + 100; i++) {
        if (i == 100) {
            start_clock();
            start = now();
        }
        send_icr(1, VEC_PING);
        await(&sides[0].hits, i + 1, wait_with_pause());
    }
    cli();
    report("irq-round-trip", start, rounds);
    stop = true;
    smp_wait(1);
}

static void test_irq_self(void)
{
    uint64_t rounds = arg_number("n", 2000), start;

    memset(sides, 0, sizeof(sides));
    idt_set(VEC_PONG, apic_is_x2() ? pong_x2 : pong_x1);
    start_clock();
    start = now();
    sti();
    for (uint64_t i = 0; i < rounds; i++) {
        send_icr(apic_id(), VEC_PONG);
        await(&sides[0].hits, i + 1, false);
    }
    cli();
    report("irq-self", start, rounds);
}

static void need_uintr(void)
{
    if (!(cpuid(7, 0).edx & BIT(UINTR_CPUID_7_0_EDX_BIT))) {
        skip("no user interrupts here");
    }
}

/* Side s receives vector s with this handler, on the CPU that runs it. */
static void become_side(int s, const void *handler)
{
    upid_init(&upids[s], NV, apic_id());
    uitt[s] = uitte(s, &upids[s]);
    uintr_receiver(USER(handler), &upids[s], NV);
    uintr_sender(uitt, 4);
    stui();
}

static void ui_peer(uint64_t side)
{
    struct frame f;

    become_side(side, side == 1 ? ui_answer1 : ui_answer3);
    sides[side].hits = 0;
    f = frame_user(wait_with_pause() ? idle_pause : idle_nop, 0, 0);
    f.rflags |= RFLAGS_IF;
    __atomic_store_n(&sides[side].answer, 1, __ATOMIC_RELEASE);
    run(&f);
}

#define SELF 4                  /* for the side: side 0 sends to itself */

static void rounds_of(uint64_t side, uint64_t rounds, bool pause)
{
    for (uint64_t i = 0; i < rounds; i++) {
        senduipi(side == SELF ? 0 : side + 1);
        await(&sides[side & 2].hits, i + 1, pause);
    }
}

static void pause_rounds(uint64_t side, uint64_t rounds)
{
    rounds_of(side, rounds, true);
}

static void nop_rounds(uint64_t side, uint64_t rounds)
{
    rounds_of(side, rounds, false);
}

static void run_rounds(uint64_t side, uint64_t rounds)
{
    bool pause = wait_with_pause() && side != SELF;
    struct frame f = frame_user(pause ? pause_rounds : nop_rounds, side,
                                rounds);

    sides[side & 2].hits = 0;
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_EXIT);
}

static void test_ui_round_trip(void)
{
    uint64_t rounds = arg_number("n", 2000), start;

    need_uintr();
    memset(sides, 0, sizeof(sides));
    stop = false;
    become_side(0, ui_count0);
    smp_run(1, ui_peer, 1);
    CHECK(WAIT_FOR(sides[1].answer));
    run_rounds(0, 100);
    start_clock();
    start = now();
    run_rounds(0, rounds);
    report("ui-round-trip", start, rounds);
    stop = true;
    smp_wait(1);
}

static void test_ui_self(void)
{
    uint64_t rounds = arg_number("n", 2000), start;

    need_uintr();
    become_side(0, ui_count0);
    start_clock();
    start = now();
    run_rounds(SELF, rounds);
    report("ui-self", start, rounds);
}

static void pair_driver(uint64_t rounds)
{
    become_side(2, ui_count2);
    run_rounds(2, rounds);
}

/* CPUs 0 and 1, and CPUs 2 and 3, at the same time. */
static void test_ui_two_pairs(void)
{
    uint64_t rounds = arg_number("n", 2000), start;

    need_uintr();
    memset(sides, 0, sizeof(sides));
    stop = false;
    become_side(0, ui_count0);
    smp_run(1, ui_peer, 1);
    smp_run(3, ui_peer, 3);
    CHECK(WAIT_FOR(sides[1].answer && sides[3].answer));
    start_clock();
    start = now();
    smp_run(2, pair_driver, rounds);
    run_rounds(0, rounds);
    while (!smp_done(2)) {
        cpu_relax();
    }
    report("ui-two-pairs", start, 2 * rounds);
    stop = true;
    smp_wait(1);
    smp_wait(3);
}

const struct test tests[] = {
    { "irq-round-trip", test_irq_round_trip, 2 },
    { "irq-self", test_irq_self },
    { "ui-round-trip", test_ui_round_trip, 2 },
    { "ui-self", test_ui_self },
    { "ui-two-pairs", test_ui_two_pairs, 4 },
    {}
};
