/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RT beside a GP that interrupts as often as it can (hostile.c, flood=1), in
 * turns with one that does not, so that both are on the same host.  Args:
 * turns=.
 */
#include "cyclic.h"
#include "rounds.h"
#include "rt_lite.h"

const char *const test_group = "/forward/flood";

#define PERIOD      1000000         /* ns */
#define PERIODS     100             /* of a turn */
#define TURNS       8               /* with and without */

struct sum {
    uint64_t ticks, missed, latest, told, allowed, calls;
};

static struct process p;
static struct cyclic task;

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* F48: as often as there are ticks, and requests; one tick may be begun. */
static uint64_t allowance(uint64_t since, uint64_t requests)
{
    return ((rt_now() - since) / LITE_TICK + 2) * SCF_CREDIT +
           p.scf.tokens - requests;
}

/* Each call has its result, and by an interrupt: none is lost. */
static void turn(bool flooded, struct sum *s)
{
    uint64_t since = rt_now(), requests = p.scf.tokens, told = scf_told;

    wire_set(rounds_word(p.scf.own - p.scf.slot), flooded);
    cyclic_task_begin(&task, PERIOD);
    while (task.ticks < PERIODS) {
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
        s->calls++;
    }
    apic_write(APIC_TIMER_INIT, 0);
    s->ticks += task.ticks;
    s->missed += task.ticks - task.served;
    s->latest = later(s->latest, task.latest);
    s->told += scf_told - told;
    s->allowed += allowance(since, requests);
}

static void tell(const char *what, const struct sum *s)
{
    printf("# %s: %lu calls, %lu interrupts of %lu, %lu of %lu periods missed"
           " (%lu%%), latest %lu\n", what, s->calls, s->told, s->allowed,
           s->missed, s->ticks, 100 * s->missed / s->ticks, s->latest);
}

static void test_flood(void)
{
    struct sum calm = { 0 }, flooded = { 0 };

    begin(&p);
    looked = 0;
    for (uint64_t i = 0; i < arg_number("turns", TURNS); i++) {
        turn(i % 2, i % 2 ? &flooded : &calm);
    }
    wire_set(rounds_word(p.scf.own - p.scf.slot), 0);
    tell("calm", &calm);
    tell("flooded", &flooded);
    CHECK_EQ(looked, 0);
    CHECK(flooded.told <= flooded.allowed);
    if (arg_is("accel", "icount")) {
        CHECK_EQ(calm.missed + flooded.missed, 0);
    }
    end(&p);
}

void payload_start(void)
{
    if (!scf_start()) {
        fatal("there is no mailbox");
    }
}

const struct test tests[] = {
    { "F48-flood", test_flood },
    {}
};
