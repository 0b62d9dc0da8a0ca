/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User interrupts in guests of an SVM hypervisor (R164).  A VMCB knows
 * nothing of them: host and guest share the registers, and a hypervisor that
 * passes interrupts through has nothing to do with them.
 */
#include "svmguest.h"

const char *const test_group = "/uintr/svm";

#define VEC_WAKE        0x51

static void send_self(void) { senduipi(TO_SELF); }
static void do_nothing(void) { }

/* ---- the instructions ---- */

static uint64_t user_instructions(void)
{
    uint64_t seen = 0;

    stui();
    seen |= testui() ? BIT(0) : 0;
    clui();
    seen |= testui() ? 0 : BIT(1);
    senduipi(TO_SELF);                  /* UIF=0: stays pending */
    seen |= ui_count ? 0 : BIT(2);
    stui();
    seen |= ui_count == 1 ? BIT(3) : 0;
    seen |= testui() ? BIT(4) : 0;      /* UIRET set it again */
    return seen;
}

static void guest_instructions(uint64_t unused __attribute__((unused)))
{
    CHECK(cpuid(7, 0).edx & BIT(UINTR_CPUID_7_0_EDX_BIT));
    CHECK_EQ(run_user(send_self, 0, 0), VEC_UD);    /* the guest's CR4 is 0 */
    svmguest_setup(0, UI_RECORD);
    CHECK_EQ(svmguest_user(user_instructions, 0), 31);
    CHECK_EQ(ui_log[0].vector, SELF_VECTOR);
    clui();
    CHECK(!testui());
    stui();
    CHECK(testui());
}

static void test_instructions(void)
{
    struct guest *guest = svmguest_start(guest_instructions, 0);

    CHECK_EQ(guest->rdi, HYPERCALL_END);
    CHECK(guest->cpuids);
    CHECK_EQ(read_cr4(), CR4_PAE);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(host_window_of(0)->upid.pir, 0);
    CHECK_EQ(host_window_of(0)->upid.low & UPID_ON, 0);
    svm_disable();
}

/* CR4 is not intercepted, so the guest alone turns the feature on and off. */
static void guest_cr4(uint64_t unused __attribute__((unused)))
{
    svmguest_setup(0, UI_RECORD);
    wrmsr(UINTR_MSR_RR, BIT(9));
    write_cr4(read_cr4() & ~CR4_UINTR);
    svmguest_user(do_nothing, 0);
    CHECK_EQ(ui_count, 0);
    uintr_enable();
    svmguest_user(do_nothing, 0);
    CHECK_EQ(ui_count, 1);
}

static void test_cr4(void)
{
    struct guest *guest = svmguest_start(guest_cr4, 0);

    CHECK_EQ(guest->rdi, HYPERCALL_END);
    CHECK_EQ(ui_log[0].vector, 9);
    svm_disable();
}

/* ---- registers ---- */

static const uint64_t register_values[] = {
    BIT(40) | BIT(3), 0x123000, 0x100,
    0x70ull << UINTR_MISC_UINV_SHIFT | 11, 0x456000, 0x789000 | UINTR_TT_ENABLE,
};

static void check_registers(uint64_t offset)
{
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(rdmsr(UINTR_MSR_RR + i), register_values[i] + offset);
    }
}

static void load_registers(uint64_t offset)
{
    for (int i = 0; i < 6; i++) {
        wrmsr(UINTR_MSR_RR + i, register_values[i] + offset);
    }
}

static void set_uif(bool set)
{
    uintr_enable();
    if (set) {
        stui();
    } else {
        clui();
    }
    write_cr4(read_cr4() & ~CR4_UINTR);
}

static void guest_registers(uint64_t unused __attribute__((unused)))
{
    check_registers(0);
    CHECK(svmguest_uif());
    load_registers(0x1000);
    hypercall(1);
    check_registers(0x2000);
    set_uif(false);
}

/* UIF as well, which has no MSR. */
static void test_registers(void)
{
    struct guest *guest;

    svm_enable();
    set_uif(true);
    load_registers(0);
    guest = svm_guest(0, guest_registers, 0);
    svmguest_expect_word(guest, 1);
    check_registers(0x1000);
    CHECK(svmguest_uif());
    load_registers(0x2000);
    svmguest_expect_end(guest);
    check_registers(0x2000);
    CHECK(!svmguest_uif());
    svm_disable();
}

static void guest_msr(uint64_t msr)
{
    wrmsr(msr, rdmsr(msr) + 0x40);
}

/* A hypervisor that switches the registers can intercept each of them. */
static void check_msr_exits(uint32_t msr)
{
    struct guest *guest = svm_guest(0, guest_msr, msr);

    wrmsr(msr, 0x1000);
    svm_intercept_msr(guest, msr, true, true);
    svmguest_expect_exit(guest, VMEXIT_MSR);
    CHECK_EQ(guest->vmcb->exit_info_1, 0);
    CHECK_EQ((uint32_t)guest->rcx, msr);
    svm_intercept_msr(guest, msr, false, true);
    svmguest_expect_exit(guest, VMEXIT_MSR);
    CHECK_EQ(guest->vmcb->exit_info_1, 1);
    CHECK_EQ(rdmsr(msr), 0x1000);
    svm_intercept_msr(guest, msr, false, false);
    svmguest_expect_end(guest);
    CHECK_EQ(rdmsr(msr), 0x1040);
}

static void test_msr_intercepts(void)
{
    svm_enable();
    for (uint32_t msr = UINTR_MSR_RR; msr <= UINTR_MSR_TT; msr++) {
        check_msr_exits(msr);
    }
    svm_disable();
}

/* ---- pending at VMRUN, and at #VMEXIT ---- */

static void user_hypercalls(void)
{
    hypercall(1);
    hypercall(2);
}

static void guest_pending(uint64_t unused __attribute__((unused)))
{
    svmguest_setup(0, UI_RECORD);
    svmguest_user(user_hypercalls, 0);
    hypercall(3);                       /* ring 0: stays pending */
    CHECK_EQ(ui_count, 1);
    svmguest_user(do_nothing, 0);
    CHECK_EQ(ui_count, 2);
}

/* The host's ring 3 must not see what is its guest's. */
static void check_host_untouched(void)
{
    uint64_t count = ui_count, rr = rdmsr(UINTR_MSR_RR);

    CHECK_EQ(run_user(do_nothing, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, count);
    CHECK_EQ(rdmsr(UINTR_MSR_RR), rr);
}

static void test_pending(void)
{
    struct guest *guest = svmguest_start(guest_pending, 0);
    uint64_t rip = guest->vmcb->rip, rsp = guest->vmcb->rsp;

    CHECK_EQ(guest->rdi, 1);
    wrmsr(UINTR_MSR_RR, BIT(9));
    check_host_untouched();
    svmguest_expect_word(guest, 2);     /* delivered at once, in ring 3 */
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].vector, 9);
    CHECK_EQ(ui_log[0].rip, rip);
    CHECK_EQ(ui_log[0].rsp, rsp);
    svmguest_expect_word(guest, 3);
    wrmsr(UINTR_MSR_RR, BIT(10));
    check_host_untouched();
    svmguest_expect_end(guest);
    CHECK_EQ(ui_log[1].vector, 10);
    svm_disable();
}

/* ---- intercepted interrupts ---- */

static void user_send(void)
{
    senduipi(TO_SELF);
    hypercall(1);
}

static void guest_send(uint64_t unused __attribute__((unused)))
{
    svmguest_setup(0, UI_RECORD);
    hypercall(0);
    svmguest_user(user_send, 0);
}

static void check_unprocessed(void)
{
    struct upid *upid = &host_window_of(0)->upid;

    CHECK(apic_requested(NV));
    CHECK(!apic_in_service(NV));
    CHECK_EQ(upid->low & UPID_ON, UPID_ON);
    CHECK_EQ(upid->pir, BIT(SELF_VECTOR));
    CHECK_EQ(rdmsr(UINTR_MSR_RR), 0);
    CHECK_EQ(ui_count, 0);
}

static void check_processed(void)
{
    CHECK(!apic_requested(NV));
    CHECK(!apic_in_service(NV));
    CHECK_EQ(host_window_of(0)->upid.low & UPID_ON, 0);
    CHECK_EQ(host_window_of(0)->upid.pir, 0);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].vector, SELF_VECTOR);
}

/* The exit comes before identification and takes nothing with it (R163). */
static void test_intr_intercept(void)
{
    struct guest *guest = svmguest_start(guest_send, 0);
    uint64_t rip;

    guest->vmcb->intercepts |= INTERCEPT_INTR;
    svmguest_expect_exit(guest, VMEXIT_INTR);
    check_unprocessed();
    rip = guest->vmcb->rip;
    svmguest_expect_exit(guest, VMEXIT_INTR);       /* still there */
    CHECK_EQ(guest->vmcb->rip, rip);
    guest->vmcb->intercepts &= ~INTERCEPT_INTR;
    svmguest_expect_word(guest, 1);
    check_processed();
    CHECK_EQ(ui_log[0].rip, rip);
    svmguest_expect_end(guest);
    svm_disable();
}

/* A hypervisor that takes the interrupt itself injects it as any other. */
static void guest_injected(uint64_t unused __attribute__((unused)))
{
    svmguest_setup(0, UI_RECORD);
    guest_window_of(0)->upid.pir = BIT(3);
    trap_handle(NV, irq_count);
    svmguest_user(user_hypercalls, 0);
    trap_handle(NV, NULL);
}

static void check_taken_by_idt(struct guest *guest)
{
    svmguest_expect_word(guest, 2);
    CHECK_EQ(irq_counts[NV], 1);
    CHECK_EQ(host_window_of(0)->upid.pir, BIT(3));
    CHECK_EQ(rdmsr(UINTR_MSR_RR), 0);
    CHECK_EQ(ui_count, 0);
    svmguest_expect_end(guest);
    svm_disable();
}

static void test_event_injection(void)
{
    struct guest *guest = svmguest_start(guest_injected, 0);

    guest->vmcb->event_inject = EVENTINJ_VALID | EVENTINJ_INTR | NV;
    check_taken_by_idt(guest);
}

static void test_virtual_irq(void)
{
    struct guest *guest = svmguest_start(guest_injected, 0);

    guest->vmcb->int_control = V_IRQ | V_INTR_PRIO | V_IGN_TPR;
    guest->vmcb->int_vector = NV;
    check_taken_by_idt(guest);
}

/* Both kinds at once, with one vector: each goes its own way. */
static void guest_both(uint64_t unused __attribute__((unused)))
{
    svmguest_setup(0, UI_RECORD);
    trap_handle(NV, irq_count);
    hypercall(1);
    senduipi(TO_SELF);
    irq_window();
    irq_window();
    trap_handle(NV, NULL);
    svmguest_user(do_nothing, 0);
}

static void test_both(void)
{
    struct guest *guest = svmguest_start(guest_both, 0);

    guest->vmcb->int_control = V_IRQ | V_INTR_PRIO | V_IGN_TPR;
    guest->vmcb->int_vector = NV;
    svmguest_expect_end(guest);
    CHECK_EQ(irq_counts[NV], 1);
    CHECK_EQ(ui_count, 1);
    svm_disable();
}

/* ---- GIF ---- */

static void check_gif(const struct upid *upid)
{
    clgi();
    svmguest_user(send_self, 0);
    CHECK_EQ(upid->low & UPID_ON, UPID_ON);         /* not identified */
    CHECK_EQ(rdmsr(UINTR_MSR_RR), 0);
    wrmsr(UINTR_MSR_RR, BIT(9));
    svmguest_user(do_nothing, 0);
    CHECK_EQ(ui_count, 0);                          /* not delivered */
    stgi();
    svmguest_user(do_nothing, 0);
    CHECK_EQ(ui_count, 2);
    CHECK_EQ(ui_log[0].vector, 9);
    CHECK_EQ(ui_log[1].vector, SELF_VECTOR);
    CHECK_EQ(upid->low & UPID_ON, 0);
}

static void guest_gif(uint64_t unused __attribute__((unused)))
{
    svmguest_setup(0, UI_RECORD);
    check_gif(&guest_window_of(0)->upid);
}

static void test_gif_in_guest(void)
{
    CHECK_EQ(svmguest_start(guest_gif, 0)->rdi, HYPERCALL_END);
    svm_disable();
}

static void test_gif(void)
{
    static struct upid upid;
    static struct uitte table[1];

    svm_enable();
    upid_init(&upid, NV, apic_id());
    table[0] = uitte(SELF_VECTOR, &upid);
    uintr_receiver(UI_RECORD, &upid, NV);
    uintr_sender(table, 1);
    stui();
    check_gif(&upid);
    svm_disable();
}

const struct test tests[] = {
    { "R164-five-instructions", test_instructions },
    { "R164-cr4-is-the-guests", test_cr4 },
    { "R164-registers-survive", test_registers },
    { "R164-msr-intercepts", test_msr_intercepts },
    { "R164-pending-at-vmrun", test_pending },
    { "R164-intr-intercept-wins", test_intr_intercept },
    { "R164-event-injection-takes-idt", test_event_injection },
    { "R164-virtual-irq-takes-idt", test_virtual_irq },
    { "R164-virtual-irq-and-notification", test_both },
    { "R164-gif-blocks", test_gif },
    { "R164-gif-blocks-in-guest", test_gif_in_guest },
    {}
};
