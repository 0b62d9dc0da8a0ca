/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outranks [ROUNDS]: RT is told of replies only for who is more urgent than
 * what runs (F44).  A thread calls all the time, and below it one computes:
 * it is told.  A more urgent one computes now and then for a while: the reply
 * that comes meanwhile is found by RT's tick.
 */
#include <farbell/scf.h>

#include "libc.h"

#define ROUNDS          50
#define URGENT          20
#define CALLS           10
#define COMPUTES        5
#define SPELL           1000000ull      /* ns */
#define REST            7300000ull      /* longer than RT's tick */
#define LATE            1500000ull      /* than a spell, less than a tick */

static int failures;
static volatile int late;
static volatile bool stop;

static void check(bool good, const char *what)
{
    if (!good) {
        printf("outranks: %s\n", what);
        failures++;
    }
}

static void call_on(void *unused __attribute__((unused)))
{
    set_priority(0, CALLS);
    while (!stop) {
        uint64_t start = now();

        check(!null_call(), "a call fails");
        late += now() - start > LATE;
    }
}

static void compute(void *unused __attribute__((unused)))
{
    set_priority(0, COMPUTES);
    while (!stop) {
        asm volatile("pause");
    }
}

static void compute_for(uint64_t ns)
{
    for (uint64_t end = now() + ns; now() < end;) {
        asm volatile("pause");
    }
}

static void compute_a_while(void *unused __attribute__((unused)))
{
    set_priority(0, COMPUTES);
    compute_for(8 * REST);
}

/* RT11: the tick comes to who waits, though nobody has done so for long. */
static void tick_comes(void)
{
    struct pthread t;
    uint64_t start;

    check(!scf_mode(SCF3_MODE_UIPI, SCF3_MODE_UIPI, SCF3_POLICY_NEVER),
          "no such mode");
    thread_create(&t, compute_a_while, NULL);
    sleep_for(3 * REST);
    start = now();
    check(!null_call(), "no call");
    check(now() - start < 2 * REST, "the tick does not come to who waits");
    thread_join(&t);
}

static void refuses_others(void)
{
    check(scf_mode(SCF3_MODE_POSTED + 1, 0, 0) == -EINVAL, "request mode 5");
    check(scf_mode(0, SCF3_MODE_POSTED + 1, 0) == -EINVAL, "reply mode 5");
    check(scf_mode(1, 1, SCF3_POLICY_ASLEEP + 0x10) == -EINVAL, "policy 4");
    check(scf_mode(1, 1, 1) == -EINVAL, "a mode for a policy");
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? number(argv[1]) : ROUNDS;
    struct pthread t[2];

    refuses_others();
    check(!scf_mode(SCF3_MODE_UIPI, SCF3_MODE_UIPI, SCF3_POLICY_OUTRANKS),
          "no such mode");
    check(!null_call(), "no call");
    set_priority(0, URGENT);
    thread_create(&t[0], call_on, NULL);
    thread_create(&t[1], compute, NULL);
    for (long i = 0; i < rounds; i++) {
        sleep_for(REST);
        compute_for(SPELL);
    }
    stop = true;
    thread_join(&t[0]);
    thread_join(&t[1]);
    check(late > rounds / 4, "who is less urgent is told");
    check(late < rounds + rounds / 4, "who is more urgent waits for a tick");
    tick_comes();
    printf("RESULT outranks failures %d late %d\n", failures, late);
    return failures;
}
