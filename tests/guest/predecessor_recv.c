/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiving half of what an earlier emulator of user interrupts did
 * wrong: notifications and delivery.  The names are the ids of its list of
 * defects; each test shows what a user saw, and no more than that.
 */
#include "device.h"
#include "recv.h"

const char *const test_group = "/uintr/predecessor";

#define OLD_VECTOR      0xec    /* the one notification vector it knew */

CODE(user_code, "nop; user_code_2: nop; " EXIT_ASM);
extern char user_code_2[];
CODE(stui_code, STUI_BYTES "; after_stui: nop; " EXIT_ASM);
extern char after_stui[];

static struct uitte table[UINTR_VECTORS];

static void peer_sends(uint64_t vector)
{
    uintr_sender(table, UINTR_VECTORS);
    senduipi(vector);
}

/* Another CPU posts this vector to the first one, with this NV. */
static void peer_posts(int vector)
{
    for (int v = 0; v < UINTR_VECTORS; v++) {
        table[v] = uitte(v, recv_upid);
    }
    smp_run(1, peer_sends, vector);
    smp_wait(1);
}

static void interrupt_self(int vector)
{
    apic_icr(apic_id(), ICR_ASSERT | vector);
    irq_window();
}

static void n1_uinv_is_a_register(void)
{
    recv_begin();
    recv_post(BIT(1));
    wrmsr(UINTR_MSR_MISC, misc(0, 0));
    trap_handle(OLD_VECTOR, irq_count);
    trap_handle(VEC_LOW, irq_count);
    interrupt_self(OLD_VECTOR);
    CHECK_EQ(irq_counts[OLD_VECTOR], 1);
    CHECK_POSTED(BIT(1));
    recv_begin();
    upid_init(recv_upid, VEC_LOW, apic_id());
    wrmsr(UINTR_MSR_MISC, misc(VEC_LOW, 0));
    peer_posts(5);
    irq_window();
    CHECK_EQ(recv_rr(), BIT(5));
    CHECK_EQ(irq_counts[VEC_LOW], 0);
    trap_handle(OLD_VECTOR, NULL);
    trap_handle(VEC_LOW, NULL);
}

static void n2_cr4_is_asked(void)
{
    recv_begin();
    recv_post(BIT(1));
    wrmsr(UINTR_MSR_MISC, misc(OLD_VECTOR, 0));
    write_cr4(read_cr4() & ~CR4_UINTR);
    trap_handle(OLD_VECTOR, irq_count);
    interrupt_self(OLD_VECTOR);
    trap_handle(OLD_VECTOR, NULL);
    CHECK_EQ(irq_counts[OLD_VECTOR], 1);
    CHECK_POSTED(BIT(1));
}

/* Deaf for ever after one post that came at the wrong time. */
static void n3_post_during_clui(void)
{
    recv_begin();
    for (int i = 0; i < 3; i++) {
        clui();
        peer_posts(7 + i);
        irq_window();
        CHECK_TAKEN();
        CHECK_EQ(recv_rr(), BIT(7 + i));
        CHECK_EQ(ui_count, i);
        CHECK_EQ(run_code(stui_code, 0), VEC_EXIT);
        CHECK_EQ(ui_count, i + 1);
        CHECK_DELIVERED(i, 7 + i, USER(after_stui));
    }
}

static void n4_post_during_kernel(void)
{
    recv_pend(0);
    for (int i = 0; i < 3; i++) {
        peer_posts(10 + i);
        irq_window();
        CHECK_TAKEN();
        CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
        CHECK_EQ(ui_count, i + 1);
        CHECK_DELIVERED(i, 10 + i, USER(user_code));
    }
}

static void n5_pending_vectors_stay(void)
{
    recv_begin();
    wrmsr(UINTR_MSR_RR, 4);
    peer_posts(5);
    irq_window();
    CHECK_EQ(recv_rr(), 0x24);
}

static void n6_every_bit_is_delivered(void)
{
    recv_pend(0);
    recv_upid->low |= UPID_SN;
    peer_posts(1);
    peer_posts(9);
    peer_posts(63);
    CHECK_EQ(recv_upid->pir, BIT(1) | BIT(9) | BIT(63));
    CHECK_EQ(recv_upid->low & UPID_ON, 0);
    recv_request();
    CHECK_EQ(run_code(user_code, RFLAGS_IF), VEC_EXIT);
    CHECK_EQ(ui_count, 3);
    CHECK_DELIVERED(0, 63, USER(user_code));
    CHECK_DELIVERED(1, 9, USER(user_code));
    CHECK_DELIVERED(2, 1, USER(user_code));
}

CODE(exit_handler, EXIT_ASM);

static void n7_only_that_bit_goes(void)
{
    for (int v = 63; v >= 0; v--) {
        recv_pend(v == 63 ? ~0ull : BIT(v + 1) - 1);
        wrmsr(UINTR_MSR_HANDLER, (uint64_t)USER(exit_handler));
        CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
        CHECK_EQ(recv_rr(), BIT(v) - 1);
    }
}

static void n8_empty_notification(void)
{
    recv_begin();
    wrmsr(UINTR_MSR_RR, 1);
    stui();
    recv_request();
    CHECK_EQ(run_code(user_code, RFLAGS_IF), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_DELIVERED(0, 0, USER(user_code));
}

CODE(int_code, "int $0xec; " EXIT_ASM);
_Static_assert(OLD_VECTOR == 0xec, "int_code");

static volatile uint32_t gate_calls;

static void count_gate(struct frame *f)
{
    (void)f;
    gate_calls++;
}

static void n9_int_n_is_no_notification(void)
{
    recv_pend(0);
    recv_post(BIT(2));
    wrmsr(UINTR_MSR_MISC, misc(OLD_VECTOR, 0));
    gate_calls = 0;
    trap_handle(VEC_LOW, count_gate);
    trap_handle(OLD_VECTOR, count_gate);
    idt_allow_user(OLD_VECTOR, true);
    interrupt_self(VEC_LOW);
    CHECK_EQ(run_kernel(int_code, 0, 0), VEC_EXIT);
    CHECK_EQ(run_code(int_code, 0), VEC_EXIT);
    CHECK_EQ(gate_calls, 3);
    CHECK(apic_in_service(VEC_LOW));
    apic_eoi();
    CHECK_POSTED(BIT(2));
    idt_allow_user(OLD_VECTOR, false);
    trap_handle(VEC_LOW, NULL);
    trap_handle(OLD_VECTOR, NULL);
}

/* The emulator counted them, and ended at 2000. */
static void n10_many_under_clui(void)
{
    recv_begin();
    for (int i = 0; i < 3000; i++) {
        recv_post(BIT(i & 63));
        recv_notify();
    }
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), ~0ull);
}

COMPAT_PROGRAM(compat_code,
    "nop; nop; ljmp $0x33, $" COMPAT(compat_code, compat_target) "\n"
    ".code64\n compat_target: nop; " EXIT_ASM);
extern char compat_target[];

static void n11_not_in_compat_mode(void)
{
    struct frame f = FRAME_COMPAT(compat_code);

    recv_pend(0);
    peer_posts(11);
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_DELIVERED(0, 11, COMPAT_ADDRESS(compat_code, compat_target));
}

/* Only task A is a receiver; B runs when the post arrives, then A again. */
static void n12_two_tasks(void)
{
    recv_pend(0);
    trap_handle(NV, irq_count);
    wrmsr(UINTR_MSR_MISC, misc(0, 0));
    clui();
    peer_posts(12);
    CHECK_EQ(run_code(user_code, RFLAGS_IF), VEC_EXIT);
    CHECK_EQ(irq_counts[NV], 1);
    CHECK_EQ(ui_count, 0);
    CHECK_POSTED(BIT(12));
    trap_handle(NV, NULL);
    wrmsr(UINTR_MSR_MISC, misc(NV, 0));
    stui();
    recv_notify();
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_DELIVERED(0, 12, USER(user_code));
}

static volatile bool isr_in_fault;
static uint64_t good_pte;

static void look_and_repair(struct frame *f)
{
    (void)f;
    isr_in_fault = apic_in_service(NV);
    vm_restore(recv_upid, good_pte);
}

static void n13_eoi_before_the_fault(void)
{
    recv_begin();
    recv_post(BIT(13));
    isr_in_fault = true;
    good_pte = vm_change(recv_upid, PTE_P, 0);
    trap_handle(VEC_PF, look_and_repair);
    recv_notify();
    trap_handle(VEC_PF, NULL);
    CHECK(!isr_in_fault);
    CHECK_POSTED(BIT(13));
}

static volatile uint32_t halts_ended;
static volatile uint64_t halted_rr;

static void halt_as_receiver(uint64_t ready)
{
    uintr_receiver(UI_RECORD, recv_upid, NV);
    wrmsr(UINTR_MSR_RR, 0);
    clui();
    *(volatile bool *)ready = true;
    asm volatile("sti; hlt; cli" : : : "memory");
    halts_ended++;
    halted_rr = recv_rr();
}

static void n14_hlt_goes_on(void)
{
    volatile bool ready = false;

    halts_ended = 0;
    upid_init(recv_upid, NV, 1);
    table[14] = uitte(14, recv_upid);
    uintr_sender(table, UINTR_VECTORS);
    trap_handle(VEC_LOW, irq_count);
    smp_run(1, halt_as_receiver, (uint64_t)&ready);
    CHECK(WAIT_FOR(ready));
    senduipi(14);
    CHECK(WAIT_FOR(!recv_upid->pir));
    delay(50000);
    CHECK_EQ(halts_ended, 0);
    apic_icr(1, ICR_ASSERT | VEC_LOW);
    smp_wait(1);
    trap_handle(VEC_LOW, NULL);
    CHECK_EQ(halts_ended, 1);
    CHECK_EQ(halted_rr, BIT(14));
}

static void n15_handler_canonical(void)
{
    struct frame f = frame_user(user_code, 0, 0);

    recv_pend(BIT(15));
    wrmsr(UINTR_MSR_HANDLER, 0x0000800000000000);
    CHECK_EQ(run(&f), VEC_GP);
    CHECK_EQ(f.rip, USER(user_code));
    CHECK_EQ(recv_rr(), BIT(15));
}

/* Leaves the loop through the frame; flags as found, and after UIRET. */
CODE(leave_handler,
    "push %rax; mov 24(%rsp), %rax; mov %rax, flags_seen(%rip)\n"
    "lea loop_end(%rip), %rax; mov %rax, 16(%rsp)\n"
    "pop %rax; lea 8(%rsp), %rsp; " UIRET_BYTES);
volatile uint64_t flags_seen;
CODE(flag_loop,
    "push %rdi; popfq; 1: pause; jmp 1b\n"
    "loop_end: pushfq; pop %rax; cld; " EXIT_ASM);

/*
 * Interrupted at a moment that nobody chose, with each flag in turn.  POPF
 * opens interrupts together with the flags, however early the timer is.
 */
static void n16_flags_survive(void)
{
    static const uint64_t flags[] = {
        0, RFLAGS_CF, RFLAGS_PF, RFLAGS_AF, RFLAGS_ZF, RFLAGS_SF, RFLAGS_OF,
        RFLAGS_DF, RFLAGS_CF | RFLAGS_ZF | RFLAGS_DF,
    };

    apic_write(APIC_TIMER_DIV, 0xb);
    apic_write(APIC_LVT_TIMER, NV);
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        uint64_t want = flags[i] | RFLAGS_FIXED | RFLAGS_IF;
        struct frame f = frame_user(flag_loop, want, 0);

        recv_pend(0);
        recv_post(BIT(16));
        wrmsr(UINTR_MSR_HANDLER, (uint64_t)USER(leave_handler));
        f.rflags |= RFLAGS_IOPL;
        apic_write(APIC_TIMER_INIT, 30000 + 100 * i);
        CHECK_EQ(run(&f), VEC_EXIT);
        CHECK_EQ(flags_seen & ~RFLAGS_IOPL, want);
        CHECK_EQ(f.rax & ~RFLAGS_IOPL, want);
    }
    apic_write(APIC_LVT_TIMER, 0x10000);
}

static uint64_t canaries[16] __attribute__((aligned(64)));

static void n17_user_access_to_the_stack(void)
{
    struct frame f = frame_user(user_code, 0, 0);

    memset(canaries, 0x55, sizeof(canaries));
    recv_pend(BIT(17));
    wrmsr(UINTR_MSR_STACKADJUST, (uint64_t)(canaries + 16) | 1);
    CHECK_EQ(run(&f), VEC_PF);
    CHECK_EQ(f.error, PF_P | PF_W | PF_U);
    for (int i = 0; i < 16; i++) {
        CHECK_EQ(canaries[i], 0x5555555555555555);
    }
    wrmsr(UINTR_MSR_STACKADJUST, 128);
    write_cr4(read_cr4() | CR4_SMAP);
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    write_cr4(read_cr4() & ~CR4_SMAP);
    CHECK_EQ(ui_count, 1);
}

static void repair_stack(struct frame *f)
{
    (void)f;
    gate_calls++;
    vm_restore(USER(recv_stack), good_pte);
}

static void n18_stack_on_demand(void)
{
    struct frame f = frame_user(user_code, 0, 0);
    uint64_t rsp = f.rsp = (uint64_t)USER(recv_stack) + PAGE_SIZE;

    gate_calls = 0;
    recv_pend(BIT(18));
    good_pte = vm_change(USER(recv_stack), PTE_P, 0);
    trap_handle(VEC_PF, repair_stack);
    CHECK_EQ(run(&f), VEC_EXIT);
    trap_handle(VEC_PF, NULL);
    CHECK_EQ(gate_calls, 1);
    CHECK_EQ(ui_count, 1);
    CHECK_DELIVERED(0, 18, USER(user_code));
    CHECK_EQ(ui_log[0].rsp, rsp);
    CHECK_EQ(f.rsp, rsp);
}

static void n19_stack_fault(void)
{
    struct frame f = frame_user(user_code, 0, 0);

    f.rsp = BIT(60);
    recv_pend(BIT(19));
    CHECK_EQ(run(&f), VEC_SS);
    CHECK_EQ(f.error, 0);
    CHECK_EQ(recv_rr(), BIT(19));
}

const struct test tests[] = {
    { "N1", n1_uinv_is_a_register, 2 },
    { "N2", n2_cr4_is_asked },
    { "N3", n3_post_during_clui, 2 },
    { "N4", n4_post_during_kernel, 2 },
    { "N5", n5_pending_vectors_stay, 2 },
    { "N6", n6_every_bit_is_delivered, 2 },
    { "N7", n7_only_that_bit_goes },
    { "N8", n8_empty_notification },
    { "N9", n9_int_n_is_no_notification },
    { "N10", n10_many_under_clui },
    { "N11", n11_not_in_compat_mode, 2 },
    { "N12", n12_two_tasks, 2 },
    { "N13", n13_eoi_before_the_fault },
    { "N14", n14_hlt_goes_on, 2 },
    { "N15", n15_handler_canonical },
    { "N16", n16_flags_survive },
    { "N17", n17_user_access_to_the_stack },
    { "N18", n18_stack_on_demand },
    { "N19", n19_stack_fault },
    {}
};
