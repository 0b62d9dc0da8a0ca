/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this host lets two threads do at best: they answer each other through
 * 1, 2 and 4 cache lines in each direction, with nothing else to do.  No
 * emulator of two vCPUs can be faster than its messages on their way.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_LINES 4

struct line {
    _Alignas(128) atomic_int value;     /* pairs of lines are fetched together */
};

static struct line there[MAX_LINES], back[MAX_LINES];
static int lines;

/* The last store is the one that the other side waits for. */
static void send(struct line *to, int round)
{
    for (int i = lines - 1; i >= 0; i--) {
        atomic_exchange(&to[i].value, round);
    }
}

static void wait_for(struct line *from, int round)
{
    for (int i = 0; i < lines; i++) {
        while (atomic_load(&from[i].value) != round) {
        }
    }
}

static int rounds = 100000;            /* or the argument */

static void *answer(void *unused)
{
    for (int round = 1; round <= rounds; round++) {
        wait_for(there, round);
        send(back, round);
    }
    return unused;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static double round_trip(void)
{
    pthread_t other;
    double start;

    for (int i = 0; i < MAX_LINES; i++) {
        atomic_store(&there[i].value, 0);
        atomic_store(&back[i].value, 0);
    }
    pthread_create(&other, NULL, answer, NULL);
    start = now();
    for (int round = 1; round <= rounds; round++) {
        send(there, round);
        wait_for(back, round);
    }
    start = now() - start;
    pthread_join(other, NULL);
    return start / rounds;
}

/* What a guest's TSC counts where CPUs have threads. */
static double ticks(void)
{
#ifdef __x86_64__
    return __builtin_ia32_rdtsc();
#else
    return now();
#endif
}

int main(int argc, char **argv)
{
    double start = now(), start_ticks = ticks();

    rounds = argc > 1 ? atoi(argv[1]) : rounds;
    for (lines = 1; lines <= MAX_LINES; lines *= 2) {
        printf("RESULT lines-%d %.0f\n", lines, round_trip());
    }
    printf("RESULT ticks-per-us %.1f\n",
           (ticks() - start_ticks) * 1000 / (now() - start));
    return 0;
}
