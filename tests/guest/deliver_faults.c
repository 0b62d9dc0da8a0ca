/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delivery that cannot be done: handler and stack are checked, nothing is
 * lost, and it happens again when the cause is gone (R110, R118, R119).
 */
#include "recv.h"

const char *const test_group = "/uintr/deliver-faults";

CODE(user_code, "nop; " EXIT_ASM);

#define STACK_TOP ((uint64_t)USER(recv_stack) + RECV_STACK_SIZE)
#define UPPER_PAGE (recv_stack + PAGE_SIZE)
#define PKEY1 BIT(59)

static struct frame deliver_on(uint64_t rsp, uint64_t rr)
{
    struct frame f = frame_user(user_code, 0, 0);

    f.rsp = rsp;
    recv_pend(rr);
    wrmsr(UINTR_MSR_STACKADJUST, 0);
    run(&f);
    return f;
}

/* Everything is as before the attempt. */
static void check_kept(const struct frame *f, uint64_t vector, uint64_t error,
                       uint64_t rsp, uint64_t rr)
{
    CHECK_EQ(f->vector, vector);
    CHECK_EQ(f->error, error);
    CHECK_EQ(f->rip, USER(user_code));
    CHECK_EQ(f->rsp, rsp);
    CHECK_EQ(f->cs, SEL_UCODE);
    CHECK_EQ(recv_rr(), rr);
    CHECK(testui());
    CHECK_EQ(ui_count, 0);
}

static void check_page_fault(uint64_t rsp, uint64_t error, uint64_t cr2)
{
    struct frame f = deliver_on(rsp, BIT(40) | 1);

    check_kept(&f, VEC_PF, error, rsp, BIT(40) | 1);
    CHECK_EQ(trap_cr2(), cr2);
}

/* ---- R110: the handler ---- */

static void check_handler(uint64_t handler, bool good)
{
    struct frame f = frame_user(user_code, 0, 0);
    uint64_t rsp = f.rsp = STACK_TOP;

    memset(recv_stack, 0x66, RECV_STACK_SIZE);
    recv_pend(BIT(1));
    wrmsr(UINTR_MSR_HANDLER, handler);
    run(&f);
    if (good) {
        CHECK_EQ(f.vector, VEC_PF);
        CHECK_EQ(f.rip, handler);
        CHECK_EQ(recv_rr(), 0);
        return;
    }
    check_kept(&f, VEC_GP, 0, rsp, BIT(1));
    for (uint64_t i = 0; i < RECV_STACK_SIZE; i++) {
        if (recv_stack[i] != 0x66) {
            CHECK_EQ(i, RECV_STACK_SIZE);
            break;
        }
    }
}

static void test_handler_canonical(void)
{
    check_handler(0x0000800000000000, false);
    check_handler(0xffff7fffffffffff, false);
    check_handler(0x0000700000000000, true);
    check_handler(0xffff800000000000, true);
}

static void test_handler_la57(void)
{
    struct frame f = frame_user(user_code, 0, 0);

    recv_pend(BIT(1));
    wrmsr(UINTR_MSR_HANDLER, 0x0000800000000000);
    vm_la57(true);
    run(&f);
    vm_la57(false);
    CHECK_EQ(f.vector, VEC_PF);
    CHECK_EQ(f.rip, 0x0000800000000000);
    CHECK_EQ(recv_rr(), 0);
    CHECK(!testui());
}

/* It is checked before the stack. */
static void test_handler_first(void)
{
    struct frame f = frame_user(user_code, 0, 0);

    f.rsp = BIT(60);
    recv_pend(BIT(1));
    wrmsr(UINTR_MSR_HANDLER, 0x0000800000000000);
    run(&f);
    check_kept(&f, VEC_GP, 0, BIT(60), BIT(1));
}

/* ---- R118: the stack ---- */

static void test_non_canonical_stack(void)
{
    static const uint64_t bad[] = {
        0x0000800000000020, 0x1000000000000000, 0xffff800000000000,
        0xffff7fffffffff00, 0x0000800000000010,
    };

    for (int i = 0; i < 5; i++) {
        struct frame f = deliver_on(bad[i], BIT(2));

        check_kept(&f, VEC_SS, 0, bad[i], BIT(2));
    }
}

/* The upper half of the frame can be pushed, the lower one is nowhere. */
static void test_half_canonical(void)
{
    uint64_t edge = 0xffff800000000000;
    struct frame f;

    vm_map(edge, (uint64_t)recv_stack, PTE_P | PTE_W | PTE_U);
    f = deliver_on(edge + 16, BIT(2));
    check_kept(&f, VEC_SS, 0, edge + 16, BIT(2));
    vm_map(edge, 0, 0);
}

/* The last canonical bytes will do; there is no memory, that is all. */
static void test_last_canonical(void)
{
    check_page_fault(0x0000800000000000, PF_W | PF_U, 0x00007ffffffffff8);
    check_page_fault(0, PF_W | PF_U, 0xfffffffffffffff8);
}

static void test_non_canonical_la57(void)
{
    struct frame f = frame_user(user_code, 0, 0);

    f.rsp = 0x0000800000000020;
    recv_pend(BIT(2));
    wrmsr(UINTR_MSR_STACKADJUST, 0);
    vm_la57(true);
    run(&f);
    vm_la57(false);
    CHECK_EQ(f.vector, VEC_PF);
    CHECK_EQ(trap_cr2(), 0x0000800000000018);
}

static void test_supervisor_stack(void)
{
    static uint64_t canaries[16] __attribute__((aligned(64)));
    uint64_t top = (uint64_t)(canaries + 16);

    memset(canaries, 0x99, sizeof(canaries));
    check_page_fault(top, PF_P | PF_W | PF_U, top - 8);
    for (int i = 0; i < 16; i++) {
        CHECK_EQ(canaries[i], 0x9999999999999999);
    }
}

static void test_supervisor_stack_loaded(void)
{
    static uint64_t canaries[16] __attribute__((aligned(64)));
    struct frame f = frame_user(user_code, 0, 0);
    uint64_t rsp = f.rsp;

    memset(canaries, 0x99, sizeof(canaries));
    recv_pend(BIT(3));
    wrmsr(UINTR_MSR_STACKADJUST, (uint64_t)(canaries + 16) | 1);
    run(&f);
    check_kept(&f, VEC_PF, PF_P | PF_W | PF_U, rsp, BIT(3));
    for (int i = 0; i < 16; i++) {
        CHECK_EQ(canaries[i], 0x9999999999999999);
    }
}

static void check_rights(uint64_t clear, uint64_t error)
{
    uint64_t pte = vm_change(USER(UPPER_PAGE), clear, 0);

    check_page_fault(STACK_TOP, error, STACK_TOP - 8);
    vm_restore(USER(UPPER_PAGE), pte);
}

static void test_rights(void)
{
    check_rights(PTE_P, PF_W | PF_U);
    check_rights(PTE_W, PF_P | PF_W | PF_U);
    check_rights(PTE_U, PF_P | PF_W | PF_U);
}

static void wrpkru(uint32_t value)
{
    asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(value), "c"(0), "d"(0));
}

/* Protection key 1: reading may be all that is forbidden, or writing. */
static void test_pkru(void)
{
    uint64_t pte;

    if (!(cpuid(7, 0).ecx & BIT(3))) {
        skip("no protection keys");
    }
    write_cr4(read_cr4() | CR4_PKE);
    pte = vm_change(USER(UPPER_PAGE), 0, PKEY1);
    wrpkru(2 << 2);
    check_page_fault(STACK_TOP, PF_P | PF_W | PF_U | PF_PK, STACK_TOP - 8);
    wrpkru(1 << 2);
    check_page_fault(STACK_TOP, PF_P | PF_W | PF_U | PF_PK, STACK_TOP - 8);
    wrpkru(0);
    CHECK_EQ(deliver_on(STACK_TOP, BIT(4)).vector, VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    vm_restore(USER(UPPER_PAGE), pte);
    write_cr4(read_cr4() & ~CR4_PKE);
}

/* A user stack is a user stack: neither SMAP nor SMEP is concerned. */
static void test_smap(void)
{
    write_cr4(read_cr4() | CR4_SMAP | CR4_SMEP);
    CHECK_EQ(deliver_on(STACK_TOP, BIT(5)).vector, VEC_EXIT);
    write_cr4(read_cr4() & ~(CR4_SMAP | CR4_SMEP));
    CHECK_EQ(ui_count, 1);
    CHECK_DELIVERED(0, 5, USER(user_code));
}

/* ---- R119: repair, and exactly one delivery ---- */

static const char *broken;
static uint64_t good_pte, fault_cr2;
static volatile uint32_t repairs;

static void repair(struct frame *f)
{
    (void)f;
    repairs++;
    fault_cr2 = read_cr2();
    vm_restore(USER(broken), good_pte);
}

static void check_repair(const char *page, uint64_t rsp, uint64_t cr2)
{
    broken = page;
    good_pte = vm_change(USER(page), PTE_P, 0);
    repairs = 0;
    ui_count = 0;
    trap_handle(VEC_PF, repair);
    CHECK_EQ(deliver_on(rsp, BIT(6)).vector, VEC_EXIT);
    trap_handle(VEC_PF, NULL);
    CHECK_EQ(repairs, 1);
    CHECK_EQ(fault_cr2, cr2);
    CHECK_EQ(ui_count, 1);
    CHECK_DELIVERED(0, 6, USER(user_code));
    CHECK_EQ(ui_log[0].rsp, rsp);
    CHECK_EQ(ui_log[0].rflags & ~RFLAGS_RF, RFLAGS_FIXED);
    CHECK_EQ(recv_rr(), 0);
    CHECK(testui());
}

static void test_repaired(void)
{
    check_repair(UPPER_PAGE, STACK_TOP, STACK_TOP - 8);
}

/* The frame is on two pages; either may be the one that is missing. */
static void test_two_pages(void)
{
    uint64_t middle = (uint64_t)USER(UPPER_PAGE);

    check_repair(recv_stack, middle + 16, middle - 8);
    check_repair(UPPER_PAGE, middle + 16, middle + 8);
    CHECK_EQ(ui_log[0].at_rsp, middle - 16);
}

/* Neither is there: the old RSP is pushed first, and its fault is met. */
static void test_upper_page_first(void)
{
    uint64_t middle = (uint64_t)USER(UPPER_PAGE);
    uint64_t lower = vm_change(USER(recv_stack), PTE_P, 0);
    uint64_t upper = vm_change(USER(UPPER_PAGE), PTE_P, 0);

    check_page_fault(middle + 16, PF_W | PF_U, middle + 8);
    vm_restore(USER(recv_stack), lower);
    vm_restore(USER(UPPER_PAGE), upper);
}

const struct test tests[] = {
    { "R110-handler-canonical", test_handler_canonical },
    { "R110-handler-la57", test_handler_la57 },
    { "R110-handler-before-stack", test_handler_first },
    { "R118-non-canonical-stack", test_non_canonical_stack },
    { "R118-half-canonical", test_half_canonical },
    { "R118-last-canonical", test_last_canonical },
    { "R118-non-canonical-la57", test_non_canonical_la57 },
    { "R118-supervisor-stack", test_supervisor_stack },
    { "R118-supervisor-stack-loaded", test_supervisor_stack_loaded },
    { "R118-rights", test_rights },
    { "R118-pkru", test_pkru },
    { "R118-smap", test_smap },
    { "R119-repaired", test_repaired },
    { "R119-two-pages", test_two_pages },
    { "R118-upper-page-first", test_upper_page_first },
    {}
};
