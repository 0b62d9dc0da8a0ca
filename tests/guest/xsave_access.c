/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an area may lie, and how its address is made: edges of the address
 * space, user pages, devices, ROM, prefixes, breakpoints on it (R144, R149,
 * R152).  Needs -device pc-testdev.
 */
#include "insns.h"
#include "modes.h"
#include "xsave.h"

const char *const test_group = "/uintr/xsave_access";

#define TESTDEV         0xff000000ull   /* MMIO that keeps data */
#define ROM             0xfffff000ull
#define TOP_PAGE        (-PAGE_SIZE)
#define MAPPED          0x6000000000
#define RFLAGS_TF       BIT(8)
#define DR6_B0          BIT(0)
#define MSR_FS_BASE     0xc0000100

static struct area *area, *before, *after;
static uint64_t seed, user;

static const struct uintr_image other = { .misc = 0x1234, .pd = 0x80 };

void payload_start(void)
{
    area = pages_alloc(2);
    before = page_alloc();
    after = page_alloc();
    xsave_enable_all();
    user = xgetbv(0);
}

static void random_user_state(void)
{
    xsave_random(after, user, &seed);
    xsave_do(XRSTOR, after, ~0ull);
}

static void other_state(void)
{
    random_user_state();
    uintr_write(&other);
}

/* ---- a round trip, or a fault of each that changes nothing ---- */

static void round_trip(struct area *at)
{
    struct uintr_image now = uintr_without_uinv(uintr_full);

    random_user_state();
    xsave_snapshot(before);
    uintr_write(&uintr_full);
    memset((void *)at + LEGACY_SIZE, 0, HEADER_SIZE);
    xsave_do(XSAVES, at, ~0ull);
    check_uintr(&now);
    other_state();
    xsave_do(XRSTORS, at, ~0ull);
    check_uintr(&uintr_full);
    xsave_snapshot(after);
    CHECK(!memcmp(before, after, sizeof(*before)));
}

static const enum xsave_insn insns[] = { XSAVEC, XSAVES, XRSTOR, XRSTORS };

static bool writes(enum xsave_insn insn)
{
    return insn == XSAVEC || insn == XSAVES;
}

/* The image is a valid one for all of them, in case that it can be read. */
static void check_refused(const void *at, uint64_t vector)
{
    struct frame f;

    other_state();
    xsave_snapshot(before);
    for (int i = 0; i < 4; i++) {
        f = frame_kernel(xsave_code[insns[i]], (uint64_t)at, 0);
        f.rax = f.rdx = ~0u;
        run(&f);
        CHECK_EQ(f.vector, vector);
        CHECK_EQ(f.rip, xsave_code[insns[i]]);
        CHECK_EQ(f.error, vector == VEC_PF ?
                 PF_P | (writes(insns[i]) ? PF_W : 0) : 0);
    }
    xsave_snapshot(after);
    CHECK(!memcmp(before, after, sizeof(*before)));
    check_uintr(&other);
}

static void valid_area(struct area *at)
{
    random_user_state();
    memset((void *)at + LEGACY_SIZE, 0, HEADER_SIZE);
    xsave_do(XSAVEC, at, ~0ull);
}

/* ---- edges of the address space ---- */

static void test_wraps(void)
{
    uint64_t last = *vm_pte(TOP_PAGE), first = *vm_pte(0);

    vm_map(TOP_PAGE, (uint64_t)area, PTE_P | PTE_W);
    vm_map(0, (uint64_t)area + PAGE_SIZE, PTE_P | PTE_W);
    for (int at = 64; at <= 1024; at += 64) {
        round_trip((void *)(uint64_t)-at);
    }
    vm_restore((void *)TOP_PAGE, last);
    vm_restore((void *)0, first);
}

/* Seen from below and from above, where the header is the first access. */
static void check_hole(uint64_t begin)
{
    check_refused((void *)begin, VEC_GP);
    check_refused((void *)(-begin - EXTENDED_AT), VEC_GP);
}

/* The first page is there, the next address is none. */
static void test_non_canonical(void)
{
    uint64_t begin = BIT(47);

    vm_map(begin - PAGE_SIZE, (uint64_t)area, PTE_P | PTE_W);
    round_trip((void *)(begin - 1024));
    valid_area((void *)(begin - 1024));
    memcpy((void *)(begin - EXTENDED_AT), (void *)(begin - 1024), EXTENDED_AT);
    check_refused((void *)(begin - EXTENDED_AT), VEC_GP);
    check_refused((void *)(begin - 64), VEC_GP);
    check_hole(begin);
    vm_la57(true);
    check_hole(BIT(56));
    vm_la57(false);
}

/* ---- user pages ---- */

/* They are ordinary accesses: RFLAGS.AC opens the page. */
static void test_smap(void)
{
    struct frame f;

    valid_area(USER(area));
    write_cr4(read_cr4() | CR4_SMAP);
    check_refused(USER(area), VEC_PF);
    for (int i = 0; i < 4; i++) {
        f = frame_kernel(xsave_code[insns[i]], (uint64_t)USER(area), 0);
        f.rflags |= RFLAGS_AC;
        CHECK_EQ(run(&f), VEC_EXIT);
    }
    write_cr4(read_cr4() & ~CR4_SMAP);
}

static void test_user_error_code(void)
{
    struct area *page = page_alloc();
    uint64_t pte = vm_change(USER(page), PTE_P, 0);
    struct frame f = xsave_frame(XSAVEC, 3, page, ~0ull);

    CHECK_EQ(f.vector, VEC_PF);
    CHECK_EQ(f.error, PF_W | PF_U);
    f = xsave_frame(XRSTOR, 3, page, ~0ull);
    CHECK_EQ(f.vector, VEC_PF);
    CHECK_EQ(f.error, PF_U);
    vm_restore(USER(page), pte);
    f = xsave_frame(XSAVES, 3, page, ~0ull);
    CHECK_EQ(f.vector, VEC_GP);
}

/* ---- no memory behind it ---- */

static void test_device(void)
{
    round_trip((void *)TESTDEV);
    vm_map(MAPPED, (uint64_t)area, PTE_P | PTE_W);
    vm_map(MAPPED + PAGE_SIZE, TESTDEV, PTE_P | PTE_W);
    vm_map(MAPPED + 2 * PAGE_SIZE, (uint64_t)area, PTE_P | PTE_W);
    for (int at = 64; at <= 1024; at += 64) {
        round_trip((void *)MAPPED + PAGE_SIZE - at);
        round_trip((void *)MAPPED + 2 * PAGE_SIZE - at);
    }
}

static void test_device_header(void)
{
    memset((void *)TESTDEV, 0, 1024);
    valid_area((void *)TESTDEV);
    ((struct area *)TESTDEV)->xcomp_bv |= BIT(62);
    other_state();
    xsave_snapshot(before);
    CHECK_EQ(xsave_fault(XRSTOR, (void *)TESTDEV, ~0ull), VEC_GP);
    CHECK_EQ(xsave_fault(XRSTORS, (void *)TESTDEV, ~0ull), VEC_GP);
    xsave_snapshot(after);
    CHECK(!memcmp(before, after, sizeof(*before)));
    check_uintr(&other);
}

/* Writes that go nowhere are writes all the same. */
static void test_rom(void)
{
    static uint8_t rom[1024];
    struct uintr_image now = uintr_without_uinv(uintr_full);

    memcpy(rom, (void *)ROM, sizeof(rom));
    uintr_write(&uintr_full);
    xsave_do(XSAVES, (void *)ROM, ~0ull);
    check_uintr(&now);
    CHECK(!memcmp(rom, (void *)ROM, sizeof(rom)));
}

/* ---- memory that another CPU is changing ---- */

static volatile bool stop;

static void change_image(uint64_t unused __attribute__((unused)))
{
    volatile uint64_t *handler = &image_in(area)->handler;
    volatile uint32_t *mxcsr = &area->mxcsr;

    for (uint32_t i = 0; !stop; i++) {
        *handler = i & 1 ? BIT(63) : 0x7000;
        *mxcsr = i & 2 ? BIT(31) : 0x1f80;
        area->xcomp_bv ^= BIT(62);
    }
}

/* What is checked is what is loaded: an illegal value never gets through. */
static void test_changing_image(void)
{
    uint32_t loaded = 0, refused = 0;

    stop = false;
    uintr_write(&other);
    memset(area, 0, sizeof(*area));
    xsave_do(XSAVES, area, SSE | UINTR);
    smp_run(1, change_image, 0);
    while (loaded < 1000 || refused < 1000) {
        uint64_t vector = xsave_fault(XRSTORS, area, SSE | UINTR);

        CHECK(vector == 0 || vector == VEC_GP);
        loaded += vector == 0;
        refused += vector == VEC_GP;
        CHECK(rdmsr(UINTR_MSR_HANDLER) <= 0x7000);
        xsave_snapshot(after);
        CHECK_EQ(after->mxcsr >> 16, 0);
    }
    stop = true;
    smp_wait(1);
}

/* ---- encodings ---- */

static struct frame run_insn(int cpl, const struct insn *insn, uint64_t rdi)
{
    struct frame f = frame_insn(cpl, insn);

    f.rdi = rdi;
    f.rax = f.rdx = ~0u;
    run(&f);
    return f;
}

static const struct insn memory_forms[] = {
    { "xrstors", 3, { 0x0f, 0xc7, 0x1f } },
    { "xsavec", 3, { 0x0f, 0xc7, 0x27 } },
    { "xsaves", 3, { 0x0f, 0xc7, 0x2f } },
};

static void test_register_forms(void)
{
    for (int i = 0; i < 3; i++) {
        for (int cpl = 0; cpl <= 3; cpl += 3) {
            struct insn insn = memory_forms[i];
            struct frame f;

            insn.bytes[2] |= 0xc0;
            f = run_insn(cpl, &insn, (uint64_t)area);
            check_ud(&f, &insn, "of a register");
        }
    }
}

static void check_form(const struct insn *insn, uint64_t rdi)
{
    struct frame f;

    memset(area, 0, sizeof(*area));
    uintr_write(&uintr_full);
    f = run_insn(0, insn, rdi);
    CHECK_EQ(f.vector, VEC_EXIT);
    CHECK(!memcmp(area, after, sizeof(*area)));
}

/* REX.W is about FIP and FDP, which QEMU does not keep; 67H cuts RDI. */
static void test_address(void)
{
    static const struct insn *xsaves = &memory_forms[2];
    struct insn rex_w = prefixed(xsaves, 0x48), a32 = prefixed(xsaves, 0x67),
                fs = prefixed(xsaves, 0x64);

    random_user_state();
    memset(area, 0, sizeof(*area));
    uintr_write(&uintr_full);
    xsave_do(XSAVES, area, ~0ull);
    *after = *area;
    for (int i = 8; i < 24; i++) {
        CHECK_EQ(area->bytes[i], 0);
    }
    check_form(xsaves, (uint64_t)area);
    check_form(&rex_w, (uint64_t)area);
    check_form(&a32, (uint64_t)area | 0xdead0000ull << 32);
    wrmsr(MSR_FS_BASE, 8);
    check_form(&fs, (uint64_t)area - 8);    /* the sum is aligned */
    CHECK_EQ(run_insn(0, &fs, (uint64_t)area).vector, VEC_GP);
    wrmsr(MSR_FS_BASE, 0);
}

/* ---- traps after the instruction: it is executed once ---- */

static void set_breakpoint(const void *at)
{
    uint64_t dr7 = at ? 0x000b0001 : 0;     /* 8 bytes, read or written */

    asm volatile("mov %0, %%dr0" : : "r"(at));
    asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ull));
    asm volatile("mov %0, %%dr7" : : "r"(dr7));
}

static uint64_t triggered(void)
{
    uint64_t dr6;

    asm volatile("mov %%dr6, %0" : "=r"(dr6));
    return dr6 & 0xf;
}

static void check_trap(enum xsave_insn insn, const void *breakpoint)
{
    struct frame f = frame_kernel(xsave_code[insn], (uint64_t)area, 0);

    f.rax = f.rdx = ~0u;
    f.rflags |= breakpoint ? 0 : RFLAGS_TF;
    set_breakpoint(breakpoint);
    run(&f);
    CHECK_EQ(triggered(), breakpoint ? DR6_B0 : 0);
    set_breakpoint(NULL);
    CHECK_EQ(f.vector, VEC_DB);
    CHECK_EQ(f.rip, xsave_code[insn] + 4);
}

static void check_trapped(const void *breakpoint)
{
    struct uintr_image now = uintr_without_uinv(uintr_full);

    random_user_state();
    xsave_snapshot(before);
    uintr_write(&uintr_full);
    memset(area, 0, sizeof(*area));
    check_trap(XSAVES, breakpoint);
    check_uintr(&now);
    CHECK_EQ(area->xstate_bv, user | UINTR);
    other_state();
    check_trap(XRSTORS, breakpoint);
    check_uintr(&uintr_full);
    xsave_snapshot(after);
    CHECK(!memcmp(before, after, sizeof(*before)));
}

static void test_single_step(void)
{
    check_trapped(NULL);
}

static void test_breakpoint(void)
{
    check_trapped(&area->xstate_bv);
    check_trapped(&area->xmm[3]);
    check_trapped(area->bytes + xsave_compacted_at(user, 14));
}

const struct test tests[] = {
    { "R152-wraps-at-the-top", test_wraps },
    { "R152-non-canonical", test_non_canonical },
    { "R152-smap", test_smap },
    { "R152-user-error-code", test_user_error_code },
    { "R152-device", test_device },
    { "R152-device-header", test_device_header },
    { "R142-rom", test_rom },
    { "R148-changing-image", test_changing_image, 2 },
    { "R152-register-forms", test_register_forms },
    { "R152-address", test_address },
    { "R146-single-step", test_single_step },
    { "R146-breakpoint", test_breakpoint },
    {}
};
