/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random headers, images, masks, XCR0 and IA32_XSS through XRSTORS and the
 * compacted form of XRSTOR, against a model of our own: the architectural
 * fault with nothing changed, or exactly the state that the image describes.
 *
 *   seed=N   which run     n=IMAGES   through XRSTORS, half as many XRSTOR
 */
#include "xsave.h"

const char *const test_group = "/uintr/xrstors_fuzz";

static uint64_t seed, hash, user;
static struct area *area, *state, *wanted, *got;
static struct uintr_image uintr;            /* the state beside *state */
static uint32_t outcomes[2][2];             /* instruction, accepted */

static uint64_t any(void) { return random64(&seed); }
static uint32_t below(uint32_t n) { return any() % n; }

static bool one_in(uint32_t n)
{
    return !below(n);
}

static void fold(uint64_t value)
{
    hash = (hash ^ value) * 0x100000001b3;
    hash ^= hash >> 29;
}

/* ---- the model ---- */

struct operation {
    enum xsave_insn insn;
    uint64_t mask, xcr0, xss;
};

static uint64_t enabled(const struct operation *op)
{
    return op->insn == XRSTORS ? op->xcr0 | op->xss : op->xcr0;
}

static bool header_ok(const struct operation *op)
{
    uint64_t reserved = 0;

    for (int i = 0; i < 6; i++) {
        reserved |= area->reserved[i];
    }
    return area->xcomp_bv & XCOMP_COMPACTED && !reserved &&
           !(area->xcomp_bv << 1 >> 1 & ~enabled(op)) &&
           !(area->xstate_bv & ~area->xcomp_bv);
}

static struct uintr_image *image_of(void)
{
    return (void *)area->bytes + xsave_compacted_at(area->xcomp_bv, 14);
}

static bool uintr_ok(const struct uintr_image *i)
{
    return is_canonical(i->handler, 57) && is_canonical(i->stackadjust, 57) &&
           is_canonical(i->pd, 57) && is_canonical(i->tt, 57) &&
           !(i->pd & 63) && !(i->tt & 14) &&
           !(i->misc << 1 >> 41);
}

static bool model_accepts(const struct operation *op)
{
    uint64_t rfbm = op->mask & enabled(op);

    if (!header_ok(op)) {
        return false;
    }
    if (rfbm & area->xstate_bv & SSE && area->mxcsr >> 16) {
        return false;
    }
    if (!(rfbm & UINTR)) {
        return true;
    }
    return !(uintr.misc >> 32 & 0xff) &&
           (!(area->xstate_bv & UINTR) || uintr_ok(image_of()));
}

/* What a register cannot hold, or QEMU does not keep: FIP, FDP, FOP. */
static void forget_reserved(int component)
{
    if (component == 0) {
        wanted->fsw = (wanted->fsw & 0x7fff) | (wanted->fsw & 0x80) << 8;
        memset(wanted->unused0, 0, sizeof(wanted->unused0));
        for (int i = 0; i < 8; i++) {
            memset(wanted->st[i] + 10, 0, 6);
        }
    } else if (component == 1) {
        wanted->mxcsr_mask = 0xffff;
    } else if (component == 9) {
        memset(wanted->bytes + xsave_standard_at(9) + 4, 0, 4);
    }
}

static void model_restore(const struct operation *op)
{
    uint64_t rfbm = op->mask & enabled(op);

    *wanted = *state;
    for (int i = 0; i < 10; i++) {
        if (rfbm & area->xstate_bv & BIT(i)) {
            xsave_copy(wanted, area, i);
            forget_reserved(i);
        } else if (rfbm & BIT(i)) {
            xsave_init(wanted, i);
        }
    }
    if (rfbm & UINTR) {
        uintr = area->xstate_bv & UINTR ? *image_of()
                                        : (struct uintr_image) {};
    }
}

/* ---- random input ---- */

static uint64_t any_components(uint64_t of)
{
    return one_in(3) ? of : any() & of;
}

static void any_header(uint64_t allowed)
{
    memset(area->bytes + LEGACY_SIZE, 0, HEADER_SIZE);
    area->xcomp_bv = XCOMP_COMPACTED | any_components(allowed);
    area->xstate_bv = any_components(area->xcomp_bv & ~XCOMP_COMPACTED);
    switch (below(24)) {
    case 0:
        area->xcomp_bv ^= BIT(below(64));
        break;
    case 1:
        area->xstate_bv ^= BIT(below(64));
        break;
    case 2:
        area->bytes[LEGACY_SIZE + 16 + below(48)] = BIT(below(8));
        break;
    case 3:
        area->xcomp_bv = any();
        area->xstate_bv = any();
        break;
    case 4:
        for (int i = 0; i < HEADER_SIZE; i++) {
            area->bytes[LEGACY_SIZE + i] = any();
        }
    }
}

/* Memory that somebody else may have shaped: most of it legal, some not. */
static void any_image(uint64_t allowed)
{
    uint64_t bndcsr, *word = (uint64_t *)area->bytes;

    for (int i = 0; i < 160; i++) {
        word[i] = any();
    }
    any_header(allowed);
    area->fcw = (area->fcw & 0x0f3f) | 0x40;
    if (!one_in(8)) {
        area->mxcsr &= 0xffff;
    }
    if (area->xcomp_bv & BNDCSR) {
        bndcsr = xsave_compacted_at(area->xcomp_bv, 4);
        area->bytes[bndcsr] = area->bytes[bndcsr + 1] = 0;
    }
    if (area->xcomp_bv & UINTR) {
        *image_of() = uintr_random(&seed);
        if (one_in(4)) {
            ((uint64_t *)image_of())[below(6)] ^= BIT(below(64));
        }
    }
}

static struct operation any_operation(void)
{
    return (struct operation) {
        .insn = one_in(3) ? XRSTOR : XRSTORS,
        .mask = one_in(4) ? ~0ull : any() & any_components(user | UINTR),
        .xcr0 = one_in(4) ? user & (X87 | SSE | YMM | PKRU) : user,
        .xss = one_in(4) ? 0 : UINTR,
    };
}

/* ---- the machine ---- */

static void snapshot(struct area *to)
{
    memset(to, 0, 0xb00);
    xsave_do(XSAVE, to, ~0ull);
    to->xstate_bv = 0;
}

static void any_state(void)
{
    xsave_enable(user, UINTR);
    xsave_random(state, user, &seed);
    xsave_do(XRSTOR, state, ~0ull);
    snapshot(state);
    uintr = uintr_random(&seed);
    if (!one_in(8)) {
        uintr.misc &= ~misc(0xff, 0);
    }
    uintr_write(&uintr);
}

static void compare(uint32_t step, const struct operation *op, bool accepted)
{
    struct uintr_image now = uintr_read();

    xsave_enable(user, UINTR);
    snapshot(got);
    for (int i = 0; i < 10; i++) {
        if (user & BIT(i) && !xsave_same(got, wanted, i)) {
            printf("# step %u: component %d, %s, accepted %d\n", step, i,
                   xsave_names[op->insn], accepted);
            CHECK(!"a component is as the model says");
        }
    }
    CHECK(uintr_equal(&now, &uintr));
    fold(now.handler + now.misc * 3 + now.rr * 5);
}

static void one_image(uint32_t step)
{
    struct operation op = any_operation();
    bool accepted;
    uint64_t vector;

    if (one_in(4)) {
        any_state();
    } else {
        uintr.misc &= one_in(8) ? ~0ull : ~misc(0xff, 0);
        uintr_write(&uintr);
        snapshot(state);
    }
    any_image(one_in(6) ? ~0ull >> 1 : enabled(&op));
    if (op.insn == XRSTOR && !area->xcomp_bv) {
        area->xcomp_bv = XCOMP_COMPACTED;   /* or it is the standard form */
    }
    xsave_enable(op.xcr0, op.xss);
    accepted = model_accepts(&op);
    vector = xsave_fault(op.insn, area, op.mask);
    if (vector != (accepted ? 0 : VEC_GP)) {
        printf("# step %u: %s raised %d, XSTATE_BV 0x%lx XCOMP_BV 0x%lx mask "
               "0x%lx XCR0 0x%lx XSS 0x%lx\n", step, xsave_names[op.insn],
               (int)vector, area->xstate_bv, area->xcomp_bv, op.mask, op.xcr0,
               op.xss);
        CHECK(!"it faults where the model does");
    }
    *wanted = *state;
    if (accepted) {
        model_restore(&op);
    }
    outcomes[op.insn == XRSTORS][accepted]++;
    fold(vector);
    compare(step, &op, accepted);
}

static void test_random_images(void)
{
    uint32_t n = arg_number("n", 1000);

    user = xsave_user_components();
    area = page_alloc();
    state = page_alloc();
    wanted = page_alloc();
    got = page_alloc();
    seed = arg_number("seed", 1);
    any_state();
    for (uint32_t step = 0; outcomes[1][0] + outcomes[1][1] < n; step++) {
        one_image(step);
    }
    printf("# XRSTOR: %u refused, %u accepted; XRSTORS: %u, %u\n",
           outcomes[0][0], outcomes[0][1], outcomes[1][0], outcomes[1][1]);
    printf("HASH 0x%lx\n", hash);
    for (int i = 0; i < 4; i++) {
        CHECK(outcomes[i / 2][i % 2] > n / 16);
    }
}

const struct test tests[] = {
    { "R152-random-images", test_random_images },
    { NULL },
};
