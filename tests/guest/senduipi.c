/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SENDUIPI: operand, table entry, UPID (R24-R27, R38-R46, R53, R54, R60). */
#include "send_rules.h"

const char *const test_group = "/uintr/senduipi";

static struct upid *const upid = &send_upids[0];

/* ---- the formats, byte by byte, without the shared header ---- */

/* UV is byte 1, UPIDADDR bytes 8-15; with other bytes set nothing is sent. */
static void test_uitte_layout(void)
{
    uint8_t *entry = (uint8_t *)send_table;
    uint64_t address = (uint64_t)upid;

    send_setup();
    upid_fill(upid, UPID_SN, 0);
    memset(entry, 0, 16);
    CHECK_EQ(send_user(0), FAULT_GP);
    entry[0] = 1;
    entry[1] = 0x2a;
    memcpy(entry + 8, &address, 8);
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(42));
    for (int i = 0; i < 8; i++) {
        uint8_t old = entry[i];

        entry[i] = i == 1 ? 0x40 : old ^ 0x80;
        CHECK_EQ(send_user(0), FAULT_GP);
        entry[i] = old;
    }
}

/* ON and SN are bits 0 and 1, NV byte 2, NDST bytes 4-7, PIR bytes 8-15. */
static void test_upid_layout(void)
{
    uint8_t *bytes = (uint8_t *)upid;

    send_setup();
    memset(upid, 0, sizeof(*upid));
    bytes[2] = 0x77;
    bytes[apic_is_x2() ? 4 : 5] = apic_id();
    for (int i = 16; i < 64; i++) {
        bytes[i] = i;
    }
    CHECK_EQ(send_user(0), SENT);
    CHECK_EQ(bytes[0], 1);
    CHECK_EQ(bytes[2], 0x77);
    CHECK_EQ(bytes[8], BIT(SEND_UV));
    for (int i = 16; i < 64; i++) {
        CHECK_EQ(bytes[i], i);
    }
    CHECK_EQ(ipis_taken(0, 0x77), 1);
}

/* ---- R26, R27: reserved UPID bits, sender and receiver ---- */

static void test_reserved_ignored_by_receiver(void)
{
    uint64_t low = upid_low(NV, apic_id(), UPID_ON | UPID_SN) | upid_reserved;

    send_setup();
    upid_fill(upid, low, BIT(2));
    CHECK_EQ(send_user(0), FAULT_GP);
    uintr_receiver(UI_RECORD, upid, NV);
    apic_icr(apic_id(), ICR_ASSERT | NV);
    irq_window();
    CHECK_UPID(upid, low & ~1ull, 0);
    CHECK_EQ(rdmsr(UINTR_MSR_RR), BIT(2));
}

static int blocked_wakeups;

/* What a kernel does for a receiver that sleeps in it (R27). */
static void unblock(struct frame *f)
{
    blocked_wakeups++;
    CHECK_EQ(f->error, 0);
    upid->low &= ~BIT(7);
}

static void test_blocked_receiver(void)
{
    uint64_t low = upid_low(NV, apic_id(), 0);

    send_setup();
    upid_fill(upid, low | BIT(7), 0);
    blocked_wakeups = 0;
    trap_handle(VEC_GP, unblock);
    CHECK_EQ(send_user(0), SENT);
    trap_handle(VEC_GP, NULL);
    CHECK_EQ(blocked_wakeups, 1);
    CHECK_UPID(upid, low | UPID_ON, BIT(SEND_UV));
    CHECK_EQ(ipis_taken(0, NV), 1);
}

/* ---- R38, R40: encodings ---- */

static void test_operand_size(void)
{
    const struct insn same[] = {
        INSN(0x66, 0xf3, 0x0f, 0xc7, 0xf0),
        INSN(0xf3, 0x66, 0x0f, 0xc7, 0xf0),
        INSN(0xf3, 0x48, 0x0f, 0xc7, 0xf0),
        INSN(0x66, 0xf3, 0x48, 0x0f, 0xc7, 0xf0),
        INSN(0x67, 0xf3, 0x0f, 0xc7, 0xf0),
        INSN(0xf3, 0x44, 0x0f, 0xc7, 0xf0),     /* REX.R extends nothing */
    };

    send_setup();
    for (int i = 0; i < 6; i++) {
        upid_fill(upid, UPID_SN, 0);
        CHECK_EQ(execute(same[i], 3, 0, 0), SENT);
        CHECK_UPID(upid, UPID_SN, BIT(SEND_UV));
        upid_fill(upid, UPID_SN, 0);
        CHECK_EQ(execute(same[i], 3, 0, BIT(32)), FAULT_GP);
        CHECK_EQ(execute(same[i], 3, 0, BIT(16)), FAULT_GP);
        CHECK_UPID(upid, UPID_SN, 0);
    }
}

static void test_rip_of_fault(void)
{
    const struct insn vmxon_like =
        INSN(0xf3, 0x0f, 0xc7, 0xb4, 0x24, 1, 0, 0, 0);

    send_setup();
    uintr_sender(send_table, 1);
    CHECK_EQ(execute(vmxon_like, 3, 0, 0), FAULT_UD);
    for (int reg = 0; reg < 16; reg++) {
        CHECK_EQ(execute(senduipi_insn(reg), 3, reg, 1), FAULT_GP);
        CHECK_EQ(execute(senduipi_insn(reg), 0, reg, 1), FAULT_GP);
    }
}

/* ---- R33, R42, R43: what comes first ---- */

static void test_highest_index(void)
{
    send_setup();
    upid_fill(upid, UPID_SN, 0);
    send_table[7] = uitte(7, upid);
    send_table[8] = uitte(8, upid);
    uintr_sender(send_table, 8);
    CHECK_EQ(send_user(7), SENT);
    CHECK_EQ(send_user(8), FAULT_GP);
    uintr_sender(send_table, 9);
    CHECK_EQ(send_user(8), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(7) | BIT(8));
    uintr_sender(send_table, 1);
    CHECK_EQ(send_user(0), SENT);
    CHECK_EQ(send_user(1), FAULT_GP);
}

#define FAR_TABLE 0x0000010000000000ull

/* The offset has 36 bits and no sign: index 2^27 is 2 GiB up. */
static void offset_of(uint64_t index)
{
    uint64_t at = FAR_TABLE + index * 16;

    upid_fill(upid, UPID_SN, 0);
    vm_map(at, (uint64_t)send_table, PTE_P | PTE_W);
    send_table[at % PAGE_SIZE / 16] = uitte(33, upid);
    CHECK_EQ(send_user(index), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(33));
    vm_map(at, 0, 0);
    CHECK_EQ(send_user(index), FAULT_PF(0));
    CHECK_EQ(trap_cr2(), at);
}

static void test_far_entries(void)
{
    send_setup();
    wrmsr(UINTR_MSR_TT, FAR_TABLE | UINTR_TT_ENABLE);
    wrmsr(UINTR_MSR_MISC, 0xffffffff);
    offset_of(0);
    offset_of(BIT(27));
    offset_of(BIT(28) + 3);
    offset_of(BIT(31));
    offset_of(0xffffffff);
}

static void test_undefined_comes_first(void)
{
    uint64_t pte;

    send_setup();
    pte = vm_change(send_table, PTE_P, 0);
    write_cr4(read_cr4() & ~CR4_UINTR);
    CHECK_EQ(send_user(0), FAULT_UD);
    CHECK_EQ(send_user(1000), FAULT_UD);
    uintr_enable();
    CHECK_EQ(send_user(1000), FAULT_GP);
    CHECK_EQ(send_user(0), FAULT_PF(0));
    vm_restore(send_table, pte);
}

/* ---- R54, R60 ---- */

static void test_posts_add_up(void)
{
    uint64_t low = upid_low(NV, apic_id(), 0);

    send_setup();
    for (int v = 0; v < 64; v++) {
        send_table[v] = uitte(v, upid);
    }
    for (int v = 0; v < 64; v++) {
        CHECK_EQ(send_user(v), SENT);
        CHECK_UPID(upid, low | UPID_ON, v == 63 ? ~0ull : BIT(v + 1) - 1);
    }
    CHECK_EQ(ipis_taken(0, NV), 1);
}

static void test_neighbours_untouched(void)
{
    send_setup();
    for (int i = 0; i < SEND_UPIDS; i++) {
        upid_fill(&send_upids[i], UPID_SN, i);
        send_table[i] = uitte(63, &send_upids[i]);
    }
    CHECK_EQ(send_user(31), SENT);
    for (int i = 0; i < SEND_UPIDS; i++) {
        uint64_t pir = i == 31 ? BIT(63) | i : (uint64_t)i;

        CHECK_UPID(&send_upids[i], UPID_SN, pir);
        CHECK_EQ(send_table[i].low, 0x3f01);
    }
}

/* DF, AC, NT and the rest are neither looked at nor changed. */
static void test_flags_kept(void)
{
    const uint64_t flags[] = {
        0, RFLAGS_DF, RFLAGS_AC, RFLAGS_NT, RFLAGS_ID, RFLAGS_IF, RFLAGS_IOPL,
    };

    send_setup();
    upid_fill(upid, UPID_SN, 0);
    for (int i = 0; i < 7; i++) {
        execute_flags = flags[i];
        CHECK_EQ(send_user(0), SENT);
        CHECK_EQ(send_user(1), FAULT_GP);
    }
    CHECK_UPID(upid, UPID_SN, BIT(SEND_UV));
}

static void test_both_rings(void)
{
    uint64_t low = upid_low(NV, apic_id(), 0);

    for (int ring = 0; ring <= 3; ring += 3) {
        send_setup();
        CHECK_EQ(execute(senduipi_insn(0), ring, 0, 0), SENT);
        CHECK_UPID(upid, low | UPID_ON, BIT(SEND_UV));
        CHECK_EQ(ipis_taken(0, NV), 1);
    }
}

const struct test tests[] = {
    { "R24-uitte-layout", test_uitte_layout },
    { "R25-upid-layout", test_upid_layout },
    { "R26-reserved-ignored-by-receiver", test_reserved_ignored_by_receiver },
    { "R27-blocked-receiver", test_blocked_receiver },
    { "R31-undefined", rule_undefined },
    { "R32-both-rings", test_both_rings },
    { "R33-undefined-comes-first", test_undefined_comes_first },
    { "R38-neighbour-encodings", rule_neighbour_encodings },
    { "R38-rip-of-fault", test_rip_of_fault },
    { "R39-all-registers", rule_all_registers },
    { "R40-operand-size", test_operand_size },
    { "R43-wide-index", rule_wide_index },
    { "R43-highest-index", test_highest_index },
    { "R44-table-register-bits", rule_table_register_bits },
    { "R44-far-entries", test_far_entries },
    { "R46-uitte-fields", rule_uitte_fields },
    { "R53-upid-reserved", rule_upid_reserved },
    { "R54-all-vectors", rule_all_vectors },
    { "R54-posts-add-up", test_posts_add_up },
    { "R54-neighbours-untouched", test_neighbours_untouched },
    { "R60-flags-kept", test_flags_kept },
    {}
};
