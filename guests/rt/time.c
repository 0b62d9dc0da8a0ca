/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clock.h"
#include "errno.h"
#include "syscalls.h"

#define CLOCK_REALTIME  0
#define CLOCK_MONOTONIC 1
#define TIMER_ABSTIME   1
#define LONGEST         (SECOND * 1000000000ull)

struct timespec {
    int64_t seconds, nanoseconds;
};

int time_from_user(uint64_t at, uint64_t *ns)
{
    struct timespec t;

    if (copy_from_user(&t, at, sizeof(t))) {
        return -EFAULT;
    }
    if (t.seconds < 0 || t.nanoseconds < 0 ||
        t.nanoseconds >= (int64_t)SECOND) {
        return -EINVAL;
    }
    *ns = t.seconds < (int64_t)(LONGEST / SECOND) ?
          t.seconds * SECOND + t.nanoseconds : LONGEST;
    return 0;
}

static int time_to_user(uint64_t at, uint64_t ns)
{
    struct timespec t = { ns / SECOND, ns % SECOND };

    return copy_to_user(at, &t, sizeof(t));
}

static long sleep_until(uint64_t until)
{
    if (until > clock_now()) {
        thread_block(until);
    }
    return thread_current()->killed ? -EINTR : 0;
}

/* Only a signal could leave something of the time, and there is none. */
long sys_nanosleep(struct frame *f __attribute__((unused)), const uint64_t *a)
{
    uint64_t now = clock_now(), ns;
    int error = time_from_user(a[0], &ns);

    return error ? error : sleep_until(now + ns);
}

static bool is_clock(uint64_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
}

long sys_clock_nanosleep(struct frame *f __attribute__((unused)),
                         const uint64_t *a)
{
    uint64_t now = clock_now(), ns;
    int error = time_from_user(a[2], &ns);

    if (!is_clock(a[0]) || a[1] & ~(uint64_t)TIMER_ABSTIME) {
        return -EINVAL;
    }
    return error ? error : sleep_until(a[1] & TIMER_ABSTIME ? ns : now + ns);
}

/* Both clocks begin with RT. */
long sys_clock_gettime(struct frame *f __attribute__((unused)),
                       const uint64_t *a)
{
    return is_clock(a[0]) ? time_to_user(a[1], clock_now()) : -EINVAL;
}
