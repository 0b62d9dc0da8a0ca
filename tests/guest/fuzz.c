/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random states and instructions against the model (lib/model.h).
 *
 *   seed=N   which run     n=STEPS   how long
 *
 * Each step changes memory, MSRs and control registers, lets the model say
 * what one instruction does, executes it in ring 0 or 3 and compares all that
 * software can see.  Everything goes into a hash, which must not depend on
 * how the emulator runs.  One CPU works; a second one exists so that atomic
 * operations are real.
 */
#include "model.h"

const char *const test_group = "/uintr/fuzz";

#define LOW_WINDOW      0x0000500000000000ull
#define HIGH_WINDOW     0xffffa00000000000ull
#define WINDOW_PAGES    16
#define TESTDEV         0xff000000ull
#define LAPIC           0xfee00000ull
#define BAD_PHYSICAL    BIT(50)
#define UNMAPPED        0x0000600000000000ull
#define SLOT            16

/* Where things start in every page that holds data */
#define UPIDS_AT        0
#define TABLE_AT        1024
#define STACK_AT        2048

/* ---- pages ---- */

enum { RAM_A, RAM_B, RAM_C, DEVICE, ROM, APIC_PAGE, PAGES, NO_PAGE, BAD_PAGE };
#define CHANGEABLE ROM                  /* the pages before it */

static struct model_page pages[PAGES];
static uint8_t ram[3][4096] __attribute__((aligned(4096)));
static const uint64_t rom[512] __attribute__((aligned(4096))) = {
    [0] = 0x600000, [8] = 0x600001, [16] = 4, [24] = 0xec000000610000,
    [128] = 0x0501, LOW_WINDOW, 0x0601, LOW_WINDOW + 64, 0x4001, 0, 0x701,
    HIGH_WINDOW + 0x3000, [256] = LOW_WINDOW, 2, LOW_WINDOW, 0x246,
};

static const struct { uint8_t page; uint8_t rights; } window[WINDOW_PAGES] = {
    { RAM_A, PTE_P | PTE_W }, { RAM_B, PTE_P | PTE_W },
    { RAM_A, PTE_P }, { RAM_A, PTE_P | PTE_W | PTE_U },
    { RAM_B, PTE_P | PTE_U }, { NO_PAGE, 0 },
    { DEVICE, PTE_P | PTE_W }, { ROM, PTE_P | PTE_W },
    { APIC_PAGE, PTE_P | PTE_W }, { RAM_C, PTE_P | PTE_W | PTE_U },
    { BAD_PAGE, PTE_P | PTE_W | PTE_U }, { RAM_C, PTE_P | PTE_W },
    { DEVICE, PTE_P | PTE_W | PTE_U }, { ROM, PTE_P | PTE_U },
    { RAM_C, PTE_P | PTE_W | PTE_U }, { RAM_B, PTE_P | PTE_W | PTE_U },
};

static uint64_t rom_address(const volatile void *p)
{
    uint64_t image;

    asm("movabs $__rom_image, %0" : "=r"(image));
    return image + (uint64_t)p - 0x100000;
}

static void read_page(int page)
{
    memcpy(pages[page].words, (void *)pages[page].physical, PAGE_SIZE);
}

static void make_pages(void)
{
    for (int i = RAM_A; i <= RAM_C; i++) {
        pages[i].physical = (uint64_t)ram[i];
    }
    pages[DEVICE].physical = TESTDEV;
    pages[ROM].physical = rom_address(rom);
    pages[ROM].kind = MEMORY_ROM;
    pages[APIC_PAGE].physical = LAPIC;
    pages[APIC_PAGE].kind = MEMORY_ODD;
    for (int i = RAM_A; i <= ROM; i++) {
        read_page(i);
    }
    for (int i = 0; i < WINDOW_PAGES; i++) {
        uint64_t at = i * PAGE_SIZE, pa = window[i].page < PAGES ?
                      pages[window[i].page].physical : BAD_PHYSICAL;

        vm_map(LOW_WINDOW + at, 0, 0);
        vm_map(HIGH_WINDOW + at, 0, 0);
        *vm_pte(LOW_WINDOW + at) = pa | window[i].rights;
        *vm_pte(HIGH_WINDOW + at) = pa | window[i].rights;
    }
}

/* ---- code ---- */

enum {
    INSN_NOP, INSN_CLUI, INSN_STUI, INSN_TESTUI, INSN_UIRET, INSN_SENDUIPI,
    INSNS
};
#define EXIT_SLOT (INSN_SENDUIPI + 16)

static uint8_t code[4096] __attribute__((aligned(4096)));

static void make_code(void)
{
    static const uint8_t first[INSN_SENDUIPI][6] = {
        { 0x90, 0xcd, VEC_EXIT },
        { 0xf3, 0x0f, 0x01, 0xee, 0xcd, VEC_EXIT },
        { 0xf3, 0x0f, 0x01, 0xef, 0xcd, VEC_EXIT },
        { 0xf3, 0x0f, 0x01, 0xed, 0xcd, VEC_EXIT },
        { 0xf3, 0x0f, 0x01, 0xec, 0xcd, VEC_EXIT },
    };

    for (int i = 0; i < INSN_SENDUIPI; i++) {
        memcpy(code + i * SLOT, first[i], 6);
    }
    for (int reg = 0; reg < 16; reg++) {
        const uint8_t insn[7] = {
            0xf3, 0x41, 0x0f, 0xc7, 0xf0 | (reg & 7), 0xcd, VEC_EXIT,
        };
        uint8_t *to = code + (INSN_SENDUIPI + reg) * SLOT;

        memcpy(to, insn, 7);
        if (reg < 8) {
            memcpy(to + 1, insn + 2, 5);
        }
    }
    code[EXIT_SLOT * SLOT] = 0xcd;
    code[EXIT_SLOT * SLOT + 1] = VEC_EXIT;
}

static uint64_t slot_address(int slot, bool user)
{
    uint64_t at = (uint64_t)code + slot * SLOT;

    return user ? USER(at) : at;
}

/* ---- random values of the kinds that matter ---- */

static uint64_t random_state;

static uint64_t any(void)
{
    return random64(&random_state);
}

static uint32_t below(uint32_t n)
{
    return (any() >> 32) * n >> 32;
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

static const uint8_t vectors[] = { 0x20, 0x31, 0x60, 0x61, 0xec, 0xfe };

static uint8_t any_vector(void)
{
    return vectors[below(sizeof(vectors))];
}

/* Bits 47 to 55 still pass the MSRs' own check, which is for 57 bits. */
static uint64_t spoil(uint64_t address)
{
    return one_in(16) ? address ^ BIT(47 + below(17)) : address;
}

static uint64_t any_page(int *page)
{
    int i = below(WINDOW_PAGES);

    *page = window[i].page;
    return (one_in(4) ? HIGH_WINDOW : LOW_WINDOW) + i * PAGE_SIZE;
}

/* APIC registers that a store cannot make send or count. */
static uint64_t any_upid_address(void)
{
    static const uint16_t harmless[] = {
        0x80, 0xc0, 0x100, 0x140, 0x180, 0x200, 0x240, 0x280, 0x2c0, 0x3c0,
    };
    int page;
    uint64_t address = any_page(&page);

    if (page == APIC_PAGE) {
        return spoil(address + harmless[below(10)]);
    }
    return spoil(address + UPIDS_AT + 64 * below(4));
}

static uint64_t any_table_address(void)
{
    int page;
    uint64_t address = any_page(&page) + TABLE_AT + 16 * below(4);

    return one_in(32) ? 0 : spoil(address);
}

static uint64_t any_stack_address(void)
{
    int page;
    uint64_t address = any_page(&page);

    address += one_in(8) ? PAGE_SIZE - 8 * below(8) : STACK_AT + 8 * below(256);
    return spoil(one_in(16) ? address + below(16) : address);
}

static uint64_t any_flags(void)
{
    const uint64_t may = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF |
                         RFLAGS_SF | RFLAGS_OF | RFLAGS_DF | RFLAGS_NT |
                         RFLAGS_AC | RFLAGS_ID;

    return (any() & may) | RFLAGS_FIXED | (one_in(8) ? RFLAGS_TF : 0);
}

static uint64_t any_rip(bool user)
{
    switch (below(12)) {
    case 0:
        return slot_address(EXIT_SLOT, user) ^ BIT(47 + below(17));
    case 1:
        return UNMAPPED + below(4096);
    case 2:
        return slot_address(EXIT_SLOT, !user);
    case 3:
        return slot_address(INSN_STUI, user);
    case 4:
        return slot_address(INSN_TESTUI, user);
    case 5:
        return slot_address(INSN_SENDUIPI + below(16), user);
    default:
        return slot_address(EXIT_SLOT, user);
    }
}

/* ---- changing the state, in the machine and in the model ---- */

static struct model model;
static uint64_t hash;
static uint32_t step;
static bool mismatch;

static void fold(uint64_t value)
{
    hash = model_mix(hash, value);
}

static void compare(const char *what, uint64_t got, uint64_t want)
{
    fold(got);
    if (got != want && !mismatch) {
        mismatch = true;
        printf("# step %u: %s is 0x%lx, the model says 0x%lx\n", step, what,
               got, want);
        printf("# model: vector %u error %lx rip %lx cs %lx rsp %lx cr2 %lx "
               "smap %d wp %d\n", (unsigned)model.f.vector, model.f.error,
               model.f.rip, model.f.cs, model.f.rsp, model.cr2,
               model.cr4_smap, model.cr0_wp);
    }
}

static void set_word(int page, uint32_t offset, uint64_t value)
{
    *(volatile uint64_t *)(pages[page].physical + offset) = value;
    pages[page].words[offset / 8] = value;
}

/* Vectors below 32 that an APIC accepts would look like exceptions here. */
static bool is_fit(uint8_t nv)
{
    return nv < 16 || (nv >= 32 && nv != VEC_EXIT && nv != 0xff);
}

static uint64_t any_upid_low(void)
{
    static const uint32_t ndst[] = { 0, 0, 0, 0xff00, 0xffffffff, 0xfe00, 9 };
    uint64_t nv = one_in(12) ? below(16) : any_vector();
    uint64_t low = below(4) | nv << UPID_NV_SHIFT |
                   (uint64_t)ndst[below(7)] << UPID_NDST_SHIFT;

    low ^= one_in(6) ? BIT(below(64)) : 0;
    return is_fit(low >> UPID_NV_SHIFT) ? low : 0;
}

static void change_upid(int page)
{
    uint32_t offset = UPIDS_AT + 64 * below(4);

    set_word(page, offset, any_upid_low());
    set_word(page, offset + 8, one_in(3) ? any() : one_in(2) ? 0 :
             BIT(below(64)));
}

static void change_entry(int page)
{
    uint32_t offset = TABLE_AT + 16 * below(8);
    uint64_t low = UITTE_V | (uint64_t)below(64) << UITTE_UV_SHIFT;

    set_word(page, offset, one_in(6) ? low ^ BIT(below(64)) : low);
    set_word(page, offset + 8, any_upid_address() |
             (one_in(16) ? BIT(below(6)) : 0));
}

static void change_frame(int page)
{
    uint32_t offset = STACK_AT + 8 * below(253);

    set_word(page, offset, any_rip(!one_in(4)));
    set_word(page, offset + 8, any_flags());
    set_word(page, offset + 16, any_stack_address());
}

static void change_memory(void)
{
    int page = below(CHANGEABLE);

    switch (below(3)) {
    case 0:
        change_upid(page);
        break;
    case 1:
        change_entry(page);
        break;
    default:
        change_frame(page);
    }
}

static uint64_t any_msr_value(uint32_t msr)
{
    static const uint64_t adjusts[] = { 128, 0, 8, 24, -64ull, 4096 };

    switch (msr) {
    case UINTR_MSR_RR:
        return one_in(2) ? 0 : one_in(3) ? any() : BIT(below(64)) | BIT(below(64));
    case UINTR_MSR_HANDLER:
        return any_rip(!one_in(16));
    case UINTR_MSR_STACKADJUST:
        return one_in(3) ? any_stack_address() | 1 : spoil(adjusts[below(6)]);
    case UINTR_MSR_MISC:
        return misc(one_in(6) ? 0 : any_vector(), one_in(8) ? any() : below(12)) |
               (one_in(16) ? BIT(40 + below(24)) : 0);
    case UINTR_MSR_PD:
        return any_upid_address() | (one_in(16) ? BIT(below(6)) : 0);
    default:
        return any_table_address() | !one_in(8) |
               (one_in(16) ? BIT(1 + below(3)) : 0);
    }
}

static void change_msr(void)
{
    uint32_t msr = UINTR_MSR_RR + below(6);
    uint64_t value = any_msr_value(msr);

    compare("WRMSR's fault", wrmsr_fault(msr, value),
            model_wrmsr(&model, msr, value));
}

static void set_cr4(uint64_t bit, bool on)
{
    write_cr4(on ? read_cr4() | bit : read_cr4() & ~bit);
}

static void change_controls(void)
{
    model.cr4_uintr = !one_in(8);
    model.cr4_smap = one_in(3);
    model.cr0_wp = !one_in(4);
    set_cr4(CR4_UINTR, model.cr4_uintr);
    set_cr4(CR4_SMAP, model.cr4_smap);
    write_cr0(model.cr0_wp ? read_cr0() | CR0_WP : read_cr0() & ~CR0_WP);
}

static void change_uif(void)
{
    model.uif = one_in(2);
    if (model.uif) {
        stui();
    } else {
        clui();
    }
}

static void interrupt_self(void)
{
    int vector = any_vector();

    apic_icr(0, ICR_ASSERT | vector);
    model_request(&model, vector);
    model.icr = ICR_ASSERT | vector;
}

static void change_state(void)
{
    for (int i = below(3); i >= 0; i--) {
        change_memory();
    }
    for (int i = below(4); i > 0; i--) {
        change_msr();
    }
    if (one_in(16)) {
        change_controls();
    }
    if (one_in(3) && model.cr4_uintr) {
        change_uif();
    }
    if (one_in(4)) {
        interrupt_self();
    }
}

/* ---- one instruction ---- */

static uint32_t outcomes[INSNS][256], refused, unknown, delivered;
static uint64_t through_idt;

/* QEMU pushes RF=1 for an interrupt as it does for a fault; take it back. */
static void count_idt(struct frame *f)
{
    f->rflags &= ~RFLAGS_RF;
    through_idt = model_mix(through_idt, f->vector);
    apic_eoi();
}

/* In ring 0 an interrupt pushes on this very stack, so it must be a stack. */
static struct frame any_frame(int *insn)
{
    bool user = !one_in(3);
    int slot = below(8), reg = below(16);
    struct frame f = user ? frame_user(code, 0, 0) : frame_kernel(code, 0, 0);
    uint64_t stack = f.rsp;

    *insn = slot < INSN_SENDUIPI ? slot : INSN_SENDUIPI;
    slot = slot < INSN_SENDUIPI ? slot : INSN_SENDUIPI + reg;
    f.rip = slot_address(slot, user);
    for (int i = 0; i < 16; i++) {
        *frame_reg(&f, i) = any();
    }
    f.rsp = one_in(6) ? stack : any_stack_address();
    f.rflags = any_flags();
    if (*insn == INSN_SENDUIPI) {
        *frame_reg(&f, reg) = one_in(16) ? any() : below(10);
    }
    if (!one_in(3) && (user || (f.rsp == stack && *insn != INSN_UIRET))) {
        f.rflags |= RFLAGS_IF;
    }
    return f;
}

static void compare_frame(struct frame *got, struct frame *want)
{
    compare("vector", got->vector, want->vector);
    /* QEMU leaves P out of the error code of a reserved page-table bit. */
    compare("error code", got->error & 8 ? got->error | 1 : got->error,
            want->error);
    compare("RIP", got->rip, want->rip);
    compare("RFLAGS", got->rflags & ~RFLAGS_RF, want->rflags & ~RFLAGS_RF);
    compare("CS", got->cs, want->cs);
    for (int i = 0; i < 16; i++) {
        compare("a register", *frame_reg(got, i), *frame_reg(want, i));
    }
}

static uint64_t read_requested(int i)
{
    return apic_read(APIC_IRR + i * 0x20) |
           (uint64_t)apic_read(APIC_IRR + i * 0x20 + 0x10) << 32;
}

static void compare_cpu(void)
{
    compare("RR", rdmsr(UINTR_MSR_RR), model.rr);
    compare("HANDLER", rdmsr(UINTR_MSR_HANDLER), model.handler);
    compare("STACKADJUST", rdmsr(UINTR_MSR_STACKADJUST), model.stackadjust);
    compare("MISC", rdmsr(UINTR_MSR_MISC), misc(model.uinv, model.uittsz));
    compare("PD", rdmsr(UINTR_MSR_PD), model.pd);
    compare("TT", rdmsr(UINTR_MSR_TT), model.tt);
    compare("CR2", read_cr2(), model.cr2);
    if (model.cr4_uintr) {
        compare("UIF", testui(), model.uif);
    }
    for (int i = 0; i < 4; i++) {
        compare("IRR", read_requested(i), model.requested[i]);
    }
    compare("ICR", (uint32_t)apic_icr_read(), (uint32_t)model.icr);
    compare("PPR", apic_read(APIC_PPR), 0);
    compare("interrupts through the IDT", through_idt, model.through_idt);
}

static void compare_writes(void)
{
    for (int i = 0; i < model.n_written; i++) {
        uint64_t at = model.written[i].physical;

        compare("memory", *(volatile uint64_t *)at, *model_word(&model, at));
    }
}

static void compare_pages(void)
{
    for (int page = 0; page < CHANGEABLE; page++) {
        const uint64_t *now = (void *)pages[page].physical;

        for (int i = 0; i < 512; i++) {
            compare("a page", now[i], pages[page].words[i]);
        }
    }
}

/* After device registers were met the machine is right, whatever it says. */
static void learn(void)
{
    apic_write(APIC_TPR, 0);
    for (int page = 0; page < CHANGEABLE; page++) {
        read_page(page);
    }
    set_cr4(CR4_UINTR, true);
    model.uif = testui();
    set_cr4(CR4_UINTR, model.cr4_uintr);
    model.rr = rdmsr(UINTR_MSR_RR);
    model.cr2 = read_cr2();
    for (int i = 0; i < 4; i++) {
        model.requested[i] = read_requested(i);
    }
    model.icr = apic_icr_read();
    model.through_idt = through_idt;
}

static void run_unknown(struct frame *f)
{
    uint64_t v = run(f);

    unknown++;
    fold(v);
    fold(f->rip);
    fold(f->rsp);
    if (v != VEC_DB && v != VEC_UD && v != VEC_GP && v != VEC_PF &&
        v != VEC_SS) {
        compare("vector", v, VEC_EXIT);
    }
    learn();
}

static void one_step(void)
{
    static struct model before;
    struct frame f;
    int insn;

    change_state();
    f = any_frame(&insn);
    model.f = f;
    before = model;
    model_run(&model);
    if (model.end == MODEL_REFUSES) {
        refused++;
        model_undo_writes(&model);
        model = before;
        return;
    }
    if (model.end == MODEL_UNKNOWN) {
        model_undo_writes(&model);
        run_unknown(&f);
        return;
    }
    run(&f);
    outcomes[insn][f.vector]++;
    delivered += before.uif && !model.uif && before.rr != model.rr;
    compare_frame(&f, &model.f);
    compare_cpu();
    compare_writes();
}

/* ---- the run ---- */

static void handle_vectors(trap_fn fn)
{
    for (int v = 32; v < 256; v++) {
        if (v != VEC_EXIT) {
            trap_handle(v, fn);
        }
    }
}

static void setup(void)
{
    random_state = arg_number("seed", 1);
    make_pages();
    make_code();
    handle_vectors(count_idt);
    uintr_enable();
    model = (struct model) {
        .cr4_uintr = true, .cr0_wp = true, .cr2 = read_cr2(),
        .x2apic = apic_is_x2(), .icr = apic_icr_read(),
        .pages = pages, .n_pages = PAGES, .code = code,
    };
}

static void teardown(void)
{
    set_cr4(CR4_SMAP, false);
    write_cr0(read_cr0() | CR0_WP);
    uintr_reset();
    irq_window();
    handle_vectors(NULL);
}

/* A fuzzer that only ever faults at the first check proves nothing. */
static void check_coverage(void)
{
    static const struct { uint8_t insn, vector; } reached[] = {
        { INSN_NOP, VEC_EXIT }, { INSN_NOP, VEC_PF }, { INSN_NOP, VEC_GP },
        { INSN_NOP, VEC_SS }, { INSN_CLUI, VEC_EXIT }, { INSN_CLUI, VEC_UD },
        { INSN_STUI, VEC_EXIT }, { INSN_STUI, VEC_PF }, { INSN_STUI, VEC_SS },
        { INSN_TESTUI, VEC_EXIT }, { INSN_TESTUI, VEC_UD },
        { INSN_UIRET, VEC_EXIT }, { INSN_UIRET, VEC_GP },
        { INSN_UIRET, VEC_SS }, { INSN_UIRET, VEC_PF },
        { INSN_UIRET, VEC_UD }, { INSN_SENDUIPI, VEC_EXIT },
        { INSN_SENDUIPI, VEC_GP }, { INSN_SENDUIPI, VEC_PF },
        { INSN_SENDUIPI, VEC_UD }, { INSN_SENDUIPI, VEC_SS },
    };

    for (unsigned i = 0; i < sizeof(reached) / sizeof(*reached); i++) {
        CHECK(outcomes[reached[i].insn][reached[i].vector]);
    }
    CHECK(delivered);
    CHECK(unknown);
}

static void test_model(void)
{
    uint32_t steps = arg_number("n", 20000);

    setup();
    for (step = 0; step < steps && !mismatch; step++) {
        one_step();
        if (step % 256 == 0) {
            compare_pages();
        }
    }
    compare_pages();
    teardown();
    CHECK(!mismatch);
    if (steps >= 10000) {
        check_coverage();
    }
    printf("# %u steps, %u not run, %u of unknown outcome, %u deliveries\n",
           step, refused, unknown, delivered);
    printf("HASH %lx\n", hash);
}

const struct test tests[] = {
    { "same-as-model", test_model },
    {}
};
