/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs of RT are written with.  Calls give a result or a negated
 * error number (errno.h), as the kernel does.
 */
#ifndef LIBC_H
#define LIBC_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "errno.h"

/* ---- string.c ---- */

void *memset(void *to, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
long number(const char *s);                     /* decimal */
uint64_t random64(uint64_t *state);             /* splitmix64 */
void sort(uint32_t *values, size_t n);

/* ---- stdio.c: %d %u %x %s %c with l and a width ---- */

int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- calls.c ---- */

struct timespec {
    int64_t seconds, nanoseconds;
};

#define SECOND          1000000000ull
#define PROT_READ       1
#define PROT_WRITE      2
#define PROT_EXEC       4
#define WNOHANG         1
#define PRIORITY_MAX    63
#define FUTEX_WAIT      0
#define FUTEX_WAKE      1

#define call(...)       CALL7_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL7_(n, a, b, c, d, e, f, ...)                                    \
    call_raw(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e),      \
             (long)(f))
long call_raw(long number, long a, long b, long c, long d, long e, long f);
void exit_group(int code) __attribute__((noreturn));
long read(int fd, void *to, size_t n);
long write(int fd, const void *from, size_t n);
long open(const char *path, int flags, int mode);
long close(int fd);
long null_call(void);
long getpid(void);
long getppid(void);
long gettid(void);
long fork(void);
long execve(const char *path, char *const *argv);
long waitpid(int pid, int *status, int options);
long kill(int pid, int signal);
void *mmap(void *at, size_t bytes, int prot);   /* null if there is none */
long munmap(void *at, size_t bytes);
long mprotect(void *at, size_t bytes, int prot);
uint64_t now(void);                             /* ns */
long sleep_until(uint64_t at);
long sleep_for(uint64_t ns);
long yield(void);
long set_priority(int tid, int priority);
long futex(volatile uint32_t *word, int op, uint32_t value);

/* How requests and replies are notified: SCF3_MODE_*, SCF3_POLICY_*. */
long scf_mode(int request, int reply, int policy);

static inline int exit_code(int status) { return status >> 8 & 0xff; }
static inline int exit_signal(int status) { return status & 0x7f; }

/* ---- threads.c ---- */

struct pthread {
    volatile uint32_t alive;
    long tid;
    void *stack;
};

long thread_create(struct pthread *t, void (*fn)(void *), void *argument);
void thread_join(struct pthread *t);
void thread_end(void) __attribute__((noreturn));

/* ---- user interrupts ---- */

extern char user_interrupt_entry[];
void user_interrupt(uint64_t vector);   /* the program's, if it has one */
/* Of this thread, on the stack that it has, behind the red zone. */
long uintr_handler(void);
long uintr_sender(int tid, int vector); /* index for senduipi() */

static inline void senduipi(uint64_t index)
{
    asm volatile(".byte 0xf3, 0x0f, 0xc7, 0xf0" : : "a"(index) : "memory");
}

static inline void stui(void)
{
    asm volatile(".byte 0xf3, 0x0f, 0x01, 0xef" : : : "memory");
}

static inline void clui(void)
{
    asm volatile(".byte 0xf3, 0x0f, 0x01, 0xee" : : : "memory");
}

static inline bool testui(void)
{
    bool carry;

    asm volatile(".byte 0xf3, 0x0f, 0x01, 0xed"
                 : "=@ccc"(carry) : : "memory");
    return carry;
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

#endif
