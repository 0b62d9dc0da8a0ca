/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions as bytes: run in any mode, at any ring, with any prefix. */
#ifndef INSNS_H
#define INSNS_H

#include "lib.h"

struct insn {
    const char *name;
    uint8_t size;
    uint8_t bytes[8];
};

/* The five of the facility (R28, R38); SENDUIPI takes its index from RAX. */
enum { UIRET, TESTUI, CLUI, STUI, SENDUIPI, UINTR_INSNS };
extern const struct insn uintr_insns[UINTR_INSNS];

struct insn prefixed(const struct insn *insn, uint8_t prefix);

/*
 * A frame that runs the bytes in 64-bit mode at ring 0 or 3, then
 * int $VEC_EXIT.  There is one buffer: the next call overwrites the code.
 */
struct frame frame_insn(int cpl, const struct insn *insn);

/* That the frame ended with #UD on its first instruction. */
void check_ud(const struct frame *f, const struct insn *insn,
              const char *where);

#endif
