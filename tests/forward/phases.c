/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other side's turn at each moment of what takes a notification, or is
 * about to sleep.  In virtual time CPUs take turns, and a timer ends one.
 */
#include "forward.h"

#define CUT_VECTOR  0x70
#define DIVIDE_BY_1 0xb
#define STEP        16              /* ns, an instruction */
#define SLEEPING    400             /* on either side of falling asleep */
#define LONGEST     4000000         /* ns until a shadow sleeps */
#define SOON        1000000         /* ns, a tenth of GP's tick */

static uint64_t cut_at, taken_at;   /* the timer was set; the first post */

static void on_cut(struct frame *f __attribute__((unused)))
{
    apic_eoi();
}

static void cut_after(uint32_t ns)
{
    trap_handle(CUT_VECTOR, on_cut);
    apic_write(APIC_TIMER_DIV, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, CUT_VECTOR);
    apic_write(APIC_TIMER_INIT, ns);
    cut_at = rdtsc();
}

static void begin_in_virtual_time(void)
{
    if (!arg_is("accel", "icount")) {
        skip("real time");
    }
    begin(&p);
}

static bool is_asleep(const struct process *of)
{
    const struct upid *upid = (struct upid *)of->target.upid;

    return (uint8_t)(upid->low >> UPID_NV_SHIFT) == GP_WAKE_VECTOR;
}

static struct scf_call *post_null(struct process *of)
{
    struct scf_request entry = { .call = SCF3_CALL_NULL };
    struct scf_call *call = ask_later(&of->scf, 0, entry);

    scf_notify(&of->scf, SCF3_MODE_UIPI);
    return call;
}

static bool come_soon(const struct scf_call *first,
                      const struct scf_call *second)
{
    uint64_t end = rdtsc() + SOON;

    irq_window();
    sti();
    taken_at = rdtsc();
    while (!(first->done && second->done) && rdtsc() < end) {
        cpu_relax();
    }
    cli();
    return first->done && second->done;
}

/*
 * The first reply is there, and its shadow sleeps; the second one is posted
 * at that phase of taking the first one's post.  Who sets a timer loses its
 * turn, so that comes before.
 */
static bool both_are_told(uint32_t ns)
{
    struct scf_call *first, *second;
    bool told;

    run_as(&p);
    first = post_null(&p);
    while (wire_word(&p.scf.peer->head.made) == p.scf.taken ||
           !is_asleep(&p) || !is_asleep(&many[1])) {
        cpu_relax();
    }
    run_as(&many[1]);
    cut_after(ns);
    second = post_null(&many[1]);
    told = come_soon(first, second);
    look();
    CHECK(first->done && second->done);
    first->held = second->held = false;
    return told;
}

/* F42 */
void test_taking(void)
{
    uint64_t took;

    begin_in_virtual_time();
    begin(&many[1]);
    CHECK(both_are_told(SOON));
    took = taken_at - cut_at;
    printf("# taken after %lu ns\n", took);
    for (uint32_t ns = STEP; ns <= took; ns += STEP) {
        CHECK(both_are_told(ns));
    }
    end(&many[1]);
    run_as(&p);
    end(&p);
}

/* A while after a call, which the shadow has been awake for since. */
static void call_and_rest(uint32_t ns)
{
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    cut_after(ns);
    asm volatile("sti; hlt; cli" : : : "memory");
}

static bool sleeps_after(uint32_t ns)
{
    call_and_rest(ns);
    return is_asleep(&p);
}

static uint32_t time_to_sleep(void)
{
    uint32_t awake = 0, asleep = LONGEST;

    CHECK(sleeps_after(asleep));
    while (asleep - awake > STEP) {
        uint32_t ns = awake + (asleep - awake) / 2;

        *(sleeps_after(ns) ? &asleep : &awake) = ns;
    }
    return asleep;
}

/* F41: a shadow is told at each phase of falling asleep. */
void test_falling_asleep(void)
{
    uint64_t ticks, most = 0;
    uint32_t at;

    begin_in_virtual_time();
    at = time_to_sleep() - SLEEPING * STEP;
    for (uint32_t phase = 0; phase < 2 * SLEEPING; phase++) {
        call_and_rest(at + phase * STEP);
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
        ticks = p.scf.last.taken - p.scf.last.enqueued;
        most = ticks > most ? ticks : most;
    }
    printf("# asleep after %u ns; taken after %lu ticks at most\n",
           at + SLEEPING * STEP, most);
    CHECK(most < SOON);
    end(&p);
}
