/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XSAVEC, XSAVES, XRSTORS and the compacted form of XRSTOR outside 64-bit
 * mode, where XMM8-XMM15 and the upper halves of YMM8-YMM15 are neither
 * written nor loaded nor initialised (SDM vol. 1, 13.5.2, 13.5.3).
 */
#include "modes.h"
#include "xsave.h"

const char *const test_group = "/uintr/xsave_modes";

/* Real mode reaches it, and ring 3 of compatibility mode its alias. */
#define LOW_AREA        0xc000
#define COMPAT_AREA     0x50010000

#define XMM8_AT         288
#define XMM_END         416
#define YMM8_AT         128             /* in its component */
#define YMM_SIZE        256

static struct area *const low = (void *)LOW_AREA;
static struct area *before, *after, *wanted;
static uint64_t seed, user, everything;

static const struct way {
    const char *name;
    int cpl;
    bool compat, code16;
    enum mode mode;
} ways[] = {
    { "compatibility mode, ring 0", 0, true },
    { "compatibility mode, ring 3", 3, true },
    { "protected mode, ring 0", 0, false, false, MODE_PROTECTED0 },
    { "protected mode, ring 3", 3, false, false, MODE_PROTECTED3 },
    { "virtual-8086 mode", 3, false, true, MODE_VM86 },
    { "real mode", 0, false, true, MODE_REAL },
};
#define FOR_EACH_WAY(w)                                                     \
    for (const struct way *w = ways; w < ways + sizeof(ways) / sizeof(*w);  \
         w++)

void payload_start(void)
{
    before = page_alloc();
    after = page_alloc();
    wanted = page_alloc();
    vm_map(COMPAT_AREA, LOW_AREA, PTE_P | PTE_W | PTE_U);
    xsave_enable_all();
    user = xgetbv(0);
    everything = user | UINTR;
}

/* ---- one instruction in one of these modes ---- */

struct code {
    uint8_t bytes[32];
    int size, at;                       /* of the instruction */
};

static const struct { uint8_t opcode, modrm; } encodings[XSAVE_INSNS] = {
    [XSAVE] = { 0xae, 0x27 }, [XSAVEOPT] = { 0xae, 0x37 },
    [XSAVEC] = { 0xc7, 0x27 }, [XSAVES] = { 0xc7, 0x2f },
    [XRSTOR] = { 0xae, 0x2f }, [XRSTORS] = { 0xc7, 0x1f },
};

static void emit(struct code *code, const void *bytes, int size)
{
    memcpy(code->bytes + code->size, bytes, size);
    code->size += size;
}

static void emit_load(struct code *code, bool code16, uint8_t opcode,
                      uint32_t value)
{
    if (code16) {
        emit(code, "\x66", 1);
    }
    emit(code, &opcode, 1);
    emit(code, &value, 4);
}

/* Of (%edi) with the mask in EAX; a prefix of 0 is none. */
static struct code assemble(const struct way *w, enum xsave_insn insn,
                            uint32_t address, uint8_t prefix)
{
    struct code code = {};

    emit_load(&code, w->code16, 0xbf, address);
    emit_load(&code, w->code16, 0xb8, ~0u);
    emit_load(&code, w->code16, 0xba, ~0u);
    code.at = code.size;
    emit(&code, &prefix, !!prefix);
    emit(&code, "\x67", w->code16);
    emit(&code, "\x0f", 1);
    emit(&code, &encodings[insn], 2);
    return code;
}

/* The vector of its fault, or 0. */
static uint32_t run_compat(const struct way *w, const struct code *code)
{
    struct frame f = frame_compat(w->cpl, code->bytes, code->size);

    if (run(&f) == VEC_EXIT) {
        return 0;
    }
    CHECK_EQ(f.rip, COMPAT_CODE + code->at);
    if (f.vector == VEC_GP) {
        CHECK_EQ(f.error, 0);
    }
    return f.vector;
}

static uint32_t run_code(const struct way *w, const struct code *code)
{
    struct mode_result r;

    if (w->compat) {
        return run_compat(w, code);
    }
    r = mode_run(w->mode, code->bytes, code->size);
    if (r.vector == VEC_EXIT) {
        return 0;
    }
    CHECK_EQ(r.ip, code->at);
    return r.vector;
}

static uint32_t fault_at(const struct way *w, enum xsave_insn insn,
                         uint32_t offset, uint8_t prefix)
{
    uint32_t base = w->compat ? COMPAT_AREA : LOW_AREA;
    struct code code = assemble(w, insn, base + offset, prefix);

    return run_code(w, &code);
}

static void expect(const struct way *w, enum xsave_insn insn, uint32_t vector)
{
    uint32_t got = fault_at(w, insn, 0, 0);

    if (got != vector) {
        printf("# %s, %s\n", xsave_names[insn], w->name);
    }
    CHECK_EQ(got, vector);
}

static bool allowed(const struct way *w, enum xsave_insn insn)
{
    return !w->cpl || (insn != XSAVES && insn != XRSTORS);
}

/* ---- saving ---- */

static void random_user_state(void)
{
    xsave_random(after, user, &seed);
    xsave_do(XRSTOR, after, ~0ull);
}

/* Nothing here is in the upper half of the register file. */
static void check_vectors(void)
{
    CHECK(!memcmp(low->bytes + 24, before->bytes + 24, 8));
    CHECK(!memcmp(low->bytes + 160, before->bytes + 160, XMM8_AT - 160));
    CHECK(xsave_is_filled(low, XMM8_AT, XMM_END));
    if (user & YMM) {
        CHECK(!memcmp(low->bytes + EXTENDED_AT,
                      before->bytes + xsave_standard_at(2), YMM8_AT));
        CHECK(xsave_is_filled(low, EXTENDED_AT + YMM8_AT,
                              EXTENDED_AT + YMM_SIZE));
    }
}

static void check_saved(uint64_t components)
{
    CHECK_EQ(low->xcomp_bv, XCOMP_COMPACTED | components);
    CHECK_EQ(low->xstate_bv, components);
    CHECK(xsave_is_filled(low, LEGACY_SIZE + 16, EXTENDED_AT));
    check_vectors();
    for (int i = 0; i < 10; i++) {
        if (i != 1 && i != 2 && components & BIT(i)) {
            CHECK(xsave_same(before, low, i));
        }
    }
    CHECK(xsave_is_filled(low, xsave_compacted_at(components, 14) +
                          (components & UINTR ? 48 : 0), sizeof(*low)));
}

static void save_in(const struct way *w, enum xsave_insn insn)
{
    struct uintr_image now = uintr_full;

    random_user_state();
    xsave_filled_snapshot(before);
    uintr_write(&now);
    xsave_fill(low);
    expect(w, insn, 0);
    check_saved(insn == XSAVES ? everything : user);
    if (insn == XSAVES) {
        CHECK(!memcmp(image_in(low), &uintr_full, sizeof(uintr_full)));
        now = uintr_without_uinv(now);                      /* R142 */
    }
    check_uintr(&now);
}

static void test_save(void)
{
    FOR_EACH_WAY(w) {
        save_in(w, XSAVEC);
        if (allowed(w, XSAVES)) {
            save_in(w, XSAVES);
        }
    }
}

/* ---- restoring ---- */

/* An image of all sixteen registers; the state is another one then. */
static void make_image(bool with_uintr)
{
    random_user_state();
    uintr_write(&uintr_full);
    memset(low, 0, sizeof(*low));
    xsave_do(with_uintr ? XSAVES : XSAVEC, low, ~0ull);
    random_user_state();
    uintr_write(&(struct uintr_image) { .misc = 5 });
    xsave_snapshot(before);
}

static void keep_upper_registers(void)
{
    uint32_t ymm8 = xsave_standard_at(2) + YMM8_AT;

    memcpy(wanted->bytes + XMM8_AT, before->bytes + XMM8_AT,
           XMM_END - XMM8_AT);
    if (user & YMM) {
        memcpy(wanted->bytes + ymm8, before->bytes + ymm8,
               YMM_SIZE - YMM8_AT);
    }
}

static void check_restored(void)
{
    *wanted = *before;
    for (int i = 0; i < 10; i++) {
        if (!(user & BIT(i))) {
            continue;
        }
        if (low->xstate_bv & BIT(i)) {
            xsave_copy(wanted, low, i);
        } else {
            xsave_init(wanted, i);
        }
    }
    keep_upper_registers();
    xsave_snapshot(after);
    for (int i = 0; i < 10; i++) {
        CHECK(!(user & BIT(i)) || xsave_same(wanted, after, i));
    }
}

static void restore_in(const struct way *w, enum xsave_insn insn,
                       uint64_t in_bv)
{
    struct uintr_image now = { .misc = 5 };

    make_image(insn == XRSTORS);
    low->xstate_bv &= in_bv;
    expect(w, insn, 0);
    check_restored();
    if (insn == XRSTORS) {
        now = low->xstate_bv & UINTR ? uintr_full : (struct uintr_image) {};
    }
    check_uintr(&now);
}

static void test_restore(void)
{
    static const uint64_t in_bvs[] = { ~0ull, 0, ~SSE, ~YMM, UINTR };

    FOR_EACH_WAY(w) {
        for (int i = 0; i < 5; i++) {
            restore_in(w, XRSTOR, in_bvs[i]);
            if (allowed(w, XRSTORS)) {
                restore_in(w, XRSTORS, in_bvs[i]);
            }
        }
    }
}

/* ---- faults ---- */

static const enum xsave_insn insns[] = { XSAVEC, XSAVES, XRSTOR, XRSTORS };
#define FOR_EACH_INSN(i)                                                    \
    for (const enum xsave_insn *i = insns; i < insns + 4; i++)

static void valid_image(void)
{
    make_image(false);
    *after = *low;
}

static void check_nothing_changed(void)
{
    CHECK(!memcmp(after, low, sizeof(*low)));
    xsave_snapshot(wanted);
    CHECK(!memcmp(before, wanted, sizeof(*before)));
    check_uintr(&(struct uintr_image) { .misc = 5 });
}

static void test_privilege(void)
{
    FOR_EACH_WAY(w) {
        FOR_EACH_INSN(i) {
            if (!allowed(w, *i)) {
                valid_image();
                expect(w, *i, VEC_GP);
                check_nothing_changed();
            }
        }
    }
}

static void test_alignment(void)
{
    FOR_EACH_WAY(w) {
        FOR_EACH_INSN(i) {
            valid_image();
            CHECK_EQ(fault_at(w, *i, 8, 0), VEC_GP);
            CHECK_EQ(fault_at(w, *i, 32, 0), VEC_GP);
            check_nothing_changed();
        }
    }
}

static void test_ud(void)
{
    FOR_EACH_WAY(w) {
        FOR_EACH_INSN(i) {
            valid_image();
            write_cr4(read_cr4() & ~CR4_OSXSAVE);
            write_cr0(read_cr0() | CR0_TS);
            expect(w, *i, VEC_UD);
            write_cr4(read_cr4() | CR4_OSXSAVE);
            expect(w, *i, VEC_NM);
            write_cr0(read_cr0() & ~CR0_TS);
            check_nothing_changed();
        }
    }
}

static void test_prefixes(void)
{
    static const uint8_t prefixes[] = { 0x66, 0xf2, 0xf3, 0xf0 };

    FOR_EACH_WAY(w) {
        FOR_EACH_INSN(i) {
            valid_image();
            for (int p = 0; p < 4; p++) {
                CHECK_EQ(fault_at(w, *i, 0, prefixes[p]), VEC_UD);
            }
            check_nothing_changed();
        }
    }
}

static void test_header(void)
{
    FOR_EACH_WAY(w) {
        for (int i = XRSTOR; i <= XRSTORS; i++) {
            valid_image();
            low->xcomp_bv |= BIT(62);
            *after = *low;
            expect(w, i, VEC_GP);
            check_nothing_changed();
        }
    }
}

static void test_page_fault(void)
{
    FOR_EACH_WAY(w) {
        FOR_EACH_INSN(i) {
            bool writes = *i == XSAVEC || *i == XSAVES;
            uint64_t pte;

            if (!w->compat || !allowed(w, *i)) {
                continue;
            }
            valid_image();
            pte = vm_change((void *)COMPAT_AREA, PTE_P, 0);
            expect(w, *i, VEC_PF);
            CHECK_EQ(trap_cr2() & -PAGE_SIZE, COMPAT_AREA);
            vm_restore((void *)COMPAT_AREA, pte);
            pte = vm_change((void *)COMPAT_AREA, PTE_W, 0);
            write_cr0(read_cr0() | CR0_WP);
            valid_image();
            expect(w, *i, writes ? VEC_PF : 0);
            vm_restore((void *)COMPAT_AREA, pte);
        }
    }
}

const struct test tests[] = {
    { "R140-R152-save", test_save },
    { "R150-R152-restore", test_restore },
    { "R152-privilege", test_privilege },
    { "R152-alignment", test_alignment },
    { "R152-ud-before-nm", test_ud },
    { "R152-prefixes", test_prefixes },
    { "R152-header", test_header },
    { "R152-page-fault", test_page_fault },
    {}
};
