/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MPX bounds that XRSTORS or a compacted XRSTOR loads take effect at once,
 * with the instruction after it (R152).
 */
#include "xsave.h"

const char *const test_group = "/uintr/xsave_bounds";

#define BNDCFG_ENABLE   BIT(0)

static struct area *area, *after;

void payload_start(void)
{
    area = page_alloc();
    after = page_alloc();
    xsave_enable_all();
}

/* Bounds from 1000H on, and BNDCFGU, which is for ring 3. */
static void make_bounds(bool enable)
{
    uint64_t *bounds = (uint64_t *)(area->bytes + EXTENDED_AT);

    memset(area, 0, sizeof(*area));
    area->xcomp_bv = XCOMP_COMPACTED | BNDREGS | BNDCSR;
    area->xstate_bv = BNDREGS | BNDCSR;
    bounds[0] = 0x1000;
    bounds[xsave_size(3) / sizeof(*bounds)] = enable ? BNDCFG_ENABLE : 0;
}

static void initialise_bounds(void)
{
    make_bounds(false);
    area->xstate_bv = 0;
    xsave_do(XRSTORS, area, BNDREGS | BNDCSR);
    CHECK_EQ(xgetbv(1) & BNDREGS, 0);
}

/*
 * A jump without BND prefix initialises the bounds.  This one is translated
 * together with the instruction that brings them into use.
 */
static uint64_t xstate_bv_after_jump(void)
{
    asm volatile("clc; xrstors64 %1; jnc 1f; 1: xsaves64 %0"
                 : "+m"(*after) : "m"(*area), "a"(BNDREGS), "d"(0)
                 : "cc", "memory");
    return after->xstate_bv;
}

static void test_jump(void)
{
    for (int enable = 0; enable < 2; enable++) {
        initialise_bounds();
        make_bounds(false);
        wrmsr(MSR_BNDCFGS, enable ? BNDCFG_ENABLE : 0);
        CHECK_EQ(xstate_bv_after_jump(), enable ? 0 : BNDREGS);
        wrmsr(MSR_BNDCFGS, 0);
    }
}

extern const char restore_and_check[];
asm("restore_and_check: xrstor64 (%rdi); bndcl (%rsi), %bnd0; ret");

static uint32_t bound_fault(uint64_t address)
{
    struct frame f = frame_user(restore_and_check, (uint64_t)USER(area),
                                address);

    f.rax = BNDREGS | BNDCSR;
    f.rdx = 0;
    return run(&f);
}

static void test_ring3(void)
{
    for (int turn = 0; turn < 4; turn++) {
        bool enable = turn & 1;

        make_bounds(enable);
        CHECK_EQ(bound_fault(0xfff), enable ? VEC_BR : VEC_EXIT);
        CHECK_EQ(bound_fault(0x1000), VEC_EXIT);
    }
    initialise_bounds();
}

const struct test tests[] = {
    { "R152-jump", test_jump },
    { "R152-ring3", test_ring3 },
    {}
};
