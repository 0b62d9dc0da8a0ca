/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UIRET (R126-R137), mostly without a delivery before it: a test builds the
 * image that the instruction pops and looks at what it made of it.  The
 * stanza's arguments: la57=on|off, and uif=on for CPUID.(7,1):EDX[17].
 */
#include "insns.h"
#include "modes.h"
#include "uintr.h"

const char *const test_group = "/uintr/uiret";

#define RFLAGS_VM       BIT(17)
#define SETTABLE        (UINTR_UIRET_RFLAGS & ~(RFLAGS_TF | RFLAGS_RF))

static uint64_t image[4] __attribute__((aligned(64)));

extern char target[], target_second[], target_end[];
asm("target: nop\n"
    "target_second: nop\n"
    "int $0x80\n"
    "target_end:\n");

static void nothing(void) { }

static uint64_t alias(int cpl)
{
    return cpl ? USER_OFFSET : 0;
}

static void set_image(uint64_t rip, uint64_t rflags, uint64_t rsp)
{
    image[0] = rip;
    image[1] = rflags;
    image[2] = rsp;
}

/* UIRET at that ring, with the image above it, to target. */
static struct frame frame_uiret(int cpl, uint64_t rflags)
{
    struct frame f = frame_insn(cpl, &uintr_insns[UIRET]);

    set_image((uint64_t)target | alias(cpl), rflags, f.rsp);
    f.rsp = (uint64_t)image | alias(cpl);
    return f;
}

static void check_arrived(const struct frame *f)
{
    CHECK_EQ(f->vector, VEC_EXIT);
    CHECK_EQ(KERNEL(f->rip), target_end);
}

/* Runs *f and checks that nothing came of it but the exception. */
static void check_fault(struct frame f, int vector, uint64_t error)
{
    struct frame start = f;
    bool uif = testui();

    CHECK_EQ(run(&f), vector);
    CHECK_EQ(f.error, error);
    CHECK_EQ(f.rip, start.rip);
    CHECK_EQ(f.rsp, start.rsp);
    CHECK_EQ(f.rflags & ~RFLAGS_RF, start.rflags);
    CHECK_EQ(testui(), uif);
    CHECK_EQ(ui_count, 0);
}

/* ---- R126, R132, R136, R137: what is popped ---- */

static void test_pops_three(void)
{
    uintr_enable();
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        struct frame f = frame_uiret(cpl, RFLAGS_FIXED | RFLAGS_CF), start = f;

        clui();
        image[2] = 0x123456789abc;
        run(&f);
        check_arrived(&f);
        CHECK_EQ(f.rflags, RFLAGS_FIXED | RFLAGS_CF);
        CHECK_EQ(f.rsp, 0x123456789abc);
        CHECK_EQ(f.cs, start.cs);
        CHECK_EQ(f.ss, start.ss);
        CHECK(testui());
        CHECK(!memcmp(&f, &start, FRAME_REGS));
        CHECK_EQ(image[0], (uint64_t)target | alias(cpl));
    }
}

static void test_any_rsp(void)
{
    static const uint64_t values[] = {
        0, 1, 0xdeadbeef12345671, BIT(63), ~0ull, BIT(47),
    };

    uintr_enable();
    for (int i = 0; i < 6; i++) {
        struct frame f = frame_uiret(3, RFLAGS_FIXED);

        image[2] = values[i];
        run(&f);
        check_arrived(&f);
        CHECK_EQ(f.rsp, values[i]);
    }
}

static void test_prefixes(void)
{
    static const struct insn uirets[] = {
        { "66 F3 UIRET", 5, { 0x66, 0xf3, 0x0f, 0x01, 0xec } },
        { "F3 66 UIRET", 5, { 0xf3, 0x66, 0x0f, 0x01, 0xec } },
        { "F3 REX.W UIRET", 5, { 0xf3, 0x48, 0x0f, 0x01, 0xec } },
        { "F3 REX.RXB UIRET", 5, { 0xf3, 0x47, 0x0f, 0x01, 0xec } },
        { "66 F3 REX UIRET", 6, { 0x66, 0xf3, 0x40, 0x0f, 0x01, 0xec } },
        { "67 F3 UIRET", 5, { 0x67, 0xf3, 0x0f, 0x01, 0xec } },
    };

    uintr_enable();
    for (int i = 0; i < 6; i++) {
        struct frame f = frame_insn(3, &uirets[i]);

        set_image(USER((uint64_t)target), RFLAGS_FIXED | RFLAGS_OF,
                  0x1122334455667788);
        f.rsp = USER((uint64_t)image);
        run(&f);
        check_arrived(&f);
        CHECK_EQ(f.rsp, 0x1122334455667788);
        CHECK_EQ(f.rflags, RFLAGS_FIXED | RFLAGS_OF);
    }
}

/* ---- R126: with the privilege of the current ring ---- */

static void test_supervisor_page(void)
{
    struct frame f = frame_uiret(3, RFLAGS_FIXED);

    uintr_enable();
    f.rsp = (uint64_t)image;
    check_fault(f, VEC_PF, 5);          /* P, U */
    CHECK_EQ(trap_cr2(), image);
    f.rsp = USER(f.rsp);
    run(&f);
    check_arrived(&f);
}

static char pages[2][PAGE_SIZE] __attribute__((aligned(4096)));

/* The image begins that many words before the second page. */
static struct frame frame_straddling(int words)
{
    struct frame f = frame_uiret(3, RFLAGS_FIXED);
    uint64_t *at = (uint64_t *)pages[1] - words;

    memcpy(at, image, 24);
    f.rsp = USER((uint64_t)at);
    return f;
}

static void test_each_word_may_fault(void)
{
    uintr_enable();
    for (int words = 0; words <= 2; words++) {
        struct frame f = frame_straddling(words);
        uint64_t pte = vm_change(USER(pages[1]), PTE_P, 0);

        check_fault(f, VEC_PF, 4);      /* U */
        CHECK_EQ(trap_cr2(), USER((uint64_t)pages[1]));
        vm_restore(USER(pages[1]), pte);
    }
}

static void test_read_only_page(void)
{
    struct frame f = frame_straddling(3);
    uint64_t pte = vm_change(USER(pages[0]), PTE_W, 0);

    uintr_enable();
    run(&f);
    check_arrived(&f);
    vm_restore(USER(pages[0]), pte);
}

/*
 * The fault is met in the middle of a block: what went before stays done,
 * once, and the instruction is done again after the repair.
 */
extern char count_and_uiret[], counted_uiret[];
asm("count_and_uiret: inc %rbx; add $-1, %rcx\n"
    "counted_uiret: " UIRET_BYTES "\n");

static uint64_t repaired_pte;
static int repairs;

static void repair(struct frame *f)
{
    CHECK_EQ(f->rip, USER((uint64_t)counted_uiret));
    CHECK_EQ(f->rflags & RFLAGS_CF, RFLAGS_CF);
    repairs++;
    vm_restore(USER(pages[1]), repaired_pte);
}

static void test_restart(void)
{
    struct frame f = frame_straddling(1);

    uintr_enable();
    repaired_pte = vm_change(USER(pages[1]), PTE_P, 0);
    repairs = 0;
    trap_handle(VEC_PF, repair);
    f.rip = USER((uint64_t)count_and_uiret);
    f.rbx = 0;
    f.rcx = 5;                          /* ADD leaves CF=1 behind */
    run(&f);
    trap_handle(VEC_PF, NULL);
    check_arrived(&f);
    CHECK_EQ(repairs, 1);
    CHECK_EQ(f.rbx, 1);
    CHECK_EQ(f.rcx, 4);
    CHECK_EQ(f.rflags, RFLAGS_FIXED);
}

static void test_smap(void)
{
    struct frame f;

    if (!(cpuid(7, 0).ebx & BIT(20))) {
        skip("no SMAP");
    }
    uintr_enable();
    write_cr4(read_cr4() | CR4_SMAP);
    f = frame_uiret(3, RFLAGS_FIXED);
    run(&f);
    check_arrived(&f);
    f = frame_uiret(0, RFLAGS_FIXED);
    run(&f);
    check_arrived(&f);
    f = frame_uiret(0, RFLAGS_FIXED);
    f.rsp = USER(f.rsp);
    check_fault(f, VEC_PF, 1);          /* P */
    f.rflags |= RFLAGS_AC;
    run(&f);
    check_arrived(&f);
    write_cr4(read_cr4() & ~CR4_SMAP);
}

/* ---- R127, R128: addresses ---- */

static void check_rip(int cpl, uint64_t rip, bool canonical)
{
    struct frame f = frame_uiret(cpl, RFLAGS_FIXED | RFLAGS_ZF);

    clui();
    image[0] = rip;
    if (!canonical) {
        check_fault(f, VEC_GP, 0);
        stui();
        check_fault(f, VEC_GP, 0);
        return;
    }
    CHECK_EQ(run(&f), VEC_PF);          /* of the fetch: UIRET is done */
    CHECK_EQ(f.rip, rip);
    CHECK_EQ(trap_cr2(), rip);
    CHECK_EQ(f.rsp, image[2]);
    CHECK(f.rflags & RFLAGS_ZF);
    CHECK(testui());
}

static void test_rip_canonical(void)
{
    uintr_enable();
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        check_rip(cpl, BIT(46), true);
        check_rip(cpl, BIT(47) - 1, true);
        check_rip(cpl, -BIT(47), true);
        check_rip(cpl, BIT(47), false);
        check_rip(cpl, -BIT(47) - 1, false);
        check_rip(cpl, BIT(56), false);
        check_rip(cpl, BIT(63), false);
        check_rip(cpl, BIT(63) - 1, false);
    }
}

/* The width that counts is that of the paging mode. */
static void test_rip_canonical_la57(void)
{
    if (arg_is("la57", "off")) {
        skip("no LA57");
    }
    uintr_enable();
    vm_la57(true);
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        check_rip(cpl, BIT(47), true);
        check_rip(cpl, BIT(56) - 1, true);
        check_rip(cpl, -BIT(56), true);
        check_rip(cpl, BIT(56), false);
        check_rip(cpl, -BIT(56) - 1, false);
    }
    vm_la57(false);
}

#define LAST_PAGE (BIT(47) - PAGE_SIZE)

static void test_stack_canonical(void)
{
    static const uint64_t rsps[] = {
        BIT(60), BIT(47), -BIT(47) - 8, BIT(63), -BIT(47) - 16,
        BIT(47) - 8, BIT(47) - 16,
    };
    struct frame f = frame_uiret(3, RFLAGS_FIXED);

    uintr_enable();
    vm_map(LAST_PAGE, (uint64_t)pages[0], PTE_P | PTE_W | PTE_U);
    for (int i = 0; i < 7; i++) {
        f.rsp = rsps[i];
        check_fault(f, VEC_SS, 0);
    }
    memcpy(pages[1] - 24, image, 24);
    f.rsp = BIT(47) - 24;
    run(&f);
    check_arrived(&f);
    vm_map(LAST_PAGE, 0, 0);
}

static void test_stack_canonical_la57(void)
{
    struct frame f = frame_uiret(3, RFLAGS_FIXED);

    if (arg_is("la57", "off")) {
        skip("no LA57");
    }
    uintr_enable();
    vm_map(LAST_PAGE, (uint64_t)pages[0], PTE_P | PTE_W | PTE_U);
    vm_la57(true);
    f.rsp = BIT(47) - 16;
    check_fault(f, VEC_PF, 4);
    CHECK_EQ(trap_cr2(), BIT(47));
    f.rsp = BIT(56);
    check_fault(f, VEC_SS, 0);
    vm_la57(false);
    vm_map(LAST_PAGE, 0, 0);
}

static void check_misaligned(int cpl, uint64_t ac, int by, bool faults)
{
    struct frame f = frame_uiret(cpl, RFLAGS_FIXED);

    memcpy(pages[0] + by, image, 24);
    f.rsp = (uint64_t)pages[0] + by + alias(cpl);
    f.rflags |= ac;
    if (faults) {
        check_fault(f, VEC_AC, 0);
    } else {
        run(&f);
        check_arrived(&f);
        CHECK_EQ(f.rflags, RFLAGS_FIXED);
    }
}

static void test_alignment(void)
{
    uintr_enable();
    for (int by = 0; by <= 8; by++) {
        check_misaligned(3, RFLAGS_AC, by, false);
        write_cr0(read_cr0() | CR0_AM);
        check_misaligned(3, RFLAGS_AC, by, by % 8 != 0);
        check_misaligned(3, 0, by, false);
        check_misaligned(0, RFLAGS_AC, by, false);
        write_cr0(read_cr0() & ~CR0_AM);
    }
}

/* What is wrong with the address itself, or with its page, counts first. */
static void test_alignment_last(void)
{
    struct frame f = frame_uiret(3, RFLAGS_FIXED);
    uint64_t pte = vm_change(USER(pages[0]), PTE_P, 0);

    uintr_enable();
    write_cr0(read_cr0() | CR0_AM);
    f.rflags |= RFLAGS_AC;
    f.rsp = BIT(60) + 4;
    check_fault(f, VEC_SS, 0);
    f.rsp = USER((uint64_t)pages[0]) + 4;
    check_fault(f, VEC_PF, 4);          /* U */
    CHECK_EQ(trap_cr2(), f.rsp);
    vm_restore(USER(pages[0]), pte);
    image[0] = BIT(60);
    memcpy(pages[0] + 4, image, 24);
    check_fault(f, VEC_AC, 0);          /* before the image is looked at */
    write_cr0(read_cr0() & ~CR0_AM);
}

/* ---- R130: flags ---- */

static void check_flags(int cpl, uint64_t before, uint64_t loaded)
{
    uint64_t want = (before & ~SETTABLE) | (loaded & SETTABLE) | RFLAGS_FIXED;
    struct frame f = frame_uiret(cpl, loaded);

    f.rflags = before | RFLAGS_FIXED;
    run(&f);
    check_arrived(&f);
    if (f.rflags != want) {
        printf("# CPL %d, RFLAGS 0x%lx, image 0x%lx\n", cpl, before, loaded);
    }
    CHECK_EQ(f.rflags, want);
    CHECK_EQ(f.cs & 3, cpl);
}

/* TF is R135's; RF cannot be seen in the frame of INT n. */
static void test_flags(void)
{
    const uint64_t kept = RFLAGS_IF | RFLAGS_IOPL;
    const uint64_t all = ~(RFLAGS_TF | RFLAGS_RF);

    uintr_enable();
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        check_flags(cpl, 0, all);
        check_flags(cpl, kept, all);
        check_flags(cpl, 0, 0);
        check_flags(cpl, kept | SETTABLE, 0);
        check_flags(cpl, SETTABLE, 0);
        for (int bit = 0; bit < 64; bit++) {
            check_flags(cpl, 0, BIT(bit) & all);
            check_flags(cpl, kept | SETTABLE, ~BIT(bit) & all);
        }
    }
}

/* Flags that the emulator has not computed yet must not survive. */
extern char lazy_flags[];
asm("lazy_flags: xor %eax, %eax; sub $1, %eax; " UIRET_BYTES "\n");

static void test_flags_after_arithmetic(void)
{
    static const uint64_t loaded[] = {
        0, RFLAGS_ZF, RFLAGS_OF | RFLAGS_DF, SETTABLE,
    };

    uintr_enable();
    for (int i = 0; i < 4; i++) {
        struct frame f = frame_uiret(3, loaded[i]);

        f.rip = USER((uint64_t)lazy_flags);
        run(&f);
        check_arrived(&f);
        CHECK_EQ(f.rflags, loaded[i] | RFLAGS_FIXED);
    }
}

/* What UIRET loaded must not shine through what comes after it. */
extern char clear_flags[], clear_flags_end[];
asm("clear_flags: cld; mov $1, %eax; add $1, %eax; int $0x80\n"
    "clear_flags_end:\n");

static void test_flags_change_again(void)
{
    struct frame f = frame_uiret(3, SETTABLE);

    uintr_enable();
    image[0] = USER((uint64_t)clear_flags);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(KERNEL(f.rip), clear_flags_end);
    CHECK_EQ(f.rflags, RFLAGS_FIXED | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID);
}

/* ---- R130's RF, seen through an instruction breakpoint ---- */

static void set_breakpoint(int n, uint64_t address)
{
    uint64_t dr7;

    if (n) {
        asm volatile("mov %0, %%dr1" : : "r"(address));
    } else {
        asm volatile("mov %0, %%dr0" : : "r"(address));
    }
    asm volatile("mov %%dr7, %0" : "=r"(dr7));
    dr7 = address ? dr7 | 2u << 2 * n : dr7 & ~(2ull << 2 * n);
    asm volatile("mov %0, %%dr7" : : "r"(dr7));
}

static void check_breakpoint(uint64_t before, uint64_t loaded,
                             const char *stop)
{
    struct frame f = frame_uiret(3, RFLAGS_FIXED | loaded);

    f.rflags |= before;
    CHECK_EQ(run(&f), stop ? VEC_DB : VEC_EXIT);
    CHECK_EQ(KERNEL(f.rip), stop ? stop : target_end);
}

static void test_rf(void)
{
    uintr_enable();
    for (int i = 0; i < 2; i++) {
        uint64_t before = i ? RFLAGS_RF : 0;

        set_breakpoint(0, USER((uint64_t)target));
        check_breakpoint(before, 0, target);
        check_breakpoint(before, RFLAGS_RF, NULL);
        set_breakpoint(1, USER((uint64_t)target_second));
        check_breakpoint(before, RFLAGS_RF, target_second);
        set_breakpoint(0, 0);
        set_breakpoint(1, 0);
        check_breakpoint(before, 0, NULL);
    }
}

/* ---- R131: UIF ---- */

static void check_uif(int cpl, bool before, uint64_t loaded, bool after)
{
    struct frame f = frame_uiret(cpl, loaded);

    before ? stui() : clui();
    run(&f);
    check_arrived(&f);
    CHECK_EQ(testui(), after);
    CHECK(f.rflags & RFLAGS_FIXED);
}

static void test_uif(void)
{
    bool has_uif = arg_is("uif", "on");

    uintr_enable();
    CHECK_EQ(!!(cpuid(7, 1).edx & BIT(17)), has_uif);
    for (int before = 0; before <= 1; before++) {
        for (int cpl = 0; cpl <= 3; cpl += 3) {
            check_uif(cpl, before, RFLAGS_FIXED, true);
            check_uif(cpl, before, 0, !has_uif);
            check_uif(cpl, before, SETTABLE | RFLAGS_FIXED, true);
            check_uif(cpl, before, SETTABLE, !has_uif);
        }
    }
}

/* A handler that clears bit 1 of the RFLAGS it was given, and returns. */
extern char clear_and_return[], deliveries[];
asm("clear_and_return: andq $~2, 16(%rsp)\n"
    "lock incq deliveries(%rip)\n"
    "lea 8(%rsp), %rsp; " UIRET_BYTES "\n"
    ".data; .balign 8; deliveries: .quad 0; .text\n");

static void test_uif_in_frame(void)
{
    volatile uint64_t *count = (uint64_t *)deliveries;
    bool has_uif = arg_is("uif", "on");

    *count = 0;
    uintr_receiver(USER((const void *)clear_and_return), (void *)image, NV);
    wrmsr(UINTR_MSR_RR, BIT(3) | BIT(5));
    stui();
    CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
    CHECK_EQ(*count, has_uif ? 1 : 2);
    CHECK_EQ(rdmsr(UINTR_MSR_RR), has_uif ? BIT(3) : 0);
    CHECK_EQ(testui(), !has_uif);
}

static void test_uif_holds_pending(void)
{
    bool has_uif = arg_is("uif", "on");
    struct frame f = frame_uiret(3, 0);

    uintr_receiver(UI_RECORD, (void *)image, NV);
    wrmsr(UINTR_MSR_RR, BIT(3));
    run(&f);
    check_arrived(&f);
    CHECK_EQ(ui_count, has_uif ? 0 : 1);
}

/* ---- R132: NMIs stay blocked ---- */

static volatile int nmis, nmis_before, nmis_after;

static void wait_a_little(void)
{
    for (int i = 0; i < 2000; i++) {
        cpu_relax();
    }
}

static void uiret_to_here(void)
{
    asm volatile("mov %%rsp, %%rax; push %%rax; pushfq\n"
                 "lea 1f(%%rip), %%rax; push %%rax\n"
                 UIRET_BYTES "\n1:"
                 : : : "rax", "memory", "cc");
}

static void on_nmi(struct frame *f)
{
    (void)f;
    if (++nmis == 1) {
        apic_icr(apic_id(), ICR_NMI | ICR_ASSERT);
        wait_a_little();
        nmis_before = nmis;
        uiret_to_here();
        wait_a_little();
        nmis_after = nmis;
    }
}

static void test_nmi_stays_blocked(void)
{
    uintr_enable();
    nmis = 0;
    trap_handle(VEC_NMI, on_nmi);
    apic_icr(apic_id(), ICR_NMI | ICR_ASSERT);
    CHECK(WAIT_FOR(nmis == 2));         /* IRET unblocks */
    CHECK_EQ(nmis_before, 1);
    CHECK_EQ(nmis_after, 1);
    CHECK(testui());
    trap_handle(VEC_NMI, NULL);
}

/* ---- R134, R135: at once ---- */

static void test_delivers_at_once(void)
{
    struct frame f = frame_uiret(3, RFLAGS_FIXED | RFLAGS_PF);
    uint64_t rsp = image[2];

    uintr_receiver(UI_RECORD, (void *)image, NV);
    wrmsr(UINTR_MSR_RR, ~0ull);
    run(&f);
    check_arrived(&f);
    CHECK_EQ(ui_count, 64);
    for (int i = 0; i < 64; i++) {
        CHECK_EQ(ui_log[i].vector, 63 - i);
        CHECK_EQ(ui_log[i].rip, USER((uint64_t)target));
        CHECK_EQ(ui_log[i].rsp, rsp);
        CHECK_EQ(ui_log[i].rflags, RFLAGS_FIXED | RFLAGS_PF);
    }
}

/* In ring 0 it only sets UIF: the delivery waits for ring 3. */
static void test_ring0_waits(void)
{
    struct frame f = frame_uiret(0, RFLAGS_FIXED);

    uintr_receiver(UI_RECORD, (void *)image, NV);
    wrmsr(UINTR_MSR_RR, BIT(3));
    run(&f);
    check_arrived(&f);
    CHECK_EQ(ui_count, 0);
    CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].rip, USER((uint64_t)nothing));
}

static void test_tf(void)
{
    uintr_enable();
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        struct frame f = frame_uiret(cpl, RFLAGS_FIXED | RFLAGS_TF);

        CHECK_EQ(run(&f), VEC_DB);
        CHECK_EQ(KERNEL(f.rip), target_second);
        CHECK(f.rflags & RFLAGS_TF);
        CHECK(testui());
    }
}

const struct test tests[] = {
    { "R126-pops-three", test_pops_three },
    { "R126-supervisor-page", test_supervisor_page },
    { "R126-each-word-may-fault", test_each_word_may_fault },
    { "R126-read-only-page", test_read_only_page },
    { "R126-restart", test_restart },
    { "R126-smap", test_smap },
    { "R127-rip-canonical", test_rip_canonical },
    { "R127-rip-canonical-la57", test_rip_canonical_la57 },
    { "R128-stack-canonical", test_stack_canonical },
    { "R128-stack-canonical-la57", test_stack_canonical_la57 },
    { "R128-alignment", test_alignment },
    { "R128-alignment-last", test_alignment_last },
    { "R130-flags", test_flags },
    { "R130-flags-after-arithmetic", test_flags_after_arithmetic },
    { "R130-flags-change-again", test_flags_change_again },
    { "R130-rf", test_rf },
    { "R131-uif", test_uif },
    { "R131-uif-in-frame", test_uif_in_frame },
    { "R131-uif-holds-pending", test_uif_holds_pending },
    { "R132-nmi-stays-blocked", test_nmi_stays_blocked },
    { "R134-delivers-at-once", test_delivers_at_once },
    { "R134-ring0-waits", test_ring0_waits },
    { "R135-tf-traps-one-later", test_tf },
    { "R136-any-rsp", test_any_rsp },
    { "R137-prefixes", test_prefixes },
    {}
};
