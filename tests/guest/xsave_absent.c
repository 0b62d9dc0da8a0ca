/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XSAVEC, XSAVES and component 14 where they were not asked for: no model has
 * them of itself, whatever its name promises.  And each one alone, where it
 * was asked for.
 *
 *   xsavec=on xsaves=on  as the stanza asks for    supported=BYTES
 */
#include "xsave.h"

const char *const test_group = "/uintr/xsave_absent";

static struct area *area;

void payload_start(void)
{
    area = page_alloc();
    if (cpuid(1, 0).ecx & BIT(26)) {
        write_cr4(read_cr4() | CR4_OSXSAVE | CR4_OSFXSR);
        xsetbv(0, xsave_user_components());
    }
}

static bool has(const char *insn)
{
    return arg_is(insn, "on");
}

static void test_cpuid(void)
{
    struct cpuid c;

    if (cpuid(0, 0).eax < 0xd) {
        skip("no leaf 0DH");
    }
    c = cpuid(0xd, 1);
    CHECK_EQ(!!(c.eax & BIT(1)), has("xsavec"));
    CHECK_EQ(!!(c.eax & BIT(3)), has("xsaves"));
    CHECK_EQ(c.ecx | c.edx, 0);
    c = cpuid(0xd, 14);
    CHECK_EQ(c.eax | c.ebx | c.ecx | c.edx, 0);
}

/* Stock TCG tells the size of all that the model has, enabled or not. */
static void test_size(void)
{
    bool exact = has("xsavec") || has("xsaves");

    if (!(cpuid(1, 0).ecx & BIT(26))) {
        skip("no XSAVE");
    }
    xsetbv(0, X87);
    CHECK_EQ(cpuid(0xd, 1).ebx, exact ? EXTENDED_AT :
             arg_number("supported", EXTENDED_AT));
    xsetbv(0, xsave_user_components());
    CHECK_EQ(cpuid(0xd, 1).ebx, arg_number("supported", EXTENDED_AT));
}

static uint64_t expect(const char *insn)
{
    return has(insn) ? 0 : VEC_UD;
}

static void test_instructions(void)
{
    memset(area, 0, sizeof(*area));
    area->xcomp_bv = XCOMP_COMPACTED;
    CHECK_EQ(xsave_fault(XSAVEC, area, 0), expect("xsavec"));
    CHECK_EQ(xsave_fault(XSAVES, area, 0), expect("xsaves"));
    CHECK_EQ(xsave_fault(XRSTORS, area, 0), expect("xsaves"));
    CHECK_EQ(xsave_frame(XSAVES, 3, area, 0).vector,
             has("xsaves") ? VEC_GP : VEC_UD);
}

static void test_compacted_xrstor(void)
{
    if (!(cpuid(1, 0).ecx & BIT(26))) {
        skip("no XSAVE");
    }
    memset(area, 0, sizeof(*area));
    CHECK_EQ(xsave_fault(XRSTOR, area, 0), 0);
    area->xcomp_bv = XCOMP_COMPACTED;
    CHECK_EQ(xsave_fault(XRSTOR, area, 0), has("xsavec") ? 0 : VEC_GP);
}

/* Without XSAVES the MSR is one of those that stock TCG does not know. */
static void test_xss(void)
{
    for (int bit = 0; bit < 64; bit++) {
        CHECK_EQ(wrmsr_fault(MSR_XSS, BIT(bit)), has("xsaves") ? VEC_GP : 0);
        CHECK_EQ(rdmsr(MSR_XSS), 0);
    }
    CHECK_EQ(wrmsr_fault(MSR_XSS, 0), 0);
}

static void test_state_is_left_alone(void)
{
    struct uintr_image image = { .misc = misc(5, 6), .pd = 0x40 };
    struct uintr_image now;

    if (!has("xsaves") || !(cpuid(7, 0).edx & BIT(5))) {
        skip("no XSAVES or no user interrupts");
    }
    uintr_write(&image);
    xsave_do(XSAVES, area, ~0ull);
    CHECK_EQ(area->xcomp_bv, XCOMP_COMPACTED | xsave_user_components());
    xsave_do(XRSTORS, area, ~0ull);
    now = uintr_read();
    CHECK(uintr_equal(&now, &image));
}

const struct test tests[] = {
    { "R4-cpuid", test_cpuid },
    { "R5-size", test_size },
    { "R152-instructions", test_instructions },
    { "R152-compacted-xrstor", test_compacted_xrstor },
    { "R153-xss", test_xss },
    { "R143-state-is-left-alone", test_state_is_left_alone },
    { NULL },
};
