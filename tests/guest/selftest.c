/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The framework itself: rings, faults, pages, processors, interrupts. */
#include "modes.h"

const char *const test_group = "/guest/lib";

static uint64_t add(uint64_t a, uint64_t b)
{
    return a + b;
}

static uint16_t read_cs(void)
{
    uint16_t cs;

    asm volatile("mov %%cs, %0" : "=r"(cs));
    return cs;
}

static void test_run_user(void)
{
    struct frame f = frame_user(add, 40, 2);

    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.rax, 42);
    f = frame_user(read_cs, 0, 0);
    run(&f);
    CHECK_EQ(f.rax & 0xffff, SEL_UCODE);
}

/* Without the prologue that a compiler may put in front of it. */
extern char undefined[];
asm("undefined: ud2\n");

static void test_run_fault(void)
{
    struct frame f = frame_user(undefined, 0, 0);

    CHECK_EQ(run(&f), VEC_UD);
    CHECK_EQ(f.rip, USER((uint64_t)undefined));
    CHECK_EQ(run_kernel(undefined, 0, 0), VEC_UD);
    CHECK_EQ(run_user(write_cr4, 0, 0), VEC_GP);
}

static uint64_t peek(volatile uint64_t *p)
{
    return *p;
}

static uint64_t word __attribute__((aligned(4096))) = 7;
static uint64_t page_filler[511] __attribute__((unused));

static void test_page_rights(void)
{
    uint64_t *user = USER(&word);
    struct frame f = frame_user(peek, (uint64_t)&word, 0);
    uint64_t pte;

    CHECK_EQ(run(&f), VEC_PF);
    CHECK_EQ(f.error, 5);
    CHECK_EQ(trap_cr2(), (uint64_t)&word);
    CHECK_EQ(run_user(peek, (uint64_t)user, 0), VEC_EXIT);
    pte = vm_change(user, PTE_P, 0);
    f = frame_user(peek, (uint64_t)user, 0);
    CHECK_EQ(run(&f), VEC_PF);
    CHECK_EQ(f.error, 4);
    vm_restore(user, pte);
    CHECK_EQ(run_user(peek, (uint64_t)user, 0), VEC_EXIT);
}

static void store_id(uint64_t to)
{
    *(volatile uint32_t *)to = apic_id() + 1;
}

static void test_processors(void)
{
    for (int i = 1; i < cpu_count() && i < MAX_CPUS; i++) {
        volatile uint32_t id = 0;

        smp_run(i, store_id, (uint64_t)&id);
        smp_wait(i);
        CHECK_EQ(id, i + 1);
    }
}

static void test_self_ipi(void)
{
    trap_handle(0x50, irq_count);
    apic_icr(apic_id(), ICR_ASSERT | 0x50);
    CHECK(WAIT_FOR(apic_requested(0x50)));
    irq_window();
    CHECK_EQ(irq_counts[0x50], 1);
    CHECK(!apic_in_service(0x50));
    trap_handle(0x50, NULL);
}

static void test_apic_mode(void)
{
    CHECK_EQ(apic_is_x2(), arg_is("apic", "x2apic"));
}

/* NOP, SMSW EAX, and then LAR, which only protected modes know. */
static void test_modes(void)
{
    static const uint8_t code[] = { 0x90, 0x0f, 0x01, 0xe0, 0x0f, 0x02, 0xc9 };

    for (enum mode mode = 0; mode < MODES; mode++) {
        bool protected = mode == MODE_PROTECTED0 || mode == MODE_PROTECTED3;
        struct mode_result r = mode_run(mode, code, sizeof(code));

        CHECK_EQ(r.vector, protected ? VEC_EXIT : VEC_UD);
        CHECK_EQ(r.ip, protected ? sizeof(code) + 2 : 4);
        r = mode_run(mode, code, 4);
        CHECK_EQ(r.vector, VEC_EXIT);
        CHECK_EQ(r.eax & 1, mode != MODE_REAL);
    }
    CHECK_EQ(this_cpu()->index, 0);
    CHECK_EQ(run_user(read_cs, 0, 0), VEC_EXIT);
}

/* DEC EAX, which is a REX prefix in 64-bit mode. */
static void test_compat(void)
{
    static const uint8_t code[] = { 0x48, 0x48 };

    for (int cpl = 0; cpl <= 3; cpl += 3) {
        struct frame f = frame_compat(cpl, code, sizeof(code));

        f.rax = 7;
        CHECK_EQ(run(&f), VEC_EXIT);
        CHECK_EQ(f.rax, 5);
        CHECK_EQ(f.cs & 3, cpl);
        CHECK_EQ(f.rip, COMPAT_CODE + sizeof(code) + 2);
    }
}

static void test_la57(void)
{
    uint64_t *high = (uint64_t *)BIT(47);
    struct frame f;

    if (!(cpuid(7, 0).ecx & BIT(16))) {
        skip("no LA57");
    }
    vm_map((uint64_t)high, (uint64_t)&word, PTE_P | PTE_W);
    vm_la57(true);
    CHECK(read_cr4() & CR4_LA57);
    f = frame_kernel(peek, (uint64_t)high, 0);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.rax, 7);
    vm_la57(false);
    CHECK(!(read_cr4() & CR4_LA57));
    CHECK_EQ(run_kernel(peek, (uint64_t)high, 0), VEC_GP);
    vm_map((uint64_t)high, 0, 0);
}

const struct test tests[] = {
    { "run-user", test_run_user },
    { "run-fault", test_run_fault },
    { "page-rights", test_page_rights },
    { "processors", test_processors, 2 },
    { "self-ipi", test_self_ipi },
    { "apic-mode", test_apic_mode },
    { "other-modes", test_modes },
    { "compatibility-mode", test_compat },
    { "five-level-paging", test_la57 },
    {}
};
