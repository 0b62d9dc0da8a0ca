/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recognition (R88-R92): what makes a user interrupt pending, what cancels
 * it, and every way into a state in which it is to be delivered.  The way
 * out of SMM is in reset.c.
 */
#include "recv.h"

const char *const test_group = "/uintr/recognize";

#define SEL_UCODE_ASM   "0x33"
_Static_assert(SEL_UCODE == 0x33, "SEL_UCODE_ASM");

CODE(user_code, "nop; user_code_2: nop; " EXIT_ASM);
extern char user_code_2[];

static void check_one_delivery(int vector, uint64_t rip)
{
    CHECK_EQ(ui_count, 1);
    CHECK_DELIVERED(0, vector, rip);
    CHECK_EQ(recv_rr(), 0);
    CHECK(testui());
}

/* ---- R88, R89: UIRR and nothing else ---- */

static void test_nothing_pending(void)
{
    recv_pend(0);
    CHECK_EQ(run_code(user_code, RFLAGS_IF), VEC_EXIT);
    CHECK_EQ(ui_count, 0);
    recv_pend(BIT(4));
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    check_one_delivery(4, (uint64_t)USER(user_code));
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
}

static void test_wrmsr_cancels(void)
{
    recv_pend(BIT(5));
    wrmsr(UINTR_MSR_RR, 0);
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 0);
    wrmsr(UINTR_MSR_RR, BIT(6));
    wrmsr(UINTR_MSR_RR, BIT(7));
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    check_one_delivery(7, (uint64_t)USER(user_code));
}

static void test_clui_and_stui(void)
{
    recv_pend(BIT(8));
    clui();
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 0);
    stui();
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    check_one_delivery(8, (uint64_t)USER(user_code));
}

/* What a notification brings is as good as what WRMSR writes. */
static void test_notification_recognised(void)
{
    recv_pend(0);
    recv_post(BIT(9));
    recv_notify();
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    check_one_delivery(9, (uint64_t)USER(user_code));
}

/* ---- R90: not in ring 0 ---- */

static uint64_t canaries[64] __attribute__((aligned(16)));

CODE(wrmsr_code,
    "mov $0x985, %ecx; mov $-1, %eax; mov %eax, %edx; wrmsr\n"
    "mov $1, %r8d; nop; nop\n" EXIT_ASM);

static void test_ring0_only_pends(void)
{
    struct frame f = frame_kernel(wrmsr_code, 0, 0);

    memset(canaries, 0xcc, sizeof(canaries));
    f.rsp = (uint64_t)&canaries[64];
    recv_pend(0);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.rsp, &canaries[64]);
    CHECK_EQ(f.r8, 1);
    for (int i = 0; i < 64; i++) {
        CHECK_EQ(canaries[i], 0xcccccccccccccccc);
    }
    CHECK_EQ(ui_count, 0);
    CHECK_EQ(recv_rr(), ~0ull);
    CHECK(testui());
}

/* ---- R91, R92: into ring 3 ---- */

#define ALL_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | \
                   RFLAGS_DF | RFLAGS_OF | RFLAGS_IOPL | RFLAGS_NT |        \
                   RFLAGS_AC | RFLAGS_ID)

/* The frame holds what IRET loaded; no instruction has changed it. */
static void check_iret(uint64_t flags)
{
    struct frame f = frame_user(user_code, 0, 0), before;

    f.rflags |= flags;
    f.rsp -= 0x123;
    before = f;
    recv_pend(BIT(10));
    ui_count = 0;
    CHECK_EQ(run(&f), VEC_EXIT);
    check_one_delivery(10, before.rip);
    CHECK_EQ(ui_log[0].rsp, before.rsp);
    CHECK_EQ(ui_log[0].rflags, before.rflags);
    CHECK_EQ(f.rsp, before.rsp);
    CHECK_EQ(f.rflags & ~RFLAGS_RF, before.rflags & ~RFLAGS_RF);
}

static void test_iret(void)
{
    check_iret(0);
    check_iret(ALL_FLAGS);
    check_iret(RFLAGS_IF);
    check_iret(RFLAGS_RF);
}

CODE(sysret_code,
    "mov %rdi, %rcx; mov %rsi, %rsp; mov $2, %r11d; sysretq");
CODE(sysret32_code,
    "mov %rdi, %rcx; mov %rsi, %rsp; mov $2, %r11d; sysretl");
CODE(sysexit_code,
    "mov %rdi, %rdx; mov %rsi, %rcx; .byte 0x48, 0x0f, 0x35");
CODE(sysexit32_code,
    "mov %rdi, %rdx; mov %rsi, %rcx; .byte 0x0f, 0x35");
CODE(lret_code,
    "push $0x2b; push %rsi; push $" SEL_UCODE_ASM "; push %rdi; lretq");
_Static_assert(SEL_UDATA == 0x2b, "lret_code");

/* In ring 0, leave to ring 3 with that code: delivered before user_code. */
static void check_way_out(const char *way)
{
    uint64_t rsp = (uint64_t)USER(recv_stack) + RECV_STACK_SIZE - 8;

    recv_pend(BIT(11));
    CHECK_EQ(run_kernel(way, (uint64_t)USER(user_code), rsp), VEC_EXIT);
    check_one_delivery(11, (uint64_t)USER(user_code));
    CHECK_EQ(ui_log[0].rsp, rsp);
}

static void prepare_sysret(void)
{
    wrmsr(MSR_STAR, (uint64_t)SEL_UCODE32 << 48 | (uint64_t)SEL_KCODE << 32);
}

static void prepare_sysexit(void)
{
    if (cpuid(0, 0).ebx != 0x756e6547) {        /* "Genu" */
        skip("SYSEXIT in 64-bit mode is Intel's");
    }
    wrmsr(MSR_SYSENTER_CS, SEL_KCODE);
}

static void test_sysret(void)
{
    prepare_sysret();
    check_way_out(sysret_code);
}

static void test_sysexit(void)
{
    prepare_sysexit();
    check_way_out(sysexit_code);
}

static void test_far_return(void)
{
    check_way_out(lret_code);
}

/* ---- from compatibility mode into 64-bit mode, all in ring 3 ---- */

COMPAT_PROGRAM(ljmp_code,
    "nop; ljmp $" SEL_UCODE_ASM ", $" COMPAT(ljmp_code, ljmp_target) "\n"
    ".code64\n ljmp_target: nop; " EXIT_ASM);
extern char ljmp_target[];
COMPAT_PROGRAM(lcall_code,
    "nop; lcall $" SEL_UCODE_ASM ", $" COMPAT(lcall_code, lcall_target) "\n"
    ".code64\n lcall_target: nop; " EXIT_ASM);
extern char lcall_target[];
COMPAT_PROGRAM(lret32_code,
    "nop; push $" SEL_UCODE_ASM "; push $" COMPAT(lret32_code, lret_target)
    "\n lret\n.code64\n lret_target: nop; " EXIT_ASM);
extern char lret_target[];
COMPAT_PROGRAM(iret32_code,
    "nop; pushf; push $" SEL_UCODE_ASM "\n push $"
    COMPAT(iret32_code, iret_target) "\n iret\n"
    ".code64\n iret_target: nop; " EXIT_ASM);
extern char iret_target[];

/*
 * Pending all the way through 32-bit code, delivered at the target.  Again
 * and again: once both sides are translated, the emulator would like to go
 * from one to the other without looking.
 */
static void check_into_64(struct frame f, uint64_t target)
{
    for (int i = 0; i < 4; i++) {
        struct frame now = f;

        recv_pend(BIT(12));
        ui_count = 0;
        CHECK_EQ(run(&now), VEC_EXIT);
        CHECK_EQ(now.cs, SEL_UCODE);
        check_one_delivery(12, target);
    }
}

static void test_far_jump(void)
{
    check_into_64(FRAME_COMPAT(ljmp_code),
                  COMPAT_ADDRESS(ljmp_code, ljmp_target));
}

static void test_far_call(void)
{
    check_into_64(FRAME_COMPAT(lcall_code),
                  COMPAT_ADDRESS(lcall_code, lcall_target));
}

static void test_far_return_to_64(void)
{
    check_into_64(FRAME_COMPAT(lret32_code),
                  COMPAT_ADDRESS(lret32_code, lret_target));
}

static void test_iret_to_64(void)
{
    check_into_64(FRAME_COMPAT(iret32_code),
                  COMPAT_ADDRESS(iret32_code, iret_target));
}

/* The notification arrives while 32-bit code runs; nothing else happens. */
static void test_far_jump_after_notification(void)
{
    struct frame f = FRAME_COMPAT(ljmp_code);

    recv_pend(0);
    recv_post(BIT(13));
    recv_request();
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_TAKEN();
    check_one_delivery(13, COMPAT_ADDRESS(ljmp_code, ljmp_target));
}

/* ---- the ways into compatibility mode deliver nothing ---- */

COMPAT_PROGRAM(compat_code, "nop; nop; " EXIT_ASM);

static void check_way_to_compat(const char *way)
{
    struct frame f = FRAME_COMPAT(compat_code);

    recv_pend(BIT(14));
    if (way) {
        f = frame_kernel(way, COMPAT_CODE, COMPAT_STACK);
    }
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.cs, SEL_UCODE32);
    CHECK_EQ(ui_count, 0);
    CHECK_EQ(recv_rr(), BIT(14));
    check_into_64(FRAME_COMPAT(ljmp_code),
                  COMPAT_ADDRESS(ljmp_code, ljmp_target));
}

static void test_iret_to_compat(void)
{
    check_way_to_compat(NULL);
}

static void test_sysret_to_compat(void)
{
    prepare_sysret();
    check_way_to_compat(sysret32_code);
}

static void test_sysexit_to_compat(void)
{
    prepare_sysexit();
    check_way_to_compat(sysexit32_code);
}

/* ---- CR4.UINTR ---- */

static void test_cr4(void)
{
    recv_pend(BIT(15));
    write_cr4(read_cr4() & ~CR4_UINTR);
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 0);
    CHECK_EQ(recv_rr(), BIT(15));
    write_cr4(read_cr4() | CR4_UINTR);
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    check_one_delivery(15, (uint64_t)USER(user_code));
}

/* Everything was set up while the feature was off. */
static void test_cr4_last(void)
{
    uintr_receiver(UI_RECORD, recv_upid, NV);
    stui();
    write_cr4(read_cr4() & ~CR4_UINTR);
    wrmsr(UINTR_MSR_RR, BIT(16));
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 0);
    write_cr4(read_cr4() | CR4_UINTR);
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    check_one_delivery(16, (uint64_t)USER(user_code));
}

/* ---- UIF, in ring 3 ---- */

CODE(stui_code, "nop; " STUI_BYTES "; after_stui: nop; " EXIT_ASM);
extern char after_stui[];

static void test_stui(void)
{
    recv_begin();
    wrmsr(UINTR_MSR_RR, BIT(17));
    CHECK_EQ(run_code(stui_code, 0), VEC_EXIT);
    check_one_delivery(17, (uint64_t)USER(after_stui));
}

/* UIRET of a frame that no delivery made. */
CODE(uiret_code,
    "mov %rsp, %rax; push %rax; pushfq\n"
    "lea uiret_target(%rip), %rcx; push %rcx\n"
    UIRET_BYTES "\n ud2; uiret_target: nop; " EXIT_ASM);
extern char uiret_target[];

static void test_uiret(void)
{
    recv_begin();
    wrmsr(UINTR_MSR_RR, BIT(18));
    CHECK_EQ(run_code(uiret_code, 0), VEC_EXIT);
    check_one_delivery(18, (uint64_t)USER(uiret_target));
}

/* The shadow of MOV SS ends behind the next instruction, here STUI. */
CODE(mov_ss_code,
    "mov %ss, %eax; mov %eax, %ss; " STUI_BYTES "\n"
    "after_shadow: nop; " EXIT_ASM);
extern char after_shadow[];

static void test_mov_ss_shadow_ends(void)
{
    recv_begin();
    wrmsr(UINTR_MSR_RR, BIT(19));
    CHECK_EQ(run_code(mov_ss_code, 0), VEC_EXIT);
    check_one_delivery(19, (uint64_t)USER(after_shadow));
}

/* ---- the kernel makes it pending while ring 3 is interrupted ---- */

static volatile uint64_t interrupted_rip;

static void make_pending(struct frame *f)
{
    interrupted_rip = f->rip;
    wrmsr(UINTR_MSR_RR, BIT(20));
    if (f->vector == VEC_LOW) {
        apic_eoi();
    }
    if (f->vector == VEC_UD) {
        f->rip += 2;
    }
}

static void test_return_from_interrupt(void)
{
    recv_pend(0);
    trap_handle(VEC_LOW, make_pending);
    apic_icr(apic_id(), ICR_ASSERT | VEC_LOW);
    CHECK_EQ(run_code(user_code, RFLAGS_IF), VEC_EXIT);
    trap_handle(VEC_LOW, NULL);
    check_one_delivery(20, interrupted_rip);
}

CODE(ud2_code, "ud2; after_ud2: nop; " EXIT_ASM);
extern char after_ud2[];

static void test_return_from_exception(void)
{
    recv_pend(0);
    trap_handle(VEC_UD, make_pending);
    CHECK_EQ(run_code(ud2_code, 0), VEC_EXIT);
    trap_handle(VEC_UD, NULL);
    check_one_delivery(20, (uint64_t)USER(after_ud2));
}

/* A notification in the middle of a system call, with interrupts open. */
CODE(syscall_entry,
    "mov %rsp, syscall_rsp(%rip); mov syscall_stack(%rip), %rsp\n"
    "push %rcx; push %r11; sti; nop; nop; cli; pop %r11; pop %rcx\n"
    "mov syscall_rsp(%rip), %rsp; sysretq");
uint64_t syscall_rsp, syscall_stack;
CODE(syscall_code, "syscall; after_syscall: nop; " EXIT_ASM);
extern char after_syscall[];

static void test_notification_in_system_call(void)
{
    prepare_sysret();
    syscall_stack = (uint64_t)stack_top(0, STACK_RING0);
    wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
    wrmsr(MSR_FMASK, RFLAGS_IF);
    recv_pend(0);
    recv_post(BIT(21));
    recv_request();
    CHECK_EQ(run_code(syscall_code, 0), VEC_EXIT);
    CHECK_TAKEN();
    check_one_delivery(21, (uint64_t)USER(after_syscall));
}

const struct test tests[] = {
    { "R88-nothing-pending", test_nothing_pending },
    { "R89-wrmsr-cancels", test_wrmsr_cancels },
    { "R89-clui-and-stui", test_clui_and_stui },
    { "R89-notification", test_notification_recognised },
    { "R90-ring0-only-pends", test_ring0_only_pends },
    { "R91-sysret", test_sysret },
    { "R91-sysexit", test_sysexit },
    { "R91-far-return", test_far_return },
    { "R91-far-jump", test_far_jump },
    { "R91-far-call", test_far_call },
    { "R91-far-return-to-64-bit", test_far_return_to_64 },
    { "R91-iret-to-64-bit", test_iret_to_64 },
    { "R91-far-jump-after-notification", test_far_jump_after_notification },
    { "R91-iret-to-compat", test_iret_to_compat },
    { "R91-sysret-to-compat", test_sysret_to_compat },
    { "R91-sysexit-to-compat", test_sysexit_to_compat },
    { "R91-cr4", test_cr4 },
    { "R91-cr4-last", test_cr4_last },
    { "R91-stui", test_stui },
    { "R91-uiret", test_uiret },
    { "R91-mov-ss-shadow-ends", test_mov_ss_shadow_ends },
    { "R91-return-from-interrupt", test_return_from_interrupt },
    { "R91-return-from-exception", test_return_from_exception },
    { "R91-notification-in-system-call", test_notification_in_system_call },
    { "R92-iret", test_iret },
    {}
};
