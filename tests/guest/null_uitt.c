/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SENDUIPI without a table (R41, R42, R45).  The argument null-uitt= names
 * what x-uintr-null-uitt= of the CPU was set to: gp (the default), gp-all or
 * sdm.
 */
#include "send.h"

const char *const test_group = "/uintr/null-uitt";

#define UNTOUCHED 0x5a5a000             /* CR2 that no access here leaves */

static struct upid *const upid = &send_upids[0];
static uint64_t page_zero;

static uint64_t disabled_outcome(void)
{
    return arg_is("null-uitt", "gp-all") ? FAULT_GP : FAULT_UD;
}

static bool access_happens(void)
{
    return arg_is("null-uitt", "sdm");
}

/* Linear page 0 holds a table whose entries 0 and 9 are good, or nothing. */
static void setup(bool mapped)
{
    static struct uitte *page;

    send_setup();
    page = page ? page : page_alloc();
    page[0] = page[9] = uitte(SEND_UV, upid);
    upid_fill(upid, UPID_SN, 0);
    page_zero = *vm_pte(0);
    vm_map(0, (uint64_t)page, mapped ? PTE_P | PTE_W : 0);
    write_cr2(UNTOUCHED);
}

static void teardown(void)
{
    vm_restore((void *)0, page_zero);
}

static void both_rings(uint64_t index, uint64_t outcome)
{
    CHECK_EQ(send_user(index), outcome);
    CHECK_EQ(send_kernel(index), outcome);
}

/* TT[0]=0, with a table address and without, index too high or not. */
static void test_disabled(void)
{
    for (int i = 0; i < 4; i++) {
        setup(i & 1);
        wrmsr(UINTR_MSR_TT, i & 2 ? (uint64_t)send_table : 0);
        wrmsr(UINTR_MSR_MISC, 9);
        both_rings(0, disabled_outcome());
        both_rings(9, disabled_outcome());
        CHECK_EQ(read_cr2(), UNTOUCHED);
        CHECK_UPID(upid, UPID_SN, 0);
        teardown();
    }
}

static void test_disabled_beats_index(void)
{
    setup(true);
    wrmsr(UINTR_MSR_TT, 0);
    wrmsr(UINTR_MSR_MISC, 0);
    both_rings(5, disabled_outcome());
    both_rings(~0ull, disabled_outcome());
    wrmsr(UINTR_MSR_TT, (uint64_t)send_table | UINTR_TT_ENABLE);
    both_rings(5, FAULT_GP);
    teardown();
}

/* The feature being off is #UD under every setting. */
static void test_cr4_comes_first(void)
{
    setup(true);
    for (int enabled = 0; enabled <= 1; enabled++) {
        wrmsr(UINTR_MSR_TT, enabled);
        write_cr4(read_cr4() & ~CR4_UINTR);
        both_rings(0, FAULT_UD);
        both_rings(1000, FAULT_UD);
        uintr_enable();
    }
    CHECK_UPID(upid, UPID_SN, 0);
    teardown();
}

static void test_null_table_mapped(void)
{
    uint64_t outcome = access_happens() ? SENT : FAULT_GP;

    setup(true);
    wrmsr(UINTR_MSR_TT, UINTR_TT_ENABLE);
    wrmsr(UINTR_MSR_MISC, 9);
    both_rings(0, outcome);
    both_rings(9, outcome);
    both_rings(10, FAULT_GP);
    CHECK_UPID(upid, UPID_SN, access_happens() ? BIT(SEND_UV) : 0);
    CHECK_EQ(read_cr2(), UNTOUCHED);
    teardown();
}

static void test_null_table_unmapped(void)
{
    uint64_t outcome = access_happens() ? FAULT_PF(0) : FAULT_GP;

    setup(false);
    wrmsr(UINTR_MSR_TT, UINTR_TT_ENABLE);
    wrmsr(UINTR_MSR_MISC, 9);
    both_rings(9, outcome);
    CHECK_EQ(read_cr2(), access_happens() ? 9 * 16 : UNTOUCHED);
    both_rings(0, outcome);
    CHECK_EQ(read_cr2(), access_happens() ? 0 : UNTOUCHED);
    teardown();
}

/* Only the address 0 is null: the next possible table is a table. */
static void test_lowest_table(void)
{
    setup(true);
    wrmsr(UINTR_MSR_TT, 16 | UINTR_TT_ENABLE);
    both_rings(8, SENT);
    CHECK_UPID(upid, UPID_SN, BIT(SEND_UV));
    both_rings(0, FAULT_GP);
    teardown();
}

/* A null UPID address is an address like any other. */
static void test_null_upid(void)
{
    setup(false);
    send_table[0].upid = 0;
    both_rings(0, FAULT_PF(PF_W));
    CHECK_EQ(read_cr2(), 0);
    teardown();
}

const struct test tests[] = {
    { "R41-disabled", test_disabled },
    { "R42-disabled-beats-index", test_disabled_beats_index },
    { "R33-cr4-comes-first", test_cr4_comes_first },
    { "R45-null-table-mapped", test_null_table_mapped },
    { "R45-null-table-unmapped", test_null_table_unmapped },
    { "R45-lowest-table", test_lowest_table },
    { "R45-null-upid", test_null_upid },
    {}
};
