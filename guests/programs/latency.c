/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <farbell/scf.h>

#include "latency.h"

#define CALLS           10000
#define WARM            100

/* In the order of their numbers */
static const char *const modes[] = { "poll", "uipi", "ipi", "irq", "posted" };

static uint64_t begun_ns, begun_ticks, took_ns, took_ticks;

bool latency_measure(uint32_t *ticks, int calls, long (*fn)(void))
{
    for (int i = 0; i < WARM; i++) {
        fn();
    }
    begun_ns = now();
    begun_ticks = rdtsc();
    for (int i = 0; i < calls; i++) {
        uint64_t start = rdtsc();

        if (fn() < 0) {
            return false;
        }
        ticks[i] = rdtsc() - start;
    }
    took_ns = now() - begun_ns;
    took_ticks = rdtsc() - begun_ticks;
    return true;
}

static uint64_t to_ns(uint64_t ticks)
{
    return ticks * ((took_ns << 16) / took_ticks) >> 16;
}

void latency_print(const char *name, uint32_t *ticks, int calls)
{
    uint64_t sum = 0;

    for (int i = 0; i < calls; i++) {
        sum += ticks[i];
    }
    sort(ticks, calls);
    printf("RESULT %s calls %d mean %lu p50 %lu p99 %lu max %lu ns\n", name,
           calls, to_ns(sum / calls), to_ns(ticks[calls / 2]),
           to_ns(ticks[calls - 1 - calls / 100]), to_ns(ticks[calls - 1]));
}

static int mode_of(const char *word)
{
    for (int i = 0; i < (int)(sizeof(modes) / sizeof(*modes)); i++) {
        if (!strcmp(word, modes[i])) {
            return i;
        }
    }
    return -1;
}

bool latency_modes(int argc, char **argv)
{
    return argc < 3 ||
           scf_mode(mode_of(argv[2]), mode_of(argv[argc > 3 ? 3 : 2]),
                    SCF3_POLICY_ALWAYS) == 0;
}

int latency_main(const char *name, int argc, char **argv, long (*fn)(void))
{
    long calls = argc > 1 ? number(argv[1]) : CALLS;
    uint32_t *ticks = mmap(NULL, CALLS_MAX * sizeof(*ticks),
                           PROT_READ | PROT_WRITE);

    if (!ticks || calls < 1 || calls > CALLS_MAX ||
        !latency_modes(argc, argv)) {
        printf("usage: %s [CALLS [REQUEST [REPLY [stages]]]], at most %d, "
               "modes poll, uipi, ipi, irq and posted\n", name, CALLS_MAX);
        return 2;
    }
    if (!latency_measure(ticks, calls, fn)) {
        printf("%s: a call failed\n", name);
        return 1;
    }
    latency_print(name, ticks, calls);
    return argc > 4 && !strcmp(argv[4], "stages") &&
           !stages_print(name, argv[2], calls, fn, to_ns);
}
