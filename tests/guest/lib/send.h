/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SENDUIPI under observation: a table, UPIDs, a way to execute the
 * instruction with any register in any ring, and what became of it.
 */
#ifndef SEND_H
#define SEND_H

#include "uintr.h"

#define SEND_ENTRIES    256     /* one page */
#define SEND_UPIDS      64
#define SEND_UV         5       /* the user vector of entry 0 */

/* Each fills pages of its own, so that a test may change the page's rights. */
extern struct uitte send_table[SEND_ENTRIES];
extern struct upid send_upids[SEND_UPIDS];

/* This CPU may send; entry 0 posts SEND_UV to send_upids[0], which names it. */
void send_setup(void);

/* What an instruction ended in: nothing, or a vector and its error code. */
#define SENT            0ull
#define FAULT(vector, error) ((uint64_t)(vector) | (uint64_t)(error) << 8)
#define FAULT_UD        FAULT(VEC_UD, 0)
#define FAULT_GP        FAULT(VEC_GP, 0)
#define FAULT_PF(error) FAULT(VEC_PF, error)
#define PF_P            0x01
#define PF_W            0x02
#define PF_U            0x04
#define PF_RSVD         0x08
#define PF_PK           0x20

struct insn {
    int length;
    uint8_t bytes[17];                  /* room for INT at the end */
};

#define INSN(...) (struct insn) {                                           \
    sizeof((uint8_t[]) { __VA_ARGS__ }), { __VA_ARGS__ } }

/*
 * Execute one instruction with @index in register @reg (as ModRM counts) and
 * other values in all others; @ring is 0 or 3.  A fault must leave RIP at the
 * instruction, and nothing may change registers or flags (R60).
 */
uint64_t execute(struct insn insn, int ring, int reg, uint64_t index);
uint64_t execute_compat(struct insn insn, uint32_t eax); /* ring 3, 32-bit */
extern uint64_t execute_flags;          /* RFLAGS bits besides the status */

struct insn senduipi_insn(int reg);
uint64_t send_user(uint64_t index);     /* SENDUIPI RAX in ring 3 */
uint64_t send_kernel(uint64_t index);

/* Fill all 64 bytes of a UPID, and compare them. */
void upid_fill(struct upid *upid, uint64_t low, uint64_t pir);
bool upid_tail_kept(const struct upid *upid);

#define CHECK_UPID(upid, want_low, want_pir)                                \
    do {                                                                    \
        CHECK_EQ((upid)->low, want_low);                                    \
        CHECK_EQ((upid)->pir, want_pir);                                    \
        CHECK(upid_tail_kept(upid));                                        \
    } while (0)

/* How many interrupts @vector wait at CPU @cpu?  Takes them. */
uint32_t ipis_taken(int cpu, int vector);

/* Bits of the first quadword that software must not set (R46, R53). */
extern const uint64_t uitte_reserved, upid_reserved;

#endif
