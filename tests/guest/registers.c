/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Enumeration, CR4.UINTR and the six MSRs (R1-R3, R7-R23).  The stanza says
 * in its arguments what the CPU model is to have, so that a wrong CPUID bit
 * is not believed:  la57=on|off  uif=on|off.
 */
#include "modes.h"
#include "uintr.h"

const char *const test_group = "/uintr/registers";

/* The masks are written out here: a slip in the shared header must show. */
static const struct reg {
    const char *name;
    uint32_t msr;
    uint64_t reserved;
    bool address;                       /* must be canonical */
} regs[] = {
    { "RR", 0x985, 0, false },
    { "HANDLER", 0x986, 0, true },
    { "STACKADJUST", 0x987, 0, true },
    { "MISC", 0x988, 0xffffff0000000000, false },
    { "PD", 0x989, 0x3f, true },
    { "TT", 0x98a, 0xe, true },
};
#define REGS ((int)(sizeof(regs) / sizeof(regs[0])))
enum { RR, HANDLER, STACKADJUST, MISC, PD, TT };

static int linear_bits(void)
{
    return arg_is("la57", "off") ? 48 : 57;
}

/* ---- one access, exactly ---- */

extern char just_wrmsr[], just_rdmsr[];
asm("just_wrmsr: wrmsr; ret\n"
    "just_rdmsr: rdmsr; ret\n");

static struct frame msr_access(const void *fn, int cpl, uint32_t msr,
                               uint64_t value)
{
    struct frame f = cpl ? frame_user(fn, 0, 0) : frame_kernel(fn, 0, 0);

    f.rcx = msr;
    f.rax = (uint32_t)value;
    f.rdx = value >> 32;
    run(&f);
    return f;
}

static void check_gp0(const struct frame *f, const void *fn)
{
    CHECK_EQ(f->vector, VEC_GP);
    CHECK_EQ(f->error, 0);
    CHECK_EQ(f->rip & ~USER_OFFSET, fn);
}

/* R19: what faults leaves the old value. */
static void check_write(const struct reg *reg, uint64_t value, bool accepted)
{
    uint64_t old = rdmsr(reg->msr);
    struct frame f = msr_access(just_wrmsr, 0, reg->msr, value);
    uint64_t now = rdmsr(reg->msr);

    if (accepted ? f.vector == VEC_EXIT && now == value :
                   f.vector == VEC_GP && now == old) {
        if (!accepted) {
            check_gp0(&f, just_wrmsr);
        }
        return;
    }
    printf("# WRMSR %s, 0x%lx: vector %d, was 0x%lx, is 0x%lx\n", reg->name,
           value, (int)f.vector, old, now);
    CHECK(!"a value is accepted or refused as its rule says");
}

static bool legal(const struct reg *reg, uint64_t value)
{
    return !(value & reg->reserved) &&
           (!reg->address || is_canonical(value, linear_bits()));
}

/* Every bit alone, every bit missing, every power's neighbours. */
static void walk(const struct reg *reg)
{
    for (int bit = 0; bit < 64; bit++) {
        uint64_t values[] = {
            BIT(bit), ~BIT(bit), -BIT(bit), BIT(bit) - 1, ~(BIT(bit) - 1) - 64,
        };

        for (int i = 0; i < 5; i++) {
            check_write(reg, values[i], legal(reg, values[i]));
        }
    }
    check_write(reg, 0, true);
}

/* The width that counts is the model's, not the paging mode's (R14). */
static void walk_in_both_paging_modes(const struct reg *reg)
{
    walk(reg);
    if (linear_bits() == 57) {
        vm_la57(true);
        walk(reg);
        vm_la57(false);
    }
}

/* ---- R1-R3, R8: enumeration and CR4 ---- */

static void test_cpuid(void)
{
    CHECK(cpuid(0, 0).eax >= 7);
    CHECK(cpuid(7, 0).edx & BIT(5));
    CHECK_EQ(!!(cpuid(7, 0).ecx & BIT(16)), linear_bits() == 57);
}

static void test_cpuid_uif(void)
{
    bool wanted = arg_is("uif", "on");

    if (wanted) {
        CHECK(cpuid(7, 0).eax >= 1);
    }
    CHECK_EQ(!!(cpuid(7, 1).edx & BIT(17)), wanted);
}

static void test_cpuid_utmr(void)
{
    CHECK_EQ(cpuid(7, 1).edx & BIT(13), 0);
}

static void test_cr4(void)
{
    uint64_t cr4 = read_cr4();

    CHECK(!(cr4 & BIT(25)));
    CHECK_EQ(write_cr4_fault(cr4 | BIT(25)), 0);
    CHECK_EQ(read_cr4(), cr4 | BIT(25));
    CHECK_EQ(write_cr4_fault(cr4), 0);
    CHECK_EQ(read_cr4(), cr4);
    CHECK_EQ(run_user(write_cr4, cr4 | BIT(25), 0), VEC_GP);
    CHECK_EQ(read_cr4(), cr4);
}

/* MOV EAX, CR4; OR or AND EAX, imm; MOV CR4, EAX; MOV EAX, CR4 */
#define CR4_CODE(...) { 0x0f, 0x20, 0xe0, __VA_ARGS__, \
                        0x0f, 0x22, 0xe0, 0x0f, 0x20, 0xe0 }
static const uint8_t set32[] = CR4_CODE(0x0d, 0, 0, 0, 2);
static const uint8_t clear32[] = CR4_CODE(0x25, 0xff, 0xff, 0xff, 0xfd);
static const uint8_t set16[] = CR4_CODE(0x66, 0x0d, 0, 0, 0, 2);
static const uint8_t clear16[] = CR4_CODE(0x66, 0x25, 0xff, 0xff, 0xff, 0xfd);

static void check_cr4_in(enum mode mode, const void *code, size_t size,
                         uint64_t cr4)
{
    struct mode_result r = mode_run(mode, code, size);

    CHECK_EQ(r.vector, VEC_EXIT);
    CHECK_EQ(r.eax, cr4);
    CHECK_EQ(read_cr4(), cr4);
}

static void test_cr4_in_other_modes(void)
{
    uint64_t cr4 = read_cr4();
    struct frame f = frame_compat(0, set32, sizeof(set32));

    check_cr4_in(MODE_PROTECTED0, set32, sizeof(set32), cr4 | BIT(25));
    check_cr4_in(MODE_PROTECTED0, clear32, sizeof(clear32), cr4);
    check_cr4_in(MODE_REAL, set16, sizeof(set16), cr4 | BIT(25));
    check_cr4_in(MODE_REAL, clear16, sizeof(clear16), cr4);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(read_cr4(), cr4 | BIT(25));
    CHECK_EQ(mode_run(MODE_PROTECTED3, clear32, sizeof(clear32)).vector,
             VEC_GP);
    CHECK_EQ(mode_run(MODE_VM86, clear16, sizeof(clear16)).vector, VEC_GP);
    CHECK_EQ(read_cr4(), cr4 | BIT(25));
}

/* ---- R11-R19: the MSRs ---- */

static const uint64_t distinct[REGS] = {
    0x0123456789abcdef, 0x7000, 0x11, 0x5500000003, 0x12340, 0x45671,
};

static void write_distinct(uint64_t cpu)
{
    for (int i = 0; i < REGS; i++) {
        wrmsr(regs[i].msr, distinct[i] + (cpu << 16));
    }
}

static void check_distinct(uint64_t cpu)
{
    for (int i = 0; i < REGS; i++) {
        CHECK_EQ(rdmsr(regs[i].msr), distinct[i] + (cpu << 16));
    }
}

static void test_numbers(void)
{
    for (int i = 0; i < REGS; i++) {
        CHECK_EQ(rdmsr(regs[i].msr), 0);
    }
    write_distinct(0);
    check_distinct(0);
}

static void test_per_cpu(void)
{
    write_distinct(0);
    smp_run(1, write_distinct, 1);
    smp_wait(1);
    check_distinct(0);
    smp_run(1, check_distinct, 1);
    smp_wait(1);
}

static void test_privilege(void)
{
    write_distinct(0);
    for (int i = 0; i < REGS; i++) {
        struct frame f = msr_access(just_wrmsr, 3, regs[i].msr, 0);

        check_gp0(&f, just_wrmsr);
        f = msr_access(just_rdmsr, 3, regs[i].msr, 0);
        check_gp0(&f, just_rdmsr);
    }
    check_distinct(0);
}

static void test_rr(void)
{
    walk(&regs[RR]);
    check_write(&regs[RR], ~0ull, true);
}

static void test_handler(void)
{
    const struct reg *reg = &regs[HANDLER];
    bool wide = linear_bits() == 57;

    check_write(reg, 0x0000800000000000, wide);
    check_write(reg, 0x00ffffffffffffff, wide);
    check_write(reg, 0xff00000000000000, wide);
    check_write(reg, 0xffff7fffffffffff, wide);
    check_write(reg, 0x0100000000000000, false);
    check_write(reg, 0xfeffffffffffffff, false);
    check_write(reg, 0x00007fffffffffff, true);
    check_write(reg, 0xffff800000000000, true);
    walk_in_both_paging_modes(reg);
}

static void test_stackadjust(void)
{
    const struct reg *reg = &regs[STACKADJUST];

    check_write(reg, -128ull, true);
    check_write(reg, BIT(60), false);
    check_write(reg, 1, true);
    check_write(reg, -127ull, true);
    walk_in_both_paging_modes(reg);
}

static void test_misc(void)
{
    check_write(&regs[MISC], 0xffffffffff, true);
    check_write(&regs[MISC], 0xffffffffff | BIT(40), false);
    check_write(&regs[MISC], BIT(63), false);
    walk(&regs[MISC]);
}

static void test_misc_without_uif(void)
{
    uintr_enable();
    stui();
    CHECK_EQ(rdmsr(UINTR_MSR_MISC), 0);
    check_write(&regs[MISC], 0xffffffffff, true);
    check_write(&regs[MISC], 0xffffffffff | BIT(63), false);
    CHECK(testui());
}

static void test_pd(void)
{
    walk_in_both_paging_modes(&regs[PD]);
    check_write(&regs[PD], 0x1000 | 0x20, false);
    check_write(&regs[PD], 0x1000 | 0x40, true);
}

static void test_tt(void)
{
    check_write(&regs[TT], 0x1001, true);
    check_write(&regs[TT], 0x1002, false);
    check_write(&regs[TT], 0x1008, false);
    check_write(&regs[TT], 0x1010, true);
    walk_in_both_paging_modes(&regs[TT]);
}

/* A refused write changes neither its own register nor another one. */
static void test_fault_changes_nothing(void)
{
    write_distinct(0);
    for (int i = 0; i < REGS; i++) {
        if (regs[i].reserved | regs[i].address) {
            check_write(&regs[i], BIT(60), false);
        }
        check_distinct(0);
    }
}

/* ---- R7, R9, R10: what CR4.UINTR gates ---- */

static struct upid upid;
static struct uitte table[4];

static void nothing(void) { }
static void do_stui(void) { stui(); }
static void do_senduipi(uint64_t index) { senduipi(index); }

/* Post vector 5 to this CPU from ring 3 and take it there. */
static void check_round_trip(void)
{
    struct frame f = frame_user(do_senduipi, 0, 0);
    uint64_t before = ui_count;

    upid_init(&upid, NV, apic_id());
    table[0] = uitte(5, &upid);
    uintr_receiver(UI_RECORD, &upid, NV);
    uintr_sender(table, 1);
    stui();
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(ui_count, before + 1);
    CHECK_EQ(ui_log[before].vector, 5);
}

static void test_without_xsave(void)
{
    CHECK(!(read_cr4() & CR4_OSXSAVE));
    check_round_trip();
    write_distinct(0);
    check_distinct(0);
}

static void test_without_xss(void)
{
    if (!(cpuid(1, 0).ecx & BIT(26))) {
        skip("no XSAVE");
    }
    write_cr4(read_cr4() | CR4_OSXSAVE);
    xsetbv(0, 1);
    if (cpuid(0xd, 1).eax & BIT(3)) {
        wrmsr(MSR_XSS, 0);
    }
    check_round_trip();
    write_cr4(read_cr4() & ~CR4_OSXSAVE);
}

static void self_ipi(int vector)
{
    apic_icr(apic_id(), ICR_ASSERT | vector);
    CHECK(WAIT_FOR(apic_requested(vector)));
    irq_window();
}

static void receive_here(void)
{
    uintr_receiver(UI_RECORD, &upid, NV);
    upid_init(&upid, NV, apic_id());
    upid.pir = BIT(9);
    trap_handle(NV, irq_count);
}

static void test_cr4_gates_identification(void)
{
    receive_here();
    write_cr4(read_cr4() & ~CR4_UINTR);
    self_ipi(NV);
    CHECK_EQ(irq_counts[NV], 1);
    CHECK_EQ(upid.pir, BIT(9));
    CHECK_EQ(rdmsr(UINTR_MSR_RR), 0);
    uintr_enable();
    self_ipi(NV);
    CHECK_EQ(irq_counts[NV], 1);
    CHECK_EQ(upid.pir, 0);
    CHECK_EQ(rdmsr(UINTR_MSR_RR), BIT(9));
    trap_handle(NV, NULL);
}

static void test_cr4_does_not_gate_msrs(void)
{
    CHECK(!(read_cr4() & CR4_UINTR));
    write_distinct(0);
    check_distinct(0);
    for (int i = 0; i < REGS; i++) {
        walk(&regs[i]);
    }
}

static void test_cr4_gates_delivery(void)
{
    uintr_receiver(UI_RECORD, &upid, NV);
    stui();
    wrmsr(UINTR_MSR_RR, BIT(3));
    write_cr4(read_cr4() & ~CR4_UINTR);
    CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 0);
    CHECK_EQ(rdmsr(UINTR_MSR_RR), BIT(3));
    CHECK_EQ(run_user(do_stui, 0, 0), VEC_UD);
}

/* R10: clearing the bit loses nothing; setting it again delivers. */
static void test_cr4_keeps_state(void)
{
    struct frame f = frame_user(nothing, 0, 0);

    uintr_receiver(UI_RECORD, &upid, NV);
    uintr_sender(table, 3);
    stui();
    wrmsr(UINTR_MSR_RR, BIT(3));
    for (int i = 0; i < 2; i++) {
        write_cr4(read_cr4() & ~CR4_UINTR);
        CHECK_EQ(rdmsr(UINTR_MSR_RR), BIT(3));
        CHECK_EQ(rdmsr(UINTR_MSR_HANDLER), UI_RECORD);
        CHECK_EQ(rdmsr(UINTR_MSR_STACKADJUST), 128);
        CHECK_EQ(rdmsr(UINTR_MSR_MISC), misc(NV, 2));
        CHECK_EQ(rdmsr(UINTR_MSR_PD), &upid);
        CHECK_EQ(rdmsr(UINTR_MSR_TT), (uint64_t)table | 1);
        uintr_enable();
        CHECK(testui());
    }
    CHECK_EQ(ui_count, 0);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].vector, 3);
    CHECK_EQ(ui_log[0].rip, USER((uint64_t)nothing));
}

/* ---- R20-R23 ---- */

static uint64_t send_vector(uint64_t index)
{
    return run_kernel(do_senduipi, index, 0);
}

static void test_highest_index(void)
{
    upid_init(&upid, NV, apic_id());
    upid.low |= UPID_SN;
    for (int i = 0; i < 4; i++) {
        table[i] = uitte(i, &upid);
    }
    uintr_enable();
    wrmsr(UINTR_MSR_TT, (uint64_t)table | UINTR_TT_ENABLE);
    for (uint32_t highest = 0; highest < 3; highest++) {
        wrmsr(UINTR_MSR_MISC, misc(0, highest));
        upid.pir = 0;
        CHECK_EQ(send_vector(highest), VEC_EXIT);
        CHECK_EQ(send_vector(highest + 1), VEC_GP);
        CHECK_EQ(upid.pir, BIT(highest));
    }
}

static void test_uif_has_no_msr(void)
{
    uintr_enable();
    write_distinct(0);
    wrmsr(UINTR_MSR_RR, 0);
    stui();
    CHECK_EQ(rdmsr(UINTR_MSR_RR), 0);
    for (int i = 1; i < REGS; i++) {
        CHECK_EQ(rdmsr(regs[i].msr), distinct[i]);
    }
    write_distinct(0);
    CHECK(testui());
    wrmsr(UINTR_MSR_RR, 0);
    CHECK(testui());
    clui();
    write_distinct(0);
    CHECK(!testui());
    check_distinct(0);
}

static void test_highest_vector(void)
{
    uintr_receiver(UI_RECORD, &upid, NV);
    for (int v = 0; v < 64; v++) {
        uint64_t others = BIT(v) - 1;

        ui_count = 0;
        stui();
        wrmsr(UINTR_MSR_RR, BIT(v) | others);
        CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
        CHECK_EQ(ui_count, v + 1);
        CHECK_EQ(ui_log[0].vector, v);
        CHECK_EQ(ui_log[v].vector, 0);
    }
    wrmsr(UINTR_MSR_RR, 0);
    ui_count = 0;
    CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 0);
}

static void test_uinv_off(void)
{
    receive_here();
    wrmsr(UINTR_MSR_MISC, misc(0, 0));
    self_ipi(NV);
    CHECK_EQ(irq_counts[NV], 1);
    CHECK_EQ(upid.pir, BIT(9));
    CHECK_EQ(rdmsr(UINTR_MSR_RR), 0);
    wrmsr(UINTR_MSR_MISC, misc(NV, 0));
    self_ipi(NV);
    CHECK_EQ(irq_counts[NV], 1);
    CHECK_EQ(upid.pir, 0);
    CHECK_EQ(rdmsr(UINTR_MSR_RR), BIT(9));
    trap_handle(NV, NULL);
}

const struct test tests[] = {
    { "R1-cpuid-bit", test_cpuid },
    { "R2-cpuid-uif-bit", test_cpuid_uif },
    { "R3-no-user-timer", test_cpuid_utmr },
    { "R7-without-osxsave", test_without_xsave },
    { "R7-without-xss", test_without_xss },
    { "R8-cr4", test_cr4 },
    { "R8-cr4-in-other-modes", test_cr4_in_other_modes },
    { "R9-cr4-does-not-gate-msrs", test_cr4_does_not_gate_msrs },
    { "R9-cr4-gates-identification", test_cr4_gates_identification },
    { "R9-cr4-gates-delivery", test_cr4_gates_delivery },
    { "R10-cr4-keeps-state", test_cr4_keeps_state },
    { "R11-numbers", test_numbers },
    { "R11-per-cpu", test_per_cpu, 2 },
    { "R12-privilege", test_privilege },
    { "R13-rr", test_rr },
    { "R14-handler", test_handler },
    { "R15-stackadjust", test_stackadjust },
    { "R16-misc", test_misc },
    { "R16-misc-never-has-uif", test_misc_without_uif },
    { "R17-pd", test_pd },
    { "R18-tt", test_tt },
    { "R19-fault-changes-nothing", test_fault_changes_nothing },
    { "R20-highest-index", test_highest_index },
    { "R21-uif-has-no-msr", test_uif_has_no_msr },
    { "R22-highest-vector", test_highest_vector },
    { "R23-uinv-zero-is-off", test_uinv_off },
    {}
};
