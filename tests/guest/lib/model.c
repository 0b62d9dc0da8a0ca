/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"

#define CANONICAL_BITS  48              /* four-level paging */
#define MAX_INSNS       16
#define ADDRESS_MASK    0x000ffffffffff000ull
#define NOT_PHYSICAL    0x000fff0000000000ull   /* MAXPHYADDR is 40 */
#define FETCH           0x10
#define STATUS_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | \
                      RFLAGS_SF | RFLAGS_OF)

/* R130, bit by bit as the rule has it. */
#define UIRET_FLAGS (STATUS_FLAGS | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | \
                     RFLAGS_RF | RFLAGS_AC | RFLAGS_ID)

uint64_t model_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9fb21c651e98df25;
    return hash ^ hash >> 29;
}

static bool trap(struct model *m, int vector, uint64_t error)
{
    m->f.vector = vector;
    m->f.error = error;
    m->end = MODEL_TRAPPED;
    return false;
}

static bool page_fault(struct model *m, uint64_t address, uint64_t error)
{
    m->cr2 = address;
    return trap(m, VEC_PF, error);
}

static int cpl(const struct model *m)
{
    return m->f.cs & 3;
}

/* ---- memory ---- */

enum access {
    READ = 0, WRITE = 2, IMPLICIT = 0, USER_MODE = 4, EXPLICIT = 8,
};

/* The error code of a fault, or -1 and the physical address. */
static int walk(const struct model *m, uint64_t va, int how, uint64_t *pa)
{
    uint64_t table = read_cr3() & ADDRESS_MASK, entry, rights = ~0ull;
    int code = how & (WRITE | USER_MODE);
    bool user, opened = (how & EXPLICIT) && (m->f.rflags & RFLAGS_AC);
    int shift = 39;

    for (;; shift -= 9) {
        entry = ((uint64_t *)table)[va >> shift & 511];
        if (!(entry & PTE_P)) {
            return code;
        }
        if (entry & NOT_PHYSICAL) {
            return code | 9;
        }
        rights &= entry;
        if (shift == 12 || (entry & PTE_PS)) {
            break;
        }
        table = entry & ADDRESS_MASK;
    }
    *pa = (entry & ADDRESS_MASK & ~(BIT(shift) - 1)) | (va & (BIT(shift) - 1));
    user = rights & PTE_U;
    if ((how & USER_MODE) ? !user : user && m->cr4_smap && !opened) {
        return code | 1;
    }
    if ((how & WRITE) && !(rights & PTE_W) && (code & USER_MODE || m->cr0_wp)) {
        return code | 1;
    }
    return -1;
}

static struct model_page *page_of(const struct model *m, uint64_t physical)
{
    for (int i = 0; i < m->n_pages; i++) {
        if (m->pages[i].physical == (physical & ~(PAGE_SIZE - 1))) {
            return &m->pages[i];
        }
    }
    return NULL;
}

uint64_t *model_word(struct model *m, uint64_t physical)
{
    return &page_of(m, physical)->words[physical % PAGE_SIZE / 8];
}

/* Can the run go on with what is at this address?  Words are aligned. */
static bool known(struct model *m, uint64_t physical, bool may_be_odd)
{
    struct model_page *page = page_of(m, physical);

    if (page && page->kind != MEMORY_ODD && physical % 8 == 0) {
        return true;
    }
    m->end = page && may_be_odd ? MODEL_UNKNOWN : MODEL_REFUSES;
    return false;
}

static void store(struct model *m, uint64_t physical, uint64_t value)
{
    uint64_t *word = model_word(m, physical);

    if (m->n_written == MODEL_WRITES) {
        m->end = MODEL_REFUSES;
        return;
    }
    m->written[m->n_written++] = (struct model_write) { physical, *word };
    if (page_of(m, physical)->kind == MEMORY_KEEPS) {
        *word = value;
    }
}

void model_undo_writes(struct model *m)
{
    while (m->n_written) {
        struct model_write *w = &m->written[--m->n_written];

        *model_word(m, w->physical) = w->old;
    }
}

/* An access of the CPU to its own tables: supervisor, whatever CPL and AC. */
static bool reach(struct model *m, uint64_t va, int how, int gp_error,
                  uint64_t *pa)
{
    int error;

    if (!is_canonical(va, CANONICAL_BITS)) {
        return trap(m, VEC_GP, gp_error);
    }
    error = walk(m, va, how | IMPLICIT, pa);
    return error < 0 ? known(m, *pa, true) : page_fault(m, va, error);
}

/* ---- the local APIC ---- */

void model_request(struct model *m, int vector)
{
    m->requested[vector >> 6] |= BIT(vector & 63);
}

bool model_requested(const struct model *m, int vector)
{
    return m->requested[vector >> 6] >> (vector & 63) & 1;
}

/* R56-R59, for the only CPU that listens: APIC ID 0. */
static void send(struct model *m, uint8_t nv, uint32_t ndst)
{
    uint32_t dest = m->x2apic ? ndst : ndst >> 8 & 0xff;
    uint32_t broadcast = m->x2apic ? 0xffffffff : 0xff;

    m->icr = (uint64_t)dest << 32 | ICR_ASSERT | nv;
    if (nv >= 16 && (dest == 0 || dest == broadcast)) {
        model_request(m, nv);
    }
}

static int highest_requested(const struct model *m)
{
    for (int i = 3; i >= 0; i--) {
        if (m->requested[i]) {
            return i * 64 + 63 - __builtin_clzll(m->requested[i]);
        }
    }
    return -1;
}

/* ---- notification (R62-R87) and delivery (R99-R119) ---- */

static bool process(struct model *m)
{
    uint64_t pa, low, pir;

    if (!reach(m, m->pd, WRITE, 1, &pa)) {
        return false;
    }
    low = *model_word(m, pa);
    pir = *model_word(m, pa + 8);
    store(m, pa, low & ~1ull);
    store(m, pa + 8, 0);
    m->rr |= pir;
    return true;
}

static bool take_interrupts(struct model *m)
{
    int v;

    while ((m->f.rflags & RFLAGS_IF) && (v = highest_requested(m)) >= 0) {
        m->requested[v >> 6] &= ~BIT(v & 63);
        if (v != m->uinv || !m->cr4_uintr) {
            m->through_idt = model_mix(m->through_idt, v);
        } else if (!process(m)) {
            return false;
        }
    }
    return true;
}

/* Pushes go downwards; nothing is written if one of them cannot be. */
static bool reach_frame(struct model *m, uint64_t frame, uint64_t pa[4])
{
    for (int i = 3; i >= 0; i--) {
        uint64_t va = frame + i * 8;
        int error;

        if (!is_canonical(va, CANONICAL_BITS)) {
            return trap(m, VEC_SS, 0);
        }
        error = walk(m, va, WRITE | USER_MODE, &pa[i]);
        if (error >= 0) {
            return page_fault(m, va, error);
        }
    }
    return known(m, pa[0], false) && known(m, pa[3], false);
}

static bool deliver(struct model *m)
{
    uint64_t frame = m->stackadjust & 1 ? m->stackadjust
                                        : m->f.rsp - m->stackadjust;
    uint64_t pa[4];
    int vector = 63;

    if (!m->cr4_uintr || !m->uif || !m->rr || cpl(m) != 3) {
        return true;
    }
    if (!is_canonical(m->handler, CANONICAL_BITS)) {
        return trap(m, VEC_GP, 0);
    }
    frame = (frame & ~15ull) - 32;
    if (!reach_frame(m, frame, pa)) {
        return false;
    }
    while (!(m->rr >> vector)) {
        vector--;
    }
    store(m, pa[3], m->f.rsp);
    store(m, pa[2], m->f.rflags);
    store(m, pa[1], m->f.rip);
    store(m, pa[0], vector);
    m->rr &= ~BIT(vector);
    m->uif = false;
    m->f.rflags &= ~(RFLAGS_TF | RFLAGS_RF);
    m->f.rsp = frame;
    m->f.rip = m->handler;
    return true;
}

/* ---- instructions ---- */

static bool post(struct model *m, uint64_t upid, int vector)
{
    uint64_t pa, low, pir;

    if (!reach(m, upid, WRITE, 0, &pa)) {
        return false;
    }
    low = *model_word(m, pa);
    pir = *model_word(m, pa + 8);
    if (low & 0xff00fffc) {
        return trap(m, VEC_GP, 0);
    }
    store(m, pa + 8, pir | BIT(vector));
    store(m, pa, low & 3 ? low : low | 1);
    if (!(low & 3)) {
        send(m, low >> 16, low >> 32);
    }
    return true;
}

static bool senduipi_model(struct model *m, uint64_t index)
{
    uint64_t pa, low, upid;

    if (!m->cr4_uintr || !(m->tt & 1)) {
        return trap(m, VEC_UD, 0);
    }
    if (index > m->uittsz || m->tt == 1) {
        return trap(m, VEC_GP, 0);
    }
    if (!reach(m, (m->tt & ~15ull) + index * 16, READ, 0, &pa)) {
        return false;
    }
    low = *model_word(m, pa);
    upid = *model_word(m, pa + 8);
    if (!(low & 1) || (low & 0xffffffffffffc0fe) || (upid & 63)) {
        return trap(m, VEC_GP, 0);
    }
    return post(m, upid, low >> 8);
}

static bool pop(struct model *m, uint64_t va, uint64_t *value)
{
    uint64_t pa;
    int error;

    if (!is_canonical(va, CANONICAL_BITS)) {
        return trap(m, VEC_SS, 0);
    }
    error = walk(m, va, cpl(m) ? USER_MODE : EXPLICIT, &pa);
    if (error >= 0) {
        return page_fault(m, va, error);
    }
    if (!known(m, pa, false)) {
        return false;
    }
    *value = *model_word(m, pa);
    return true;
}

static bool uiret_model(struct model *m)
{
    uint64_t rip, flags, rsp;

    if (!pop(m, m->f.rsp, &rip) || !pop(m, m->f.rsp + 8, &flags) ||
        !pop(m, m->f.rsp + 16, &rsp)) {
        return false;
    }
    if (!is_canonical(rip, CANONICAL_BITS)) {
        return trap(m, VEC_GP, 0);
    }
    m->f.rip = rip;
    m->f.rsp = rsp;
    m->f.rflags = (m->f.rflags & ~UIRET_FLAGS) | (flags & UIRET_FLAGS);
    m->uif = true;
    return true;
}

static bool user_interrupt_insn(struct model *m, uint8_t last)
{
    if (!m->cr4_uintr) {
        return trap(m, VEC_UD, 0);
    }
    if (last == 0xec) {
        return uiret_model(m);
    }
    if (last == 0xed) {
        m->f.rflags = (m->f.rflags & ~STATUS_FLAGS) | m->uif;
    } else {
        m->uif = last & 1;
    }
    m->f.rip += 4;
    return true;
}

/* The bytes at RIP, which must be in the code page: F3 [41] 0F op modrm. */
static bool decode(struct model *m)
{
    const uint8_t *p = m->code + m->f.rip % PAGE_SIZE;
    int rex = p[0] == 0xf3 && p[1] == 0x41;

    if (p[0] == 0x90) {
        m->f.rip++;
        return true;
    }
    if (p[0] == 0xcd) {
        m->f.rip += 2;
        return trap(m, VEC_EXIT, 0);
    }
    if (p[rex + 2] == 0x01) {
        return user_interrupt_insn(m, p[3]);
    }
    if (!senduipi_model(m, *frame_reg(&m->f, (p[rex + 3] & 7) + rex * 8))) {
        return false;
    }
    m->f.rip += 4 + rex;
    return true;
}

/*
 * TF as it was before the instruction decides on the trap behind it (R135);
 * that trap goes before any interrupt (R122).  RF lasts for one instruction.
 */
static bool execute_insn(struct model *m)
{
    uint64_t before = m->f.rflags;

    m->f.rflags &= ~RFLAGS_RF;
    if (!decode(m)) {
        return false;
    }
    return before & RFLAGS_TF ? trap(m, VEC_DB, 0) : true;
}

/* Code is understood in its own page only; elsewhere a fetch must fault. */
static bool fetch(struct model *m)
{
    uint64_t pa;
    int how = cpl(m) ? USER_MODE : EXPLICIT, error;
    bool smap = m->cr4_smap;

    m->cr4_smap = false;                /* SMEP, not SMAP, is for fetches */
    error = walk(m, m->f.rip, how, &pa);
    m->cr4_smap = smap;
    if (error >= 0) {
        return page_fault(m, m->f.rip, error | FETCH);
    }
    if ((pa & ~(PAGE_SIZE - 1)) != (uint64_t)m->code) {
        m->end = MODEL_REFUSES;
        return false;
    }
    return true;
}

void model_run(struct model *m)
{
    m->end = MODEL_RUNS;
    m->n_written = 0;
    for (int i = 0; i < MAX_INSNS; i++) {
        if (!take_interrupts(m) || !deliver(m) || !fetch(m) ||
            !execute_insn(m) || m->end != MODEL_RUNS) {
            return;
        }
    }
    m->end = MODEL_REFUSES;
}

/* ---- MSRs (R13-R18): canonical for what CPUID says, not for CR4.LA57 ---- */

uint64_t model_wrmsr(struct model *m, uint32_t msr, uint64_t value)
{
    bool ok = is_canonical(value, cpuid(7, 0).ecx & BIT(16) ? 57 : 48);

    if (msr == UINTR_MSR_RR) {
        m->rr = value;
        return 0;
    }
    if (msr == UINTR_MSR_MISC) {
        ok = !(value >> 40);
    } else if (msr == UINTR_MSR_PD) {
        ok = ok && !(value & 0x3f);
    } else if (msr == UINTR_MSR_TT) {
        ok = ok && !(value & 0xe);
    }
    if (!ok) {
        return VEC_GP;
    }
    switch (msr) {
    case UINTR_MSR_HANDLER:
        m->handler = value;
        break;
    case UINTR_MSR_STACKADJUST:
        m->stackadjust = value;
        break;
    case UINTR_MSR_PD:
        m->pd = value;
        break;
    case UINTR_MSR_TT:
        m->tt = value;
        break;
    default:
        m->uittsz = value;
        m->uinv = value >> 32;
    }
    return 0;
}
