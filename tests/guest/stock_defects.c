/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Defects of stock QEMU that the other payloads would trip over. */
#include "xsave.h"

const char *const test_group = "/stock";

static void check_gp0(const struct frame *f, const void *fn)
{
    CHECK_EQ(f->vector, VEC_GP);
    CHECK_EQ(f->error, 0);
    CHECK_EQ(f->rip, fn);               /* the MOV itself, so it is a fault */
}

/* Nothing but the MOV and a RET, so that the faulting RIP is known. */
extern char mov_cr4[], mov_cr3[];
asm("mov_cr4: mov %rdi, %cr4; ret\n"
    "mov_cr3: mov %rdi, %cr3; ret\n");

static const int cr4_reserved[] = { 15, 31, 32, 63 };

static void test_cr4(void)
{
    uint64_t cr4 = read_cr4();
    int n = sizeof(cr4_reserved) / sizeof(cr4_reserved[0]);

    for (int i = 0; i < n; i++) {
        struct frame f = frame_kernel(mov_cr4, cr4 | BIT(cr4_reserved[i]), 0);

        run(&f);
        check_gp0(&f, mov_cr4);
        CHECK_EQ(read_cr4(), cr4);
    }
    CHECK_EQ(run_kernel(mov_cr4, cr4, 0), VEC_EXIT);
}

static void test_cr3(void)
{
    uint64_t cr3 = read_cr3();
    int width = cpuid(0x80000008, 0).eax & 0xff;

    for (int bit = width; bit < 52; bit++) {
        struct frame f = frame_kernel(mov_cr3, cr3 | BIT(bit), 0);

        run(&f);
        check_gp0(&f, mov_cr3);
        CHECK_EQ(read_cr3(), cr3);
    }
    CHECK_EQ(run_kernel(mov_cr3, cr3, 0), VEC_EXIT);
}

/*
 * A guest sees the same fault.  Its hypervisor asks for #GP and must not be
 * told that the guest's state is invalid.
 */
#define EFER_SVME               BIT(12)
#define MSR_VM_HSAVE_PA         0xc0010117
#define VMCB_EXCEPTIONS         0x008
#define VMCB_INTERCEPTS         0x010
#define VMCB_ASID               0x058
#define VMCB_EXIT_CODE          0x070
#define VMCB_EXIT_INFO_1        0x078
#define VMCB_CS                 0x410
#define VMCB_SS                 0x420
#define VMCB_DS                 0x430
#define VMCB_EFER               0x4d0
#define VMCB_CR4                0x548
#define VMCB_CR3                0x550
#define VMCB_CR0                0x558
#define VMCB_RFLAGS             0x570
#define VMCB_RIP                0x578
#define VMCB_RSP                0x5d8
#define INTERCEPT_VMRUN         1
#define VMEXIT_EXCP_GP          (0x40 + VEC_GP)

static uint64_t *at(void *vmcb, int offset)
{
    return (uint64_t *)((char *)vmcb + offset);
}

/* Selector and attributes (16 bits each), limit, and then the base. */
static uint64_t segment(uint16_t selector, uint16_t attributes)
{
    return 0xffffffffull << 32 | (uint64_t)attributes << 16 | selector;
}

static void *new_guest(const void *rip)
{
    void *vmcb = page_alloc();

    *at(vmcb, VMCB_EXCEPTIONS) = BIT(VEC_GP);
    *at(vmcb, VMCB_INTERCEPTS) = INTERCEPT_VMRUN;
    *at(vmcb, VMCB_ASID) = 1;
    *at(vmcb, VMCB_CS) = segment(SEL_KCODE, 0xa9b);
    *at(vmcb, VMCB_SS) = segment(SEL_KDATA, 0xc93);
    *at(vmcb, VMCB_DS) = segment(SEL_KDATA, 0xc93);
    *at(vmcb, VMCB_EFER) = rdmsr(MSR_EFER);
    *at(vmcb, VMCB_CR4) = read_cr4();
    *at(vmcb, VMCB_CR3) = read_cr3();
    *at(vmcb, VMCB_CR0) = read_cr0();
    *at(vmcb, VMCB_RFLAGS) = RFLAGS_FIXED;
    *at(vmcb, VMCB_RIP) = (uint64_t)rip;
    *at(vmcb, VMCB_RSP) = (uint64_t)stack_top(0, STACK_RUN);
    return vmcb;
}

static void check_guest_fault(const void *fn, uint64_t value)
{
    void *vmcb = new_guest(fn);

    asm volatile("vmrun; stgi" : : "a"(vmcb), "D"(value) : "memory");
    CHECK_EQ(*at(vmcb, VMCB_EXIT_CODE), VMEXIT_EXCP_GP);
    CHECK_EQ(*at(vmcb, VMCB_EXIT_INFO_1), 0);
    CHECK_EQ(*at(vmcb, VMCB_RIP), fn);
}

static void test_guest(void)
{
    if (!(cpuid(0x80000001, 0).ecx & BIT(2))) {
        skip("no SVM");
    }
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, (uint64_t)page_alloc());
    check_guest_fault(mov_cr4, read_cr4() | BIT(31));
    check_guest_fault(mov_cr3, read_cr3() | BIT(51));
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}

/*
 * The timer's current count depends on the clock, and more instructions of
 * the same block follow the RDMSR.
 */
static void test_timer_count(void)
{
    uint32_t first, second;

    apic_write(APIC_TIMER_DIV, 0xb);
    apic_write(APIC_TIMER_INIT, 0xffffffff);
    first = apic_read(APIC_TIMER_NOW);
    for (int i = 0; i < 1000; i++) {
        cpu_relax();
    }
    second = apic_read(APIC_TIMER_NOW);
    apic_write(APIC_TIMER_INIT, 0);
    CHECK(second < first);
    CHECK_EQ(apic_read(APIC_TIMER_NOW), 0);
}

/* An area whose second page is a device, or the first of all pages. */
static void save_across(uint64_t va, uint64_t second)
{
    void *area = (void *)(va + PAGE_SIZE - 64);
    uint64_t old = *vm_pte(va + PAGE_SIZE);

    vm_map(va, (uint64_t)page_alloc(), PTE_P | PTE_W);
    vm_map(va + PAGE_SIZE, second, PTE_P | PTE_W);
    asm volatile("fxsave64 (%0); fxrstor64 (%0)" : : "r"(area) : "memory");
    vm_restore((void *)(va + PAGE_SIZE), old);
}

static void test_block_ends_in_device(void)
{
    write_cr4(read_cr4() | CR4_OSFXSR);
    save_across(0x6000000000, 0xfed00000);
}

static void test_block_ends_at_0(void)
{
    write_cr4(read_cr4() | CR4_OSFXSR);
    save_across(-PAGE_SIZE, (uint64_t)page_alloc());
}

/*
 * PAUSE with a host thread of one's own goes on in translated code, which
 * costs about two calls with their returns.  To leave the CPU loop costs 15.
 */
#define SPINS 100           /* of 200 one gives the host's processor away */
#define ATTEMPTS 1000
#define PAUSE_PER_RETURN 5

extern char spin_pause[], spin_return[];
asm("spin_pause:  pause; dec %rdi; jnz spin_pause; ret\n"
    "spin_return: call 1f; dec %rdi; jnz spin_return; ret\n"
    "1: ret\n");

static uint64_t fastest(const char *loop)
{
    uint64_t best = -1;

    for (int i = 0; i < ATTEMPTS; i++) {
        uint64_t start = rdtsc(), taken;

        ((void (*)(uint64_t))loop)(SPINS);
        taken = rdtsc() - start;
        best = taken < best ? taken : best;
    }
    return best;
}

static void test_pause(void)
{
    if (!arg_is("accel", "mttcg")) {
        skip("PAUSE hands over to another vCPU");
        return;
    }
    CHECK(fastest(spin_pause) < PAUSE_PER_RETURN * fastest(spin_return));
}

/* #UD without CR4.OSXSAVE, then #NM, and only then #GP for the address. */
static void check_not_available(enum xsave_insn insn, const void *area)
{
    write_cr0(read_cr0() | CR0_TS);
    CHECK_EQ(xsave_fault(insn, area, 0), VEC_NM);
    CHECK_EQ(xsave_fault(insn, area + 1, 0), VEC_NM);
    CHECK_EQ(xsave_frame(insn, 3, area, 0).vector, VEC_NM);
    write_cr4(read_cr4() & ~CR4_OSXSAVE);
    CHECK_EQ(xsave_fault(insn, area, 0), VEC_UD);
    write_cr4(read_cr4() | CR4_OSXSAVE);
    write_cr0(read_cr0() & ~CR0_TS);
    CHECK_EQ(xsave_fault(insn, area, 0), 0);
}

static void test_xsave_not_available(void)
{
    struct area *area = page_alloc();

    xsave_enable(X87, 0);
    check_not_available(XSAVE, area);
    check_not_available(XSAVEOPT, area);
    check_not_available(XRSTOR, area);
}

const struct test tests[] = {
    { "cr4-reserved-bits-fault", test_cr4 },
    { "cr3-reserved-bits-fault", test_cr3 },
    { "cr-reserved-bits-fault-in-guest", test_guest },
    { "timer-count-in-mid-block", test_timer_count },
    { "block-ends-in-device", test_block_ends_in_device },
    { "block-ends-at-0", test_block_ends_at_0 },
    { "pause-spins-in-place", test_pause },
    { "xsave-not-available", test_xsave_not_available },
    {}
};
