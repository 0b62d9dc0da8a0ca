/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "send.h"

#define STATUS_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | \
                      RFLAGS_SF | RFLAGS_OF)
#define RSP 4
#define TAIL 0xa5a5a5a5a5a5a5a5

struct uitte send_table[SEND_ENTRIES] __attribute__((aligned(4096)));
struct upid send_upids[SEND_UPIDS] __attribute__((aligned(4096)));
/* Where 32-bit code of ring 3 finds the page; no RAM is there otherwise. */
#define CODE_LOW 0x40000000

static uint8_t code[4096] __attribute__((aligned(4096)));
uint64_t execute_flags;

/* Written out, not taken from the header that is under test with the rest. */
const uint64_t uitte_reserved = 0xffffffffffffc0fe;
const uint64_t upid_reserved = 0x00000000ff00fffc;

void send_setup(void)
{
    memset(send_table, 0, sizeof(send_table));
    upid_fill(&send_upids[0], upid_low(NV, apic_id(), 0), 0);
    send_table[0] = uitte(SEND_UV, &send_upids[0]);
    uintr_sender(send_table, SEND_ENTRIES);
    execute_flags = 0;
}

static void check_kept(const struct frame *before, const struct frame *after)
{
    struct frame a = *before, b = *after;

    for (int i = 0; i < 16; i++) {
        CHECK_EQ(*frame_reg(&b, i), *frame_reg(&a, i));
    }
    CHECK_EQ(b.rip, a.rip);
    CHECK_EQ(b.rflags & ~RFLAGS_RF, a.rflags);
    CHECK_EQ(b.cs, a.cs);
}

/* Code that is there already stays: emulators translate new code slowly. */
static void write_code(struct insn insn)
{
    insn.bytes[insn.length] = 0xcd;
    insn.bytes[insn.length + 1] = VEC_EXIT;
    if (memcmp(code, insn.bytes, insn.length + 2)) {
        memcpy(code, insn.bytes, insn.length + 2);
    }
}

static uint64_t run_code(struct insn insn, struct frame before)
{
    struct frame after = before;

    write_code(insn);
    if (run(&after) == VEC_EXIT) {
        after.rip -= insn.length + 2;
    }
    check_kept(&before, &after);
    return after.vector == VEC_EXIT ? SENT : FAULT(after.vector, after.error);
}

uint64_t execute(struct insn insn, int ring, int reg, uint64_t index)
{
    struct frame f = ring ? frame_user(code, 0, 0) : frame_kernel(code, 0, 0);

    for (int i = 0; i < 16; i++) {
        if (i != RSP) {
            *frame_reg(&f, i) = 0x0101010101010101 * (i + 0xe0);
        }
    }
    *frame_reg(&f, reg) = index;
    f.rflags |= STATUS_FLAGS | execute_flags;
    return run_code(insn, f);
}

uint64_t execute_compat(struct insn insn, uint32_t eax)
{
    struct frame f = frame_user(code, 0, 0);
    uint64_t outcome;

    vm_map(CODE_LOW, (uint64_t)code, PTE_P | PTE_W | PTE_U);
    f.cs = SEL_UCODE32;
    f.rip = CODE_LOW;
    f.rax = eax;
    f.rsp = 0x1000;
    outcome = run_code(insn, f);
    vm_map(CODE_LOW, CODE_LOW, PTE_P | PTE_W);
    return outcome;
}

struct insn senduipi_insn(int reg)
{
    return reg < 8 ? INSN(0xf3, 0x0f, 0xc7, 0xf0 | reg)
                   : INSN(0xf3, 0x41, 0x0f, 0xc7, 0xf0 | (reg & 7));
}

uint64_t send_user(uint64_t index)
{
    return execute(senduipi_insn(0), 3, 0, index);
}

uint64_t send_kernel(uint64_t index)
{
    return execute(senduipi_insn(0), 0, 0, index);
}

void upid_fill(struct upid *upid, uint64_t low, uint64_t pir)
{
    memset(upid, TAIL & 0xff, sizeof(*upid));
    upid->low = low;
    upid->pir = pir;
}

bool upid_tail_kept(const struct upid *upid)
{
    for (int i = 0; i < 6; i++) {
        if (upid->unused[i] != TAIL) {
            return false;
        }
    }
    return true;
}

static void take(uint64_t unused)
{
    (void)unused;
    irq_window();
}

uint32_t ipis_taken(int cpu, int vector)
{
    uint32_t before = irq_counts[vector];

    trap_handle(vector, irq_count);
    if (cpu == this_cpu()->index) {
        take(0);
    } else {
        smp_run(cpu, take, 0);
        smp_wait(cpu);
    }
    trap_handle(vector, NULL);
    return irq_counts[vector] - before;
}
