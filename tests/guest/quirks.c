/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One interrupt for each quirk (docs/quirks.md): it arrives on a CPU without
 * the quirk, and is lost on one that has it, for which the software does
 * nothing wrong.  A test says "QUIRK arrived" or "QUIRK lost"; the script
 * tests/ledger/test-quirks knows which it must be.
 */
#include "recv.h"
#include "xsave.h"

const char *const test_group = "/ledger/quirks";

#define V       9
#define LOW     1
#define MANY    4000

static struct uitte table[2] __attribute__((aligned(64)));
static struct area areas[2];
static volatile uint64_t seen, entries;
static volatile bool ready, go;

CODE(quirk_window, "nop; nop; nop; " EXIT_ASM);

/* Notes the vectors; the third entry ends it, come what may. */
asm(".pushsection .text\n"
    "quirk_handler:\n"
    "push %rax\n"
    "mov 8(%rsp), %rax\n"
    "bts %rax, seen(%rip)\n"
    "incq entries(%rip)\n"
    "cmpq $3, entries(%rip)\n"
    "pop %rax\n"
    "jae 1f\n"
    "add $8, %rsp\n"
    UIRET_BYTES "\n"
    "1: " EXIT_ASM
    ".popsection\n");
extern char quirk_handler[];

static void says(bool arrived)
{
    printf("QUIRK %s\n", arrived ? "arrived" : "lost");
}

static void begin(int low, int high)
{
    recv_begin();
    trap_handle(NV, irq_count);
    table[0] = uitte(low, recv_upid);
    table[1] = uitte(high, recv_upid);
    uintr_sender(table, 2);
}

static uint64_t arrive(void)
{
    stui();
    run_code(quirk_window, RFLAGS_IF);
    clui();
    return ui_count;
}

/* With UINV = NV, whatever that is. */
static void test_n1(void)
{
    begin(V, V);
    senduipi(0);
    says(arrive() == 1);
}

static void test_n3(void)
{
    begin(V, V);
    senduipi(0);
    irq_window();               /* UIF is 0 */
    senduipi(0);
    says(arrive() >= 1);
}

static void test_n4(void)
{
    begin(V, V);
    stui();
    senduipi(0);
    irq_window();               /* in the kernel */
    says(arrive() == 1);
}

static void test_n5(void)
{
    begin(LOW, V);
    senduipi(0);
    irq_window();
    senduipi(1);
    irq_window();
    says(arrive() == 2);
}

/* Both with one notification. */
static void test_n6(void)
{
    begin(LOW, V);
    senduipi(0);
    senduipi(1);
    says(arrive() == 2);
}

static void test_n7(void)
{
    begin(LOW, LOW + 32);
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)USER((const void *)quirk_handler));
    senduipi(0);
    senduipi(1);
    arrive();
    says(seen & BIT(LOW));
}

static void post_many(uint64_t times)
{
    uintr_sender(table, 1);
    while (times--) {
        senduipi(0);
    }
}

/* Whether this bit of PIR stays as it was just made, while CPU 1 posts. */
static bool stays(bool set)
{
    if (set) {
        __atomic_fetch_or(&recv_upid->pir, BIT(LOW), __ATOMIC_SEQ_CST);
    } else {
        __atomic_fetch_and(&recv_upid->pir, ~BIT(LOW), __ATOMIC_SEQ_CST);
    }
    for (volatile int i = 0; i < 1000; i++) {
        /* without PAUSE: that would let CPU 1 go on alone */
    }
    return !!(recv_upid->pir & BIT(LOW)) == set;
}

static void test_p2(void)
{
    bool kept = true;

    begin(V, V);
    recv_upid->low |= UPID_SN;
    smp_run(1, post_many, MANY);
    while (!smp_done(1)) {
        kept &= stays(true);
        kept &= stays(false);
    }
    says(kept);
}

static void test_s9(void)
{
    begin(V + 32, V);
    senduipi(0);
    arrive();
    says(ui_log[0].vector == V + 32);
}

/* The receiver polls for a while: with SN set ON cannot become set. */
static void test_s10(void)
{
    begin(V, V);
    wrmsr(UINTR_MSR_MISC, misc(0, 1));
    recv_upid->low |= UPID_SN;
    senduipi(0);
    __atomic_exchange_n(&recv_upid->pir, 0, __ATOMIC_SEQ_CST);
    irq_window();
    wrmsr(UINTR_MSR_MISC, misc(NV, 1));
    recv_upid->low &= ~UPID_SN;
    senduipi(0);
    says(arrive() == 1);
}

static void receive_there(uint64_t shorthand)
{
    recv_begin();
    if (shorthand) {
        apic_icr(0, shorthand | ICR_ASSERT | VEC_LOW);
    }
    ready = true;
    while (!go) {
        cpu_relax();
    }
    arrive();
}

static void post_to_other(uint64_t shorthand)
{
    begin(V, V);
    trap_handle(VEC_LOW, irq_count);
    uintr_receiver(NULL, NULL, 0);
    uintr_sender(table, 1);
    smp_run(1, receive_there, shorthand);
    CHECK(WAIT_FOR(ready));
    irq_window();
    senduipi(0);
    go = true;
    smp_wait(1);
    irq_window();
    says(ui_count == 1);
}

static void test_s11(void)
{
    post_to_other(0);
}

static void test_s13(void)
{
    post_to_other(ICR_OTHERS);
}

static struct area *empty_area(void)
{
    struct area *empty = &areas[1];

    memset(empty, 0, sizeof(*empty));
    empty->xcomp_bv = XCOMP_COMPACTED | UINTR;
    return empty;
}

static void switch_to(struct area *area)
{
    wrmsr(UINTR_MSR_MISC, misc(0, 0));
    xsave_do(XRSTORS, area, UINTR);
}

/* The receiver's state comes back with its task. */
static void test_x1(void)
{
    xsave_enable_all();
    begin(V, V);
    xsave_do(XSAVES, areas, UINTR);
    uintr_reset();
    uintr_enable();
    switch_to(areas);
    uintr_sender(table, 1);
    wrmsr(UINTR_MSR_MISC, misc(NV, 0));
    senduipi(0);
    says(arrive() == 1);
}

/* The notification comes while the task is switched away. */
static void test_x2(void)
{
    xsave_enable_all();
    begin(V, V);
    senduipi(0);
    xsave_do(XSAVES, areas, UINTR);
    irq_window();
    xsave_do(XRSTORS, empty_area(), UINTR);
    xsave_do(XRSTORS, areas, UINTR);
    if (recv_upid->pir) {
        recv_request();
    }
    says(arrive() == 1);
}

/* These two let old images start: without them it is "lost". */
static void test_cr4(void)
{
    write_cr4(read_cr4() & ~CR4_UINTR);
    says(run_kernel(stui, 0, 0) == VEC_EXIT);
    uintr_enable();
}

static void test_xcr0(void)
{
    xsave_enable_all();
    says(!xsetbv_fault(0, xgetbv(0) | UINTR));
}

const struct test tests[] = {
    { "N1", test_n1 },
    { "N3", test_n3 },
    { "N4", test_n4 },
    { "N5", test_n5 },
    { "N6", test_n6 },
    { "N7", test_n7 },
    { "P2", test_p2, 2 },
    { "S9", test_s9 },
    { "S10", test_s10 },
    { "S11", test_s11, 2 },
    { "S13", test_s13, 2 },
    { "X1", test_x1 },
    { "X2", test_x2 },
    { "cr4", test_cr4 },
    { "xcr0-uintr", test_xcr0 },
    {}
};
