/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <farbell/scf.h>

#include "latency.h"
#include "numbers.h"

/* In the order of the marks (F34) */
enum { NOTIFY, THERE, BEGIN, EXECUTE, REPLY, BACK, WAYS, ALL, STAGES };

static const char *const names[STAGES] = {
    "notify", "there", "begin", "execute", "reply", "back", "ways", "all",
};

struct marks {
    uint64_t enqueued, notified, taken, begun, ended, replied, woken;
};

/* Nothing, where the other side has looked before this one was done telling. */
static uint32_t between(uint64_t from, uint64_t to)
{
    return (int64_t)(to - from) > 0 ? to - from : 0;
}

/* Both ways together are right whatever the other side's clock shows. */
static void split(uint32_t *const to[], int i, const struct marks *m)
{
    to[NOTIFY][i] = between(m->enqueued, m->notified);
    to[THERE][i] = between(m->notified, m->taken);
    to[BEGIN][i] = between(m->taken, m->begun);
    to[EXECUTE][i] = between(m->begun, m->ended);
    to[REPLY][i] = between(m->ended, m->replied);
    to[BACK][i] = between(m->replied, m->woken);
    to[WAYS][i] = between(m->notified + (m->replied - m->taken), m->woken);
    to[ALL][i] = between(m->enqueued, m->woken);
}

static bool record(uint32_t *const to[], int calls, long (*fn)(void))
{
    struct marks m;

    for (int i = 0; i < calls; i++) {
        if (fn() < 0 || call(CALL_scf_marks, &m) < 0) {
            return false;
        }
        split(to, i, &m);
    }
    return true;
}

bool stages_print(const char *name, const char *mode, int calls,
                  long (*fn)(void), uint64_t (*to_ns)(uint64_t))
{
    uint32_t *to[STAGES];

    for (int s = 0; s < STAGES; s++) {
        to[s] = mmap(NULL, calls * sizeof(*to[s]), PROT_READ | PROT_WRITE);
        if (!to[s]) {
            return false;
        }
    }
    if (!record(to, calls, fn)) {
        return false;
    }
    printf("STAGES %s %s", name, mode);
    for (int s = 0; s < STAGES; s++) {
        sort(to[s], calls);
        printf(" %s %lu", names[s], to_ns(to[s][calls / 2]));
    }
    printf(" ns\n");
    return true;
}
