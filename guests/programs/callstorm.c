/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * callstorm [CALLS [REQUEST [REPLY]]], or the same with "for MILLISECONDS" in
 * place of CALLS: null calls, whatever becomes of the other side meanwhile;
 * each returns once, with its result or with an error.
 */
#include "latency.h"

#define CALLS           1000
#define PAUSE           1000000         /* ns, behind an error */

struct storm {
    long calls, good, failed, last;
};

static void call_once(struct storm *s)
{
    long result = null_call();

    s->calls++;
    s->good += result == 0;
    if (result < 0) {
        s->failed++;
        s->last = -result;
        sleep_for(PAUSE);
    }
}

int main(int argc, char **argv)
{
    bool timed = argc > 2 && !strcmp(argv[1], "for");
    long n = argc > 1 ? number(argv[1 + timed]) : CALLS;
    uint64_t end = now() + n * (SECOND / 1000);
    struct storm s = { 0 };

    if (!latency_modes(argc - timed, argv + timed)) {
        printf("callstorm: no such mode\n");
        return 2;
    }
    while (timed ? now() < end : s.calls < n) {
        call_once(&s);
    }
    printf("RESULT callstorm calls %ld good %ld failed %ld last error %ld\n",
           s.calls, s.good, s.failed, s.last);
    return s.good + s.failed != s.calls;
}
