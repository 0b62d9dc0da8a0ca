/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Halted receivers among several CPUs (R74, R105, R106): the first CPU posts
 * and wakes, the others halt and write down what they find afterwards.
 */
#include "recv.h"

const char *const test_group = "/uintr/halt";

#define LAST_CPU        3

struct sleeper {
    struct upid upid;
    volatile uint32_t woken;    /* ordinary interrupts taken */
    volatile uint32_t rounds;   /* HLTs that ended */
    volatile bool ready;
    volatile uint64_t rr;
    struct frame end;           /* how the halting code ended */
} __attribute__((aligned(4096)));

static struct sleeper sleepers[LAST_CPU + 1];
static bool through_alias;          /* receivers name their UPIDs so */
static struct uitte table[(LAST_CPU + 1) * UINTR_VECTORS];

CODE(hlt_code, "sti; hlt; after_hlt: cli; " EXIT_ASM);
extern char after_hlt[];
CODE(cli_hlt_code, "cli; hlt; " EXIT_ASM);

static struct sleeper *me(void)
{
    return &sleepers[this_cpu()->index];
}

static void count_wake(struct frame *f)
{
    (void)f;
    me()->woken++;
    apic_eoi();
}

static void count_nmi(struct frame *f)
{
    (void)f;
    me()->woken++;
}

static void be_receiver(uint64_t rr)
{
    clui();
    uintr_receiver(UI_RECORD, &me()->upid, NV);
    if (through_alias) {
        wrmsr(UINTR_MSR_PD, (uint64_t)USER(&me()->upid));
    }
    wrmsr(UINTR_MSR_RR, rr);
}

static void halt_with(const char *code)
{
    me()->end = frame_kernel(code, 0, 0);
    me()->ready = true;
    run(&me()->end);
    me()->rr = recv_rr();
    me()->rounds++;
}

static void halt_once(uint64_t rr)
{
    uintr_enable();
    be_receiver(rr);
    stui();
    halt_with(hlt_code);
    clui();
}

static void halt_masked(uint64_t rr)
{
    uintr_enable();
    be_receiver(rr);
    halt_with(cli_hlt_code);
}

static void halt_rounds(uint64_t rounds)
{
    uintr_enable();
    be_receiver(0);
    for (uint64_t i = 0; i < rounds; i++) {
        halt_with(hlt_code);
    }
    irq_window();
    me()->rr = recv_rr();
}

/* This CPU can post vector v to CPU c with index c * 64 + v. */
static void begin(void)
{
    memset(sleepers, 0, sizeof(sleepers));
    for (int i = 0; i <= LAST_CPU; i++) {
        upid_init(&sleepers[i].upid, NV, i);
        for (int v = 0; v < UINTR_VECTORS; v++) {
            table[i * UINTR_VECTORS + v] = uitte(v, &sleepers[i].upid);
        }
    }
    uintr_sender(table, sizeof(table) / sizeof(table[0]));
    trap_handle(VEC_LOW, count_wake);
}

static void end(void)
{
    trap_handle(VEC_LOW, NULL);
}

static void post(int cpu, int vector)
{
    senduipi(cpu * UINTR_VECTORS + vector);
}

static void start(int cpu, void (*fn)(uint64_t), uint64_t arg)
{
    smp_run(cpu, fn, arg);
    if (!WAIT_FOR(sleepers[cpu].ready)) {
        fatal("CPU %d does not get to HLT", cpu);
    }
}

static bool processed(int cpu)
{
    return !sleepers[cpu].upid.pir && !(sleepers[cpu].upid.low & UPID_ON);
}

/* Not on its own; but then by an ordinary interrupt, and only by that. */
static void wake_and_check(int cpu, uint64_t rr)
{
    CHECK_EQ(sleepers[cpu].rounds, 0);
    apic_icr(cpu, ICR_ASSERT | VEC_LOW);
    smp_wait(cpu);
    CHECK_EQ(sleepers[cpu].woken, 1);
    CHECK_EQ(sleepers[cpu].rr, rr);
    CHECK_EQ(sleepers[cpu].end.vector, VEC_EXIT);
}

static void test_peer(void)
{
    begin();
    start(1, halt_once, 0);
    post(1, 45);
    CHECK(WAIT_FOR(processed(1)));
    delay(100000);
    wake_and_check(1, BIT(45));
    end();
}

/* Each is processed in HLT, and adds to UIRR. */
static void test_many(void)
{
    begin();
    start(1, halt_once, 0);
    for (int v = 0; v < UINTR_VECTORS; v++) {
        post(1, v);
        CHECK(WAIT_FOR(processed(1)));
    }
    wake_and_check(1, ~0ull);
    end();
}

static void test_several_cpus(void)
{
    uint64_t want[LAST_CPU + 1] = { 0 };

    begin();
    for (int i = 1; i <= LAST_CPU; i++) {
        start(i, halt_once, 0);
    }
    for (int v = 0; v < UINTR_VECTORS; v++) {
        post(v % LAST_CPU + 1, v);
        want[v % LAST_CPU + 1] |= BIT(v);
    }
    for (int i = 1; i <= LAST_CPU; i++) {
        CHECK(WAIT_FOR(processed(i)));
    }
    for (int i = 1; i <= LAST_CPU; i++) {
        wake_and_check(i, want[i]);
    }
    end();
}

/* Notifications hit the CPU on its way into HLT, in it, and out of it. */
static void test_wake_race(void)
{
    uint64_t rounds = arg_number("n", 200), seed = 1;

    begin();
    start(1, halt_rounds, rounds);
    for (uint64_t i = 0; i < rounds && sleepers[1].rounds == i; i++) {
        delay(random64(&seed) % 4000);
        post(1, i % 64);
        delay(random64(&seed) % 4000);
        CHECK_EQ(sleepers[1].rounds, i);
        apic_icr(1, ICR_ASSERT | VEC_LOW);
        CHECK(WAIT_FOR(sleepers[1].rounds == i + 1));
    }
    smp_wait(1);
    CHECK_EQ(sleepers[1].woken, rounds);
    CHECK_EQ(sleepers[1].rr, ~0ull);
    CHECK(processed(1));
    end();
}

/* A burst of notifications must not look like something else to do. */
static void test_storm(void)
{
    uint64_t rounds = arg_number("n", 200) * 10;

    begin();
    start(1, halt_once, 0);
    for (uint64_t i = 0; i < rounds; i++) {
        apic_icr(1, ICR_ASSERT | NV);
        post(1, i & 63);
    }
    CHECK(WAIT_FOR(processed(1)));
    wake_and_check(1, ~0ull);
    end();
}

static void test_if_clear(void)
{
    begin();
    trap_handle(VEC_NMI, count_nmi);
    start(1, halt_masked, 0);
    post(1, 46);
    delay(200000);
    CHECK_EQ(sleepers[1].rounds, 0);
    CHECK_EQ(sleepers[1].upid.pir, BIT(46));
    apic_icr(1, ICR_ASSERT | ICR_NMI);
    smp_wait(1);
    CHECK_EQ(sleepers[1].woken, 1);
    CHECK_EQ(sleepers[1].upid.pir, BIT(46));
    CHECK_EQ(sleepers[1].rr, 0);
    trap_handle(VEC_NMI, NULL);
    smp_run(1, halt_rounds, 0);
    smp_wait(1);
    CHECK_EQ(sleepers[1].rr, BIT(46));
    end();
}

/* One sleeper's UPID is out of reach: that one faults, the others sleep on. */
static void test_fault(void)
{
    uint64_t pte;

    begin();
    through_alias = true;
    pte = vm_change(USER(&sleepers[1].upid), PTE_P, 0);
    for (int i = 1; i <= LAST_CPU; i++) {
        start(i, halt_once, 0);
    }
    for (int i = 1; i <= LAST_CPU; i++) {
        post(i, 47 + i);
    }
    smp_wait(1);
    CHECK_EQ(sleepers[1].end.vector, VEC_PF);
    CHECK_EQ(sleepers[1].end.error, PF_W);
    CHECK_EQ(sleepers[1].end.rip, (uint64_t)after_hlt);
    CHECK_EQ(sleepers[1].upid.pir, BIT(48));
    CHECK_EQ(sleepers[1].rr, 0);
    for (int i = 2; i <= LAST_CPU; i++) {
        CHECK(WAIT_FOR(processed(i)));
        wake_and_check(i, BIT(47 + i));
    }
    through_alias = false;
    vm_restore(USER(&sleepers[1].upid), pte);
    end();
}

static volatile uint64_t *spins = &sleepers[1].rr;

static void spin_in_user(volatile uint64_t *count)
{
    for (;;) {
        ++*count;
        cpu_relax();
    }
}

static void spin_as_receiver(uint64_t unused)
{
    struct frame f = frame_user(spin_in_user, (uint64_t)USER(spins), 0);

    (void)unused;
    be_receiver(0);
    stui();
    f.rflags |= RFLAGS_IF;
    me()->ready = true;
    run(&f);
}

/* After INIT the CPU waits for SIPI; a user interrupt is nothing to it. */
static void test_wait_for_sipi(void)
{
    uint64_t count;

    begin();
    start(1, spin_as_receiver, 0);
    post(1, 49);
    CHECK(WAIT_FOR(ui_count == 1));
    smp_init(1);
    count = *spins;
    post(1, 50);
    delay(400000);
    CHECK_EQ(*spins, count);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(sleepers[1].upid.pir, BIT(50));
    cpus[1].running = NULL;
    smp_startup(1);
    end();
    test_peer();
}

static void test_rr_alone(void)
{
    begin();
    start(1, halt_once, BIT(63) | 1);
    delay(400000);
    wake_and_check(1, BIT(63) | 1);
    CHECK_EQ(ui_count, 0);
    end();
}

const struct test tests[] = {
    { "R74-peer", test_peer, 2 },
    { "R74-many", test_many, 2 },
    { "R74-several-cpus", test_several_cpus, LAST_CPU + 1 },
    { "R74-wake-race", test_wake_race, 2 },
    { "R74-storm", test_storm, 2 },
    { "R74-if-clear", test_if_clear, 2 },
    { "R74-fault", test_fault, LAST_CPU + 1 },
    { "R105-wait-for-sipi", test_wait_for_sipi, 2 },
    { "R106-rr-alone", test_rr_alone, 2 },
    {}
};
