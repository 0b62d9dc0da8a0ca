/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * STUI, CLUI and TESTUI, and what all five instructions share: encodings,
 * privilege, #UD (R28-R36).  absent.c has the same for a CPU without them.
 */
#include "insns.h"
#include "modes.h"
#include "uintr.h"

const char *const test_group = "/uintr/insn";

#define STATUS_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | \
                      RFLAGS_SF | RFLAGS_OF)
#define OTHER_FLAGS  (RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID)

static struct upid upid;
static struct uitte table[1];

static void nothing(void) { }

/* Whatever would happen if an instruction were executed, it would show. */
static void arm(void)
{
    upid_init(&upid, NV, apic_id());
    upid.low |= UPID_SN;
    table[0] = uitte(5, &upid);
    uintr_receiver(UI_RECORD, &upid, NV);
    uintr_sender(table, 1);
    wrmsr(UINTR_MSR_RR, BIT(3));
}

static void check_unchanged(bool uif)
{
    uintr_enable();
    CHECK_EQ(testui(), uif);
    CHECK_EQ(upid.pir, 0);
    CHECK_EQ(upid.low, upid_low(NV, apic_id(), UPID_SN));
    CHECK_EQ(rdmsr(UINTR_MSR_RR), BIT(3));
    CHECK_EQ(ui_count, 0);
}

/* RDI ends as RSP began, so that UIRET's effect shows too. */
static void check_ud_at_both_rings(const struct insn *insn, const char *where)
{
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        struct frame f = frame_insn(cpl, insn), start = f;

        run(&f);
        check_ud(&f, insn, where);
        CHECK_EQ(f.rsp, start.rsp);
        CHECK_EQ(f.rax, start.rax);
        CHECK_EQ(f.cs, start.cs);
    }
}

/* ---- R28, R29: encodings ---- */

/* Without F3 two are undefined, and two are RDPKRU and WRPKRU. */
static void test_without_f3(void)
{
    static const struct insn undefined[] = {
        { "0F 01 EC", 3, { 0x0f, 0x01, 0xec } },
        { "0F 01 ED", 3, { 0x0f, 0x01, 0xed } },
        { "F2 0F 01 EC", 4, { 0xf2, 0x0f, 0x01, 0xec } },
        { "F2 0F 01 EF", 4, { 0xf2, 0x0f, 0x01, 0xef } },
        { "66 0F 01 ED", 4, { 0x66, 0x0f, 0x01, 0xed } },
        { "66 0F 01 EE", 4, { 0x66, 0x0f, 0x01, 0xee } },
        { "0F C7 F0 with F2", 4, { 0xf2, 0x0f, 0xc7, 0xf0 } },
    };

    arm();
    for (unsigned i = 0; i < sizeof(undefined) / sizeof(undefined[0]); i++) {
        check_ud_at_both_rings(&undefined[i], "without F3");
    }
    check_unchanged(false);
}

static const struct insn rdpkru = { "RDPKRU", 3, { 0x0f, 0x01, 0xee } };
static const struct insn wrpkru = { "WRPKRU", 3, { 0x0f, 0x01, 0xef } };

static uint64_t run_insn(int cpl, const struct insn *insn, struct frame *f,
                         uint64_t rax, uint64_t rcx)
{
    *f = frame_insn(cpl, insn);
    f->rax = rax;
    f->rcx = rcx;
    f->rdx = 0;
    return run(f);
}

static void test_pkru(void)
{
    struct frame f;

    arm();
    if (!(cpuid(7, 0).ecx & BIT(3))) {
        skip("no protection keys");
    }
    check_ud_at_both_rings(&rdpkru, "CR4.PKE=0");
    check_ud_at_both_rings(&wrpkru, "CR4.PKE=0");
    write_cr4(read_cr4() | CR4_PKE);
    CHECK_EQ(run_insn(3, &wrpkru, &f, 0xa0, 0), VEC_EXIT);
    CHECK_EQ(run_insn(3, &rdpkru, &f, 0, 0), VEC_EXIT);
    CHECK_EQ(f.rax, 0xa0);
    CHECK_EQ(run_insn(3, &rdpkru, &f, 0, 1), VEC_GP);
    CHECK_EQ(run_insn(3, &wrpkru, &f, 0, 1), VEC_GP);
    CHECK_EQ(run_insn(3, &uintr_insns[STUI], &f, 0, 1), VEC_EXIT);
    CHECK_EQ(ui_count, 1);                      /* RR of arm() */
    CHECK_EQ(run_insn(3, &uintr_insns[CLUI], &f, 0, 1), VEC_EXIT);
    CHECK_EQ(run_insn(3, &rdpkru, &f, 0, 0), VEC_EXIT);
    CHECK_EQ(f.rax, 0xa0);
    run_insn(3, &wrpkru, &f, 0, 0);
    write_cr4(read_cr4() & ~CR4_PKE);
}

/* F3 may stand anywhere among the prefixes; 66 and REX mean nothing. */
static void test_prefixes(void)
{
    static const struct insn stuis[] = {
        { "F3 66 STUI", 5, { 0xf3, 0x66, 0x0f, 0x01, 0xef } },
        { "66 F3 STUI", 5, { 0x66, 0xf3, 0x0f, 0x01, 0xef } },
        { "F3 REX.W STUI", 5, { 0xf3, 0x48, 0x0f, 0x01, 0xef } },
        { "F3 3E STUI", 5, { 0xf3, 0x3e, 0x0f, 0x01, 0xef } },
        { "F3 67 STUI", 5, { 0xf3, 0x67, 0x0f, 0x01, 0xef } },
    };

    uintr_enable();
    for (unsigned i = 0; i < sizeof(stuis) / sizeof(stuis[0]); i++) {
        struct frame f = frame_insn(3, &stuis[i]);

        clui();
        CHECK_EQ(run(&f), VEC_EXIT);
        CHECK(testui());
    }
}

/* ---- R30, R31, R33: #UD ---- */

static void test_ud_without_cr4(void)
{
    for (int uif = 0; uif <= 1; uif++) {
        for (int i = 0; i < UINTR_INSNS; i++) {
            arm();
            uif ? stui() : clui();
            write_cr4(read_cr4() & ~CR4_UINTR);
            check_ud_at_both_rings(&uintr_insns[i], "CR4.UINTR=0");
            check_unchanged(uif);
        }
    }
}

/* A pending vector would be delivered in ring 3 if UIF were 1. */
static void test_ud_lock(void)
{
    arm();
    for (int i = 0; i < UINTR_INSNS; i++) {
        struct insn locked = prefixed(&uintr_insns[i], 0xf0);

        check_ud_at_both_rings(&locked, "LOCK");
        check_unchanged(false);
    }
}

static void test_ud_compat(void)
{
    arm();
    for (int i = 0; i < 2 * UINTR_INSNS; i++) {
        const struct insn *insn = &uintr_insns[i / 2];
        int cpl = i & 1 ? 3 : 0;
        struct frame f = frame_compat(cpl, insn->bytes, insn->size);

        run(&f);
        CHECK_EQ(f.vector, VEC_UD);
        CHECK_EQ(f.rip, COMPAT_CODE);
        CHECK_EQ(f.cs & 3, cpl);
        check_unchanged(false);
    }
}

/* CR4.UINTR=1 and EFER.LME=1 throughout, so that only the mode is wrong. */
static void test_ud_other_modes(void)
{
    arm();
    CHECK(read_cr4() & CR4_UINTR);
    for (enum mode mode = 0; mode < MODES; mode++) {
        for (int i = 0; i < UINTR_INSNS; i++) {
            struct mode_result r = mode_run(mode, uintr_insns[i].bytes,
                                            uintr_insns[i].size);

            if (r.vector != VEC_UD) {
                printf("# %s in %s\n", uintr_insns[i].name, mode_names[mode]);
            }
            CHECK_EQ(r.vector, VEC_UD);
            CHECK_EQ(r.ip, 0);
            check_unchanged(false);
        }
    }
}

/* R33: each of these would be #GP, #SS or #PF if it were looked at. */
static void test_ud_comes_first(void)
{
    struct insn uiret = prefixed(&uintr_insns[UIRET], 0xf0);
    struct insn send = prefixed(&uintr_insns[SENDUIPI], 0xf0);
    struct frame f;

    arm();
    wrmsr(UINTR_MSR_TT, 0x7ffff000 | UINTR_TT_ENABLE);
    for (int cr4 = 0; cr4 <= 1; cr4++) {
        f = frame_insn(3, cr4 ? &uintr_insns[UIRET] : &uiret);
        f.rsp = BIT(62);
        run(&f);
        check_ud(&f, &uiret, "RSP not canonical");
        f = frame_insn(3, cr4 ? &uintr_insns[UIRET] : &uiret);
        f.rsp = (uint64_t)&upid;
        run(&f);
        check_ud(&f, &uiret, "RSP in a supervisor page");
        f = frame_insn(3, cr4 ? &uintr_insns[SENDUIPI] : &send);
        f.rax = 1;
        run(&f);
        check_ud(&f, &send, "index above UITTSZ");
        write_cr4(read_cr4() & ~CR4_UINTR);
    }
    check_unchanged(false);
}

/* ---- R32: at any CPL ---- */

static void check_runs(int cpl, int which, bool uif)
{
    struct frame f = frame_insn(cpl, &uintr_insns[which]);

    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.cs & 3, cpl);
    CHECK_EQ(testui(), uif);
}

static void test_any_cpl(void)
{
    arm();
    wrmsr(UINTR_MSR_RR, 0);
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        check_runs(cpl, STUI, true);
        check_runs(cpl, TESTUI, true);
        check_runs(cpl, CLUI, false);
        check_runs(cpl, TESTUI, false);
        upid.pir = 0;
        check_runs(cpl, SENDUIPI, false);
        CHECK_EQ(upid.pir, BIT(5));
    }
}

/* A frame that UIRET takes apart; it leads to the INT after it. */
static void test_uiret_any_cpl(void)
{
    static uint64_t image[3];

    uintr_enable();
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        struct frame f = frame_insn(cpl, &uintr_insns[UIRET]);
        uint64_t alias = cpl ? USER_OFFSET : 0;

        image[0] = f.rip + uintr_insns[UIRET].size;
        image[1] = RFLAGS_FIXED;
        image[2] = 0x1230;
        f.rsp = (uint64_t)image | alias;
        clui();
        CHECK_EQ(run(&f), VEC_EXIT);
        CHECK_EQ(f.cs & 3, cpl);
        CHECK_EQ(f.rsp, 0x1230);
        CHECK(testui());
    }
}

/* ---- R34, R35: STUI and CLUI ---- */

extern char stui_clui[], stui_clui_between[], stui_at_end[], after_stui[];
asm("stui_clui:" STUI_BYTES "\n"
    "stui_clui_between:" CLUI_BYTES "; nop; nop; ret\n"
    "stui_at_end: nop;" STUI_BYTES "\n"
    "after_stui: ret\n");

/* The boundary that counts lies in the middle of a block. */
static void test_stui_delivers_at_once(void)
{
    arm();
    CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 0);
    CHECK_EQ(run_user(stui_clui, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].vector, 3);
    CHECK_EQ(ui_log[0].rip, USER((uint64_t)stui_clui_between));
    CHECK(!testui());
    wrmsr(UINTR_MSR_RR, BIT(4));
    CHECK_EQ(run_user(stui_at_end, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 2);
    CHECK_EQ(ui_log[1].vector, 4);
    CHECK_EQ(ui_log[1].rip, USER((uint64_t)after_stui));
}

/* STI's shadow is not STUI's: all 64 come before the next instruction. */
static void test_stui_delivers_all(void)
{
    arm();
    wrmsr(UINTR_MSR_RR, ~0ull);
    CHECK_EQ(run_user(stui_clui, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 64);
    for (int i = 0; i < 64; i++) {
        CHECK_EQ(ui_log[i].vector, 63 - i);
        CHECK_EQ(ui_log[i].rip, USER((uint64_t)stui_clui_between));
    }
    CHECK(!testui());
}

/* STUI with UIF already 1 is no event, and with UIRR=0 neither. */
static void test_stui_without_request(void)
{
    uintr_receiver(UI_RECORD, &upid, NV);
    CHECK_EQ(run_user(stui_at_end, 0, 0), VEC_EXIT);
    CHECK_EQ(run_user(stui_at_end, 0, 0), VEC_EXIT);
    CHECK(testui());
    CHECK_EQ(ui_count, 0);
    CHECK_EQ(run_user(stui_clui, 0, 0), VEC_EXIT);
    CHECK(!testui());
    CHECK_EQ(ui_count, 0);
}

/* Ring 0 may set UIF, and what was pending waits for ring 3. */
static void test_stui_in_ring0(void)
{
    arm();
    CHECK_EQ(run_kernel(stui_at_end, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 0);
    CHECK(testui());
    CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].rip, USER((uint64_t)nothing));
}

static void test_clui_holds(void)
{
    arm();
    stui();
    CHECK_EQ(run_kernel(stui_clui, 0, 0), VEC_EXIT);
    CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 0);
    CHECK_EQ(rdmsr(UINTR_MSR_RR), BIT(3));
}

/*
 * R35 under fire: user interrupts are possible from the end of STUI to the
 * end of the NOPs, never right after CLUI.
 */
extern char window[], window_open[], window_closing[], window_closed[];
asm("window: mov %edi, %ecx\n"
    "1: " STUI_BYTES "\n"
    "window_open: nop; nop; pause\n"
    "window_closing: " CLUI_BYTES "\n"
    "window_closed: nop; nop; nop; nop; pause; dec %ecx; jnz 1b; ret\n");

static volatile bool stop_posting;

static void post_all_the_time(uint64_t unused)
{
    (void)unused;
    uintr_sender(table, 1);
    while (!stop_posting) {
        senduipi(0);
        cpu_relax();
    }
}

static void check_inside_window(void)
{
    uint64_t n = ui_count < UI_LOG_ENTRIES ? ui_count : UI_LOG_ENTRIES;

    for (uint64_t i = 0; i < n; i++) {
        CHECK(ui_log[i].rip >= USER((uint64_t)window_open));
        CHECK(ui_log[i].rip <= USER((uint64_t)window_closing));
    }
}

static void test_clui_under_fire(void)
{
    struct frame f = frame_user(window, 3000, 0);

    arm();
    wrmsr(UINTR_MSR_RR, 0);
    upid.low &= ~(uint64_t)UPID_SN;
    stop_posting = false;
    smp_run(1, post_all_the_time, 0);
    f.rflags |= RFLAGS_IF;
    CHECK(WAIT_FOR(upid.pir));
    CHECK_EQ(run(&f), VEC_EXIT);
    stop_posting = true;
    smp_wait(1);
    CHECK(ui_count > 0);
    check_inside_window();
    irq_window();
}

/* R34-R36: what happens to RFLAGS.  TF apart, all that ring 3 may set. */
static uint64_t flags_after(int which, uint64_t flags)
{
    struct frame f = frame_insn(3, &uintr_insns[which]);

    f.rflags = flags | RFLAGS_FIXED;
    CHECK_EQ(run(&f), VEC_EXIT);
    return f.rflags;
}

static void test_flags_kept(void)
{
    static const uint64_t sets[] = { 0, STATUS_FLAGS | OTHER_FLAGS };

    uintr_enable();
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(flags_after(STUI, sets[i]), sets[i] | RFLAGS_FIXED);
        CHECK_EQ(flags_after(CLUI, sets[i]), sets[i] | RFLAGS_FIXED);
    }
    for (int bit = 0; bit < 64; bit++) {
        uint64_t one = BIT(bit) & (STATUS_FLAGS | OTHER_FLAGS);

        CHECK_EQ(flags_after(STUI, one), one | RFLAGS_FIXED);
        CHECK_EQ(flags_after(CLUI, one), one | RFLAGS_FIXED);
    }
}

static void test_testui(void)
{
    uintr_enable();
    for (int uif = 0; uif <= 1; uif++) {
        uint64_t carry = uif ? RFLAGS_CF : 0;

        uif ? stui() : clui();
        CHECK_EQ(flags_after(TESTUI, STATUS_FLAGS), carry | RFLAGS_FIXED);
        CHECK_EQ(flags_after(TESTUI, 0), carry | RFLAGS_FIXED);
        CHECK_EQ(flags_after(TESTUI, STATUS_FLAGS | OTHER_FLAGS),
                 carry | OTHER_FLAGS | RFLAGS_FIXED);
        CHECK_EQ(testui(), uif);
    }
}

/* The flags that TESTUI sets are read by the very next instruction. */
static void test_testui_in_block(void)
{
    uint8_t carry, zero, sign, overflow, parity;

    uintr_enable();
    stui();
    asm volatile("cmp %%eax, %%eax; " TESTUI_BYTES ";"
                 "setc %0; setz %1; sets %2; seto %3; setp %4"
                 : "=r"(carry), "=r"(zero), "=r"(sign), "=r"(overflow),
                   "=r"(parity) : : "memory", "cc");
    CHECK_EQ(carry, 1);
    CHECK_EQ(zero | sign | overflow | parity, 0);
    clui();
    asm volatile("stc; " TESTUI_BYTES "; setc %0"
                 : "=r"(carry) : : "memory", "cc");
    CHECK_EQ(carry, 0);
}

/* No general register changes, and RIP goes on by four. */
static void test_registers_kept(void)
{
    arm();
    wrmsr(UINTR_MSR_RR, 0);
    for (int i = TESTUI; i < UINTR_INSNS; i++) {
        struct frame f = frame_insn(3, &uintr_insns[i]), start;
        uint64_t *regs = (uint64_t *)&f;

        for (int r = 0; r < 15; r++) {
            regs[r] = 0x1111111111111111ull * r;
        }
        f.rax = 0;                              /* SENDUIPI's index */
        start = f;
        CHECK_EQ(run(&f), VEC_EXIT);
        CHECK(!memcmp(&f, &start, FRAME_REGS));
        CHECK_EQ(f.rip, start.rip + uintr_insns[i].size + 2);
        CHECK_EQ(f.rsp, start.rsp);
    }
}

/* ---- the whole way round, in one instruction ---- */

static void test_self_send(void)
{
    struct frame f;

    arm();
    wrmsr(UINTR_MSR_RR, 0);
    upid.low &= ~(uint64_t)UPID_SN;
    stui();
    f = frame_insn(3, &uintr_insns[SENDUIPI]);
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].vector, 5);
    CHECK_EQ(upid.pir, 0);
    CHECK_EQ(upid.low & UPID_ON, 0);
    CHECK(testui());
}

const struct test tests[] = {
    { "R28-R40-prefixes-without-meaning", test_prefixes },
    { "R29-without-f3", test_without_f3 },
    { "R29-pkru", test_pkru },
    { "R30-ud-compatibility-mode", test_ud_compat },
    { "R30-ud-other-modes", test_ud_other_modes },
    { "R31-ud-lock", test_ud_lock },
    { "R31-ud-without-cr4", test_ud_without_cr4 },
    { "R32-any-cpl", test_any_cpl },
    { "R32-uiret-any-cpl", test_uiret_any_cpl },
    { "R33-ud-comes-first", test_ud_comes_first },
    { "R34-stui-delivers-at-once", test_stui_delivers_at_once },
    { "R34-stui-delivers-all", test_stui_delivers_all },
    { "R34-stui-without-request", test_stui_without_request },
    { "R34-stui-in-ring0", test_stui_in_ring0 },
    { "R34-R35-flags-kept", test_flags_kept },
    { "R35-clui-holds", test_clui_holds },
    { "R35-clui-under-fire", test_clui_under_fire, 2 },
    { "R36-testui-flags", test_testui },
    { "R36-testui-in-block", test_testui_in_block },
    { "R36-registers-kept", test_registers_kept },
    { "self-send", test_self_send },
    {}
};
