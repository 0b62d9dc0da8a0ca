/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an earlier emulator of user interrupts did wrong in UIRET, STUI, CLUI
 * and TESTUI, in the MSRs and in CR4; the names are the ids of its list.
 */
#include "insns.h"
#include "recv.h"

const char *const test_group = "/uintr/predecessor";

#define STATUS_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | \
                      RFLAGS_SF | RFLAGS_OF)

CODE(user_code, "nop; " EXIT_ASM);
CODE(uiret_code, "incq steps(%rip); the_uiret: " UIRET_BYTES);
extern char the_uiret[];
CODE(uiret_target, "pushfq; pop %rbx; cld; " EXIT_ASM);
volatile uint64_t steps;

/* UIRET in ring 3 with this frame at the top of a stack of its own. */
static struct frame uiret_with(uint64_t rip, uint64_t rflags)
{
    uint64_t *image = (uint64_t *)(recv_stack + PAGE_SIZE);
    struct frame f = frame_user(uiret_code, 0, 0);

    uintr_enable();
    steps = 0;
    image[0] = rip;
    image[1] = rflags;
    image[2] = f.rsp;
    f.rsp = (uint64_t)USER(image);
    run(&f);
    return f;
}

static void u1_user_access_to_the_stack(void)
{
    struct frame f = frame_user(the_uiret, 0, 0);

    uintr_enable();
    f.rsp = (uint64_t)recv_stack;
    CHECK_EQ(run(&f), VEC_PF);
    CHECK_EQ(f.error, PF_P | PF_U);
    CHECK_EQ(trap_cr2(), recv_stack);
}

static void u2_rip_canonical(void)
{
    struct frame f = uiret_with(0x0000800000000000, RFLAGS_FIXED);

    CHECK_EQ(f.vector, VEC_GP);
    CHECK_EQ(f.error, 0);
    CHECK_EQ(f.rip, USER(the_uiret));
    CHECK_EQ(f.rsp, (uint64_t)USER(recv_stack) + PAGE_SIZE);
    CHECK(!testui());
}

static void u3_flags_are_loaded(void)
{
    uint64_t flags = STATUS_FLAGS | RFLAGS_DF, target;

    target = (uint64_t)USER(uiret_target);
    for (int i = 0; i < 4; i++) {
        uint64_t want = i & 1 ? RFLAGS_FIXED : flags | RFLAGS_FIXED;
        struct frame f = uiret_with(target, want);

        CHECK_EQ(f.vector, VEC_EXIT);
        CHECK_EQ(f.rbx, want);
    }
}

static uint64_t good_pte;

static void repair(struct frame *f)
{
    (void)f;
    vm_restore(USER(recv_stack + PAGE_SIZE), good_pte);
}

static void u4_restarted_at_itself(void)
{
    struct frame f;

    good_pte = vm_change(USER(recv_stack + PAGE_SIZE), PTE_P, 0);
    trap_handle(VEC_PF, repair);
    f = uiret_with((uint64_t)USER(uiret_target), RFLAGS_FIXED);
    trap_handle(VEC_PF, NULL);
    CHECK_EQ(f.vector, VEC_EXIT);
    CHECK_EQ(steps, 1);
}

static void u5_looks_at_uirr(void)
{
    recv_begin();
    wrmsr(UINTR_MSR_RR, BIT(8) | BIT(2));
    CHECK_EQ(uiret_with((uint64_t)USER(uiret_target), RFLAGS_FIXED).vector,
             VEC_EXIT);
    CHECK_EQ(ui_count, 2);
    CHECK_DELIVERED(0, 8, USER(uiret_target));
    CHECK_DELIVERED(1, 2, USER(uiret_target));
}

static void u6_f3_is_needed(void)
{
    static const struct insn without[] = {
        { "0F 01 EC", 3, { 0x0f, 0x01, 0xec } },
        { "0F 01 ED", 3, { 0x0f, 0x01, 0xed } },
    };

    uintr_enable();
    for (int i = 0; i < 4; i++) {
        struct frame f = frame_insn(i & 2 ? 3 : 0, &without[i & 1]);

        run(&f);
        check_ud(&f, &without[i & 1], "without F3");
    }
}

static void u7_undefined(void)
{
    for (int i = 0; i < UINTR_INSNS; i++) {
        const struct insn *insn = &uintr_insns[i];
        struct insn locked = prefixed(insn, 0xf0);
        struct frame f = frame_insn(3, insn);

        run(&f);
        check_ud(&f, insn, "CR4.UINTR=0");
        uintr_enable();
        f = frame_insn(3, &locked);
        run(&f);
        check_ud(&f, &locked, "LOCK");
        f = frame_compat(3, insn->bytes, insn->size);
        CHECK_EQ(run(&f), VEC_UD);
        CHECK_EQ(mode_run(MODE_PROTECTED0, insn->bytes, insn->size).vector,
                 VEC_UD);
        CHECK_EQ(mode_run(MODE_REAL, insn->bytes, insn->size).vector, VEC_UD);
        write_cr4(read_cr4() & ~CR4_UINTR);
    }
}

static uint64_t flags_after_testui(uint64_t flags)
{
    uint64_t after;

    asm volatile("pushq %1; popfq; " TESTUI_BYTES "; pushfq; popq %0"
                 : "=r"(after) : "r"(flags | RFLAGS_FIXED) : "memory", "cc");
    return after & STATUS_FLAGS;
}

static void u8_testui_tells(void)
{
    uintr_enable();
    clui();
    CHECK_EQ(flags_after_testui(STATUS_FLAGS), 0);
    CHECK_EQ(flags_after_testui(0), 0);
    stui();
    CHECK_EQ(flags_after_testui(STATUS_FLAGS), RFLAGS_CF);
    CHECK_EQ(flags_after_testui(0), RFLAGS_CF);
}

CODE(stui_code, STUI_BYTES "; after_stui: incq steps(%rip); " EXIT_ASM);
extern char after_stui[];

static void u9_stui_delivers(void)
{
    recv_begin();
    wrmsr(UINTR_MSR_RR, BIT(9));
    CHECK_EQ(run_code(stui_code, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_DELIVERED(0, 9, USER(after_stui));
}

CODE(note_steps_handler,
    "push %rax; mov steps(%rip), %rax; mov %rax, steps_then(%rip)\n"
    "pop %rax; lea 8(%rsp), %rsp; " UIRET_BYTES);
volatile uint64_t steps_then;
CODE(clui_stui_code,
    CLUI_BYTES "; " STUI_BYTES "\n"
    "incq steps(%rip); incq steps(%rip); incq steps(%rip); " EXIT_ASM);

/* Not a block later, but before the next instruction. */
static void u10_not_a_block_late(void)
{
    recv_begin();
    steps = 0;
    steps_then = 99;
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)USER(note_steps_handler));
    wrmsr(UINTR_MSR_RR, BIT(10));
    CHECK_EQ(run_code(clui_stui_code, 0), VEC_EXIT);
    CHECK_EQ(steps_then, 0);
    CHECK_EQ(steps, 3);
}

/* Every bit alone: which are accepted, and what is read back. */
static void m1_reserved_bits(void)
{
    static const uint64_t accepted[] = {
        ~0ull,                          /* RR */
        0x00ffffffffffffff, 0x00ffffffffffffff,
        0x000000ffffffffff,             /* MISC */
        0x00ffffffffffffc0,             /* PD */
        0x00fffffffffffff1,             /* TT */
    };
    bool wide = cpuid(7, 0).ecx & BIT(16);

    for (int i = 0; i < 6; i++) {
        bool address = i && i != 3;
        uint64_t mask = address && !wide ? accepted[i] & 0x00007fffffffffff
                                         : accepted[i];

        for (int bit = 0; bit < 64; bit++) {
            wrmsr(UINTR_MSR_RR + i, 0);
            CHECK_EQ(wrmsr_fault(UINTR_MSR_RR + i, BIT(bit)),
                     mask >> bit & 1 ? 0 : VEC_GP);
            CHECK_EQ(rdmsr(UINTR_MSR_RR + i), BIT(bit) & mask);
        }
        wrmsr(UINTR_MSR_RR + i, 0);
    }
}

static uint64_t canaries[32] __attribute__((aligned(16)));

CODE(wrmsr_code,
    "mov $0x985, %ecx; mov $1, %eax; xor %edx, %edx; wrmsr; nop; " EXIT_ASM);

/* The kernel went on with a frame on its stack and without UIF. */
static void m2_wrmsr_only_pends(void)
{
    struct frame f = frame_kernel(wrmsr_code, 0, 0);

    memset(canaries, 0x44, sizeof(canaries));
    f.rsp = (uint64_t)&canaries[32];
    recv_pend(0);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.rsp, &canaries[32]);
    for (int i = 0; i < 32; i++) {
        CHECK_EQ(canaries[i], 0x4444444444444444);
    }
    CHECK_EQ(ui_count, 0);
    CHECK_EQ(recv_rr(), 1);
    CHECK(testui());
}

static void c1_cr4_bit(void)
{
    uint64_t cr4 = read_cr4();

    for (int i = 0; i < 2; i++) {
        CHECK_EQ(write_cr4_fault(cr4 | CR4_UINTR), 0);
        CHECK_EQ(read_cr4(), cr4 | CR4_UINTR);
        CHECK_EQ(write_cr4_fault(cr4 & ~CR4_UINTR), 0);
        CHECK_EQ(read_cr4(), cr4 & ~CR4_UINTR);
    }
}

const struct test tests[] = {
    { "U1", u1_user_access_to_the_stack },
    { "U2", u2_rip_canonical },
    { "U3", u3_flags_are_loaded },
    { "U4", u4_restarted_at_itself },
    { "U5", u5_looks_at_uirr },
    { "U6", u6_f3_is_needed },
    { "U7", u7_undefined },
    { "U8", u8_testui_tells },
    { "U9", u9_stui_delivers },
    { "U10", u10_not_a_block_late },
    { "M1", m1_reserved_bits },
    { "M2", m2_wrmsr_only_pends },
    { "C1", c1_cr4_bit },
    {}
};
