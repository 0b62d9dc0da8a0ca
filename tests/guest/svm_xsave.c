/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XSAVES, XRSTORS and IA32_XSS in guests of an SVM hypervisor (R164).  A VMCB
 * holds neither IA32_XSS nor XCR0: host and guest share them.  An exit in the
 * midst of an area leaves memory and registers as they were, so the
 * instruction starts over.
 */
#include "svmguest.h"
#include "xsave.h"

const char *const test_group = "/uintr/svm_xsave";

#define GUEST_AREA      (GUEST_PRIVATE + 2 * PAGE_SIZE) /* two pages */
#define MAPPED_AREA     0x6000000000    /* the same by tables of its own */

/* The header ends the first page. */
#define CROSSING        (PAGE_SIZE - EXTENDED_AT)

static struct area *before, *after;
static uint64_t seed;

static const struct uintr_image other = { .misc = 0x1234, .pd = 0x80 };

void payload_start(void)
{
    before = page_alloc();
    after = page_alloc();
}

static struct area *guest_area(void) { return (void *)MAPPED_AREA + CROSSING; }

static struct area *host_area(struct guest *guest)
{
    return guest->private_pages + 2 * PAGE_SIZE + CROSSING;
}

/* Guest n can be started now; its area is mapped in the tables of all. */
static void prepare(void)
{
    svm_enable();
    vm_map(MAPPED_AREA, GUEST_AREA, PTE_P | PTE_W);
    vm_map(MAPPED_AREA + PAGE_SIZE, GUEST_AREA + PAGE_SIZE, PTE_P | PTE_W);
}

static void random_user_state(void)
{
    xsave_random(after, xgetbv(0), &seed);
    xsave_do(XRSTOR, after, ~0ull);
}

/* ---- the guest: before, one instruction, after ---- */

static void guest_save(uint64_t unused __attribute__((unused)))
{
    struct uintr_image now = uintr_without_uinv(uintr_full);
    struct area *area = guest_area();

    xsave_enable_all();
    random_user_state();
    xsave_filled_snapshot(before);
    uintr_write(&uintr_full);
    xsave_fill(area);
    hypercall(1);
    xsave_do(XSAVES, area, ~0ull);
    check_uintr(&now);
    CHECK_EQ(area->xcomp_bv, XCOMP_COMPACTED | xgetbv(0) | UINTR);
    CHECK_EQ(area->xstate_bv, xgetbv(0) | UINTR);
    CHECK(!memcmp(image_in(area), &uintr_full, sizeof(uintr_full)));
    for (int i = 0; i < 10; i++) {
        CHECK(!(xgetbv(0) & BIT(i)) || xsave_same(before, area, i));
    }
}

static void guest_restore(uint64_t unused __attribute__((unused)))
{
    struct area *area = guest_area();

    xsave_enable_all();
    random_user_state();
    uintr_write(&uintr_full);
    xsave_do(XSAVES, area, ~0ull);
    random_user_state();
    uintr_write(&other);
    xsave_snapshot(before);
    hypercall(1);
    xsave_do(XRSTORS, area, ~0ull);
    check_uintr(&uintr_full);
    xsave_snapshot(after);
    for (int i = 0; i < 10; i++) {
        CHECK(!(xgetbv(0) & BIT(i)) || xsave_same(area, after, i));
    }
}

static void run_through(void (*fn)(uint64_t))
{
    struct guest *guest;

    prepare();
    guest = svmguest_start(fn, 0);
    CHECK_EQ(guest->rdi, 1);
    svmguest_expect_end(guest);
    svm_disable();
}

static void test_save(void) { run_through(guest_save); }
static void test_restore(void) { run_through(guest_restore); }

/* ---- nested-page exits ---- */

static void check_not_saved(struct guest *guest)
{
    CHECK_EQ(guest->vmcb->rip, xsave_code[XSAVES]);
    CHECK(xsave_is_filled(host_area(guest), 0, sizeof(struct area)));
    check_uintr(&uintr_full);
}

/* With XCR0 as the guest has set it. */
static void check_not_restored(struct guest *guest)
{
    uint64_t cr4 = read_cr4();

    CHECK_EQ(guest->vmcb->rip, xsave_code[XRSTORS]);
    check_uintr(&other);
    write_cr4(cr4 | CR4_OSXSAVE | CR4_OSFXSR);
    xsave_snapshot(after);
    write_cr4(cr4);
    CHECK(!memcmp(before, after, sizeof(*before)));
}

struct nested_fault {
    void (*guest)(uint64_t);
    void (*check)(struct guest *);
    uint64_t gpa, clear, info_1;
};

/* Again and again, until repaired. */
static void check_nested_fault(const struct nested_fault *fault)
{
    struct guest *guest;
    uint64_t entry;

    prepare();
    guest = svmguest_start(fault->guest, 0);
    entry = nested_change(guest, fault->gpa, fault->clear, 0);
    for (int i = 0; i < 2; i++) {
        svmguest_expect_exit(guest, VMEXIT_NPF);
        CHECK_EQ(guest->vmcb->exit_info_1 &
                 (PF_P | NPF_W | NPF_FINAL | NPF_TABLE), fault->info_1);
        CHECK_EQ(guest->vmcb->exit_info_2 & -PAGE_SIZE, fault->gpa);
        fault->check(guest);
    }
    nested_restore(guest, fault->gpa, entry);
    svmguest_expect_end(guest);
    svm_disable();
}

static void test_save_nested_fault(void)
{
    for (int page = 0; page < 2; page++) {
        struct nested_fault fault = {
            .guest = guest_save, .check = check_not_saved,
            .gpa = GUEST_AREA + page * PAGE_SIZE, .clear = PTE_P,
            .info_1 = NPF_W | NPF_FINAL,
        };

        check_nested_fault(&fault);
        fault.clear = PTE_W;
        fault.info_1 |= PF_P;
        check_nested_fault(&fault);
    }
}

static void test_restore_nested_fault(void)
{
    for (int page = 0; page < 2; page++) {
        struct nested_fault fault = {
            .guest = guest_restore, .check = check_not_restored,
            .gpa = GUEST_AREA + page * PAGE_SIZE, .clear = PTE_P,
            .info_1 = NPF_FINAL,
        };

        check_nested_fault(&fault);
    }
}

/* The page that is missing is one of the guest's own tables. */
static void test_table_nested_fault(void)
{
    struct nested_fault save = {
        .guest = guest_save, .check = check_not_saved,
        .clear = PTE_P, .info_1 = NPF_W | NPF_TABLE,
    };
    struct nested_fault restore = {
        .guest = guest_restore, .check = check_not_restored,
        .clear = PTE_P, .info_1 = NPF_W | NPF_TABLE,
    };

    prepare();
    save.gpa = restore.gpa = (uint64_t)vm_pte(MAPPED_AREA) & -PAGE_SIZE;
    check_nested_fault(&save);
    check_nested_fault(&restore);
}

/* ---- the guest's own faults, intercepted ---- */

static void test_page_fault(void)
{
    void *second = (void *)MAPPED_AREA + PAGE_SIZE;
    struct guest *guest;
    uint64_t pte;

    prepare();
    guest = svmguest_start(guest_save, 0);
    guest->vmcb->exceptions = BIT(VEC_PF);
    pte = vm_change(second, PTE_P, 0);
    svmguest_expect_exit(guest, VMEXIT_EXCEPTION + VEC_PF);
    CHECK_EQ(guest->vmcb->exit_info_1, PF_W);
    CHECK_EQ(guest->vmcb->exit_info_2, second);
    check_not_saved(guest);
    vm_restore(second, pte);
    svmguest_expect_end(guest);
    svm_disable();
}

/* A hypervisor that switches the FPU lazily. */
static void check_not_available(void (*fn)(uint64_t),
                                void (*check)(struct guest *))
{
    struct guest *guest;

    prepare();
    guest = svmguest_start(fn, 0);
    guest->vmcb->exceptions = BIT(VEC_NM);
    guest->vmcb->cr0 |= CR0_TS;
    svmguest_expect_exit(guest, VMEXIT_EXCEPTION + VEC_NM);
    check(guest);
    guest->vmcb->cr0 &= ~CR0_TS;
    svmguest_expect_end(guest);
    svm_disable();
}

static void test_not_available(void)
{
    check_not_available(guest_save, check_not_saved);
    check_not_available(guest_restore, check_not_restored);
}

/* ---- IA32_XSS ---- */

static void guest_xss(uint64_t unused __attribute__((unused)))
{
    wrmsr(MSR_XSS, rdmsr(MSR_XSS) ^ UINTR);
}

static void test_xss_intercept(void)
{
    struct guest *guest;

    svm_enable();
    wrmsr(MSR_XSS, 0);
    guest = svm_guest(0, guest_xss, 0);
    svm_intercept_msr(guest, MSR_XSS, true, true);
    svmguest_expect_exit(guest, VMEXIT_MSR);
    CHECK_EQ(guest->vmcb->exit_info_1, 0);
    CHECK_EQ((uint32_t)guest->rcx, MSR_XSS);
    svm_intercept_msr(guest, MSR_XSS, false, true);
    svmguest_expect_exit(guest, VMEXIT_MSR);
    CHECK_EQ(guest->vmcb->exit_info_1, 1);
    CHECK_EQ(rdmsr(MSR_XSS), 0);
    svm_intercept_msr(guest, MSR_XSS, false, false);
    svmguest_expect_end(guest);
    CHECK_EQ(rdmsr(MSR_XSS), UINTR);
    svm_disable();
}

static void guest_xss_shared(uint64_t unused __attribute__((unused)))
{
    CHECK_EQ(rdmsr(MSR_XSS), 0);
    wrmsr(MSR_XSS, UINTR);
    hypercall(1);
    CHECK_EQ(rdmsr(MSR_XSS), 0);
    CHECK_EQ(wrmsr_fault(MSR_XSS, BIT(13)), VEC_GP);
    CHECK_EQ(rdmsr(MSR_XSS), 0);
}

static void test_xss_shared(void)
{
    struct guest *guest;

    wrmsr(MSR_XSS, 0);
    guest = svmguest_start(guest_xss_shared, 0);
    CHECK_EQ(rdmsr(MSR_XSS), UINTR);
    wrmsr(MSR_XSS, 0);
    svmguest_expect_end(guest);
    svm_disable();
}

const struct test tests[] = {
    { "R164-save", test_save },
    { "R164-restore", test_restore },
    { "R164-save-under-nested-fault", test_save_nested_fault },
    { "R164-restore-under-nested-fault", test_restore_nested_fault },
    { "R164-table-under-nested-fault", test_table_nested_fault },
    { "R164-page-fault-intercept", test_page_fault },
    { "R164-not-available-intercept", test_not_available },
    { "R164-xss-intercept", test_xss_intercept },
    { "R164-xss-shared", test_xss_shared },
    {}
};
