/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How an earlier emulator kept user interrupts out of context switches; the
 * names are the ids of its list.  The rules themselves are in xsave.c and
 * xrstors.c.
 */
#include "recv.h"
#include "xsave.h"

const char *const test_group = "/uintr/predecessor";

static struct area area;

static void enable(void)
{
    uintr_enable();
    xsave_enable(X87 | SSE, UINTR);
    memset(&area, 0, sizeof(area));
}

static struct uintr_image *saved(void)
{
    return (struct uintr_image *)(area.bytes + EXTENDED_AT);
}

/* Intel's Linux asks for all of this before it switches UINTR on. */
static void c2_offered_with_its_state(void)
{
    struct cpuid component = cpuid(0xd, 14);

    CHECK(cpuid(7, 0).edx & BIT(UINTR_CPUID_7_0_EDX_BIT));
    CHECK(cpuid(1, 0).ecx & BIT(26));           /* XSAVE */
    CHECK_EQ(cpuid(0xd, 1).eax & 0xf, 0xf);     /* ... XSAVES */
    CHECK(cpuid(0xd, 1).ecx & UINTR);           /* in IA32_XSS */
    CHECK(!(cpuid(0xd, 0).eax & UINTR));        /* not in XCR0 */
    CHECK_EQ(component.eax, sizeof(struct uintr_image));
    CHECK_EQ(component.ebx, 0);
    CHECK_EQ(component.ecx, 1);
}

static void x1_state_is_switched(void)
{
    static const struct uintr_image other = { .handler = 0x1000, .tt = 0x2000 };
    struct uintr_image mine = uintr_without_uinv(uintr_full);

    enable();
    uintr_write(&mine);
    xsaves(&area);
    uintr_write(&other);
    xrstors(&area);
    check_uintr(&mine);
}

static void x2_save_clears_uinv(void)
{
    enable();
    uintr_write(&uintr_full);
    xsaves(&area);
    CHECK_EQ(rdmsr(UINTR_MSR_MISC) >> UINTR_MISC_UINV_SHIFT, 0);
}

static void x3_uif_goes_with_the_task(void)
{
    enable();
    wrmsr(UINTR_MSR_HANDLER, 0x1000);
    stui();
    xsaves(&area);
    clui();
    xrstors(&area);
    CHECK(testui());
    memset(&area, 0, sizeof(area));
    area.xcomp_bv = XCOMP_COMPACTED | UINTR;    /* initialise it */
    xrstors(&area);
    CHECK(!testui());
}

static void x4_bad_values_fault(void)
{
    enable();
    wrmsr(UINTR_MSR_HANDLER, 0x1000);
    xsaves(&area);
    saved()->handler = BIT(62);
    CHECK_EQ(xsave_fault(XRSTORS, &area, -1), VEC_GP);
    saved()->handler = 0x1000;
    saved()->pd = 1;
    CHECK_EQ(xsave_fault(XRSTORS, &area, -1), VEC_GP);
    saved()->pd = 0;
    wrmsr(UINTR_MSR_MISC, (uint64_t)NV << UINTR_MISC_UINV_SHIFT);
    CHECK_EQ(xsave_fault(XRSTORS, &area, -1), VEC_GP);
    wrmsr(UINTR_MSR_MISC, 0);
    xrstors(&area);
}

CODE(nothing, "nop; nop; " EXIT_ASM);

static void x5_restored_request_is_delivered(void)
{
    enable();
    uintr_receiver(UI_RECORD, recv_upid, NV);
    xsaves(&area);
    area.xstate_bv |= UINTR;
    saved()->rr = BIT(1);
    saved()->misc |= MISC_UIF;
    xrstors(&area);
    CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].vector, 1);
}

static void x6_lies_where_the_format_says(void)
{
    enable();
    uintr_write(&uintr_full);
    asm volatile("xsaves64 %0" : "+m"(area) : "a"(UINTR), "d"(0) : "memory");
    CHECK_EQ(area.xcomp_bv, XCOMP_COMPACTED | UINTR);
    CHECK_EQ(saved()->handler, uintr_full.handler);
    CHECK_EQ(saved()->tt, uintr_full.tt);
}

const struct test tests[] = {
    { "C2", c2_offered_with_its_state },
    { "X1", x1_state_is_switched },
    { "X2", x2_save_clears_uinv },
    { "X3", x3_uif_goes_with_the_task },
    { "X4", x4_bad_values_fault },
    { "X5", x5_restored_request_is_delivered },
    { "X6", x6_lies_where_the_format_says },
    {}
};
