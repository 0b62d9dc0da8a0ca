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
#include "fuzz_world.h"

const char *const test_group = "/uintr/fuzz";

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

static void change_upid(int page)
{
    uint32_t offset = UPIDS_AT + 64 * below(4);

    world_set_word(page, offset, any_upid_low());
    world_set_word(page, offset + 8, one_in(3) ? any() : one_in(2) ? 0 :
             BIT(below(64)));
}

static void change_entry(int page)
{
    uint32_t offset = TABLE_AT + 16 * below(8);
    uint64_t low = UITTE_V | (uint64_t)below(64) << UITTE_UV_SHIFT;

    world_set_word(page, offset, one_in(6) ? low ^ BIT(below(64)) : low);
    world_set_word(page, offset + 8, any_upid_address() |
             (one_in(16) ? BIT(below(6)) : 0));
}

static void change_frame(int page)
{
    uint32_t offset = STACK_AT + 8 * below(253);

    world_set_word(page, offset, any_rip(!one_in(4)));
    world_set_word(page, offset + 8, any_flags());
    world_set_word(page, offset + 16, any_stack_address());
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
    model.uif = !one_in(4);
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
    if (one_in(2) && model.cr4_uintr) {
        change_uif();
    }
    if (one_in(4)) {
        interrupt_self();
    }
}

/* ---- one instruction ---- */

static uint32_t outcomes[INSNS][256], refused, unknown, delivered;
static uint64_t through_idt;

static void count_idt(struct frame *f)
{
    through_idt = model_mix(through_idt, f->vector);
    apic_eoi();
}

/* In ring 0 an interrupt pushes on this very stack, so it must be a stack. */
static struct frame any_frame(int *insn)
{
    bool user = !one_in(3);
    int slot = below(8), reg = below(16);
    struct frame f = user ? frame_user(world_code, 0, 0)
                          : frame_kernel(world_code, 0, 0);
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
    compare("ICR", apic_icr_read(), model.icr);
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
        const uint64_t *now = (void *)world_pages[page].physical;

        for (int i = 0; i < 512; i++) {
            compare("a page", now[i], world_pages[page].words[i]);
        }
    }
}

/* After device registers were met the machine is right, whatever it says. */
static void learn(void)
{
    apic_write(APIC_TPR, 0);
    for (int page = 0; page < CHANGEABLE; page++) {
        world_read_page(page);
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
    world_make(arg_number("seed", 1));
    handle_vectors(count_idt);
    uintr_enable();
    model = (struct model) {
        .cr4_uintr = true, .cr0_wp = true, .cr2 = read_cr2(),
        .x2apic = apic_is_x2(), .icr = apic_icr_read(),
        .pages = world_pages, .n_pages = PAGES, .code = world_code,
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
    printf("# %u steps, %u not run, %u of unknown outcome, %u posts, "
           "%u deliveries\n", step, refused, unknown,
           outcomes[INSN_SENDUIPI][VEC_EXIT], delivered);
    printf("HASH %lx\n", hash);
}

const struct test tests[] = {
    { "same-as-model", test_model },
    {}
};
