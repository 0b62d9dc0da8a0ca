/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What CPUID says of the UINTR state component, IA32_XSS, and what XSAVEC and
 * XSAVES write (R4-R7, R140-R145, R153, R154).  xrstors.c has the way back.
 */
#include "insns.h"
#include "recv.h"
#include "xsave.h"

const char *const test_group = "/uintr/xsave";

static struct area *area, *other;
static uint64_t seed;

/* Two pages that follow each other, so that an area can cross. */
void payload_start(void)
{
    area = pages_alloc(2);
    other = pages_alloc(2);
    xsave_enable_all();
}

/* ---- R4-R6, R153: enumeration and IA32_XSS ---- */

static void check_leaf(uint32_t subleaf, struct cpuid want)
{
    struct cpuid got = cpuid(0xd, subleaf);

    CHECK_EQ(got.eax, want.eax);
    CHECK_EQ(got.ebx, want.ebx);
    CHECK_EQ(got.ecx, want.ecx);
    CHECK_EQ(got.edx, want.edx);
}

static void test_cpuid(void)
{
    check_leaf(14, (struct cpuid) { 48, 0, 1, 0 });
    CHECK(cpuid(1, 0).ecx & BIT(26));
    CHECK_EQ(cpuid(0xd, 1).eax, 0xf);
    CHECK_EQ(cpuid(0xd, 1).ecx, BIT(14));
    CHECK_EQ(cpuid(0xd, 1).edx, 0);
}

static void test_cpuid_components(void)
{
    static const struct {
        int component;
        struct cpuid leaf;
    } known[] = {
        { 2, { 256, 0x240, 0, 0 } }, { 3, { 64, 0x3c0, 0, 0 } },
        { 4, { 64, 0x400, 0, 0 } }, { 9, { 8, 0xa80, 0, 0 } },
        { 14, { 48, 0, 1, 0 } },
    };
    uint64_t have = xsave_user_components() | UINTR;

    for (int i = 2; i < 64; i++) {
        struct cpuid want = {};

        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
            if (known[k].component == i && (have & BIT(i))) {
                want = known[k].leaf;
            }
        }
        check_leaf(i, want);
    }
    if (arg_is("components", "all")) {
        CHECK_EQ(have, X87 | SSE | YMM | BNDREGS | BNDCSR | PKRU | UINTR);
    } else {
        CHECK_EQ(have, X87 | SSE | UINTR);
    }
}

/* R5: what is enabled counts, not what the CPU has. */
static void test_compacted_size(void)
{
    uint64_t user = xsave_user_components();

    for (int with_uintr = 0; with_uintr < 2; with_uintr++) {
        for (uint64_t more = user & ~3; ; more = (more - 1) & user & ~3) {
            uint32_t size = EXTENDED_AT + 48 * with_uintr;

            if (!(more & BNDREGS) == !(more & BNDCSR)) {
                xsave_enable(3 | more, with_uintr ? UINTR : 0);
                for (int i = 2; i < 14; i++) {
                    size += more & BIT(i) ? xsave_size(i) : 0;
                }
                CHECK_EQ(cpuid(0xd, 1).ebx, size);
            }
            if (!more) {
                break;
            }
        }
    }
    xsave_enable(X87, 0);
    CHECK_EQ(cpuid(0xd, 1).ebx, EXTENDED_AT);
    xsave_enable_all();
}

/* Leaf (0DH,0): EBX what is enabled, ECX all, neither of XSS. */
static void test_standard_size(void)
{
    uint64_t user = xsave_user_components();
    uint32_t size = EXTENDED_AT, all = EXTENDED_AT;

    for (int i = 2; i < 14; i++) {
        all = user & BIT(i) ? xsave_standard_at(i) + xsave_size(i) : all;
    }
    for (uint64_t xcr0 = 3; xcr0 <= 7; xcr0 += 4) {
        if (!(xcr0 & ~user)) {
            size += xcr0 & YMM ? xsave_size(2) : 0;
            xsave_enable(xcr0, UINTR);
            CHECK_EQ(cpuid(0xd, 0).ebx, size);
            CHECK_EQ(cpuid(0xd, 0).ecx, all);
        }
    }
    xsave_enable_all();
    CHECK_EQ(cpuid(0xd, 0).ebx, all);
    CHECK_EQ(cpuid(0xd, 0).ecx, all);
}

static void test_not_in_xcr0(void)
{
    uint64_t xcr0 = xgetbv(0);

    CHECK_EQ(cpuid(0xd, 0).eax & BIT(14), 0);
    CHECK_EQ(cpuid(0xd, 0).edx, 0);
    CHECK_EQ(xsetbv_fault(0, xcr0 | BIT(14)), VEC_GP);
    CHECK_EQ(xgetbv(0), xcr0);
    CHECK_EQ(xgetbv(1) & BIT(14), 0);
}

static void test_xss(void)
{
    for (int bit = 0; bit < 64; bit++) {
        uint64_t bits[] = { BIT(bit), UINTR | BIT(bit) };

        for (int i = 0; i < 2; i++) {
            bool legal = bit == 14;
            uint64_t old = bit & 1 ? UINTR : 0;

            wrmsr(MSR_XSS, old);
            CHECK_EQ(wrmsr_fault(MSR_XSS, bits[i]), legal ? 0 : VEC_GP);
            CHECK_EQ(rdmsr(MSR_XSS), legal ? UINTR : old);
        }
    }
    wrmsr(MSR_XSS, 0);
    CHECK_EQ(rdmsr(MSR_XSS), 0);
    CHECK_EQ(run_user(wrmsr, MSR_XSS, UINTR), VEC_GP);
    CHECK_EQ(run_user(rdmsr, MSR_XSS, 0), VEC_GP);
    CHECK_EQ(rdmsr(MSR_XSS), 0);
    xsave_enable_all();
}

/* IA32_XSS belongs to a CPU, and is 0 when it comes up. */
static volatile uint64_t xss_of_other;

static void read_xss(uint64_t unused __attribute__((unused)))
{
    xss_of_other = rdmsr(MSR_XSS);
}

static void test_xss_per_cpu(void)
{
    xss_of_other = 1;
    wrmsr(MSR_XSS, UINTR);
    smp_run(1, read_xss, 0);
    smp_wait(1);
    CHECK_EQ(xss_of_other, 0);
    CHECK_EQ(rdmsr(MSR_XSS), UINTR);
}

/* ---- faults ---- */

static const enum xsave_insn compacted[] = { XSAVEC, XSAVES, XRSTORS };
#define FOR_EACH_INSN(i)                                                    \
    for (const enum xsave_insn *i = compacted; i < compacted + 3; i++)

static void valid_area(struct area *a)
{
    memset(a, 0, sizeof(*a));
    a->xcomp_bv = XCOMP_COMPACTED;
}

static void test_ud(void)
{
    valid_area(area);
    FOR_EACH_INSN(i) {
        write_cr4(read_cr4() & ~CR4_OSXSAVE);
        CHECK_EQ(xsave_fault(*i, area, 0), VEC_UD);
        CHECK_EQ(xsave_frame(*i, 3, area, 0).vector, VEC_UD);
        write_cr0(read_cr0() | CR0_TS);
        CHECK_EQ(xsave_fault(*i, (void *)area + 1, 0), VEC_UD);
        write_cr0(read_cr0() & ~CR0_TS);
        write_cr4(read_cr4() | CR4_OSXSAVE);
        CHECK_EQ(xsave_fault(*i, area, 0), 0);
    }
}

static void test_nm(void)
{
    valid_area(area);
    FOR_EACH_INSN(i) {
        write_cr0(read_cr0() | CR0_TS);
        CHECK_EQ(xsave_fault(*i, area, 0), VEC_NM);
        CHECK_EQ(xsave_fault(*i, (void *)area + 1, 0), VEC_NM);
        CHECK_EQ(xsave_frame(*i, 3, area, 0).vector, VEC_NM);
        write_cr0(read_cr0() & ~CR0_TS);
        CHECK_EQ(xsave_fault(*i, area, 0), 0);
    }
}

static void test_privilege(void)
{
    valid_area(area);
    uintr_write(&uintr_full);
    for (int i = XSAVES; i <= XRSTORS; i += XRSTORS - XSAVES) {
        struct frame f = xsave_frame(i, 3, area, UINTR);

        CHECK_EQ(f.vector, VEC_GP);
        CHECK_EQ(f.error, 0);
        CHECK_EQ(f.rip, (uint64_t)USER(xsave_code[i]));
        CHECK_EQ(xsave_frame(i, 3, (void *)4096, 0).vector, VEC_GP);
    }
    CHECK_EQ(xsave_frame(XSAVEC, 3, area, 0).vector, VEC_EXIT);
    check_uintr(&uintr_full);
}

static void test_alignment(void)
{
    valid_area(area);
    FOR_EACH_INSN(i) {
        for (int by = 1; by < 64; by++) {
            CHECK_EQ(xsave_fault(*i, area->bytes + by, 0), VEC_GP);
        }
    }
    CHECK_EQ(area->xcomp_bv, XCOMP_COMPACTED);
}

/* (%rdi) with /3, /4 and /5; 66H, F2H, F3H and LOCK are none of theirs. */
static void test_prefixes(void)
{
    static const struct insn insns[] = {
        { "xrstors", 3, { 0x0f, 0xc7, 0x1f } },
        { "xsavec", 3, { 0x0f, 0xc7, 0x27 } },
        { "xsaves", 3, { 0x0f, 0xc7, 0x2f } },
    };
    static const uint8_t prefixes[] = { 0x66, 0xf2, 0xf3, 0xf0 };

    valid_area(area);
    for (int i = 0; i < 3; i++) {
        struct frame f = frame_insn(0, &insns[i]);

        f.rdi = (uint64_t)area;
        f.rax = f.rdx = 0;
        CHECK_EQ(run(&f), VEC_EXIT);
        for (int p = 0; p < 4; p++) {
            struct insn bad = prefixed(&insns[i], prefixes[p]);

            f = frame_insn(0, &bad);
            f.rdi = (uint64_t)area;
            f.rax = f.rdx = 0;
            run(&f);
            check_ud(&f, &bad, "with a prefix");
        }
    }
}

/* ---- R140, R141: what XSAVES writes ---- */

static void test_layout(void)
{
    struct uintr_image image = uintr_full, now = uintr_without_uinv(uintr_full);

    xsave_fill(area);
    uintr_write(&uintr_full);
    xsave_do(XSAVES, area, UINTR);
    CHECK_EQ(area->xstate_bv, UINTR);
    CHECK_EQ(area->xcomp_bv, XCOMP_COMPACTED | UINTR);
    CHECK(!memcmp(area->bytes + 576, &image, sizeof(image)));
    CHECK(xsave_is_filled(area, 0, LEGACY_SIZE));
    CHECK(xsave_is_filled(area, LEGACY_SIZE + 16, EXTENDED_AT));
    CHECK(xsave_is_filled(area, 576 + 48, sizeof(*area)));
    check_uintr(&now);
}

/* By offset, written out: not what the shared header says. */
static void test_slots(void)
{
    uint64_t *slot = (uint64_t *)(area->bytes + 576);

    for (int bit = 0; bit < 64; bit++) {
        struct uintr_image image = {
            .handler = 1, .stackadjust = 2, .misc = 3, .pd = 0x40,
            .rr = BIT(bit), .tt = 0x11,
        };

        uintr_write(&image);
        xsave_do(XSAVES, area, UINTR);
        CHECK_EQ(slot[0], 1);
        CHECK_EQ(slot[1], 2);
        CHECK_EQ(slot[2], 3);
        CHECK_EQ(slot[3], 0x40);
        CHECK_EQ(slot[4], BIT(bit));
        CHECK_EQ(slot[5], 0x11);
    }
}

static void test_misc_slot(void)
{
    for (int uif = 0; uif < 2; uif++) {
        for (int bit = 0; bit < 40; bit++) {
            struct uintr_image image = {
                .misc = BIT(bit) | (uif ? MISC_UIF : 0),
            };

            xsave_fill(area);
            uintr_write(&image);
            xsave_do(XSAVES, area, UINTR);
            CHECK_EQ(image_in(area)->misc, image.misc);
        }
    }
}

static void test_behind_others(void)
{
    uint64_t all = xgetbv(0) | UINTR;

    for (uint64_t mask = 0; mask < BIT(15); mask++) {
        uint64_t rfbm = mask & all;

        if ((mask & ~all) || !(mask & UINTR)) {
            continue;
        }
        xsave_fill(area);
        uintr_write(&uintr_full);
        xsave_do(XSAVES, area, mask);
        CHECK_EQ(area->xcomp_bv, XCOMP_COMPACTED | rfbm);
        CHECK(!memcmp(image_in(area), &uintr_full, sizeof(uintr_full)));
        CHECK(xsave_is_filled(area, xsave_compacted_at(rfbm, 14) + 48,
                        sizeof(*area)));
    }
}

/* ---- R142-R145 ---- */

static void test_uinv(void)
{
    for (int uinv = 0; uinv < 256; uinv++) {
        struct uintr_image image = uintr_full, now;

        image.misc = MISC_UIF | misc(uinv, 0x12345678);
        uintr_write(&image);
        xsave_do(XSAVES, area, ~0ull);
        CHECK_EQ(image_in(area)->misc, image.misc);
        now = uintr_without_uinv(image);
        check_uintr(&now);
    }
}

static void test_not_requested(void)
{
    uintr_write(&uintr_full);
    xsave_fill(area);
    xsave_do(XSAVES, area, ~UINTR);
    CHECK_EQ(area->xcomp_bv, XCOMP_COMPACTED | xgetbv(0));
    CHECK_EQ(area->xstate_bv & UINTR, 0);
    check_uintr(&uintr_full);
    wrmsr(MSR_XSS, 0);
    xsave_do(XSAVES, area, ~0ull);
    CHECK_EQ(area->xcomp_bv, XCOMP_COMPACTED | xgetbv(0));
    check_uintr(&uintr_full);
    wrmsr(MSR_XSS, UINTR);
}

static void test_other_saves(void)
{
    static const enum xsave_insn insns[] = { XSAVE, XSAVEOPT, XSAVEC };

    uintr_write(&uintr_full);
    for (int i = 0; i < 3; i++) {
        memset(area, 0, sizeof(*area));
        xsave_do(insns[i], area, ~0ull);
        CHECK_EQ(area->xstate_bv & UINTR, 0);
        CHECK_EQ(area->xcomp_bv, insns[i] == XSAVEC ?
                 XCOMP_COMPACTED | xgetbv(0) : 0);
        check_uintr(&uintr_full);
    }
}

static void check_page_fault(const void *at, uint64_t cr2, uint32_t error)
{
    struct frame f = xsave_frame(XSAVES, 0, at, ~0ull);

    CHECK_EQ(f.vector, VEC_PF);
    CHECK_EQ(f.error, error);
    CHECK_EQ(trap_cr2() & -PAGE_SIZE, cr2);
    check_uintr(&uintr_full);
}

/* Faults on the first page and on the second, and nothing is written. */
static void test_fault_keeps_uinv(void)
{
    void *second = area->bytes + PAGE_SIZE;
    void *crossing = second - 576;
    uint64_t pte;

    uintr_write(&uintr_full);
    xsave_fill(area);
    for (int writable = 0; writable < 2; writable++) {
        uint64_t clear = writable ? PTE_P : PTE_W;
        uint32_t error = writable ? PF_W : PF_W | PF_P;

        write_cr0(read_cr0() | CR0_WP);
        pte = vm_change(area, clear, 0);
        check_page_fault(area, (uint64_t)area, error);
        check_page_fault(crossing, (uint64_t)area, error);
        vm_restore(area, pte);
        pte = vm_change(second, clear, 0);
        check_page_fault(crossing, (uint64_t)second, error);
        vm_restore(second, pte);
    }
    CHECK(xsave_is_filled(area, 0, sizeof(*area)));
    CHECK_EQ(xsave_fault(XSAVES, area->bytes + 8, ~0ull), VEC_GP);
    check_uintr(&uintr_full);
}

/* Only what is saved is accessed: not the legacy region, not what is init. */
static void test_unused_pages(void)
{
    struct uintr_image zero = {}, now = uintr_without_uinv(uintr_full);
    void *second = area->bytes + PAGE_SIZE;
    uint64_t pte = vm_change(area, PTE_P, 0);

    uintr_write(&uintr_full);
    xsave_do(XSAVES, second - LEGACY_SIZE, UINTR);
    check_uintr(&now);
    vm_restore(area, pte);
    pte = vm_change(second, PTE_P, 0);
    uintr_write(&zero);
    xsave_do(XSAVES, second - EXTENDED_AT, UINTR);
    uintr_write(&uintr_full);
    CHECK_EQ(xsave_fault(XSAVES, second - EXTENDED_AT, UINTR), VEC_PF);
    vm_restore(second, pte);
    check_uintr(&uintr_full);
}

static void check_xinuse(const struct uintr_image *image, bool in_use)
{
    xsave_fill(area);
    uintr_write(image);
    xsave_do(XSAVES, area, UINTR);
    CHECK_EQ(area->xstate_bv, in_use ? UINTR : 0);
    CHECK_EQ(area->xcomp_bv, XCOMP_COMPACTED | UINTR);
    CHECK_EQ(xsave_is_filled(area, EXTENDED_AT, EXTENDED_AT + 48), !in_use);
}

static void test_xinuse(void)
{
    struct uintr_image image = {};

    check_xinuse(&image, false);
    image.misc = MISC_UIF;
    check_xinuse(&image, true);
    image.misc = misc(1, 0);
    check_xinuse(&image, true);
    image.misc = 0;
    check_xinuse(&image, false);
    for (int word = 0; word < 6; word++) {
        uint64_t *words = (uint64_t *)&image;

        image = (struct uintr_image) {};
        words[word] = word == 2 ? 1 : word == 5 ? 0x10 : 0x40;
        check_xinuse(&image, true);
    }
}

/* ---- XSAVEC and XSAVES against XSAVE ---- */

static void check_saved(enum xsave_insn insn, uint64_t mask)
{
    uint64_t rfbm = mask & xgetbv(0);

    xsave_fill(other);
    xsave_do(insn, other, mask & ~UINTR);
    CHECK_EQ(other->xcomp_bv, XCOMP_COMPACTED | rfbm);
    CHECK_EQ(other->xstate_bv & ~rfbm, 0);
    CHECK(xsave_is_filled(other, LEGACY_SIZE + 16, EXTENDED_AT));
    for (int i = 0; i < 10; i++) {
        if (other->xstate_bv & BIT(i)) {
            CHECK(xsave_same(area, other, i));
        } else if (rfbm & BIT(i)) {
            CHECK_EQ(BIT(i), BNDREGS);
        }
    }
    if (!(rfbm & (X87 | SSE))) {
        CHECK(xsave_is_filled(other, 0, LEGACY_SIZE));
    }
}

static void test_against_standard(void)
{
    uint64_t user = xgetbv(0);

    for (int round = 0; round < 8; round++) {
        xsave_random(area, user, &seed);
        xsave_do(XRSTOR, area, ~0ull);
        xsave_filled_snapshot(area);
        for (uint64_t mask = 0; mask < BIT(10); mask++) {
            if (!(mask & ~user)) {
                check_saved(XSAVEC, mask);
                check_saved(XSAVES, mask);
            }
        }
        check_saved(XSAVEC, ~0ull);
        check_saved(XSAVES, ~0ull);
    }
}

/* BNDREGS is what TCG tracks; its place is left alone, and not closed. */
static void test_init_optimisation(void)
{
    uint64_t user = xgetbv(0);

    if (!(user & BNDREGS)) {
        skip("no component that TCG tracks");
    }
    xsave_random(area, user, &seed);
    area->xstate_bv = user & ~BNDREGS;
    xsave_do(XRSTOR, area, ~0ull);
    xsave_filled_snapshot(area);
    for (int i = XSAVEC; i <= XSAVES; i++) {
        uint32_t at = xsave_compacted_at(user, 3);

        check_saved(i, user);
        CHECK_EQ(other->xstate_bv, user & ~BNDREGS);
        CHECK(xsave_is_filled(other, at, at + 64));
        CHECK(xsave_same(area, other, 9));
    }
}

static void test_xsavec_in_ring3(void)
{
    uint64_t user = xgetbv(0);

    xsave_random(area, user, &seed);
    xsave_do(XRSTOR, area, ~0ull);
    xsave_filled_snapshot(area);
    xsave_fill(other);
    CHECK_EQ(xsave_frame(XSAVEC, 3, other, ~0ull).vector, VEC_EXIT);
    CHECK_EQ(other->xcomp_bv, XCOMP_COMPACTED | user);
    for (int i = 0; i < 10; i++) {
        if (user & BIT(i)) {
            CHECK(xsave_same(area, other, i));
        }
    }
}

/* ---- R154: what an operating system makes of it ---- */

static void test_rearm(void)
{
    recv_begin();
    stui();
    trap_handle(NV, irq_count);
    xsave_do(XSAVES, area, UINTR);
    recv_post(BIT(9));
    recv_notify();                      /* late: through the IDT (R71) */
    CHECK_EQ(irq_counts[NV], 1);
    CHECK_POSTED(BIT(9));
    CHECK_EQ(recv_rr(), 0);
    xsave_do(XRSTORS, area, UINTR);
    recv_notify();
    trap_handle(NV, NULL);
    CHECK_EQ(irq_counts[NV], 1);
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(9));
}

/* The other way: UINV by WRMSR, then a self-IPI for what came meanwhile. */
static void test_rearm_by_wrmsr(void)
{
    recv_begin();
    trap_handle(NV, irq_count);
    xsave_do(XSAVES, area, UINTR);
    recv_post(BIT(9));
    recv_notify();
    CHECK_EQ(irq_counts[NV], 1);
    wrmsr(UINTR_MSR_MISC, rdmsr(UINTR_MSR_MISC) | misc(NV, 0));
    recv_notify();
    trap_handle(NV, NULL);
    CHECK_EQ(irq_counts[NV], 1);
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(9));
}

/* ---- R7 ---- */

static void test_managed_not_enabled(void)
{
    struct uintr_image image = uintr_full;

    wrmsr(MSR_XSS, 0);
    uintr_write(&image);
    check_uintr(&image);
    write_cr4(read_cr4() & ~CR4_OSXSAVE);
    image.rr = 5;
    uintr_write(&image);
    check_uintr(&image);
    xsave_enable_all();
    check_uintr(&image);
}

const struct test tests[] = {
    { "R4-cpuid", test_cpuid },
    { "R4-cpuid-components", test_cpuid_components },
    { "R5-compacted-size", test_compacted_size },
    { "R5-standard-size", test_standard_size },
    { "R6-not-in-xcr0", test_not_in_xcr0 },
    { "R7-managed-not-enabled", test_managed_not_enabled },
    { "R140-layout", test_layout },
    { "R140-slots", test_slots },
    { "R140-behind-others", test_behind_others },
    { "R141-misc-slot", test_misc_slot },
    { "R142-clears-uinv-only", test_uinv },
    { "R143-not-requested", test_not_requested },
    { "R144-fault-keeps-uinv", test_fault_keeps_uinv },
    { "R145-xinuse", test_xinuse },
    { "R145-unused-pages", test_unused_pages },
    { "R152-other-saves", test_other_saves },
    { "R152-save-ud", test_ud },
    { "R152-save-nm", test_nm },
    { "R152-privilege", test_privilege },
    { "R152-alignment", test_alignment },
    { "R152-prefixes", test_prefixes },
    { "R152-against-standard", test_against_standard },
    { "R152-init-optimisation", test_init_optimisation },
    { "R152-xsavec-in-ring3", test_xsavec_in_ring3 },
    { "R153-xss", test_xss },
    { "R153-xss-per-cpu", test_xss_per_cpu, 2 },
    { "R154-rearm", test_rearm },
    { "R154-rearm-by-wrmsr", test_rearm_by_wrmsr },
    { NULL },
};
