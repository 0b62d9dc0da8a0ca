/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XRSTORS and the compacted form of XRSTOR: headers, components, the UINTR
 * state and what follows from it (R89, R91, R146-R152).
 *
 *   la57=on|off  as the CPU model has it
 */
#include "recv.h"
#include "xsave.h"

const char *const test_group = "/uintr/xrstors";

static struct area *area, *before, *after, *wanted;
static uint64_t seed, user, everything;

void payload_start(void)
{
    area = pages_alloc(2);
    before = pages_alloc(1);
    after = pages_alloc(1);
    wanted = pages_alloc(1);
    xsave_enable_all();
    user = xgetbv(0);
    everything = user | UINTR;
}

static int linear_bits(void)
{
    return arg_is("la57", "off") ? 48 : 57;
}

static const struct uintr_image idle = {
    .handler = 0x7000, .stackadjust = 0x80, .misc = 0x12345678, .pd = 0x1240,
    .rr = 6, .tt = 0x2001,
};

static void random_user_state(void)
{
    xsave_random(after, user, &seed);
    xsave_do(XRSTOR, after, ~0ull);
}

/* A compacted image of other random state, UINTR included, UINV 0 now. */
static void random_image(const struct uintr_image *uintr)
{
    memset(area, 0, sizeof(*area));
    random_user_state();
    uintr_write(uintr);
    xsave_do(XSAVES, area, everything);
}

/* ---- R152: the header ---- */

static void check_refused(enum xsave_insn insn, const char *what)
{
    uint64_t vector;

    random_user_state();
    uintr_write(&idle);
    xsave_snapshot(before);
    vector = xsave_fault(insn, area, ~0ull);
    if (vector != VEC_GP) {
        printf("# %s, %s\n", xsave_names[insn], what);
    }
    CHECK_EQ(vector, VEC_GP);
    xsave_snapshot(after);
    CHECK(!memcmp(before, after, sizeof(*before)));
    check_uintr(&idle);
}

static void check_accepted(enum xsave_insn insn)
{
    struct uintr_image zero = {};

    uintr_write(&zero);
    CHECK_EQ(xsave_fault(insn, area, ~0ull), 0);
}

static void make_valid(enum xsave_insn insn)
{
    random_image(&uintr_full);
    if (insn == XRSTOR) {
        area->xcomp_bv &= ~UINTR;
        area->xstate_bv &= ~UINTR;
    }
    check_accepted(insn);
}

static void test_header_of(enum xsave_insn insn)
{
    uint64_t enabled = insn == XRSTOR ? user : everything;

    make_valid(insn);
    for (int bit = 0; bit < 63; bit++) {
        if (!(enabled & BIT(bit))) {
            area->xcomp_bv |= BIT(bit);
            check_refused(insn, "XCOMP_BV names what is not enabled");
            area->xcomp_bv &= ~BIT(bit);
            area->xstate_bv |= BIT(bit);
            check_refused(insn, "XSTATE_BV names what is not enabled");
            area->xstate_bv &= ~BIT(bit);
        } else {
            area->xcomp_bv &= ~BIT(bit);
            area->xstate_bv |= BIT(bit);
            check_refused(insn, "XSTATE_BV is no part of XCOMP_BV");
            area->xcomp_bv |= BIT(bit);
        }
    }
    for (int byte = 16; byte < 64; byte++) {
        area->bytes[LEGACY_SIZE + byte] = 1 << byte % 8;
        check_refused(insn, "a reserved byte is not 0");
        area->bytes[LEGACY_SIZE + byte] = 0;
    }
    area->xcomp_bv &= ~XCOMP_COMPACTED;
    check_refused(insn, "XCOMP_BV without bit 63");
    area->xcomp_bv = 0;
    area->xstate_bv = 0;
    if (insn == XRSTORS) {
        check_refused(insn, "the standard form");
    }
}

static void test_header(void)
{
    test_header_of(XRSTORS);
}

static void test_header_of_xrstor(void)
{
    test_header_of(XRSTOR);
    random_image(&uintr_full);
    check_refused(XRSTOR, "a supervisor component");
}

/* "A bit (including bit 63) that is not set in XCOMP_BV": this one is. */
static void test_xstate_bv_63(void)
{
    make_valid(XRSTORS);
    area->xstate_bv |= BIT(63);
    check_accepted(XRSTORS);
    check_uintr(&uintr_full);
}

/* In compacted form MXCSR belongs to SSE alone. */
static void check_mxcsr_is_not_ymm(enum xsave_insn insn)
{
    xsave_snapshot(before);
    CHECK_EQ(xsave_fault(insn, area, ~SSE & ~UINTR), 0);
    xsave_snapshot(after);
    CHECK_EQ(after->mxcsr, before->mxcsr);
}

static void test_mxcsr(void)
{
    for (int i = XRSTOR; i <= XRSTORS; i++) {
        make_valid(i);
        for (int bit = 16; bit < 32; bit++) {
            area->mxcsr |= BIT(bit);
            check_refused(i, "MXCSR");
            area->xstate_bv &= ~SSE;
            check_accepted(i);
            area->xstate_bv |= SSE;
            check_mxcsr_is_not_ymm(i);
            area->mxcsr &= ~BIT(bit);
        }
        check_accepted(i);
    }
}

/* IA32_XSS and XCR0 as they are now, not as they were at the save. */
static void test_not_enabled_any_more(void)
{
    make_valid(XRSTORS);
    wrmsr(MSR_XSS, 0);
    check_refused(XRSTORS, "component 14 is off");
    xsave_enable(X87 | SSE, UINTR);
    if (user & YMM) {
        CHECK_EQ(xsave_fault(XRSTORS, area, ~0ull), VEC_GP);
    }
    xsave_enable_all();
    check_accepted(XRSTORS);
}

static void test_page_faults(void)
{
    void *second = area->bytes + PAGE_SIZE;
    struct area *crossing = second - EXTENDED_AT;
    struct area *cut = second - LEGACY_SIZE;
    uint64_t pte;

    make_valid(XRSTORS);
    memcpy(crossing, area, 1024);
    pte = vm_change(second, PTE_P, 0);
    random_user_state();
    uintr_write(&idle);
    xsave_snapshot(before);
    CHECK_EQ(xsave_fault(XRSTORS, crossing, ~0ull), VEC_PF);
    CHECK_EQ(trap_cr2() & -PAGE_SIZE, (uint64_t)second);
    CHECK_EQ(xsave_fault(XRSTORS, cut, ~0ull), VEC_PF);
    CHECK_EQ(trap_cr2() & -PAGE_SIZE, (uint64_t)second);
    xsave_snapshot(after);
    CHECK(!memcmp(before, after, sizeof(*before)));
    check_uintr(&idle);
    vm_restore(second, pte);
    pte = vm_change(area, PTE_P, 0);
    CHECK_EQ(xsave_fault(XRSTORS, crossing, ~0ull), VEC_PF);
    CHECK_EQ(trap_cr2() & -PAGE_SIZE, (uint64_t)area);
    vm_restore(area, pte);
    check_accepted(XRSTORS);
}

/* ---- round trips ---- */

/* What was saved, what is there, what must come out. */
static void check_restored(const struct area *saved, uint64_t rfbm,
                           uint64_t restored)
{
    *wanted = *before;
    xsave_snapshot(after);
    for (int i = 0; i < 10; i++) {
        if (!(user & BIT(i))) {
            continue;
        }
        if (rfbm & restored & BIT(i)) {
            xsave_copy(wanted, saved, i);
        } else if (rfbm & BIT(i)) {
            xsave_init(wanted, i);
        }
        if (!xsave_same(wanted, after, i)) {
            printf("# component %d, mask 0x%lx, restored 0x%lx\n", i, rfbm,
                   restored);
            CHECK(!"a component is restored, initialised or left alone");
        }
    }
}

static void round_trip(enum xsave_insn save, enum xsave_insn restore,
                       uint64_t saved, uint64_t in_bv, uint64_t mask)
{
    static struct area first;
    struct uintr_image zero = {}, now;

    random_user_state();
    xsave_snapshot(&first);
    uintr_write(&uintr_full);
    memset(area, 0, sizeof(*area));
    xsave_do(save, area, saved);
    area->xstate_bv &= in_bv;
    random_user_state();
    now = idle;
    uintr_write(&now);
    xsave_snapshot(before);
    xsave_do(restore, area, mask);
    check_restored(&first, mask, area->xstate_bv);
    if (restore == XRSTORS && (mask & UINTR)) {
        now = area->xstate_bv & UINTR ? uintr_full : zero;
    }
    check_uintr(&now);
}

static void test_round_trips(void)
{
    for (uint64_t mask = 0; mask < BIT(15); mask++) {
        if (mask & ~everything) {
            continue;
        }
        round_trip(XSAVES, XRSTORS, ~0ull, ~0ull, mask);
        round_trip(XSAVES, XRSTORS, mask, ~0ull, mask);
        round_trip(XSAVES, XRSTORS, mask, ~0ull, ~0ull);
        round_trip(XSAVES, XRSTORS, ~0ull, mask, ~0ull);
        round_trip(XSAVES, XRSTORS, ~0ull, random64(&seed), mask);
        if (!(mask & UINTR)) {
            round_trip(XSAVEC, XRSTOR, ~0ull, ~0ull, mask);
            round_trip(XSAVEC, XRSTOR, mask, ~0ull, mask);
            round_trip(XSAVEC, XRSTORS, mask, random64(&seed), ~0ull);
            round_trip(XSAVEC, XRSTOR, ~0ull, mask, ~0ull);
        }
    }
}

/* XGETBV(1) tells XINUSE of the user components, of the bounds exactly. */
static void check_xinuse(enum xsave_insn insn, uint64_t in_use)
{
    area->xstate_bv = (area->xstate_bv & ~BNDREGS) | in_use;
    check_accepted(insn);
    CHECK_EQ(xgetbv(1), (user & ~BNDREGS) | in_use);
    xsave_do(XSAVES, before, BNDREGS | PKRU);
    CHECK_EQ(before->xstate_bv, PKRU | in_use);
}

static void test_xinuse(void)
{
    if (!(user & BNDREGS)) {
        skip("no component that TCG tracks");
    }
    for (int i = XRSTOR; i <= XRSTORS; i++) {
        make_valid(i);
        check_xinuse(i, 0);
        check_xinuse(i, BNDREGS);
    }
}

static void test_across_pages(void)
{
    struct uintr_image zero = {};

    for (int at = 3072; at < 4096; at += 64) {
        struct area *crossing = (void *)area->bytes + at;

        random_user_state();
        xsave_snapshot(before);
        uintr_write(&uintr_full);
        memset(crossing, 0, 1024);
        xsave_do(XSAVES, crossing, ~0ull);
        random_user_state();
        uintr_write(&zero);
        xsave_do(XRSTORS, crossing, ~0ull);
        xsave_snapshot(after);
        CHECK(!memcmp(before, after, sizeof(*before)));
        check_uintr(&uintr_full);
    }
}

/* Where the last of these components ends in a compacted area of them all. */
static uint32_t end_of(uint64_t components)
{
    uint32_t end = EXTENDED_AT;

    for (int i = 2; i <= 14; i++) {
        if (components & BIT(i)) {
            end = xsave_compacted_at(everything, i) + xsave_size(i);
        }
    }
    return end;
}

/* An area that ends on a missing page, of which one component is wanted. */
static void check_missing(enum xsave_insn insn, void *second,
                          uint32_t before_it, uint64_t component)
{
    bool fault = end_of(component) > before_it;
    struct area *crossing = second - before_it;
    uint64_t pte;

    make_valid(insn);
    memcpy(crossing, area, 1024);
    crossing->xstate_bv = component;
    uintr_write(&idle);
    pte = vm_change(second, PTE_P, 0);
    CHECK_EQ(xsave_fault(insn, crossing, ~0ull), fault ? VEC_PF : 0);
    vm_restore(second, pte);
}

static void test_missing_page(void)
{
    void *second = pages_alloc(2) + PAGE_SIZE;

    for (uint32_t before_it = 64; before_it <= 1024; before_it += 64) {
        for (int i = 0; i <= 14; i++) {
            if (user & BIT(i)) {
                check_missing(XRSTOR, second, before_it, BIT(i));
            }
            if (everything & BIT(i)) {
                check_missing(XRSTORS, second, before_it, BIT(i));
            }
        }
    }
}

/* Ring 3 has read the page before, so the TLB must forget it. */
static void read_byte(const char *page) { *(volatile const char *)page; }

static void test_pkru(void)
{
    char *page = page_alloc();
    uint64_t pte = vm_change(USER(page), 0, BIT(59)), cr4 = read_cr4();

    if (!(user & PKRU)) {
        skip("no PKRU");
    }
    write_cr4(cr4 | CR4_PKE);
    for (int denied = 0; denied < 4; denied++) {
        memset(area, 0, sizeof(*area));
        area->xcomp_bv = XCOMP_COMPACTED | PKRU;
        area->xstate_bv = PKRU;
        area->bytes[EXTENDED_AT] = denied & 1 ? 4 : 0;
        xsave_do(XRSTORS, area, PKRU);
        CHECK_EQ(run_user(read_byte, (uint64_t)USER(page), 0),
                 denied & 1 ? VEC_PF : VEC_EXIT);
    }
    write_cr4(cr4);
    vm_restore(USER(page), pte);
    area->xstate_bv = 0;
    xsave_do(XRSTORS, area, PKRU);
}

static void test_standard_xrstor(void)
{
    uintr_write(&uintr_full);
    xsave_random(area, user, &seed);
    xsave_do(XRSTOR, area, ~0ull);
    check_uintr(&uintr_full);
    area->xstate_bv |= UINTR;
    CHECK_EQ(xsave_fault(XRSTOR, area, ~0ull), VEC_GP);
    check_uintr(&uintr_full);
}

/* ---- R146-R149 ---- */

static void test_uinv_in_use(void)
{
    random_image(&uintr_full);
    for (int uinv = 1; uinv < 256; uinv++) {
        struct uintr_image now = idle;

        now.misc = misc(uinv, 9);
        random_user_state();
        uintr_write(&now);
        xsave_snapshot(before);
        CHECK_EQ(xsave_fault(XRSTORS, area, ~0ull), VEC_GP);
        CHECK_EQ(xsave_fault(XRSTORS, area, UINTR), VEC_GP);
        xsave_snapshot(after);
        CHECK(!memcmp(before, after, sizeof(*before)));
        check_uintr(&now);
    }
    xsave_do(XRSTORS, area, user);      /* R152: not asked for */
}

static void test_twice(void)
{
    random_image(&uintr_full);
    xsave_do(XRSTORS, area, UINTR);
    check_uintr(&uintr_full);
    CHECK_EQ(xsave_fault(XRSTORS, area, UINTR), VEC_GP);
    check_uintr(&uintr_full);
    image_in(area)->misc = 0;
    CHECK_EQ(xsave_fault(XRSTORS, area, UINTR), VEC_GP);
    check_uintr(&uintr_full);
}

/* Open in the SDM; decided in internal.h. */
static void test_uinv_in_use_at_init(void)
{
    random_image(&uintr_full);
    area->xstate_bv &= ~UINTR;
    uintr_write(&uintr_full);
    CHECK_EQ(xsave_fault(XRSTORS, area, UINTR), VEC_GP);
    area->xcomp_bv = XCOMP_COMPACTED;
    area->xstate_bv = 0;
    CHECK_EQ(xsave_fault(XRSTORS, area, UINTR), VEC_GP);
    check_uintr(&uintr_full);
    CHECK_EQ(xsave_fault(XRSTORS, area, user), 0);
    check_uintr(&uintr_full);
}

static void check_value(int word, uint64_t value, bool legal)
{
    struct uintr_image image = idle;

    ((uint64_t *)&image)[word] = value;
    *image_in(area) = image;
    random_user_state();
    uintr_write(&idle);
    xsave_snapshot(before);
    CHECK_EQ(xsave_fault(XRSTORS, area, ~0ull), legal ? 0 : VEC_GP);
    if (legal) {
        check_uintr(&image);
        return;
    }
    xsave_snapshot(after);
    CHECK(!memcmp(before, after, sizeof(*before)));
    check_uintr(&idle);
    CHECK_EQ(rdmsr(UINTR_MSR_MISC) >> UINTR_MISC_UINV_SHIFT, 0);    /* R149 */
}

static void test_values(void)
{
    static const struct {
        uint64_t reserved;
        bool address;
    } words[6] = {
        { 0, true }, { 0, true }, { 0x7fffff0000000000, false },
        { 0x3f, true }, { 0, false }, { 0xe, true },
    };

    random_image(&uintr_full);
    for (int word = 0; word < 6; word++) {
        for (int bit = 0; bit < 64; bit++) {
            uint64_t values[] = { BIT(bit), -BIT(bit), BIT(bit) - 1 };

            for (int i = 0; i < 3; i++) {
                check_value(word, values[i],
                            !(values[i] & words[word].reserved) &&
                            (!words[word].address ||
                             is_canonical(values[i], linear_bits())));
            }
        }
    }
}

/* What is not asked for may hold anything. */
static void test_values_not_asked_for(void)
{
    random_image(&uintr_full);
    memset(image_in(area), 0xff, sizeof(struct uintr_image));
    uintr_write(&uintr_full);
    xsave_do(XRSTORS, area, user);
    check_uintr(&uintr_full);
    area->xstate_bv &= ~UINTR;
    uintr_write(&idle);
    xsave_do(XRSTORS, area, UINTR);
    check_uintr(&(struct uintr_image) {});
}

/* ---- R89, R91, R150, R151 ---- */

static void nothing(void) { }

static void receiver_image(uint64_t rr, bool uif)
{
    recv_begin();
    wrmsr(UINTR_MSR_RR, rr);
    if (uif) {
        stui();
    }
    xsave_do(XSAVES, area, UINTR);
    uintr_write(&(struct uintr_image) {});
    CHECK_EQ(area->xstate_bv, UINTR);
    uintr_enable();
}

static void test_pending_in_image(void)
{
    for (int v = 0; v < 64; v++) {
        receiver_image(BIT(v), true);
        ui_count = 0;
        xsave_do(XRSTORS, area, UINTR);
        CHECK_EQ(ui_count, 0);          /* R90: not at CPL 0 */
        CHECK_EQ(recv_rr(), BIT(v));
        CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
        CHECK_EQ(ui_count, 1);
        CHECK_DELIVERED(0, v, USER((uint64_t)nothing));
        CHECK_EQ(recv_rr(), 0);
    }
}

static void test_uif_in_image(void)
{
    for (int uif = 0; uif < 2; uif++) {
        receiver_image(BIT(3), uif);
        ui_count = 0;
        xsave_do(XRSTORS, area, UINTR);
        CHECK_EQ(testui(), uif);
        CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
        CHECK_EQ(ui_count, uif);
        CHECK_EQ(recv_rr(), uif ? 0 : BIT(3));
    }
}

/* The other task's pending interrupt must not be delivered to this one. */
static void test_not_pending_in_image(void)
{
    receiver_image(0, true);
    for (int init = 0; init < 2; init++) {
        recv_pend(BIT(5));
        wrmsr(UINTR_MSR_MISC, 0);
        area->xstate_bv = init ? 0 : UINTR;
        ui_count = 0;
        xsave_do(XRSTORS, area, UINTR);
        CHECK_EQ(recv_rr(), 0);
        CHECK_EQ(testui(), !init);
        CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
        CHECK_EQ(ui_count, 0);
    }
}

static void test_initialise(void)
{
    static const struct uintr_image zero;

    random_image(&uintr_full);
    area->xstate_bv &= ~UINTR;
    for (int format = 0; format < 2; format++) {
        struct uintr_image now = uintr_without_uinv(uintr_full);

        uintr_write(&now);
        xsave_do(XRSTORS, area, UINTR);
        check_uintr(&zero);
        area->xcomp_bv &= ~UINTR;       /* not even in the format */
    }
}

/* What is loaded is in use for the SDM; here the registers alone decide. */
static void test_zero_image(void)
{
    random_image(&uintr_full);
    memset(image_in(area), 0, sizeof(struct uintr_image));
    xsave_do(XRSTORS, area, UINTR);
    check_uintr(&(struct uintr_image) {});
    xsave_do(XSAVES, area, UINTR);
    CHECK_EQ(area->xstate_bv, 0);
}

static void test_uinv_loaded(void)
{
    recv_begin();
    xsave_do(XSAVES, area, UINTR);
    xsave_do(XRSTORS, area, UINTR);
    recv_post(BIT(7));
    recv_notify();
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(7));
}

/* R9: CR4.UINTR does not gate the component. */
static void test_without_cr4(void)
{
    random_image(&uintr_full);
    write_cr4(read_cr4() & ~CR4_UINTR);
    xsave_do(XRSTORS, area, ~0ull);
    check_uintr(&uintr_full);
    write_cr4(read_cr4() & ~CR4_UINTR);
    xsave_do(XSAVES, area, ~0ull);
    CHECK(!memcmp(image_in(area), &uintr_full, sizeof(uintr_full)));
}

const struct test tests[] = {
    { "R9-without-cr4", test_without_cr4 },
    { "R89-pending-in-image", test_pending_in_image },
    { "R89-not-pending-in-image", test_not_pending_in_image },
    { "R91-uif-in-image", test_uif_in_image },
    { "R145-zero-image", test_zero_image },
    { "R146-uinv-in-use", test_uinv_in_use },
    { "R146-twice", test_twice },
    { "R147-uinv-in-use-at-init", test_uinv_in_use_at_init },
    { "R148-values", test_values },
    { "R149-values-not-asked-for", test_values_not_asked_for },
    { "R150-uinv-loaded", test_uinv_loaded },
    { "R151-initialise", test_initialise },
    { "R152-header", test_header },
    { "R152-header-of-xrstor", test_header_of_xrstor },
    { "R152-xstate-bv-63", test_xstate_bv_63 },
    { "R152-mxcsr", test_mxcsr },
    { "R152-not-enabled-any-more", test_not_enabled_any_more },
    { "R152-page-faults", test_page_faults },
    { "R152-round-trips", test_round_trips },
    { "R152-xinuse", test_xinuse },
    { "R152-across-pages", test_across_pages },
    { "R152-missing-page", test_missing_page },
    { "R152-pkru-takes-effect", test_pkru },
    { "R152-standard-xrstor", test_standard_xrstor },
    { NULL },
};
