/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The XSAVE feature set for payloads: areas, instructions, and a second
 * opinion on where a component lies.  Payload code uses no vector registers,
 * so the state that a test loads stays as it is.
 */
#ifndef GUEST_XSAVE_H
#define GUEST_XSAVE_H

#include "uintr.h"

#define X87             BIT(0)
#define SSE             BIT(1)
#define YMM             BIT(2)
#define BNDREGS         BIT(3)
#define BNDCSR          BIT(4)
#define PKRU            BIT(9)
#define UINTR           BIT(14)
#define XSTATE_BITS     63
#define XCOMP_COMPACTED BIT(63)

#define LEGACY_SIZE     512
#define HEADER_SIZE     64
#define EXTENDED_AT     (LEGACY_SIZE + HEADER_SIZE)

/* A page: what TCG has needs less. */
struct area {
    union {
        uint8_t bytes[4096];
        struct {
            uint16_t fcw, fsw;
            uint8_t ftw, unused0[19];
            uint32_t mxcsr, mxcsr_mask;
            uint8_t st[8][16];
            uint8_t xmm[16][16];
            uint8_t unused1[96];
            uint64_t xstate_bv, xcomp_bv, reserved[6];
        };
    };
} __attribute__((aligned(4096)));

struct uintr_image {
    uint64_t handler, stackadjust, misc, pd, rr, tt;    /* R140 */
};

#define MISC_UIF        BIT(63)

/* Every register in use, at the edges of what it may hold. */
extern const struct uintr_image uintr_full;

enum xsave_insn { XSAVE, XSAVEOPT, XSAVEC, XSAVES, XRSTOR, XRSTORS,
                  XSAVE_INSNS };
extern const char *const xsave_names[XSAVE_INSNS];
extern char *const xsave_code[XSAVE_INSNS];     /* the instruction, then RET */

/* CR4.OSXSAVE, XCR0 and IA32_XSS; all that the CPU has, or these. */
uint64_t xsave_user_components(void);           /* CPUID.(0DH,0) */
void xsave_enable(uint64_t xcr0, uint64_t xss);
void xsave_enable_all(void);
uint64_t xgetbv(uint32_t reg);

/* Execute it at cpl; the area's address is of the identity map. */
struct frame xsave_frame(enum xsave_insn insn, int cpl, const void *area,
                         uint64_t mask);
/* The same in ring 0; the vector of the fault, or 0. */
uint64_t xsave_fault(enum xsave_insn insn, const void *area, uint64_t mask);
/* The same, and it must not fault. */
void xsave_do(enum xsave_insn insn, const void *area, uint64_t mask);

/* All that is enabled, in ring 0, as a context switch does it. */
static inline void xsaves(struct area *area)
{
    asm volatile("xsaves64 %0" : "+m"(*area) : "a"(-1), "d"(-1) : "memory");
}

static inline void xrstors(const struct area *area)
{
    asm volatile("xrstors64 %0" : : "m"(*area), "a"(-1), "d"(-1) : "memory");
}

/* From CPUID, by the SDM's words: offset in a compacted area, size. */
uint32_t xsave_size(int component);
uint32_t xsave_standard_at(int component);
uint32_t xsave_compacted_at(uint64_t format, int component);

/* Each area in its own format, as XCOMP_BV says. */
bool xsave_same(const struct area *a, const struct area *b, int component);
void xsave_copy(struct area *to, const struct area *from, int component);
void xsave_init(struct area *area, int component);

/* Bytes that no save would write, and whether they are still there. */
void xsave_fill(struct area *area);
bool xsave_is_filled(const struct area *area, uint32_t from, uint32_t to);

/* All user components that are enabled, in standard form. */
void xsave_snapshot(struct area *area);
/* The same over what xsave_fill() wrote, as no form writes every byte. */
void xsave_filled_snapshot(struct area *area);

/* A standard-form image of random state in all of these components. */
void xsave_random(struct area *area, uint64_t components, uint64_t *seed);

/* The UINTR state of this CPU, UIF included, read through the MSRs. */
struct uintr_image uintr_read(void);
void uintr_write(const struct uintr_image *image);
struct uintr_image uintr_random(uint64_t *seed);
struct uintr_image uintr_without_uinv(struct uintr_image image);
bool uintr_equal(const struct uintr_image *a, const struct uintr_image *b);

/* Where the UINTR state lies in a compacted area, and a check of all of it. */
struct uintr_image *image_in(struct area *a);
void check_uintr(const struct uintr_image *want);

#endif
