/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cyclictest [LOOPS [MICROSECONDS [PRIORITY [LIMIT]]]]: wakes up again and
 * again, says how late, and fails if that was ever later than LIMIT ns.
 */
#include "libc.h"

#define LOOPS           1000
#define LOOPS_MAX       100000
#define INTERVAL        1000
#define PRIORITY        60

static long option(int argc, char **argv, int i, long usual)
{
    return argc > i ? number(argv[i]) : usual;
}

static void run(uint32_t *late, long loops, uint64_t interval)
{
    uint64_t at = now() + interval;

    for (long i = 0; i < loops; i++, at += interval) {
        sleep_until(at);
        late[i] = now() - at;
    }
}

static void print(uint32_t *late, long loops)
{
    uint64_t sum = 0;

    for (long i = 0; i < loops; i++) {
        sum += late[i];
    }
    sort(late, loops);
    printf("RESULT cyclictest loops %ld min %u mean %lu p99.9 %u max %u ns\n",
           loops, late[0], sum / loops, late[loops - 1 - loops / 1000],
           late[loops - 1]);
}

int main(int argc, char **argv)
{
    long loops = option(argc, argv, 1, LOOPS);
    uint64_t interval = option(argc, argv, 2, INTERVAL) * 1000;
    uint32_t *late = mmap(NULL, LOOPS_MAX * sizeof(*late),
                          PROT_READ | PROT_WRITE);

    if (!late || loops < 1 || loops > LOOPS_MAX || !interval) {
        printf("usage: cyclictest [LOOPS [MICROSECONDS [PRIORITY [LIMIT]]]]\n");
        return 2;
    }
    if (set_priority(0, option(argc, argv, 3, PRIORITY)) < 0) {
        printf("cyclictest: no such priority\n");
        return 2;
    }
    run(late, loops, interval);
    print(late, loops);
    return late[loops - 1] > option(argc, argv, 4, UINT32_MAX);
}
