/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls of threads: priorities, waiting for a word, TLS. */
#include "clock.h"
#include "errno.h"
#include "syscalls.h"

#define FUTEX_WAIT      0
#define FUTEX_WAKE      1
#define FUTEX_PRIVATE   128
#define ARCH_SET_FS     0x1002

/* Of the caller's process: 0 is the caller. */
static struct thread *own_thread(uint64_t id)
{
    return id ? process_thread(process_current(), id) : thread_current();
}

long sys_sched_yield(struct frame *f __attribute__((unused)),
                     const uint64_t *a __attribute__((unused)))
{
    thread_yield();
    return 0;
}

long sys_sched_setparam(struct frame *f __attribute__((unused)),
                        const uint64_t *a)
{
    struct thread *t = own_thread(a[0]);
    int priority;

    if (!t) {
        return -ESRCH;
    }
    if (copy_from_user(&priority, a[1], sizeof(priority))) {
        return -EFAULT;
    }
    if (priority <= PRIORITY_IDLE || priority >= PRIORITIES) {
        return -EINVAL;
    }
    thread_set_priority(t, priority);
    return 0;
}

long sys_sched_getparam(struct frame *f __attribute__((unused)),
                        const uint64_t *a)
{
    struct thread *t = own_thread(a[0]);

    return t ? copy_to_user(a[1], &t->priority, sizeof(t->priority)) : -ESRCH;
}

/* A word is known by where it is in memory. */
static uint64_t word_channel(uint64_t va)
{
    unsigned prot;
    uint64_t frame = space_frame(&process_current()->space, va, &prot);

    return frame ? frame + va % PAGE_SIZE : 0;
}

static long futex_wait(uint64_t va, uint32_t expected, uint64_t timeout)
{
    uint64_t until = NEVER, ns;
    uint32_t value;
    int error = timeout ? time_from_user(timeout, &ns) : 0;

    if (error || copy_from_user(&value, va, sizeof(value))) {
        return error ? error : -EFAULT;
    }
    if (value != expected) {
        return -EAGAIN;
    }
    if (timeout) {
        until = clock_now() + ns;
    }
    if (channel_sleep(word_channel(va), until)) {
        return 0;
    }
    return thread_current()->killed ? -EINTR : -ETIMEDOUT;
}

static long futex_wake(uint64_t va, int n)
{
    uint64_t channel = word_channel(va);

    return channel ? channel_wake(channel, n) : -EFAULT;
}

long sys_futex(struct frame *f __attribute__((unused)), const uint64_t *a)
{
    if (a[0] % sizeof(uint32_t)) {
        return -EINVAL;
    }
    switch (a[1] & ~(uint64_t)FUTEX_PRIVATE) {
    case FUTEX_WAIT:
        return futex_wait(a[0], a[2], a[3]);
    case FUTEX_WAKE:
        return futex_wake(a[0], a[2]);
    default:
        return -ENOSYS;
    }
}

long sys_arch_prctl(struct frame *f __attribute__((unused)), const uint64_t *a)
{
    if (a[0] != ARCH_SET_FS || !space_user_range(a[1], 1)) {
        return -EINVAL;
    }
    thread_set_fs(a[1]);
    return 0;
}
