/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state that migration carries (R167), on two CPUs.  Three times the
 * payload says READY and waits for an NMI; meanwhile tests/uintr/snapshot
 * saves and loads the machine.  In the second phase all state is zero.
 * R167-mwait is for a machine with one CPU, and is moved once.
 */
#include "device.h"
#include "uintr.h"

const char *const test_group = "/uintr/snapshot";

#define APIC_LVT_LINT1  0x360
#define LVT_NMI         0x400
#define PHASES          3

static struct upid upids[2];
static struct uitte tables[2][4];

static volatile int go;

static void nothing(void) { }
static void do_senduipi(uint64_t index) { senduipi(index); }

static const void *handler(int cpu)
{
    return cpu ? UI_RECORD_STUI : UI_RECORD;
}

static void fill(int cpu)
{
    upid_init(&upids[cpu], NV + cpu, cpu);
    tables[cpu][cpu] = uitte(20 + cpu, &upids[cpu]);
    uintr_enable();
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)handler(cpu));
    wrmsr(UINTR_MSR_STACKADJUST, 128 + 64 * cpu);
    wrmsr(UINTR_MSR_MISC, misc(NV + cpu, 1 + cpu));
    wrmsr(UINTR_MSR_PD, (uint64_t)&upids[cpu]);
    wrmsr(UINTR_MSR_TT, (uint64_t)tables[cpu] | UINTR_TT_ENABLE);
    wrmsr(UINTR_MSR_RR, BIT(63) | BIT(3 + cpu));
    wrmsr(MSR_XSS, cpu ? 0 : BIT(UINTR_XSTATE_BIT));
    stui();
}

static void check_filled(int cpu)
{
    CHECK(read_cr4() & CR4_UINTR);
    CHECK_EQ(rdmsr(UINTR_MSR_HANDLER), handler(cpu));
    CHECK_EQ(rdmsr(UINTR_MSR_STACKADJUST), 128 + 64 * cpu);
    CHECK_EQ(rdmsr(UINTR_MSR_MISC), misc(NV + cpu, 1 + cpu));
    CHECK_EQ(rdmsr(UINTR_MSR_PD), &upids[cpu]);
    CHECK_EQ(rdmsr(UINTR_MSR_TT), (uint64_t)tables[cpu] | UINTR_TT_ENABLE);
    CHECK_EQ(rdmsr(UINTR_MSR_RR), BIT(63) | BIT(3 + cpu));
    CHECK_EQ(rdmsr(MSR_XSS), cpu ? 0 : BIT(UINTR_XSTATE_BIT));
    CHECK(testui());
}

/* What was pending is delivered without anyone asking for it again. */
static void check_delivery(int cpu)
{
    struct frame f = frame_user(nothing, 0, 0);
    uint64_t rsp = f.rsp;

    ui_count = 0;
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(ui_count, 2);
    CHECK_EQ(ui_log[0].vector, 63);
    CHECK_EQ(ui_log[0].rip, USER((uint64_t)nothing));
    CHECK_EQ(ui_log[0].at_rsp, ((rsp - 128 - 64 * cpu) & ~15ull) - 32);
    CHECK(ui_log[1].vector == (uint64_t)3 + cpu);
}

/* UINV, UPIDADDR, UITTADDR and UITTSZ still work together. */
static void check_self_send(int cpu)
{
    struct frame f = frame_user(do_senduipi, cpu, 0);

    ui_count = 0;
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].vector, 20 + cpu);
    CHECK_EQ(run_user(do_senduipi, 2 + cpu, 0), VEC_GP);
}

static void check_zero(void)
{
    for (uint32_t msr = UINTR_MSR_RR; msr <= UINTR_MSR_TT; msr++) {
        CHECK_EQ(rdmsr(msr), 0);
    }
    CHECK_EQ(rdmsr(MSR_XSS), 0);
    uintr_enable();
    CHECK(!testui());
    ui_count = 0;
    CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 0);
}

static void before(uint64_t phase)
{
    if (phase == 2) {
        uintr_reset();
        wrmsr(MSR_XSS, 0);
    } else {
        fill(this_cpu()->index);
    }
}

static void after(uint64_t phase)
{
    int cpu = this_cpu()->index;

    if (phase == 2) {
        check_zero();
    } else {
        check_filled(cpu);
        check_delivery(cpu);
        check_self_send(cpu);
    }
}

static void on_nmi(struct frame *f)
{
    (void)f;
    go++;
}

/* The host acts between the two halves; QEMU sends the NMI to LINT1. */
static void wait_for_host(int phase)
{
    int seen = go;

    printf("READY %d\n", phase);
    while (go == seen) {
        cpu_relax();
    }
}

static void on_both_cpus(void (*fn)(uint64_t), int phase)
{
    fn(phase);
    smp_run(1, fn, phase);
    smp_wait(1);
}

static void test_state(void)
{
    trap_handle(VEC_NMI, on_nmi);
    apic_write(APIC_LVT_LINT1, LVT_NMI);
    for (int phase = 1; phase <= PHASES; phase++) {
        on_both_cpus(before, phase);
        wait_for_host(phase);
        on_both_cpus(after, phase);
    }
    trap_handle(VEC_NMI, NULL);
}

/* ---- that the CPU waits in MWAIT, and not in HLT (R75) ---- */

#define KEYBOARD_PIN    1

/* Wakes only if the notification ends MWAIT; a key brings it. */
static void wait_for_key(void)
{
    static uint64_t word;

    asm volatile("monitor" : : "a"(&word), "c"(0), "d"(0));
    asm volatile("sti; mwait; cli" : : "a"(0), "c"(0));
}

static void test_mwait(void)
{
    if (!arg_is("mwait", "on")) {
        skip("needs a machine with one CPU: mwait=on");
    }
    upid_init(&upids[0], NV, 0);
    upids[0].pir = BIT(9);
    uintr_receiver(UI_RECORD, &upids[0], NV);
    ioapic_route(KEYBOARD_PIN, NV);
    printf("READY mwait\n");
    wait_for_key();
    ioapic_route(KEYBOARD_PIN, RTE_MASKED);
    CHECK_EQ(upids[0].pir, 0);
    CHECK_EQ(rdmsr(UINTR_MSR_RR), BIT(9));
}

const struct test tests[] = {
    { "R167-state", test_state, 2 },
    { "R167-mwait", test_mwait },
    {}
};
