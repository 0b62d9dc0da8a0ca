/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delivery: when it happens, and before and after what (R99-R107, R122, R125).
 * deliver_frame.c has what it writes, deliver_faults.c why it cannot be done.
 */
#include "recv.h"

const char *const test_group = "/uintr/deliver";

CODE(user_code, "nop; user_code_2: nop; nop; " EXIT_ASM);
extern char user_code_2[];
CODE(kernel_code, "nop; nop; " EXIT_ASM);
COMPAT_PROGRAM(compat_code, "nop; nop; " EXIT_ASM);

/* ---- R99: every condition alone ---- */

static void expect(uint64_t deliveries, uint64_t rr)
{
    CHECK_EQ(ui_count, deliveries);
    CHECK_EQ(recv_rr(), rr);
    ui_count = 0;
}

/* All hold: delivered.  This is what each of the others takes away from. */
static void all_hold(void)
{
    recv_pend(BIT(1));
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    CHECK_DELIVERED(0, 1, USER(user_code));
    expect(1, 0);
}

static void test_cr4(void)
{
    all_hold();
    recv_pend(BIT(1));
    write_cr4(read_cr4() & ~CR4_UINTR);
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    expect(0, BIT(1));
}

static void test_uirr(void)
{
    all_hold();
    recv_pend(0);
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    expect(0, 0);
}

static void test_uif(void)
{
    all_hold();
    recv_pend(BIT(1));
    clui();
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    expect(0, BIT(1));
}

static void test_cpl(void)
{
    all_hold();
    recv_pend(BIT(1));
    CHECK_EQ(run_kernel(kernel_code, 0, 0), VEC_EXIT);
    expect(0, BIT(1));
}

static void test_cs_l(void)
{
    struct frame f = FRAME_COMPAT(compat_code);

    all_hold();
    recv_pend(BIT(1));
    CHECK_EQ(run(&f), VEC_EXIT);
    expect(0, BIT(1));
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    expect(1, 0);
}

/* ---- R100: what is not a condition ---- */

static void test_if_and_tpr(void)
{
    for (int i = 0; i < 4; i++) {
        recv_pend(BIT(2));
        apic_write(APIC_TPR, i & 2 ? 0xf0 : 0);
        CHECK_EQ(run_code(user_code, i & 1 ? RFLAGS_IF : 0), VEC_EXIT);
        apic_write(APIC_TPR, 0);
        CHECK_DELIVERED(0, 2, USER(user_code));
        CHECK_EQ(ui_log[0].rflags & RFLAGS_IF, i & 1 ? RFLAGS_IF : 0);
        expect(1, 0);
    }
}

/* ---- R101: MOV SS ---- */

CODE(mov_ss_loop,
    "mov %ss, %eax\n"
    "1: mov %eax, %ss; in_shadow: nop; cmpq $0, ui_count(%rip); je 1b\n"
    EXIT_ASM);
extern char in_shadow[];

/* Timer phases one instruction apart under icount; elsewhere by chance. */
static void test_mov_ss(void)
{
    apic_write(APIC_TIMER_DIV, 0xb);
    for (int i = 0; i < 150; i++) {
        recv_pend(0);
        ui_count = 0;
        recv_post(BIT(3));
        apic_write(APIC_LVT_TIMER, NV);
        apic_write(APIC_TIMER_INIT, 3000 + i * 16);
        CHECK_EQ(run_code(mov_ss_loop, RFLAGS_IF), VEC_EXIT);
        CHECK_EQ(ui_count, 1);
        CHECK(ui_log[0].rip != (uint64_t)USER(in_shadow));
    }
    apic_write(APIC_LVT_TIMER, 0x10000);
}

/* ---- R103, R104: priority ---- */

static volatile uint64_t irq_rip, irq_ui_count, irqs;

static void note_interrupt(struct frame *f)
{
    irqs++;
    irq_rip = f->rip;
    irq_ui_count = ui_count;
    if (f->vector != VEC_NMI) {
        apic_eoi();
    }
}

static void test_irq_first(void)
{
    irqs = 0;
    recv_pend(BIT(4));
    trap_handle(VEC_LOW, note_interrupt);
    apic_icr(apic_id(), ICR_ASSERT | VEC_LOW);
    CHECK_EQ(run_code(user_code, RFLAGS_IF), VEC_EXIT);
    trap_handle(VEC_LOW, NULL);
    CHECK_EQ(irqs, 1);
    CHECK_EQ(irq_rip, (uint64_t)USER(user_code));
    CHECK_EQ(irq_ui_count, 0);
    CHECK_DELIVERED(0, 4, USER(user_code));
    expect(1, 0);
}

/* The same with a post that has only just come: the turn is not over yet. */
static void test_irq_after_notification(void)
{
    irqs = 0;
    recv_pend(0);
    recv_post(BIT(4));
    trap_handle(VEC_LOW, note_interrupt);
    apic_icr(apic_id(), ICR_ASSERT | VEC_LOW);
    recv_request();
    CHECK_EQ(run_code(user_code, RFLAGS_IF), VEC_EXIT);
    trap_handle(VEC_LOW, NULL);
    CHECK_TAKEN();
    CHECK_EQ(irqs, 1);
    CHECK_EQ(irq_rip, (uint64_t)USER(user_code));
    CHECK_EQ(irq_ui_count, 0);
    CHECK_DELIVERED(0, 4, USER(user_code));
    expect(1, 0);
}

/* The second NMI waits behind the first; IRET to ring 3 lets both come. */
static void nmi_then_another(struct frame *f)
{
    if (!irqs++) {
        apic_icr(apic_id(), ICR_ASSERT | ICR_NMI);
        wrmsr(UINTR_MSR_RR, BIT(5));
    } else {
        irq_rip = f->rip;
        irq_ui_count = ui_count;
    }
}

CODE(wait_code, "1: pause; cmpq $0, irqs(%rip); je 1b; " EXIT_ASM);

static void send_nmi(uint64_t dest)
{
    delay(20000);
    apic_icr(dest, ICR_ASSERT | ICR_NMI);
}

static void test_nmi_first(void)
{
    irqs = 0;
    recv_pend(0);
    trap_handle(VEC_NMI, nmi_then_another);
    smp_run(1, send_nmi, apic_id());
    CHECK_EQ(run_code(wait_code, 0), VEC_EXIT);
    smp_wait(1);
    trap_handle(VEC_NMI, NULL);
    CHECK_EQ(irqs, 2);
    CHECK_EQ(irq_ui_count, 0);
    CHECK_EQ(ui_log[0].rip, irq_rip);
    CHECK_EQ(ui_log[0].vector, 5);
    expect(1, 0);
}

CODE(ud_code, "ud2");

/* The next instruction cannot be decoded, fetched, or stops a debugger. */
static void test_before_decode(void)
{
    struct frame f;

    recv_pend(BIT(6));
    f = after_code(ud_code, 0);
    CHECK_EQ(f.vector, VEC_UD);
    CHECK_EQ(f.rip, USER(ud_code));
    CHECK_DELIVERED(0, 6, USER(ud_code));
    expect(1, 0);
}

static void test_before_fetch(void)
{
    struct frame f;
    char *page = page_alloc();
    uint64_t pte = vm_change(USER(page), PTE_P, 0);

    recv_pend(BIT(7));
    f = after_code(page, 0);
    CHECK_EQ(f.vector, VEC_PF);
    CHECK_EQ(f.rip, USER(page));
    CHECK_EQ(trap_cr2(), USER(page));
    CHECK_DELIVERED(0, 7, USER(page));
    expect(1, 0);
    vm_restore(USER(page), pte);
}

static void set_breakpoint(const char *at)
{
    asm volatile("mov %0, %%dr0" : : "r"(at));
    asm volatile("mov %0, %%dr7" : : "r"(at ? 1ull : 0ull));
}

static void test_before_breakpoint(void)
{
    struct frame f;

    recv_pend(BIT(8));
    set_breakpoint(USER(user_code_2));
    f = frame_user(user_code_2, 0, 0);
    CHECK_EQ(run(&f), VEC_DB);
    set_breakpoint(NULL);
    CHECK_EQ(f.rip, USER(user_code_2));
    CHECK_DELIVERED(0, 8, USER(user_code_2));
    expect(1, 0);
}

CODE(stui_code, STUI_BYTES "; after_stui: nop; " EXIT_ASM);
extern char after_stui[];

/* R122: the trap of the instruction before comes first. */
static volatile uint64_t traps, trap_rips[8], trap_ui[8];

static void note_trap(struct frame *f)
{
    if (traps < 8) {
        trap_rips[traps] = f->rip;
        trap_ui[traps] = ui_count;
    }
    traps++;
}

static void test_single_step(void)
{
    traps = 0;
    recv_begin();
    wrmsr(UINTR_MSR_RR, BIT(9));
    trap_handle(VEC_DB, note_trap);
    CHECK_EQ(run_code(stui_code, RFLAGS_TF), VEC_EXIT);
    trap_handle(VEC_DB, NULL);
    CHECK_EQ(traps, 2);
    CHECK_EQ(trap_rips[0], USER(after_stui));
    CHECK_EQ(trap_ui[0], 0);
    CHECK_EQ(trap_rips[1], USER(after_stui + 1));
    CHECK_EQ(trap_ui[1], 1);
    CHECK_DELIVERED(0, 9, USER(after_stui));
    CHECK_EQ(ui_log[0].rflags & RFLAGS_TF, RFLAGS_TF);
    CHECK_EQ(ui_log[0].in_rflags & RFLAGS_TF, 0);
    expect(1, 0);
}

/* The post that arrives together with an older one takes part in the choice. */
static void test_notification_first(void)
{
    recv_pend(BIT(3));
    recv_post(BIT(40));
    recv_request();
    CHECK_EQ(run_code(user_code, RFLAGS_IF), VEC_EXIT);
    CHECK_TAKEN();
    CHECK_DELIVERED(0, 40, USER(user_code));
    CHECK_DELIVERED(1, 3, USER(user_code));
    expect(2, 0);
}

/* ---- R107: what stays ---- */

CODE(segments_handler,
    "push %rax; mov %cs, %eax; mov %rax, seen+0(%rip)\n"
    "mov %ss, %eax; mov %rax, seen+8(%rip)\n"
    "mov %ds, %eax; mov %rax, seen+16(%rip)\n"
    "mov %es, %eax; mov %rax, seen+24(%rip)\n"
    "mov %fs, %eax; mov %rax, seen+32(%rip)\n"
    "pop %rax; lea 8(%rsp), %rsp; " UIRET_BYTES);
CODE(segments_code,
    "mov $0x2b, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %fs\n"
    STUI_BYTES "; " EXIT_ASM);
volatile uint64_t seen[5];

static void test_nothing_else_changes(void)
{
    uint64_t cr0 = read_cr0(), cr3 = read_cr3(), cr4;
    uint32_t ppr;

    recv_begin();
    cr4 = read_cr4();
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)USER(segments_handler));
    wrmsr(UINTR_MSR_RR, BIT(10));
    write_cr2(0x1234567);
    apic_write(APIC_TPR, 0x20);
    ppr = apic_read(APIC_PPR);
    CHECK_EQ(run_code(segments_code, 0), VEC_EXIT);
    CHECK_EQ(apic_read(APIC_PPR), ppr);
    CHECK_EQ(apic_read(APIC_TPR), 0x20);
    apic_write(APIC_TPR, 0);
    CHECK_EQ(read_cr2(), 0x1234567);
    CHECK_EQ(read_cr0(), cr0);
    CHECK_EQ(read_cr3(), cr3);
    CHECK_EQ(read_cr4(), cr4);
    CHECK_EQ(seen[0], SEL_UCODE);
    for (int i = 1; i < 5; i++) {
        CHECK_EQ(seen[i], SEL_UDATA);
    }
    asm volatile("mov %0, %%ds; mov %0, %%es" : : "r"(SEL_KDATA));
    asm volatile("mov %0, %%fs" : : "r"(0));
    CHECK_EQ(recv_rr(), 0);
}

/* R125: the UPID is not looked at, it may even be out of reach. */
static void test_upid_untouched(void)
{
    uint64_t pte;

    recv_pend(BIT(11));
    recv_upid->low = ~0ull;
    recv_upid->pir = BIT(12);
    pte = vm_change(recv_upid, PTE_P, 0);
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    vm_restore(recv_upid, pte);
    CHECK_EQ(recv_upid->low, ~0ull);
    CHECK_EQ(recv_upid->pir, BIT(12));
    expect(1, 0);
}

const struct test tests[] = {
    { "R99-cr4", test_cr4 },
    { "R99-uirr", test_uirr },
    { "R99-uif", test_uif },
    { "R99-cpl", test_cpl },
    { "R99-R102-cs-l", test_cs_l },
    { "R100-if-and-tpr", test_if_and_tpr },
    { "R101-mov-ss", test_mov_ss },
    { "R103-irq-first", test_irq_first },
    { "R103-irq-after-notification", test_irq_after_notification },
    { "R103-nmi-first", test_nmi_first, 2 },
    { "R103-before-decode", test_before_decode },
    { "R103-before-fetch", test_before_fetch },
    { "R103-before-breakpoint", test_before_breakpoint },
    { "R104-notification-first", test_notification_first },
    { "R107-nothing-else-changes", test_nothing_else_changes },
    { "R122-single-step", test_single_step },
    { "R125-upid-untouched", test_upid_untouched },
    {}
};
