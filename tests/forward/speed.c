/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a call that does nothing costs in each mode, there and back, and where
 * the time went (F34).  The modes take turns, so that what else the host does
 * meets all of them; the best turn is the one that it met least.  Args: n=
 * calls of each, modes= how many modes.
 */
#include "rt_lite.h"

const char *const test_group = "/forward/speed";

#define CALLS   4000
#define TURN    50
#define STAGES  6

static const char *const stages[STAGES] = {
    "sent", "taken", "begun", "ended", "replied", "woken",
};

struct mode {
    const char *name;
    unsigned mode, policy;
    uint32_t n, best;
    uint32_t ticks[CALLS];
    uint32_t best_stages[STAGES];       /* of the best turn */
};

static uint32_t turn[STAGES][TURN];

static struct mode modes[] = {
    { "poll", SCF3_MODE_POLL }, { "uipi", SCF3_MODE_UIPI },
    { "uipi-asleep", SCF3_MODE_UIPI, SCF3_POLICY_ASLEEP },
    { "irq", SCF3_MODE_IRQ }, { "posted", SCF3_MODE_POSTED },
    { "ipi", SCF3_MODE_IPI },
};

static struct process p;

static void sort(uint32_t *a, uint32_t n)
{
    for (uint32_t gap = n / 2; gap; gap /= 2) {
        for (uint32_t i = gap; i < n; i++) {
            uint32_t value = a[i], j = i;

            for (; j >= gap && a[j - gap] > value; j -= gap) {
                a[j] = a[j - gap];
            }
            a[j] = value;
        }
    }
}

static void note_stages(int i)
{
    const uint64_t *marks = (const uint64_t *)&p.scf.last;

    for (int stage = 0; stage < STAGES; stage++) {
        turn[stage][i] = marks[stage + 1] - marks[stage];
    }
}

static uint32_t middle(uint32_t *a)
{
    sort(a, TURN);
    return a[TURN / 2];
}

static void note_turn(struct mode *m)
{
    uint32_t copy[TURN], now;

    memcpy(copy, m->ticks + m->n - TURN, sizeof(copy));
    now = middle(copy);
    if (m->best && now >= m->best) {
        return;
    }
    m->best = now;
    for (int stage = 0; stage < STAGES; stage++) {
        m->best_stages[stage] = middle(turn[stage]);
    }
}

static void take_turn(struct mode *m)
{
    scf_set_modes(&p.scf, m->mode, m->mode, m->policy);
    ask(SCF3_CALL_NULL, 0, 0, 0);
    for (int i = 0; i < TURN; i++) {
        uint64_t start = rdtsc();

        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
        m->ticks[m->n++] = rdtsc() - start;
        note_stages(i);
    }
    note_turn(m);
}

static void report(struct mode *m)
{
    sort(m->ticks, m->n);
    printf("RESULT forward-%s-p50 %u\n", m->name, m->ticks[m->n / 2]);
    printf("RESULT forward-%s-p99 %u\n", m->name, m->ticks[m->n * 99 / 100]);
    printf("RESULT forward-%s-max %u\n", m->name, m->ticks[m->n - 1]);
    printf("RESULT forward-%s-best %u:", m->name, m->best);
    for (int stage = 0; stage < STAGES; stage++) {
        printf(" %s %u", stages[stage], m->best_stages[stage]);
    }
    printf("\n");
}

/* F40: none of them has lost one. */
static void test_speed(void)
{
    uint32_t n = arg_number("n", 500);
    int count = arg_number("modes", arg_number("two", 0) ? 5 : 6);

    begin(&p);
    looked = 0;
    while (modes[0].n + TURN <= n && modes[0].n + TURN <= CALLS) {
        for (int i = 0; i < count; i++) {
            take_turn(&modes[i]);
        }
    }
    for (int i = 0; i < count; i++) {
        report(&modes[i]);
    }
    CHECK_EQ(looked, 0);
    end(&p);
}

void payload_start(void)
{
    if (!scf_start()) {
        fatal("there is no mailbox");
    }
}

const struct test tests[] = {
    { "F40-no-loss", test_speed },
    {}
};
