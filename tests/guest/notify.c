/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notification identification (R62-R71): which interrupts are notifications,
 * when they are taken, and what taking them leaves alone.
 */
#include "recv.h"

const char *const test_group = "/uintr/notify";

CODE(user_window, "nop; nop; nop; " EXIT_ASM);

/* The notification does nothing; the interrupt goes through the IDT. */
#define CHECK_THROUGH_IDT(vectors)                                          \
    do {                                                                    \
        CHECK_EQ(irq_counts[NV], 1);                                        \
        CHECK_POSTED(vectors);                                              \
        CHECK_EQ(recv_rr(), 0);                                             \
        CHECK(!apic_in_service(NV));                                        \
    } while (0)

static void test_cr4_clear(void)
{
    recv_begin();
    recv_post(BIT(3));
    write_cr4(read_cr4() & ~CR4_UINTR);
    trap_handle(NV, irq_count);
    recv_notify();
    trap_handle(NV, NULL);
    CHECK_THROUGH_IDT(BIT(3));
    uintr_enable();
    recv_notify();
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(3));
}

/* Ring 3 and ring 0 alike; the gate is absent and would fault. */
static void test_any_cpl(void)
{
    idt_present(NV, false);
    recv_begin();
    recv_post(BIT(1));
    recv_notify();
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(1));
    recv_post(BIT(2));
    recv_request();
    CHECK_EQ(run_code(user_window, RFLAGS_IF), VEC_EXIT);
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(1) | BIT(2));
    CHECK_EQ(ui_count, 0);
    idt_present(NV, true);
}

COMPAT_PROGRAM(compat_window, "nop; nop; nop; mov %cs, %eax\n" EXIT_ASM);

/* The UPID's address does not fit into 32 bits: it is not cut (R77). */
static void test_compat_mode(void)
{
    struct frame f = FRAME_COMPAT(compat_window);

    recv_pend(0);
    wrmsr(UINTR_MSR_PD, (uint64_t)USER(recv_upid));
    recv_post(BIT(7));
    recv_request();
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.rax & 0xffff, SEL_UCODE32);
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(7));
    CHECK_EQ(ui_count, 0);
    CHECK(testui());
}

/* EFER.LMA=0: it is an interrupt of that mode's IDT. */
static void test_legacy_mode(void)
{
    static const uint8_t window[] = { 0xfb, 0x90, 0x90, 0xfa };

    recv_begin();
    recv_post(BIT(3));
    recv_request();
    CHECK_EQ(mode_run(MODE_PROTECTED0, window, sizeof(window)).vector, NV);
    CHECK(apic_in_service(NV));
    apic_eoi();
    CHECK_POSTED(BIT(3));
    CHECK_EQ(recv_rr(), 0);
    CHECK(read_cr4() & CR4_UINTR);
    recv_notify();
    CHECK_TAKEN();
}

CODE(int_nv, "int $0x60; " EXIT_ASM);
_Static_assert(NV == 0x60, "int_nv");

static volatile uint32_t gate_calls;

static void count_gate(struct frame *f)
{
    (void)f;
    gate_calls++;
}

static void test_int_n(void)
{
    recv_begin();
    recv_post(BIT(4));
    gate_calls = 0;
    trap_handle(NV, count_gate);
    idt_allow_user(NV, true);
    CHECK_EQ(run_code(int_nv, RFLAGS_IF), VEC_EXIT);
    CHECK_EQ(gate_calls, 1);
    CHECK_EQ(run_kernel(int_nv, 0, 0), VEC_EXIT);
    CHECK_EQ(gate_calls, 2);
    idt_allow_user(NV, false);
    trap_handle(NV, NULL);
    CHECK_POSTED(BIT(4));
    CHECK_EQ(recv_rr(), 0);
}

/* INT n must not end another interrupt that is in service. */
static void test_int_n_no_eoi(void)
{
    recv_begin();
    gate_calls = 0;
    trap_handle(VEC_LOW, count_gate);
    trap_handle(NV, count_gate);
    apic_icr(apic_id(), ICR_ASSERT | VEC_LOW);
    irq_window();
    CHECK(apic_in_service(VEC_LOW));
    CHECK_EQ(run_kernel(int_nv, 0, 0), VEC_EXIT);
    CHECK_EQ(gate_calls, 2);
    CHECK(apic_in_service(VEC_LOW));
    apic_eoi();
    trap_handle(VEC_LOW, NULL);
    trap_handle(NV, NULL);
}

CODE(undefined, "ud2");

static void test_exception(void)
{
    recv_begin();
    recv_post(BIT(4));
    wrmsr(UINTR_MSR_MISC, misc(VEC_UD, 0));
    CHECK_EQ(run_code(undefined, RFLAGS_IF), VEC_UD);
    wrmsr(UINTR_MSR_MISC, misc(VEC_EXIT, 0));
    CHECK_EQ(run_code(user_window, RFLAGS_IF), VEC_EXIT);
    CHECK_POSTED(BIT(4));
    CHECK_EQ(recv_rr(), 0);
}

static void test_nmi(void)
{
    recv_begin();
    recv_post(BIT(4));
    wrmsr(UINTR_MSR_MISC, misc(VEC_NMI, 0));
    gate_calls = 0;
    trap_handle(VEC_NMI, count_gate);
    apic_icr(apic_id(), ICR_ASSERT | ICR_NMI);
    irq_window();
    trap_handle(VEC_NMI, NULL);
    CHECK_EQ(gate_calls, 1);
    CHECK_POSTED(BIT(4));
    CHECK_EQ(recv_rr(), 0);
}

static void test_if_clear(void)
{
    recv_begin();
    recv_post(BIT(0));
    recv_request();
    CHECK(apic_requested(NV));
    CHECK_EQ(run_code(user_window, 0), VEC_EXIT);
    CHECK(apic_requested(NV));
    CHECK_POSTED(BIT(0));
    CHECK_EQ(recv_rr(), 0);
    irq_window();
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(0));
}

/* What PIR was one and two instructions behind STI. */
static void test_sti_shadow(void)
{
    uint64_t in_shadow, after;

    recv_begin();
    recv_post(BIT(9));
    recv_request();
    asm volatile("sti; mov %2, %0; mov %2, %1; cli"
                 : "=&r"(in_shadow), "=&r"(after) : "m"(recv_upid->pir)
                 : "memory");
    CHECK_EQ(in_shadow, BIT(9));
    CHECK_EQ(after, 0);
    CHECK_TAKEN();
}

static void test_tpr(void)
{
    recv_begin();
    recv_post(BIT(0));
    apic_write(APIC_TPR, NV & 0xf0);
    recv_notify();
    CHECK(apic_requested(NV));
    CHECK_POSTED(BIT(0));
    apic_write(APIC_TPR, (NV & 0xf0) - 1);
    irq_window();
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(0));
    apic_write(APIC_TPR, 0);
}

static volatile uint64_t pir_in_service, pir_after_eoi;

/* Interrupts are open, only the vector in service is in the way. */
static void notify_inside(struct frame *f)
{
    irq_counts[f->vector]++;
    recv_notify();
    pir_in_service = recv_upid->pir;
    apic_eoi();
    irq_window();
    pir_after_eoi = recv_upid->pir;
}

static void test_in_service_above(void)
{
    recv_begin();
    recv_post(BIT(6));
    trap_handle(VEC_HIGH, notify_inside);
    apic_icr(apic_id(), ICR_ASSERT | VEC_HIGH);
    irq_window();
    trap_handle(VEC_HIGH, NULL);
    CHECK_EQ(irq_counts[VEC_HIGH], 1);
    CHECK_EQ(pir_in_service, BIT(6));
    CHECK_EQ(pir_after_eoi, 0);
    CHECK_TAKEN();
}

static volatile bool low_still_in_service;

static void notify_above(struct frame *f)
{
    irq_counts[f->vector]++;
    recv_notify();
    pir_in_service = recv_upid->pir;
    low_still_in_service = apic_in_service(VEC_LOW);
    apic_eoi();
}

/* The EOI of a notification ends the notification and nothing else. */
static void test_in_service_below(void)
{
    recv_begin();
    recv_post(BIT(6));
    trap_handle(VEC_LOW, notify_above);
    apic_icr(apic_id(), ICR_ASSERT | VEC_LOW);
    irq_window();
    trap_handle(VEC_LOW, NULL);
    CHECK_EQ(irq_counts[VEC_LOW], 1);
    CHECK_EQ(pir_in_service, 0);
    CHECK(low_still_in_service);
    CHECK(!apic_in_service(VEC_LOW));
    CHECK_EQ(recv_rr(), BIT(6));
}

static void test_apic_disabled(void)
{
    uint32_t svr = apic_read(APIC_SVR);

    recv_begin();
    recv_post(BIT(2));
    recv_request();
    apic_write(APIC_SVR, svr & ~0x100u);
    irq_window();
    CHECK_POSTED(BIT(2));
    apic_write(APIC_SVR, svr);
    irq_window();
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(2));
}

static volatile uint64_t pir_seen[256];
static volatile uint32_t order[4], orders;

static void note_order(struct frame *f)
{
    order[orders++ & 3] = f->vector;
    pir_seen[f->vector] = recv_upid->pir;
    apic_eoi();
}

/* A higher vector comes before the notification, a lower one after it. */
static void test_apic_priority(void)
{
    orders = 0;
    recv_begin();
    recv_post(BIT(5));
    trap_handle(VEC_LOW, note_order);
    trap_handle(VEC_HIGH, note_order);
    apic_icr(apic_id(), ICR_ASSERT | VEC_LOW);
    recv_request();
    apic_icr(apic_id(), ICR_ASSERT | VEC_HIGH);
    irq_window();
    trap_handle(VEC_LOW, NULL);
    trap_handle(VEC_HIGH, NULL);
    CHECK_EQ(orders, 2);
    CHECK_EQ(order[0], VEC_HIGH);
    CHECK_EQ(pir_seen[VEC_HIGH], BIT(5));
    CHECK_EQ(order[1], VEC_LOW);
    CHECK_EQ(pir_seen[VEC_LOW], 0);
}

static void test_other_vector(void)
{
    recv_begin();
    recv_post(BIT(8));
    trap_handle(NV + 1, irq_count);
    trap_handle(NV - 1, irq_count);
    apic_icr(apic_id(), ICR_ASSERT | (NV + 1));
    irq_window();
    apic_icr(apic_id(), ICR_ASSERT | (NV - 1));
    irq_window();
    CHECK_EQ(irq_counts[NV + 1], 1);
    CHECK_EQ(irq_counts[NV - 1], 1);
    CHECK_POSTED(BIT(8));
    CHECK_EQ(recv_rr(), 0);
    trap_handle(NV + 1, NULL);
    trap_handle(NV - 1, NULL);
}

/* UINV is compared whole, and every legal vector can be one. */
static void test_every_uinv(void)
{
    recv_begin();
    for (int v = 16; v < 256; v++) {
        if (v == VEC_EXIT) {
            continue;
        }
        wrmsr(UINTR_MSR_MISC, misc(v, 0));
        recv_post(BIT(v & 63));
        wrmsr(UINTR_MSR_RR, 0);
        apic_icr(apic_id(), ICR_ASSERT | v);
        irq_window();
        CHECK_EQ(recv_rr(), BIT(v & 63));
        CHECK(!apic_in_service(v));
    }
    CHECK_TAKEN();
}

static void test_uinv_zero(void)
{
    recv_begin();
    recv_post(BIT(3));
    wrmsr(UINTR_MSR_MISC, misc(0, 0));
    trap_handle(NV, irq_count);
    recv_notify();
    trap_handle(NV, NULL);
    CHECK_THROUGH_IDT(BIT(3));
}

/* No stack, no register, no flag: rsp points at canaries. */
static uint64_t canaries[64] __attribute__((aligned(16)));

CODE(kernel_window,
    "xor %eax, %eax; inc %rax; stc; std\n"
    "sti; nop; nop; cli\n"
    "pushfq; pop %rbx; cld\n"
    EXIT_ASM);

static void test_nothing_pushed(void)
{
    struct frame f = frame_kernel(kernel_window, 0, 0);

    memset(canaries, 0xcc, sizeof(canaries));
    f.rsp = (uint64_t)&canaries[64];
    f.r8 = 0x8888;
    idt_present(NV, false);
    recv_begin();
    recv_post(BIT(10));
    recv_request();
    CHECK_EQ(run(&f), VEC_EXIT);
    idt_present(NV, true);
    CHECK_TAKEN();
    for (int i = 0; i < 63; i++) {
        CHECK_EQ(canaries[i], 0xcccccccccccccccc);
    }
    CHECK_EQ(f.rsp, &canaries[64]);
    CHECK_EQ(f.rax, 1);
    CHECK_EQ(f.r8, 0x8888);
    CHECK_EQ(f.rbx & (RFLAGS_CF | RFLAGS_DF | RFLAGS_ZF),
             RFLAGS_CF | RFLAGS_DF);
}

/* ON, SN and NV say nothing to the receiver. */
static void test_upid_not_consulted(void)
{
    for (int bits = 0; bits < 4; bits++) {
        recv_begin();
        recv_upid->low = upid_low(NV + 7, apic_id() + 9, bits);
        recv_upid->pir = BIT(20 + bits);
        recv_notify();
        CHECK_EQ(recv_rr(), BIT(20 + bits));
        CHECK_EQ(recv_upid->low,
                 upid_low(NV + 7, apic_id() + 9, bits & UPID_SN));
    }
}

CODE(user_stui, STUI_BYTES "\nafter_stui: nop; " EXIT_ASM);
extern char after_stui[];

static void test_uif_not_consulted(void)
{
    recv_begin();
    recv_post(BIT(11));
    recv_request();
    CHECK_EQ(run_code(user_window, RFLAGS_IF), VEC_EXIT);
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(11));
    CHECK_EQ(ui_count, 0);
    CHECK_EQ(run_code(user_stui, RFLAGS_IF), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_DELIVERED(0, 11, USER(after_stui));
    CHECK_EQ(recv_rr(), 0);
}

const struct test tests[] = {
    { "R62-cr4-clear", test_cr4_clear },
    { "R62-any-cpl", test_any_cpl },
    { "R62-compat-mode", test_compat_mode },
    { "R62-legacy-mode", test_legacy_mode },
    { "R63-int-n", test_int_n },
    { "R63-int-n-no-eoi", test_int_n_no_eoi },
    { "R63-exception", test_exception },
    { "R63-nmi", test_nmi },
    { "R64-if-clear", test_if_clear },
    { "R64-sti-shadow", test_sti_shadow },
    { "R64-tpr", test_tpr },
    { "R64-in-service-above", test_in_service_above },
    { "R64-apic-disabled", test_apic_disabled },
    { "R64-apic-priority", test_apic_priority },
    { "R65-other-vector", test_other_vector },
    { "R65-every-uinv", test_every_uinv },
    { "R66-nothing-pushed", test_nothing_pushed },
    { "R66-in-service-below", test_in_service_below },
    { "R69-upid-not-consulted", test_upid_not_consulted },
    { "R70-uif-not-consulted", test_uif_not_consulted },
    { "R71-uinv-zero", test_uinv_zero },
    {}
};
