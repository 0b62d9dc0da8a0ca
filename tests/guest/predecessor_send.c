/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sending half of what an earlier emulator of user interrupts did wrong;
 * the names are the ids of its list of defects.  Where a rule of the same
 * content exists, the two share the check.
 */
#include "send_rules.h"

const char *const test_group = "/uintr/predecessor";

static struct upid *const upid = &send_upids[0];

static void fields(void)
{
    rule_uitte_fields();
    rule_upid_reserved();
}

static void absent_and_broadcast(void)
{
    rule_absent_id();
    rule_broadcast();
}

/* The receiver's address was translated without asking if that worked. */
static void unmapped_receiver(void)
{
    uint64_t low = upid_low(NV, apic_id(), UPID_ON), pte;
    struct frame f = frame_kernel(irq_window, 0, 0);

    send_setup();
    upid_fill(upid, low, BIT(3));
    uintr_receiver(UI_RECORD, upid, NV);
    apic_icr(apic_id(), ICR_ASSERT | NV);
    pte = vm_change(upid, PTE_P, 0);
    CHECK_EQ(run(&f), VEC_PF);
    CHECK_EQ(f.error, PF_W);
    CHECK_EQ(trap_cr2(), (uint64_t)upid);
    vm_restore(upid, pte);
    CHECK_UPID(upid, low, BIT(3));
    CHECK_EQ(rdmsr(UINTR_MSR_RR), 0);
}

static void unmapped(void)
{
    rule_unmapped();
    unmapped_receiver();
}

static void locked(void)
{
    rule_locked(arg_number("n", 2000));
}

static void rights(void)
{
    rule_read_only();
    rule_dirty_bit();
    rule_smap();
}

const struct test tests[] = {
    { "S1", rule_all_registers },
    { "S2", rule_wide_index },
    { "S3", rule_neighbour_encodings },
    { "S4", rule_undefined },
    { "S5", rule_table_disabled },
    { "S6", rule_table_register_bits },
    { "S7", rule_scattered_table },
    { "S8", fields },
    { "S9", rule_all_vectors },
    { "S10", rule_on_sn, 3 },
    { "S11", rule_destination, 3 },
    { "S12", absent_and_broadcast, 3 },
    { "S13", rule_receiver_shorthand, 3 },
    { "S14", rule_icr, 3 },
    { "P1", unmapped },
    { "P2", locked, 4 },
    { "P3", rights },
    { "P4", rule_canonical_upid },
    {}
};
