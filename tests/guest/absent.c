/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CPU without CPUID.UINTR, which is every model unless uintr=on is asked
 * for: no bit, no CR4 bit, no MSR, no instruction (R1, R2, R8, R12, R29, R31).
 */
#include "insns.h"
#include "modes.h"
#include "uintr.h"

const char *const test_group = "/uintr/absent";

static void test_cpuid(void)
{
    bool leaf7 = cpuid(0, 0).eax >= 7;

    CHECK(!leaf7 || !(cpuid(7, 0).edx & BIT(5)));
}

static void test_cpuid_uif(void)
{
    bool leaf71 = cpuid(0, 0).eax >= 7 && cpuid(7, 0).eax >= 1;

    CHECK(!leaf71 || !(cpuid(7, 1).edx & (BIT(17) | BIT(13))));
}

extern char just_mov_cr4[], just_wrmsr[], just_rdmsr[];
asm("just_mov_cr4: mov %rdi, %cr4; ret\n"
    "just_wrmsr: wrmsr; ret\n"
    "just_rdmsr: rdmsr; ret\n");

static void check_gp0(struct frame *f, const void *fn)
{
    run(f);
    CHECK_EQ(f->vector, VEC_GP);
    CHECK_EQ(f->error, 0);
    CHECK_EQ(f->rip, fn);
}

static void test_cr4(void)
{
    uint64_t cr4 = read_cr4();
    struct frame f = frame_kernel(just_mov_cr4, cr4 | BIT(25), 0);

    check_gp0(&f, just_mov_cr4);
    CHECK_EQ(read_cr4(), cr4);
    CHECK_EQ(write_cr4_fault(cr4), 0);
}

/* MOV EAX, CR4; OR EAX, 1 << 25; MOV CR4, EAX */
static void test_cr4_in_other_modes(void)
{
    static const uint8_t protected[] = {
        0x0f, 0x20, 0xe0, 0x0d, 0, 0, 0, 2, 0x0f, 0x22, 0xe0,
    };
    static const uint8_t real[] = {
        0x0f, 0x20, 0xe0, 0x66, 0x0d, 0, 0, 0, 2, 0x0f, 0x22, 0xe0,
    };
    uint64_t cr4 = read_cr4();
    struct mode_result r;

    r = mode_run(MODE_PROTECTED0, protected, sizeof(protected));
    CHECK_EQ(r.vector, VEC_GP);
    CHECK_EQ(r.ip, 8);
    r = mode_run(MODE_REAL, real, sizeof(real));
    CHECK_EQ(r.vector, VEC_GP);
    CHECK_EQ(r.ip, 9);
    CHECK_EQ(read_cr4(), cr4);
}

static void test_msrs(void)
{
    for (uint64_t msr = 0x985; msr <= 0x98a; msr++) {
        for (int access = 0; access < 2; access++) {
            char *fn = access ? just_wrmsr : just_rdmsr;
            struct frame f = frame_kernel(fn, 0, 0);

            f.rcx = msr;
            check_gp0(&f, fn);
        }
    }
}

static void check_all_ud(const char *where)
{
    for (int i = 0; i < UINTR_INSNS; i++) {
        for (int cpl = 0; cpl <= 3; cpl += 3) {
            struct insn locked = prefixed(&uintr_insns[i], 0xf0);
            struct frame f = frame_insn(cpl, &uintr_insns[i]);

            run(&f);
            check_ud(&f, &uintr_insns[i], where);
            f = frame_insn(cpl, &locked);
            run(&f);
            check_ud(&f, &locked, where);
        }
    }
}

static void test_ud(void)
{
    check_all_ud("CPUID.UINTR=0");
}

static void test_ud_other_modes(void)
{
    for (int i = 0; i < UINTR_INSNS; i++) {
        const struct insn *insn = &uintr_insns[i];

        for (enum mode mode = 0; mode < MODES; mode++) {
            CHECK_EQ(mode_run(mode, insn->bytes, insn->size).vector, VEC_UD);
        }
        for (int cpl = 0; cpl <= 3; cpl += 3) {
            struct frame f = frame_compat(cpl, insn->bytes, insn->size);

            CHECK_EQ(run(&f), VEC_UD);
        }
    }
}

/* F3 0F 01 EE and EF must not become RDPKRU and WRPKRU. */
static void test_no_fall_through(void)
{
    static const struct insn rdpkru = { "RDPKRU", 3, { 0x0f, 0x01, 0xee } };
    static const struct insn wrpkru = { "WRPKRU", 3, { 0x0f, 0x01, 0xef } };
    struct frame f;

    if (cpuid(0, 0).eax < 7 || !(cpuid(7, 0).ecx & BIT(3))) {
        skip("no protection keys");
    }
    write_cr4(read_cr4() | CR4_PKE);
    f = frame_insn(3, &wrpkru);
    f.rax = 0xa0;
    CHECK_EQ(run(&f), VEC_EXIT);
    check_all_ud("CR4.PKE=1");
    f = frame_insn(3, &rdpkru);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.rax, 0xa0);
    f = frame_insn(3, &wrpkru);
    run(&f);
    write_cr4(read_cr4() & ~CR4_PKE);
}

/* 0F C7 /6 without F3 is RDRAND, with an operand of memory it is VMX. */
static void test_neighbours(void)
{
    static const struct insn rdrand = { "RDRAND", 3, { 0x0f, 0xc7, 0xf0 } };
    static const struct insn vmxon = {
        "VMXON", 4, { 0xf3, 0x0f, 0xc7, 0x37 },
    };
    static const struct insn undefined[] = {
        { "0F 01 EC", 3, { 0x0f, 0x01, 0xec } },
        { "0F 01 ED", 3, { 0x0f, 0x01, 0xed } },
    };
    struct frame f = frame_insn(3, &vmxon);

    run(&f);
    check_ud(&f, &vmxon, "no VMX");
    for (int i = 0; i < 2; i++) {
        f = frame_insn(3, &undefined[i]);
        run(&f);
        check_ud(&f, &undefined[i], "without F3");
    }
    if (cpuid(1, 0).ecx & BIT(30)) {
        f = frame_insn(3, &rdrand);
        CHECK_EQ(run(&f), VEC_EXIT);
    }
}

const struct test tests[] = {
    { "R1-no-cpuid-bit", test_cpuid },
    { "R2-R3-no-cpuid-bits", test_cpuid_uif },
    { "R8-cr4-bit-reserved", test_cr4 },
    { "R8-cr4-bit-reserved-in-other-modes", test_cr4_in_other_modes },
    { "R12-msrs", test_msrs },
    { "R29-neighbours", test_neighbours },
    { "R29-no-fall-through", test_no_fall_through },
    { "R31-ud", test_ud },
    { "R31-ud-other-modes", test_ud_other_modes },
    {}
};
