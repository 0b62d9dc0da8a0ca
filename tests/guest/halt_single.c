/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HLT and MWAIT on a machine of one CPU (R74, R75, R106).  The timer of the
 * local APIC notifies while the CPU is halted; the 8254 ends the halt later.
 */
#include "device.h"
#include "recv.h"

const char *const test_group = "/uintr/halt-single";

#define NOTIFY_AFTER    200000  /* timer ticks of a nanosecond */
#define WAKE_AFTER      3000    /* microseconds */
#define RTE_NMI         0x400
#define LVT_PERIODIC    0x20000
#define LVT_MASKED      0x10000

CODE(hlt_code, "sti; hlt; after_hlt: cli; " EXIT_ASM);
extern char after_hlt[];
CODE(mwait_code,
    "lea recv_word(%rip), %rax; xor %ecx, %ecx; xor %edx, %edx; monitor\n"
    "xor %eax, %eax; sti; mwait; after_mwait: cli; " EXIT_ASM);
extern char after_mwait[];
uint64_t recv_word;

static uint32_t wake_after = WAKE_AFTER;

/* The notification comes first, then what wakes the CPU for sure. */
static void start_clocks(uint32_t timer, uint32_t wake)
{
    trap_handle(VEC_LOW, irq_count);
    trap_handle(VEC_HIGH, irq_count);
    apic_write(APIC_TIMER_DIV, 0xb);
    apic_write(APIC_LVT_TIMER, timer);
    apic_write(APIC_TIMER_INIT, NOTIFY_AFTER);
    pit_interrupt(wake_after, wake);
}

static void stop_clocks(void)
{
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    apic_write(APIC_TIMER_INIT, 0);
    pit_mask();
    irq_window();
    trap_handle(VEC_LOW, NULL);
    trap_handle(VEC_HIGH, NULL);
}

static struct frame stop_with(const char *code)
{
    struct frame f = frame_kernel(code, 0, 0);

    run(&f);
    return f;
}

/* Run up to the instruction behind HLT; how often had VEC_LOW come by then? */
static uint32_t wakes_of(const char *code)
{
    CHECK_EQ(stop_with(code).vector, VEC_EXIT);
    return irq_counts[VEC_LOW];
}

/*
 * Does the notification end the halt?  A host may sleep so long that both
 * clocks have run down at once: then the answer is no, and is asked again
 * with more time in between.
 */
static bool ends_halt(const char *code, void (*prepare)(void))
{
    bool ends = false;

    for (int i = 0; i < 4 && !ends; i++) {
        irq_counts[VEC_LOW] = 0;
        prepare();
        start_clocks(NV, VEC_LOW);
        ends = wakes_of(code) == 0;
        stop_clocks();
        wake_after = WAKE_AFTER << (2 * (i & 1) + 1);
    }
    wake_after = WAKE_AFTER;
    irq_counts[VEC_LOW] = 0;
    return ends;
}

static void test_stays_halted(void)
{
    recv_pend(0);
    recv_post(BIT(33));
    start_clocks(NV, VEC_LOW);
    CHECK_EQ(wakes_of(hlt_code), 1);
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(33));
    CHECK_EQ(ui_count, 0);
    stop_clocks();
}

/* It was waiting already when the CPU halted. */
static void test_pending_at_hlt(void)
{
    recv_begin();
    recv_post(BIT(34));
    start_clocks(LVT_MASKED, VEC_LOW);
    recv_request();
    CHECK_EQ(wakes_of(hlt_code), 1);
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(34));
    stop_clocks();
}

static void test_many(void)
{
    recv_begin();
    recv_post(BIT(35));
    start_clocks(LVT_PERIODIC | NV, VEC_LOW);
    CHECK_EQ(wakes_of(hlt_code), 1);
    CHECK_EQ(recv_rr(), BIT(35));
    stop_clocks();
}

CODE(user_code, "nop; " EXIT_ASM);

static void test_delivered_later(void)
{
    recv_pend(BIT(2));
    recv_post(BIT(36));
    start_clocks(NV, VEC_LOW);
    CHECK_EQ(wakes_of(hlt_code), 1);
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 2);
    CHECK_DELIVERED(0, 36, USER(user_code));
    CHECK_DELIVERED(1, 2, USER(user_code));
    stop_clocks();
}

/* Nothing was pending before: the processing alone must ask for it. */
static void test_first_delivered_later(void)
{
    recv_pend(0);
    recv_post(BIT(36));
    start_clocks(NV, VEC_LOW);
    CHECK_EQ(wakes_of(hlt_code), 1);
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_DELIVERED(0, 36, USER(user_code));
    stop_clocks();
}

/* What the vector does when it is not a notification: it ends HLT. */
static void post_with_uinv_zero(void)
{
    recv_begin();
    recv_post(BIT(37));
    wrmsr(UINTR_MSR_MISC, misc(0, 0));
}

static void post_with_cr4_clear(void)
{
    recv_begin();
    recv_post(BIT(37));
    write_cr4(read_cr4() & ~CR4_UINTR);
}

static void test_ordinary_vector_wakes(void)
{
    trap_handle(NV, irq_count);
    CHECK(ends_halt(hlt_code, post_with_uinv_zero));
    CHECK_POSTED(BIT(37));
    CHECK(ends_halt(hlt_code, post_with_cr4_clear));
    CHECK_POSTED(BIT(37));
    CHECK(irq_counts[NV] >= 2);
    trap_handle(NV, NULL);
}

/* TPR holds it back; a vector above TPR wakes. */
static void test_tpr(void)
{
    recv_begin();
    recv_post(BIT(38));
    apic_write(APIC_TPR, NV & 0xf0);
    start_clocks(NV, VEC_HIGH);
    CHECK_EQ(wakes_of(hlt_code), 0);
    CHECK_EQ(irq_counts[VEC_HIGH], 1);
    CHECK(apic_requested(NV));
    CHECK_POSTED(BIT(38));
    apic_write(APIC_TPR, 0);
    irq_window();
    CHECK_TAKEN();
    stop_clocks();
}

CODE(cli_hlt_code, "cli; hlt; " EXIT_ASM);

static volatile uint32_t nmis;

static void count_nmi(struct frame *f)
{
    (void)f;
    nmis++;
}

/* With IF=0 nothing is identified; an NMI ends HLT. */
static void test_if_clear(void)
{
    recv_begin();
    recv_post(BIT(39));
    nmis = 0;
    trap_handle(VEC_NMI, count_nmi);
    start_clocks(NV, RTE_NMI);
    CHECK_EQ(stop_with(cli_hlt_code).vector, VEC_EXIT);
    trap_handle(VEC_NMI, NULL);
    CHECK(nmis);
    CHECK(apic_requested(NV));
    CHECK_POSTED(BIT(39));
    CHECK_EQ(recv_rr(), 0);
    stop_clocks();
    CHECK_TAKEN();
}

/* Both at once: the notification is processed, the other one wakes. */
static void test_both_at_once(void)
{
    recv_begin();
    recv_post(BIT(40));
    start_clocks(LVT_MASKED, RTE_MASKED);
    recv_request();
    apic_icr(apic_id(), ICR_ASSERT | VEC_HIGH);
    apic_icr(apic_id(), ICR_ASSERT | VEC_LOW);
    stop_with(hlt_code);
    CHECK_EQ(irq_counts[VEC_HIGH], 1);
    CHECK_EQ(irq_counts[VEC_LOW], 1);
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(40));
    stop_clocks();
}

/* ---- a UPID that cannot be reached: the fault ends HLT ---- */

static void check_fault(const char *code, const char *after, uint64_t vector,
                        uint64_t error)
{
    struct frame f;

    start_clocks(NV, VEC_LOW);
    f = stop_with(code);
    CHECK_EQ(f.vector, vector);
    CHECK_EQ(f.error, error);
    CHECK_EQ(f.rip, (uint64_t)after);
    CHECK_EQ(irq_counts[VEC_LOW], 0);
    CHECK(!apic_in_service(NV));
    CHECK(!apic_requested(NV));
    CHECK_EQ(recv_rr(), 0);
    stop_clocks();
    irq_counts[VEC_LOW] = 0;
}

static void check_page_fault(const char *code, const char *after)
{
    uint64_t pte;

    recv_begin();
    recv_post(BIT(41));
    pte = vm_change(recv_upid, PTE_P, 0);
    check_fault(code, after, VEC_PF, PF_W);
    CHECK_EQ(trap_cr2(), recv_upid);
    vm_restore(recv_upid, pte);
    CHECK_POSTED(BIT(41));
}

static void test_page_fault(void)
{
    check_page_fault(hlt_code, after_hlt);
}

static void test_general_protection(void)
{
    recv_begin();
    wrmsr(UINTR_MSR_PD, 0x0000800000000000);
    check_fault(hlt_code, after_hlt, VEC_GP, 1);
}

static uint64_t good_pte;
static volatile uint64_t fault_rip;

static void repair(struct frame *f)
{
    fault_rip = f->rip;
    vm_restore(recv_upid, good_pte);
}

static void post_unmapped(void)
{
    recv_begin();
    recv_post(BIT(42));
    good_pte = vm_change(recv_upid, PTE_P, 0);
}

/* After the handler the CPU goes on behind HLT; nothing is replayed. */
static void test_fault_repaired(void)
{
    trap_handle(VEC_PF, repair);
    CHECK(ends_halt(hlt_code, post_unmapped));
    trap_handle(VEC_PF, NULL);
    CHECK_EQ(fault_rip, (uint64_t)after_hlt);
    CHECK_POSTED(BIT(42));
    CHECK_EQ(recv_rr(), 0);
}

static void test_device_memory(void)
{
    volatile struct upid *upid;

    if (!edu_find()) {
        skip("no edu device");
    }
    upid = edu_registers();
    recv_begin();
    wrmsr(UINTR_MSR_PD, (uint64_t)upid);
    upid->low = upid_low(NV, apic_id(), UPID_ON);
    upid->pir = BIT(43);
    start_clocks(NV, VEC_LOW);
    CHECK_EQ(wakes_of(hlt_code), 1);
    CHECK_EQ(recv_rr(), BIT(43));
    CHECK_EQ(upid->pir, 0);
    stop_clocks();
}

/* ---- MWAIT ---- */

static void need_mwait(void)
{
    if (!(cpuid(1, 0).ecx & BIT(3))) {
        skip("no MWAIT");
    }
}

static void post_for_mwait(void)
{
    recv_begin();
    recv_post(BIT(44));
}

static void test_mwait_completes(void)
{
    need_mwait();
    CHECK(ends_halt(mwait_code, post_for_mwait));
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(44));
}

static void test_mwait_interrupt(void)
{
    need_mwait();
    recv_begin();
    start_clocks(LVT_MASKED, VEC_LOW);
    CHECK_EQ(wakes_of(mwait_code), 1);
    stop_clocks();
}

/* The one is not taken for the other, in whatever order they come. */
static void test_mwait_then_hlt(void)
{
    for (int i = 0; i < 3; i++) {
        test_mwait_completes();
        test_stays_halted();
        irq_counts[VEC_LOW] = 0;
        test_mwait_interrupt();
        irq_counts[VEC_LOW] = 0;
        test_stays_halted();
        irq_counts[VEC_LOW] = 0;
    }
}

static void test_mwait_fault(void)
{
    need_mwait();
    check_page_fault(mwait_code, after_mwait);
    irq_counts[VEC_LOW] = 0;
    test_stays_halted();
}

/* ---- UIRR alone ---- */

static void test_rr_does_not_wake_hlt(void)
{
    recv_pend(BIT(1));
    start_clocks(LVT_MASKED, VEC_LOW);
    CHECK_EQ(wakes_of(hlt_code), 1);
    CHECK_EQ(recv_rr(), BIT(1));
    stop_clocks();
}

static void test_rr_does_not_wake_mwait(void)
{
    need_mwait();
    recv_pend(BIT(1));
    start_clocks(LVT_MASKED, VEC_LOW);
    CHECK_EQ(wakes_of(mwait_code), 1);
    CHECK_EQ(recv_rr(), BIT(1));
    stop_clocks();
}

const struct test tests[] = {
    { "R74-stays-halted", test_stays_halted },
    { "R74-pending-at-hlt", test_pending_at_hlt },
    { "R74-many", test_many },
    { "R74-delivered-later", test_delivered_later },
    { "R74-first-delivered-later", test_first_delivered_later },
    { "R74-ordinary-vector-wakes", test_ordinary_vector_wakes },
    { "R74-tpr", test_tpr },
    { "R74-if-clear", test_if_clear },
    { "R74-both-at-once", test_both_at_once },
    { "R74-page-fault", test_page_fault },
    { "R74-general-protection", test_general_protection },
    { "R74-fault-repaired", test_fault_repaired },
    { "R74-device-memory", test_device_memory },
    { "R75-mwait-completes", test_mwait_completes },
    { "R75-mwait-interrupt", test_mwait_interrupt },
    { "R75-mwait-then-hlt", test_mwait_then_hlt },
    { "R75-mwait-fault", test_mwait_fault },
    { "R106-rr-does-not-wake-hlt", test_rr_does_not_wake_hlt },
    { "R106-rr-does-not-wake-mwait", test_rr_does_not_wake_mwait },
    {}
};
