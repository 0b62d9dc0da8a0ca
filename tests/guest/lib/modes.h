/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Code outside 64-bit mode, and five-level paging. */
#ifndef MODES_H
#define MODES_H

#include "lib.h"

enum mode {
    MODE_PROTECTED0,            /* 32 bit, paging off, ring 0 */
    MODE_PROTECTED3,            /* the same in ring 3 */
    MODE_VM86,
    MODE_REAL,
    MODES,
};

extern const char *const mode_names[MODES];

struct mode_result {
    uint32_t vector;            /* VEC_EXIT if the code ran to its end */
    uint32_t ip;                /* offset into the code */
    uint32_t eax;
};

/* Copies the code below 1 MiB, runs it there until it traps. */
struct mode_result mode_run(enum mode mode, const void *code, size_t size);

/*
 * A frame that runs the bytes in compatibility mode at ring 0 or 3.  They are
 * copied to COMPAT_CODE, open to both; the stack ends at COMPAT_STACK.
 */
#define COMPAT_CODE     0x50000000u
#define COMPAT_STACK    0x50002000u
struct frame frame_compat(int cpl, const void *code, size_t size);

/* Five-level paging on this CPU; the lower 48 bits stay mapped as they are. */
void vm_la57(bool on);

#endif
