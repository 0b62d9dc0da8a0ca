/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libc.h"
#include "numbers.h"

#define MAP_PRIVATE     0x02
#define MAP_FIXED       0x10
#define MAP_ANONYMOUS   0x20
#define CLOCK_MONOTONIC 1
#define TIMER_ABSTIME   1

void exit_group(int code)
{
    for (;;) {
        call(CALL_exit_group, code);
    }
}

long read(int fd, void *to, size_t n)
{
    return call(CALL_read, fd, to, n);
}

long write(int fd, const void *from, size_t n)
{
    return call(CALL_write, fd, from, n);
}

long open(const char *path, int flags, int mode)
{
    return call(CALL_open, path, flags, mode);
}

long close(int fd)
{
    return call(CALL_close, fd);
}

long null_call(void)
{
    return call(CALL_null);
}

long getpid(void)
{
    return call(CALL_getpid);
}

long getppid(void)
{
    return call(CALL_getppid);
}

long gettid(void)
{
    return call(CALL_gettid);
}

long fork(void)
{
    return call(CALL_fork);
}

long execve(const char *path, char *const *argv)
{
    return call(CALL_execve, path, argv, NULL);
}

long waitpid(int pid, int *status, int options)
{
    return call(CALL_wait4, pid, status, options);
}

long kill(int pid, int signal)
{
    return call(CALL_kill, pid, signal);
}

void *mmap(void *at, size_t bytes, int prot)
{
    long flags = MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0);
    long result = call(CALL_mmap, at, bytes, prot, flags, -1l, 0);

    return result < 0 ? NULL : (void *)result;
}

long munmap(void *at, size_t bytes)
{
    return call(CALL_munmap, at, bytes);
}

long mprotect(void *at, size_t bytes, int prot)
{
    return call(CALL_mprotect, at, bytes, prot);
}

uint64_t now(void)
{
    struct timespec t;

    call(CALL_clock_gettime, CLOCK_MONOTONIC, &t);
    return t.seconds * SECOND + t.nanoseconds;
}

long sleep_until(uint64_t at)
{
    struct timespec t = { at / SECOND, at % SECOND };

    return call(CALL_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t,
                NULL);
}

long sleep_for(uint64_t ns)
{
    struct timespec t = { ns / SECOND, ns % SECOND };

    return call(CALL_nanosleep, &t, NULL);
}

long yield(void)
{
    return call(CALL_sched_yield);
}

long set_priority(int tid, int priority)
{
    return call(CALL_sched_setparam, tid, &priority);
}

long scf_mode(int request, int reply, int policy)
{
    return call(CALL_scf_mode, request, reply, policy);
}

long futex(volatile uint32_t *word, int op, uint32_t value)
{
    return call(CALL_futex, word, op, value, NULL);
}
