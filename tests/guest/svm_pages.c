/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that are missing under user interrupts of a guest.  A nested-page
 * exit comes before the interrupt is acknowledged, since its repair is not
 * the guest's affair; a fault of the guest's own tables comes after (R85).
 */
#include "svmguest.h"

const char *const test_group = "/uintr/svm";

#define OWN_VECTOR      9               /* posted by the host */

static void send_self(void) { senduipi(TO_SELF); }

static void user_hypercalls(void)
{
    hypercall(1);
    hypercall(2);
}

/* A post by someone whose page is there, and its notification. */
static void host_post(int guest, uint32_t apic)
{
    struct upid *upid = &host_window_of(guest)->upid;

    upid->pir |= BIT(OWN_VECTOR);
    __atomic_fetch_or(&upid->low, UPID_ON, __ATOMIC_SEQ_CST);
    apic_icr(apic, ICR_FIXED | ICR_ASSERT | NV);
}

static void check_untouched(void)
{
    struct upid *upid = &host_window_of(0)->upid;

    CHECK_EQ(upid->low & UPID_ON, UPID_ON);
    CHECK_EQ(upid->pir, BIT(OWN_VECTOR));
    CHECK_EQ(rdmsr(UINTR_MSR_RR), 0);
    CHECK_EQ(ui_count, 0);
    CHECK(!apic_in_service(NV));
}

static void check_nested_exit(struct guest *guest, uint64_t gpa)
{
    CHECK_EQ(guest->vmcb->exit_info_1 & (NPF_W | NPF_FINAL | NPF_TABLE | 1),
             NPF_W | NPF_FINAL);
    CHECK_EQ(guest->vmcb->exit_info_2, gpa);
}

static void check_processed_once(int vector)
{
    CHECK_EQ(host_window_of(0)->upid.low & UPID_ON, 0);
    CHECK_EQ(host_window_of(0)->upid.pir, 0);
    CHECK(!apic_requested(NV));
    CHECK(!apic_in_service(NV));
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].vector, vector);
}

/* ---- the notification ---- */

static void guest_user(uint64_t unused __attribute__((unused)))
{
    svmguest_setup(0, UI_RECORD);
    svmguest_user(user_hypercalls, 0);
}

static void test_notification(void)
{
    struct guest *guest = svmguest_start(guest_user, 0);
    uint64_t entry = nested_change(guest, GUEST_WINDOW, PTE_P, 0);
    uint64_t rip = guest->vmcb->rip;

    host_post(0, apic_id());
    for (int i = 0; i < 2; i++) {       /* again and again, until repaired */
        svmguest_expect_exit(guest, VMEXIT_NPF);
        check_nested_exit(guest, GUEST_WINDOW);
        check_untouched();
        CHECK(apic_requested(NV));
        CHECK_EQ(guest->vmcb->rip, rip);
    }
    nested_restore(guest, GUEST_WINDOW, entry);
    svmguest_expect_word(guest, 2);
    check_processed_once(OWN_VECTOR);
    CHECK_EQ(ui_log[0].rip, rip);
    svmguest_expect_end(guest);
    CHECK_EQ(ui_count, 1);
    svm_disable();
}

static void guest_halt(uint64_t unused __attribute__((unused)))
{
    svmguest_setup(0, UI_RECORD);
    hypercall(1);
    guest_window_of(1)->flag = 1;       /* the other page is still there */
    asm volatile("sti; hlt; cli" : : : "memory");
    svmguest_user(user_hypercalls, 0);
}

static struct {
    uint64_t info_1, info_2, low, pir, rr;
    bool requested, in_service;
    uint64_t count;
} halted;

/* On the guest's CPU; what it sees at the exit is judged on the other. */
static void host_of_halted(uint64_t unused __attribute__((unused)))
{
    struct guest *guest;
    uint64_t entry;

    uintr_reset();
    guest = svmguest_start(guest_halt, 0);
    entry = nested_change(guest, GUEST_WINDOW, PTE_P, 0);
    svmguest_expect_exit(guest, VMEXIT_NPF);
    halted.info_1 = guest->vmcb->exit_info_1;
    halted.info_2 = guest->vmcb->exit_info_2;
    halted.low = host_window_of(0)->upid.low;
    halted.pir = host_window_of(0)->upid.pir;
    halted.rr = rdmsr(UINTR_MSR_RR);
    halted.requested = apic_requested(NV);
    halted.in_service = apic_in_service(NV);
    nested_restore(guest, GUEST_WINDOW, entry);
    svmguest_expect_word(guest, 1);
    svmguest_expect_word(guest, 2);
    svmguest_expect_end(guest);
    halted.requested &= !apic_requested(NV);
    svm_disable();
}

/* A VMCB has no halted state: the guest goes on behind its HLT. */
static void test_halted(void)
{
    struct guest *guest = &guests[0];

    svm_guest(0, guest_halt, 0);        /* allocates the window */
    host_window_of(1)->flag = 0;
    smp_run(1, host_of_halted, 0);
    CHECK(WAIT_FOR(host_window_of(1)->flag == 1));
    for (int i = 0; i < 1000; i++) {
        cpu_relax();
    }
    host_post(0, cpus[1].apic_id);
    smp_wait(1);
    CHECK_EQ(halted.info_1 & (NPF_W | NPF_FINAL), NPF_W | NPF_FINAL);
    CHECK_EQ(halted.info_2, GUEST_WINDOW);
    CHECK_EQ(halted.low & UPID_ON, UPID_ON);
    CHECK_EQ(halted.pir, BIT(OWN_VECTOR));
    CHECK_EQ(halted.rr, 0);
    CHECK(halted.requested);
    CHECK(!halted.in_service);
    CHECK_EQ(host_window_of(0)->upid.pir, 0);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(guest->rdi, HYPERCALL_END);
}

/* ---- the delivery ---- */

static void guest_own_stack(uint64_t unused __attribute__((unused)))
{
    svmguest_setup(0, UI_RECORD);
    wrmsr(UINTR_MSR_STACKADJUST, (USER_OFFSET + GUEST_STACK + PAGE_SIZE) |
                                 UINTR_STACKADJUST_LOAD);
    hypercall(1);
    svmguest_user(send_self, 0);
}

static void test_delivery(void)
{
    struct guest *guest = svmguest_start(guest_own_stack, 0);
    uint64_t entry = nested_change(guest, GUEST_STACK, PTE_P, 0);
    uint64_t rip, rsp;

    svmguest_expect_exit(guest, VMEXIT_NPF);
    CHECK_EQ(guest->vmcb->exit_info_2 & ~(PAGE_SIZE - 1), GUEST_STACK);
    CHECK_EQ(rdmsr(UINTR_MSR_RR), BIT(SELF_VECTOR));
    CHECK(svmguest_uif());
    CHECK_EQ(ui_count, 0);
    rip = guest->vmcb->rip;
    rsp = guest->vmcb->rsp;
    nested_restore(guest, GUEST_STACK, entry);
    svmguest_expect_end(guest);
    check_processed_once(SELF_VECTOR);
    CHECK_EQ(ui_log[0].rip, rip);
    CHECK_EQ(ui_log[0].rsp, rsp);
    svm_disable();
}

/* ---- the post ---- */

static void guest_post(uint64_t unused __attribute__((unused)))
{
    svmguest_setup(0, UI_RECORD);
    hypercall(1);
    svmguest_user(send_self, 0);
}

/* SENDUIPI starts over (R60). */
static void check_post(uint64_t gpa)
{
    static const uint8_t senduipi_rax[] = { 0xf3, 0x0f, 0xc7, 0xf0 };
    struct guest *guest = svmguest_start(guest_post, 0);
    uint64_t entry = nested_change(guest, gpa, PTE_P, 0);

    svmguest_expect_exit(guest, VMEXIT_NPF);
    CHECK_EQ(guest->vmcb->exit_info_2, gpa);
    CHECK(!memcmp(KERNEL((void *)guest->vmcb->rip), senduipi_rax, 4));
    CHECK_EQ(host_window_of(0)->upid.pir, 0);
    CHECK_EQ(host_window_of(0)->upid.low & UPID_ON, 0);
    nested_restore(guest, gpa, entry);
    svmguest_expect_end(guest);
    check_processed_once(SELF_VECTOR);
    svm_disable();
}

static void test_post_table(void) { check_post(GUEST_UITT); }
static void test_post_upid(void) { check_post(GUEST_WINDOW); }

/* ---- the guest's own page fault, intercepted ---- */

static uint64_t upid_pte;

static void guest_page_fault(struct frame *f)
{
    CHECK_EQ(f->error, 2);                          /* R86 */
    CHECK_EQ(trap_cr2(), GUEST_WINDOW);
    vm_restore((void *)GUEST_WINDOW, upid_pte);
    apic_icr(apic_id(), ICR_FIXED | ICR_ASSERT | NV);   /* R87 */
}

static void guest_unmapped(uint64_t unused __attribute__((unused)))
{
    svmguest_setup(0, UI_RECORD);
    upid_pte = vm_change((void *)GUEST_WINDOW, PTE_P, 0);
    trap_handle(VEC_PF, guest_page_fault);
    svmguest_user(user_hypercalls, 0);
    trap_handle(VEC_PF, NULL);
}

static void inject_page_fault(struct vmcb *vmcb)
{
    vmcb->exceptions = 0;
    vmcb->cr2 = vmcb->exit_info_2;
    vmcb->event_error = vmcb->exit_info_1;
    vmcb->event_inject = EVENTINJ_VALID | EVENTINJ_EXCEPTION |
                         EVENTINJ_ERROR | VEC_PF;
}

static void test_intercepted_fault(void)
{
    struct guest *guest = svmguest_start(guest_unmapped, 0);

    guest->vmcb->exceptions = BIT(VEC_PF);
    host_post(0, apic_id());
    svmguest_expect_exit(guest, VMEXIT_EXCEPTION + VEC_PF);
    CHECK_EQ(guest->vmcb->exit_info_1, 2);
    CHECK_EQ(guest->vmcb->exit_info_2, GUEST_WINDOW);
    check_untouched();
    CHECK(!apic_requested(NV));                     /* acknowledged */
    inject_page_fault(guest->vmcb);
    svmguest_expect_word(guest, 2);
    check_processed_once(OWN_VECTOR);
    svmguest_expect_end(guest);
    svm_disable();
}

const struct test tests[] = {
    { "R164-notification-under-nested-fault", test_notification },
    { "R164-halted-notification-under-nested-fault", test_halted, 2 },
    { "R164-delivery-under-nested-fault", test_delivery },
    { "R164-post-table-under-nested-fault", test_post_table },
    { "R164-post-upid-under-nested-fault", test_post_upid },
    { "R164-page-fault-intercept", test_intercepted_fault },
    {}
};
