/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One of GP's shadows is ill, that of slot 0, and another one is not.  The
 * word for GP says how, and "only=" which test looks at that.
 */
#include <errno.h>

#include "rt_lite.h"

const char *const test_group = "/forward/ill";

#define AWAKE_TURNS 500000          /* a second, or more */
#define SOON_TICKS  500000000
#define NO_TICK     (1ull << 60)

static struct process p, other;

/* What the process of an ill shadow is told; the other one's is served. */
static void check_ill(long error)
{
    patience = SPIN_TICKS / 100;
    CHECK_EQ(scf_attach(&p.scf, 1), 0);
    run_as(&p);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), error);
    begin(&other);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    }
    CHECK_EQ(other.scf.resets, 0);
    end(&other);
    run_as(&p);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), error);
    scf_detach(&p.scf);
    patience = 2 * SPIN_TICKS;
}

/* F6: who names no UPID is told by doorbells. */
static void test_no_target(void)
{
    begin(&p);
    CHECK(!p.scf.target && p.scf.target_tried);
    looked = 0;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    }
    CHECK_EQ(looked, 0);
    begin(&other);
    CHECK(other.scf.target);
    end(&other);
    run_as(&p);
    end(&p);
}

/* F6: the server has come after the slot was opened, which is done again. */
static void test_late_server(void)
{
    uint32_t epoch;

    CHECK_EQ(scf_attach(&p.scf, 1), 0);
    epoch = p.scf.epoch;
    p.scf.generation++;
    run_as(&p);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK(p.scf.epoch != epoch);
    CHECK(!p.scf.target && p.scf.target_tried);
    end(&p);
}

/* F47 */
static void test_faulting_shadow(void)
{
    check_ill(-ECONNRESET);
}

static void test_looping_shadow(void)
{
    check_ill(-ETIMEDOUT);
}

/* Whose server has replied once, and does not come to the next process. */
static void begin_unserved(struct process *of)
{
    static char text[8];

    begin(of);
    CHECK_EQ(ask(0, 0, (uint64_t)text, sizeof(text)), -ETIMEDOUT);
    scf_detach(&of->scf);
    CHECK_EQ(scf_attach(&of->scf, 1), 0);
    of->scf.urgency = 60;
}

/* F50: one that finds nothing for the most urgent slot finds the others'. */
static void test_looks_at_all(void)
{
    patience = SPIN_TICKS / 100;
    begin_unserved(&p);
    begin(&other);
    scf_set_modes(&other.scf, SCF3_MODE_UIPI, SCF3_MODE_UIPI,
                  SCF3_POLICY_ASLEEP);
    turns_awake = AWAKE_TURNS;
    patience = NO_TICK;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
        CHECK(other.scf.last.woken - other.scf.last.replied < SOON_TICKS);
    }
    CHECK(p.scf.state == SCF_OPENING);
    end(&other);
    scf_detach(&p.scf);
    patience = 2 * SPIN_TICKS;
}

void payload_start(void)
{
    if (!scf_start()) {
        fatal("there is no mailbox");
    }
}

const struct test tests[] = {
    { "F6-no-target", test_no_target },
    { "F6-late-server", test_late_server },
    { "F47-faulting-shadow", test_faulting_shadow },
    { "F47-looping-shadow", test_looping_shadow },
    { "F50-looks-at-all", test_looks_at_all },
    {}
};
