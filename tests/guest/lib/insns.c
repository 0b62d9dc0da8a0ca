/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "insns.h"

#define MAX_CODE 64

static uint8_t code[MAX_CODE] __attribute__((aligned(64)));

const struct insn uintr_insns[UINTR_INSNS] = {
    [UIRET] = { "UIRET", 4, { 0xf3, 0x0f, 0x01, 0xec } },
    [TESTUI] = { "TESTUI", 4, { 0xf3, 0x0f, 0x01, 0xed } },
    [CLUI] = { "CLUI", 4, { 0xf3, 0x0f, 0x01, 0xee } },
    [STUI] = { "STUI", 4, { 0xf3, 0x0f, 0x01, 0xef } },
    [SENDUIPI] = { "SENDUIPI", 4, { 0xf3, 0x0f, 0xc7, 0xf0 } },
};

struct insn prefixed(const struct insn *insn, uint8_t prefix)
{
    struct insn result = *insn;

    result.bytes[0] = prefix;
    memcpy(result.bytes + 1, insn->bytes, insn->size);
    result.size++;
    return result;
}

struct frame frame_insn(int cpl, const struct insn *insn)
{
    memcpy(code, insn->bytes, insn->size);
    code[insn->size] = 0xcd;
    code[insn->size + 1] = VEC_EXIT;
    return cpl ? frame_user(code, 0, 0) : frame_kernel(code, 0, 0);
}

void check_ud(const struct frame *f, const struct insn *insn,
              const char *where)
{
    if (f->vector != VEC_UD || KERNEL(f->rip) != (uint64_t)code) {
        printf("# %s, CPL %d, %s: vector %d at +%d\n", insn->name,
               (int)f->cs & 3, where, (int)f->vector,
               (int)(KERNEL(f->rip) - (uint64_t)code));
    }
    CHECK_EQ(f->vector, VEC_UD);
    CHECK_EQ(KERNEL(f->rip), code);
}
