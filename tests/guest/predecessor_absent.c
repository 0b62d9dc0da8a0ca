/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an earlier emulator offered to CPUs that should know nothing of user
 * interrupts, qemu64 among them; the names are the ids of its list.
 */
#include "insns.h"
#include "modes.h"
#include "uintr.h"

const char *const test_group = "/uintr/predecessor";

static void c1_cr4_bit_reserved(void)
{
    uint64_t cr4 = read_cr4();

    CHECK_EQ(write_cr4_fault(cr4 | CR4_UINTR), VEC_GP);
    CHECK_EQ(read_cr4(), cr4);
}

static void c3_not_offered(void)
{
    struct cpuid basic = cpuid(0, 0);

    CHECK(basic.eax < 7 ||
          !(cpuid(7, 0).edx & BIT(UINTR_CPUID_7_0_EDX_BIT)));
}

static void m3_no_msrs(void)
{
    uint64_t value;

    for (uint32_t msr = UINTR_MSR_RR; msr <= UINTR_MSR_TT; msr++) {
        CHECK_EQ(wrmsr_fault(msr, 0), VEC_GP);
        CHECK_EQ(rdmsr_fault(msr, &value), VEC_GP);
    }
}

static void u7_undefined(void)
{
    for (int i = 0; i < UINTR_INSNS; i++) {
        for (int ring = 0; ring <= 3; ring += 3) {
            struct frame f = frame_insn(ring, &uintr_insns[i]);

            run(&f);
            check_ud(&f, &uintr_insns[i], "without CPUID.UINTR");
        }
    }
}

const struct test tests[] = {
    { "C1", c1_cr4_bit_reserved },
    { "C3", c3_not_offered },
    { "M3", m3_no_msrs },
    { "U7", u7_undefined },
    {}
};
