/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second opinion: the rules of user interrupts as a plain program, written
 * from the rules and not from the emulator.  It knows one CPU, its local
 * APIC, the memory that is registered here, and the few instructions that a
 * fuzzer runs; from a starting state it says where they end.
 */
#ifndef MODEL_H
#define MODEL_H

#include "uintr.h"

enum memory_kind {
    MEMORY_KEEPS,               /* RAM, or a device that behaves like it */
    MEMORY_ROM,                 /* drops what is written */
    MEMORY_ODD,                 /* device registers: no prediction */
};

/* One physical page, and what the model thinks is in it. */
struct model_page {
    uint64_t physical;
    enum memory_kind kind;
    uint64_t words[512];
};

enum model_end {
    MODEL_RUNS,
    MODEL_TRAPPED,              /* f.vector and f.error say how */
    MODEL_UNKNOWN,              /* met MEMORY_ODD: run it, then look */
    MODEL_REFUSES,              /* must not be run: might not end */
};

/* A store of the run, and what it replaced. */
struct model_write {
    uint64_t physical, old;
};

#define MODEL_WRITES 64

struct model {
    /* user-interrupt state (section 2 of the rules) */
    uint64_t rr, handler, stackadjust, pd, tt;
    uint32_t uittsz;
    uint8_t uinv;
    bool uif;
    /* control registers */
    bool cr4_uintr, cr4_smap, cr0_wp;
    uint64_t cr2;
    /* local APIC 0 */
    bool x2apic;
    uint64_t requested[4];      /* IRR */
    uint64_t icr;
    uint64_t through_idt;       /* a hash of vectors taken by the IDT */
    /* where it runs, and in the end where it stopped */
    struct frame f;
    enum model_end end;
    /* memory */
    struct model_page *pages;
    int n_pages;
    struct model_write written[MODEL_WRITES];
    int n_written;
    /* the code page: the only place where instructions are understood */
    const uint8_t *code;
};

/* From m->f until a trap; m->end says how it went. */
void model_run(struct model *m);
void model_undo_writes(struct model *m);

/* WRMSR at CPL 0: 0, or VEC_GP with nothing changed. */
uint64_t model_wrmsr(struct model *m, uint32_t msr, uint64_t value);

/* A fixed interrupt arrives at the local APIC. */
void model_request(struct model *m, int vector);
bool model_requested(const struct model *m, int vector);

uint64_t *model_word(struct model *m, uint64_t physical);
uint64_t model_mix(uint64_t hash, uint64_t value);

#endif
