/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How either side is told, and by what it is not. */
#include "forward.h"

#define IDLE_TICKS  15000000        /* longer than GP's spinning */
#define PHASE_TICKS 370000
#define POLLED_TICKS 1000000        /* a tenth of GP's tick */
#define PHASES      600             /* turns: longer than a call takes */
#define BELL_TICKS  3000000         /* less than a third */

static void check_mode(unsigned request, unsigned reply)
{
    scf_set_modes(&p.scf, request, reply, 0);
    looked = 0;
    for (int n = 0; n < 20; n++) {
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    }
    if (looked) {
        printf("# request mode %d, reply mode %d\n", request, reply);
    }
    CHECK_EQ(looked, 0);
}

/*
 * F40-F43: every mode of requests with every mode of replies; an IPI does not
 * go from one process to another.
 */
void test_modes(void)
{
    static const uint8_t modes[] = { SCF3_MODE_POLL, SCF3_MODE_UIPI,
                                     SCF3_MODE_IRQ, SCF3_MODE_POSTED,
                                     SCF3_MODE_IPI };
    int n = arg_number("two", 0) ? 4 : 5;

    begin(&p);
    for (int i = 0; i < n * n; i++) {
        check_mode(modes[i / n], modes[i % n]);
    }
    end(&p);
}

/* Ticks until the server has taken a request that comes after a while. */
static uint64_t time_to_take(int n)
{
    uint64_t end = rdtsc() + IDLE_TICKS + n * PHASE_TICKS;

    while (rdtsc() < end) {
        irq_window();
        cpu_relax();
    }
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    return p.scf.last.taken - p.scf.last.enqueued;
}

/*
 * F40: GP looks all the time at who is polled, not at its next tick.  Only in
 * virtual time that is a matter of GP alone.
 */
void test_polled(void)
{
    uint64_t ticks, most = 0;

    if (!arg_is("accel", "icount")) {
        skip("real time");
    }
    begin(&p);
    scf_set_modes(&p.scf, SCF3_MODE_POLL, SCF3_MODE_POLL, 0);
    time_to_take(0);                /* GP may rest until it has seen it */
    for (int i = 0; i < 20; i++) {
        ticks = time_to_take(i);
        most = ticks > most ? ticks : most;
    }
    printf("# polled: taken after %lu ticks at most\n", most);
    CHECK(most < POLLED_TICKS);
    end(&p);
}

/*
 * A request after the first, which may be what changes the binding, is not left
 * to GP's tick.  Only in virtual time that is a matter of GP alone.
 */
static void check_posted(struct process *of)
{
    uint64_t most = 0;

    run_as(of);
    scf_set_modes(&of->scf, SCF3_MODE_POSTED, SCF3_MODE_POSTED, 0);
    looked = 0;
    for (int n = 0; n < 20; n++) {
        uint64_t ticks;

        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
        ticks = of->scf.last.taken - of->scf.last.enqueued;
        most = n && ticks > most ? ticks : most;
    }
    CHECK_EQ(looked, 0);
    if (arg_is("accel", "icount")) {
        printf("# posted: taken after %lu ticks at most\n", most);
        CHECK(most < POLLED_TICKS);
    }
}

/* F46: one has the binding; the other is told, too, and has it afterwards. */
void test_posted(void)
{
    begin(&p);
    begin(&many[1]);
    check_posted(&p);
    check_posted(&many[1]);
    check_posted(&p);
    run_as(&p);
    end(&p);
    check_posted(&many[1]);
    end(&many[1]);
}

/* F44: told only if the waiter outranks what runs; never told */
void test_policy(void)
{
    begin(&p);
    scf_set_modes(&p.scf, SCF3_MODE_UIPI, SCF3_MODE_UIPI,
                  SCF3_POLICY_OUTRANKS);
    looked = 0;
    priority = 5;
    scf_running(4);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK_EQ(looked, 0);
    scf_running(5);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK_EQ(looked, 1);
    scf_set_modes(&p.scf, SCF3_MODE_UIPI, SCF3_MODE_UIPI, SCF3_POLICY_NEVER);
    scf_running(0);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK_EQ(looked, 2);
    priority = 1;
    end(&p);
}

static void ask_asleep_after(uint32_t turns, int calls)
{
    turns_awake = turns;
    for (int i = 0; i < calls; i++) {
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    }
}

/*
 * F50: who looks is not told, who rests is; and what comes in the moment
 * between, whichever it is, waits for no tick.
 */
void test_awake(void)
{
    uint64_t told;

    begin(&p);
    scf_set_modes(&p.scf, SCF3_MODE_UIPI, SCF3_MODE_UIPI, SCF3_POLICY_ASLEEP);
    looked = 0;
    told = scf_told;
    ask_asleep_after(UINT32_MAX, 50);
    if (!arg_number("two", 0)) {    /* GP is quicker than the look there */
        CHECK(scf_told - told < 25);
    }
    told = scf_told;
    ask_asleep_after(0, 50);
    CHECK(scf_told - told >= 25);   /* a busy host's GP may reply before */
    for (uint32_t turns = 1; turns < PHASES; turns++) {
        ask_asleep_after(turns, 1);
    }
    CHECK_EQ(looked, 0);
    end(&p);
}

/*
 * F49: the shadow that has just served stays awake, but not before one that has
 * something to do.
 */
void test_gives_way(void)
{
    struct process *each[] = { &p, &many[1] };
    uint64_t most = 0;

    if (!arg_is("accel", "icount")) {
        skip("real time");
    }
    begin(&p);
    begin(&many[1]);
    for (int n = 0; n < 20; n++) {
        struct process *of = each[n % 2];
        uint64_t ticks;

        run_as(of);
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
        ticks = of->scf.last.taken - of->scf.last.enqueued;
        most = ticks > most ? ticks : most;
    }
    printf("# the other's: taken after %lu ticks at most\n", most);
    CHECK(most < POLLED_TICKS);
    end(&many[1]);
    run_as(&p);
    end(&p);
}

/*
 * F34: in the order in which a call passes them; two processes have two time
 * stamp counters.
 */
void test_marks(void)
{
    const struct scf_marks *m = &p.scf.last;
    bool two = arg_number("two", 0);

    begin(&p);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK(m->enqueued && m->enqueued <= m->notified);
    CHECK(two || m->enqueued <= m->taken);
    CHECK(m->taken && m->taken <= m->begun);
    CHECK(m->begun <= m->ended && m->ended <= m->replied);
    CHECK(two || m->replied <= m->woken);
    end(&p);
}

/*
 * F45: whatever is in the server's UPID, calls come back, and a fault of
 * SENDUIPI leads to a doorbell at once: virtual time can tell.
 */
void test_spoilt_upid(void)
{
    uint64_t seed = 1;
    struct upid *upid;
    uint64_t most = 0;
    int faults = 0;

    begin(&p);
    upid = (struct upid *)p.target.upid;
    for (int i = 0; i < 200; i++) {
        upid->low = random64(&seed) & (i % 4 ? ~0ull : ~0xff00fffcull);
        upid->pir = random64(&seed);
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
        if (!p.scf.target) {
            uint64_t ticks = p.scf.last.taken - p.scf.last.enqueued;

            most = ticks > most ? ticks : most;
            faults++;
        }
        p.scf.target = true;
    }
    printf("# %d faults: taken after %lu ticks at most\n", faults, most);
    CHECK(faults > 100 && faults < 200);
    CHECK(!arg_is("accel", "icount") || most < BELL_TICKS);
    begin(&many[1]);
    CHECK(many[1].scf.target);
    end(&many[1]);
    run_as(&p);
    end(&p);
}

/* RT's half of the window, which it spoils itself, and then not any more */
static void spoil_reply_upid(bool on)
{
    struct upid *upid = (struct upid *)(scf_upid_window() + scf_upid_half());

    if (on) {
        __atomic_fetch_or(&upid->low, 1 << 2, __ATOMIC_SEQ_CST);
    } else {
        __atomic_fetch_and(&upid->low, ~(uint64_t)(1 << 2), __ATOMIC_SEQ_CST);
    }
}

/* F45: GP's shadow survives the fault, and tells by the doorbell. */
void test_spoilt_reply_upid(void)
{
    begin(&p);
    spoil_reply_upid(true);
    looked = 0;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    }
    spoil_reply_upid(false);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK_EQ(looked, 0);
    CHECK_EQ(p.scf.resets, 0);
    end(&p);
}
