/* SPDX-License-Identifier: GPL-2.0-or-later */
/* STUI, CLUI, TESTUI and UIRET, and the #UD rules of all five (R28-R37). */
#include "uintr.h"

const char *const test_group = "/uintr/insn";

#define ALL_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | \
                   RFLAGS_SF | RFLAGS_OF)

static void do_stui(void) { stui(); }
static void do_clui(void) { clui(); }
static uint64_t do_testui(void) { return testui(); }
static void do_senduipi(uint64_t index) { senduipi(index); }

/* Set the status flags to @flags, TESTUI, return what they are then. */
static uint64_t flags_after_testui(uint64_t flags)
{
    uint64_t after;

    asm volatile("pushq %1; popfq; " TESTUI_BYTES "; pushfq; popq %0"
                 : "=r"(after) : "r"(flags | RFLAGS_FIXED) : "memory", "cc");
    return after;
}

static void test_testui(void)
{
    uintr_enable();
    clui();
    CHECK_EQ(flags_after_testui(ALL_FLAGS) & ALL_FLAGS, 0);
    CHECK_EQ(flags_after_testui(0) & ALL_FLAGS, 0);
    stui();
    CHECK_EQ(flags_after_testui(ALL_FLAGS) & ALL_FLAGS, RFLAGS_CF);
    CHECK_EQ(flags_after_testui(0) & ALL_FLAGS, RFLAGS_CF);
    CHECK_EQ(flags_after_testui(RFLAGS_DF) & RFLAGS_DF, RFLAGS_DF);
}

static void test_any_cpl(void)
{
    struct frame f;

    uintr_enable();
    CHECK_EQ(run_user(do_stui, 0, 0), VEC_EXIT);
    f = frame_user(do_testui, 0, 0);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.rax & 1, 1);
    CHECK(testui());
    CHECK_EQ(run_user(do_clui, 0, 0), VEC_EXIT);
    CHECK(!testui());
    CHECK_EQ(run_kernel(do_stui, 0, 0), VEC_EXIT);
    CHECK(testui());
}

static void test_ud_without_cr4(void)
{
    const void *insns[] = { do_stui, do_clui, do_testui, do_senduipi };

    for (int i = 0; i < 4; i++) {
        struct frame f = frame_user(insns[i], 0, 0);

        CHECK_EQ(run(&f), VEC_UD);
        CHECK_EQ(run_kernel(insns[i], 0, 0), VEC_UD);
    }
}

static void test_self_send(void)
{
    static struct upid upid;
    static struct uitte table[1];
    struct frame f;

    upid_init(&upid, NV, apic_id());
    table[0] = uitte(5, &upid);
    uintr_receiver(UI_RECORD, &upid, NV);
    uintr_sender(table, 1);
    stui();
    f = frame_user(do_senduipi, 0, 0);
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].vector, 5);
    CHECK_EQ(upid.pir, 0);
    CHECK_EQ(upid.low & UPID_ON, 0);
    CHECK(testui());
}

/* UIRET to the next instruction with @image in RFLAGS, then clear them. */
static uint64_t flags_after_uiret(uint64_t image)
{
    uint64_t after;

    asm volatile("mov %%rsp, %%rdx; pushq %%rdx; pushq %1; "
                 "lea 1f(%%rip), %%rdx; pushq %%rdx; " UIRET_BYTES "; 1: "
                 "cld; test %%rsp, %%rsp; pushfq; popq %0"
                 : "=r"(after) : "r"(image) : "rdx", "memory", "cc");
    return after;
}

static void test_uiret_flags(void)
{
    uintr_enable();
    CHECK_EQ(flags_after_uiret(ALL_FLAGS | RFLAGS_DF | RFLAGS_FIXED) &
             (RFLAGS_CF | RFLAGS_ZF | RFLAGS_OF | RFLAGS_SF | RFLAGS_DF), 0);
}

const struct test tests[] = {
    { "R130-flags-change-after-uiret", test_uiret_flags },
    { "R36-testui-flags", test_testui },
    { "R32-any-cpl", test_any_cpl },
    { "R31-ud-without-cr4", test_ud_without_cr4 },
    { "self-send", test_self_send },
    {}
};
