/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xsave.h"

extern char do_xsave[], do_xsaveopt[], do_xsavec[], do_xsaves[], do_xrstor[],
       do_xrstors[];
asm("do_xsave: xsave64 (%rdi); ret\n"
    "do_xsaveopt: xsaveopt64 (%rdi); ret\n"
    "do_xsavec: xsavec64 (%rdi); ret\n"
    "do_xsaves: xsaves64 (%rdi); ret\n"
    "do_xrstor: xrstor64 (%rdi); ret\n"
    "do_xrstors: xrstors64 (%rdi); ret\n");

const char *const xsave_names[XSAVE_INSNS] = {
    "XSAVE", "XSAVEOPT", "XSAVEC", "XSAVES", "XRSTOR", "XRSTORS",
};
char *const xsave_code[XSAVE_INSNS] = {
    do_xsave, do_xsaveopt, do_xsavec, do_xsaves, do_xrstor, do_xrstors,
};

const struct uintr_image uintr_full = {
    .handler = 0x00007fff12345678, .stackadjust = 0xffff800000000081,
    .misc = MISC_UIF | 0xff89abcdef, .pd = 0x12340, .rr = 0x8000000100000002,
    .tt = 0x45671,
};

uint64_t xsave_user_components(void)
{
    struct cpuid c = cpuid(0xd, 0);

    return c.eax | (uint64_t)c.edx << 32;
}

void xsave_enable(uint64_t xcr0, uint64_t xss)
{
    write_cr4(read_cr4() | CR4_OSXSAVE | CR4_OSFXSR);
    xsetbv(0, xcr0);
    wrmsr(MSR_XSS, xss);
}

void xsave_enable_all(void)
{
    struct cpuid c = cpuid(0xd, 1);

    xsave_enable(xsave_user_components(), c.ecx | (uint64_t)c.edx << 32);
}

uint64_t xgetbv(uint32_t reg)
{
    uint32_t lo, hi;

    asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(reg));
    return lo | (uint64_t)hi << 32;
}

struct frame xsave_frame(enum xsave_insn insn, int cpl, const void *area,
                         uint64_t mask)
{
    const char *code = xsave_code[insn];
    struct frame f = cpl ? frame_user(code, (uint64_t)USER(area), 0)
                         : frame_kernel(code, (uint64_t)area, 0);

    f.rax = (uint32_t)mask;
    f.rdx = mask >> 32;
    run(&f);
    return f;
}

uint64_t xsave_fault(enum xsave_insn insn, const void *area, uint64_t mask)
{
    struct frame f = xsave_frame(insn, 0, area, mask);

    if (f.vector == VEC_EXIT) {
        return 0;
    }
    CHECK_EQ(f.rip, xsave_code[insn]);
    if (f.vector == VEC_GP) {
        CHECK_EQ(f.error, 0);
    }
    return f.vector;
}

void xsave_do(enum xsave_insn insn, const void *area, uint64_t mask)
{
    uint64_t vector = xsave_fault(insn, area, mask);

    if (vector) {
        printf("# %s, mask 0x%lx\n", xsave_names[insn], mask);
    }
    CHECK_EQ(vector, 0);
}

/* CPUID.(0DH,i) does not change, and to ask for it takes long. */
static const struct cpuid *leaf(int component)
{
    static struct cpuid leaves[XSTATE_BITS];
    static bool known[XSTATE_BITS];

    if (!known[component]) {
        leaves[component] = cpuid(0xd, component);
        known[component] = true;
    }
    return &leaves[component];
}

uint32_t xsave_size(int component)
{
    return leaf(component)->eax;
}

uint32_t xsave_standard_at(int component)
{
    return leaf(component)->ebx;
}

uint32_t xsave_compacted_at(uint64_t format, int component)
{
    uint32_t at = EXTENDED_AT;

    for (int i = 2; i <= component; i++) {
        if (!(format & BIT(i))) {
            continue;
        }
        if (leaf(i)->ecx & BIT(1)) {
            at = (at + 63) & ~63;
        }
        if (i < component) {
            at += xsave_size(i);
        }
    }
    return at;
}

/* Of BNDCSR 16 bytes are defined, and no more are written. */
static uint32_t used_size(int component)
{
    return component == 4 ? 16 : xsave_size(component);
}

static uint32_t component_at(const struct area *area, int component)
{
    return area->xcomp_bv & XCOMP_COMPACTED ?
           xsave_compacted_at(area->xcomp_bv, component) :
           xsave_standard_at(component);
}

/* The parts of the legacy region that are x87 or SSE state. */
static const struct { uint16_t from, size; } legacy[2][2] = {
    { { 0, 24 }, { 32, 128 } }, { { 24, 8 }, { 160, 256 } },
};

bool xsave_same(const struct area *a, const struct area *b, int component)
{
    if (component >= 2) {
        return !memcmp(a->bytes + component_at(a, component),
                       b->bytes + component_at(b, component),
                       used_size(component));
    }
    for (int part = 0; part < 2; part++) {
        int from = legacy[component][part].from;

        if (memcmp(a->bytes + from, b->bytes + from,
                   legacy[component][part].size)) {
            return false;
        }
    }
    return true;
}

void xsave_copy(struct area *to, const struct area *from, int component)
{
    if (component >= 2) {
        memcpy(to->bytes + component_at(to, component),
               from->bytes + component_at(from, component),
               used_size(component));
        return;
    }
    for (int part = 0; part < 2; part++) {
        int at = legacy[component][part].from;

        memcpy(to->bytes + at, from->bytes + at,
               legacy[component][part].size);
    }
}

void xsave_init(struct area *area, int component)
{
    static const struct area zero;

    xsave_copy(area, &zero, component);
    if (component == 0) {
        area->fcw = 0x37f;
    } else if (component == 1) {
        area->mxcsr = 0x1f80;
        area->mxcsr_mask = 0xffff;
    }
}

#define FILL 0xcc

void xsave_fill(struct area *area)
{
    memset(area, FILL, sizeof(*area));
}

bool xsave_is_filled(const struct area *area, uint32_t from, uint32_t to)
{
    while (from < to && area->bytes[from] == FILL) {
        from++;
    }
    return from == to;
}

void xsave_snapshot(struct area *area)
{
    memset(area, 0, sizeof(*area));
    xsave_do(XSAVE, area, ~0ull);
}

void xsave_filled_snapshot(struct area *area)
{
    xsave_fill(area);
    memset(area->bytes + LEGACY_SIZE, 0, HEADER_SIZE);
    xsave_do(XSAVE, area, ~0ull);
}

/* What cannot be: a tag or a reserved bit that no save would give back. */
static void make_legal(struct area *area, uint64_t components)
{
    uint8_t *bnd = area->bytes + xsave_standard_at(4);
    uint8_t *pkru = area->bytes + xsave_standard_at(9);

    area->fcw = (area->fcw & 0x0f3f) | 0x40;
    memset(area->unused0, 0, sizeof(area->unused0));
    area->mxcsr &= 0xffff;
    area->mxcsr_mask = 0xffff;
    for (int i = 0; i < 8; i++) {
        memset(area->st[i] + 10, 0, 6);
    }
    if (components & BNDCSR) {
        bnd[0] = bnd[1] = 0;            /* BNDCFGU: off, no reserved bit */
    }
    if (components & PKRU) {
        memset(pkru + 4, 0, 4);
    }
}

void xsave_random(struct area *area, uint64_t components, uint64_t *seed)
{
    uint64_t *word = (uint64_t *)area->bytes;

    for (size_t i = 0; i < sizeof(area->bytes) / 8; i++) {
        word[i] = random64(seed);
    }
    make_legal(area, components);
    memset(area->bytes + LEGACY_SIZE, 0, HEADER_SIZE);
    area->xstate_bv = components;
}

struct uintr_image uintr_read(void)
{
    uint64_t cr4 = read_cr4();
    struct uintr_image image = {
        .handler = rdmsr(UINTR_MSR_HANDLER),
        .stackadjust = rdmsr(UINTR_MSR_STACKADJUST),
        .misc = rdmsr(UINTR_MSR_MISC), .pd = rdmsr(UINTR_MSR_PD),
        .rr = rdmsr(UINTR_MSR_RR), .tt = rdmsr(UINTR_MSR_TT),
    };

    write_cr4(cr4 | CR4_UINTR);
    image.misc |= testui() ? MISC_UIF : 0;
    write_cr4(cr4);
    return image;
}

void uintr_write(const struct uintr_image *image)
{
    uint64_t cr4 = read_cr4();

    wrmsr(UINTR_MSR_HANDLER, image->handler);
    wrmsr(UINTR_MSR_STACKADJUST, image->stackadjust);
    wrmsr(UINTR_MSR_MISC, image->misc & ~MISC_UIF);
    wrmsr(UINTR_MSR_PD, image->pd);
    wrmsr(UINTR_MSR_RR, image->rr);
    wrmsr(UINTR_MSR_TT, image->tt);
    write_cr4(cr4 | CR4_UINTR);
    if (image->misc & MISC_UIF) {
        stui();
    } else {
        clui();
    }
    write_cr4(cr4);
}

/* Canonical in 48 bits, as every model takes it. */
static uint64_t any_address(uint64_t *seed, uint64_t clear)
{
    return ((int64_t)random64(seed) >> 17) & ~clear;
}

struct uintr_image uintr_random(uint64_t *seed)
{
    return (struct uintr_image) {
        .handler = any_address(seed, 0),
        .stackadjust = any_address(seed, 0),
        .misc = random64(seed) & (MISC_UIF | UINTR_MISC_WRITABLE),
        .pd = any_address(seed, UINTR_PD_RESERVED),
        .rr = random64(seed), .tt = any_address(seed, UINTR_TT_RESERVED),
    };
}

struct uintr_image uintr_without_uinv(struct uintr_image image)
{
    image.misc &= ~(0xffull << UINTR_MISC_UINV_SHIFT);
    return image;
}

bool uintr_equal(const struct uintr_image *a, const struct uintr_image *b)
{
    return !memcmp(a, b, sizeof(*a));
}

struct uintr_image *image_in(struct area *a)
{
    return (void *)a->bytes + xsave_compacted_at(a->xcomp_bv, 14);
}

void check_uintr(const struct uintr_image *want)
{
    struct uintr_image got = uintr_read();

    CHECK_EQ(got.handler, want->handler);
    CHECK_EQ(got.stackadjust, want->stackadjust);
    CHECK_EQ(got.misc, want->misc);
    CHECK_EQ(got.pd, want->pd);
    CHECK_EQ(got.rr, want->rr);
    CHECK_EQ(got.tt, want->tt);
}
