/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operand, table entry and UPID of SENDUIPI (send_rules.h). */
#include "send_rules.h"

#define MSR_TSC_AUX 0xc0000103

static struct upid *const upid = &send_upids[0];

/* Every register has an index of its own, so a wrong one cannot pass. */
void rule_all_registers(void)
{
    send_setup();
    for (int reg = 0; reg < 16; reg++) {
        send_table[16 + reg] = uitte(40 + reg, upid);
    }
    for (int ring = 0; ring <= 3; ring += 3) {
        for (int reg = 0; reg < 16; reg++) {
            upid_fill(upid, UPID_SN, 0);
            CHECK_EQ(execute(senduipi_insn(reg), ring, reg, 16 + reg), SENT);
            CHECK_UPID(upid, UPID_SN, BIT(40 + reg));
        }
    }
}

/* The compare is of 64 unsigned bits and comes before any memory access. */
void rule_wide_index(void)
{
    const uint64_t beyond[] = {
        1, BIT(31), BIT(32), BIT(32) + SEND_UV, BIT(60), BIT(63), ~0ull,
    };
    uint64_t pte;

    send_setup();
    upid_fill(upid, UPID_SN, 0);
    uintr_sender(send_table, 1);
    pte = vm_change(send_table, PTE_P, 0);
    for (int i = 0; i < 7; i++) {
        CHECK_EQ(send_user(beyond[i]), FAULT_GP);
        CHECK_EQ(send_kernel(beyond[i]), FAULT_GP);
    }
    vm_restore(send_table, pte);
    wrmsr(UINTR_MSR_MISC, 0xffffffff);
    CHECK_EQ(send_user(BIT(32)), FAULT_GP);
    CHECK_EQ(send_user(BIT(32) | 0xffffffff), FAULT_GP);
    CHECK_UPID(upid, UPID_SN, 0);
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(SEND_UV));
}

static uint64_t rdpid_rax(void)
{
    uint64_t value;

    asm volatile(".byte 0xf3, 0x0f, 0xc7, 0xf8" : "=a"(value) : "0"(0));
    return value;
}

static uint32_t rdrand_eax(void)
{
    uint32_t value;

    asm volatile(".byte 0x0f, 0xc7, 0xf0" : "=a"(value) : "0"(0) : "cc");
    return value;
}

/* RDPID, RDRAND and VMXON share opcode bytes with SENDUIPI. */
void rule_neighbour_encodings(void)
{
    const struct insn undefined[] = {
        INSN(0xf3, 0x0f, 0xc7, 0x30),                   /* vmxon (%rax) */
        INSN(0xf3, 0x0f, 0xc7, 0x70, 0x10),             /* vmxon 16(%rax) */
        INSN(0xf3, 0x0f, 0xc7, 0xb0, 1, 2, 3, 4),       /* disp32 */
        INSN(0xf3, 0x0f, 0xc7, 0x74, 0x24, 0x08),       /* vmxon 8(%rsp) */
        INSN(0xf3, 0x0f, 0xc7, 0xe8),                   /* /5 */
        INSN(0xf3, 0x0f, 0xc7, 0xe0),                   /* /4 */
        INSN(0xf3, 0x0f, 0xc7, 0xd8),                   /* /3 */
        INSN(0xf3, 0x0f, 0xc7, 0xc8),                   /* /1 */
        INSN(0xf3, 0x0f, 0xc7, 0xc0),                   /* /0 */
        INSN(0xf2, 0x0f, 0xc7, 0xf0),
    };
    struct frame f;

    send_setup();
    upid_fill(upid, UPID_SN, 0);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(execute(undefined[i], 3, 0, 0), FAULT_UD);
        CHECK_EQ(execute(undefined[i], 0, 0, 0), FAULT_UD);
    }
    wrmsr(MSR_TSC_AUX, 77);
    f = frame_user(rdpid_rax, 0, 0);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.rax, 77);
    f = frame_user(rdrand_eax, 0, 0);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_UPID(upid, UPID_SN, 0);
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(SEND_UV));
}

/* Each cause of #UD alone; the send itself would succeed (R30, R31). */
void rule_undefined(void)
{
    send_setup();
    upid_fill(upid, UPID_SN, 0);
    CHECK_EQ(execute(INSN(0xf0, 0xf3, 0x0f, 0xc7, 0xf0), 3, 0, 0), FAULT_UD);
    CHECK_EQ(execute(INSN(0xf0, 0xf3, 0x0f, 0xc7, 0xf0), 0, 0, 0), FAULT_UD);
    CHECK_EQ(execute_compat(senduipi_insn(0), 0), FAULT_UD);
    write_cr4(read_cr4() & ~CR4_UINTR);
    CHECK_EQ(send_user(0), FAULT_UD);
    CHECK_EQ(send_kernel(BIT(40)), FAULT_UD);
    uintr_enable();
    CHECK_UPID(upid, UPID_SN, 0);
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(SEND_UV));
}

/* #UD while TT[0] is 0, even for an index that #GP would refuse. */
void rule_table_disabled(void)
{
    send_setup();
    upid_fill(upid, UPID_SN, 0);
    for (int i = 0; i < 2; i++) {
        wrmsr(UINTR_MSR_TT, i ? (uint64_t)send_table : 0);
        wrmsr(UINTR_MSR_MISC, 0);
        CHECK_EQ(send_user(0), FAULT_UD);
        CHECK_EQ(send_user(5), FAULT_UD);
        CHECK_EQ(send_kernel(BIT(63)), FAULT_UD);
    }
    CHECK_UPID(upid, UPID_SN, 0);
    wrmsr(UINTR_MSR_TT, (uint64_t)send_table | UINTR_TT_ENABLE);
    CHECK_EQ(send_user(5), FAULT_GP);
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(SEND_UV));
}

/* A table that starts 16 bytes later is another table; bits 3:1 are none. */
void rule_table_register_bits(void)
{
    uint64_t table = (uint64_t)&send_table[1] | UINTR_TT_ENABLE;

    send_setup();
    upid_fill(upid, UPID_SN, 0);
    send_table[1] = uitte(9, upid);
    wrmsr(UINTR_MSR_TT, table);
    for (int bit = 1; bit <= 3; bit++) {
        CHECK_EQ(wrmsr_fault(UINTR_MSR_TT, table | BIT(bit)), VEC_GP);
        CHECK_EQ(rdmsr(UINTR_MSR_TT), table);
    }
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(9));
}

static void refused(struct uitte entry)
{
    send_table[0] = entry;
    CHECK_EQ(send_user(0), FAULT_GP);
    CHECK_EQ(send_kernel(0), FAULT_GP);
    CHECK_EQ(send_table[0].low, entry.low);
    CHECK_EQ(send_table[0].upid, entry.upid);
}

static void refuse_each_field(void)
{
    struct uitte good = uitte(SEND_UV, upid);

    refused((struct uitte) { good.low & ~1ull, good.upid });
    for (int bit = 0; bit < 64; bit++) {
        if (uitte_reserved & BIT(bit)) {
            refused((struct uitte) { good.low | BIT(bit), good.upid });
        }
        if (bit < 6) {
            refused((struct uitte) { good.low, good.upid | BIT(bit) });
        }
    }
    send_table[0] = good;
}

/* Once with the UPID unreachable: the entry is judged before it is used. */
void rule_uitte_fields(void)
{
    uint64_t pte;

    send_setup();
    upid_fill(upid, upid_low(NV, apic_id(), 0), 0);
    refuse_each_field();
    CHECK_UPID(upid, upid_low(NV, apic_id(), 0), 0);
    CHECK_EQ(ipis_taken(0, NV), 0);
    pte = vm_change(upid, PTE_P, 0);
    refuse_each_field();
    vm_restore(upid, pte);
    CHECK_EQ(send_user(0), SENT);
    CHECK_EQ(ipis_taken(0, NV), 1);
}

void rule_upid_reserved(void)
{
    send_setup();
    for (int state = 0; state < 4; state++) {
        uint64_t good = upid_low(NV, apic_id(), state);

        for (int bit = 0; bit < 64; bit++) {
            if (upid_reserved & BIT(bit)) {
                upid_fill(upid, good | BIT(bit), BIT(3));
                CHECK_EQ(send_user(0), FAULT_GP);
                CHECK_EQ(send_kernel(0), FAULT_GP);
                CHECK_UPID(upid, good | BIT(bit), BIT(3));
            }
        }
    }
    CHECK_EQ(ipis_taken(0, NV), 0);
    upid_fill(upid, upid_low(NV, apic_id(), 0), BIT(3));
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(upid, upid_low(NV, apic_id(), UPID_ON), BIT(3) | BIT(SEND_UV));
    CHECK_EQ(ipis_taken(0, NV), 1);
}

/* 64-bit arithmetic: each vector sets its own bit and keeps the others. */
void rule_all_vectors(void)
{
    send_setup();
    for (int v = 0; v < 64; v++) {
        send_table[v] = uitte(v, upid);
    }
    for (int v = 0; v < 64; v++) {
        upid_fill(upid, UPID_SN, 0);
        CHECK_EQ(send_user(v), SENT);
        CHECK_UPID(upid, UPID_SN, BIT(v));
        upid_fill(upid, UPID_SN, ~BIT(v));
        CHECK_EQ(send_user(v), SENT);
        CHECK_UPID(upid, UPID_SN, ~0ull);
        CHECK_EQ(send_user(v), SENT);
        CHECK_UPID(upid, UPID_SN, ~0ull);
    }
}
