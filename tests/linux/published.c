/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program as it is written for a kernel that has the calls: nothing of ours is included, and it
 * calls by number. Two threads play ping-pong; then one of them waits in the kernel.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <x86gprintrin.h>

#ifdef OLD_NUMBERS
#define __NR_uintr_register_handler     449
#define __NR_uintr_unregister_handler   450
#define __NR_uintr_vector_fd            451
#define __NR_uintr_register_sender      452
#define __NR_uintr_unregister_sender    453
#define uintr_wait()                    syscall(454, 0)
#define what_was_registered             ping_fd
#else
#define __NR_uintr_register_handler     471
#define __NR_uintr_unregister_handler   472
#define __NR_uintr_vector_fd            473
#define __NR_uintr_register_sender      474
#define __NR_uintr_unregister_sender    475
#define uintr_wait()                    syscall(476, 10000000ul, 0)
#define uintr_register_self(vector, flags)      syscall(477, vector, flags)
#define uintr_alt_stack(sp, size, flags)        syscall(478, sp, size, flags)
#define uintr_share_senders(fd, flags)          syscall(479, fd, flags)
#define what_was_registered             ping
#endif

#define uintr_register_handler(handler, flags)  \
    syscall(__NR_uintr_register_handler, handler, flags)
#define uintr_unregister_handler(flags)         syscall(__NR_uintr_unregister_handler, flags)
#define uintr_vector_fd(vector, flags)          syscall(__NR_uintr_vector_fd, vector, flags)
#define uintr_register_sender(fd, flags)        syscall(__NR_uintr_register_sender, fd, flags)
#define uintr_unregister_sender(which, flags)   \
    syscall(__NR_uintr_unregister_sender, which, flags)

#define ROUNDS 1000

static volatile int ping_fd = -1, pong_fd = -1;
static volatile unsigned pings, pongs;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void __attribute__((interrupt)) on_ping(struct __uintr_frame *frame,
                                               unsigned long long vector)
{
    (void)frame;
    (void)vector;
    pings++;
}

static void __attribute__((interrupt)) on_pong(struct __uintr_frame *frame,
                                               unsigned long long vector)
{
    (void)frame;
    (void)vector;
    pongs++;
}

static void *other(void *arg)
{
    int pong;

    (void)arg;
    if (uintr_register_handler(on_ping, 0)) {
        fail("register_handler");
    }
    ping_fd = uintr_vector_fd(0, 0);
    while (pong_fd < 0) {
        sched_yield();
    }
    pong = uintr_register_sender(pong_fd, 0);
    _stui();
    for (unsigned i = 1; i <= ROUNDS; i++) {
        while (pings < i) {
            __builtin_ia32_pause();
        }
        _senduipi(pong);
    }
    usleep(200000);
    _senduipi(pong);
    uintr_unregister_handler(0);
    return NULL;
}

/* What only the later numbers have: a vector of one's own, and a stack for handlers. */
#ifdef OLD_NUMBERS
static void use_other_calls(void)
{
}
#else
static void use_other_calls(void)
{
    static char stack[16384];
    int self = uintr_register_self(1, 0);

    if (self < 0) {
        fail("register_self");
    }
    if (uintr_alt_stack(stack, sizeof(stack), 0)) {
        fail("alt_stack");
    }
    _stui();
    _senduipi(self);
    while (pongs < 1) {
        __builtin_ia32_pause();
    }
    _clui();
    pongs = 0;
    if (uintr_unregister_sender(self, 0) || uintr_alt_stack(NULL, 0, 0)) {
        fail("unregister_sender");
    }
    if (uintr_share_senders(pong_fd, 0) != -1 || errno != ENOSYS) {
        fail("the last number");
    }
}
#endif

int main(void)
{
    pthread_t thread;
    int ping;

    if (uintr_register_handler(on_pong, 0)) {
        fail("register_handler");
    }
    use_other_calls();
    pong_fd = uintr_vector_fd(63, 0);
    pthread_create(&thread, NULL, other, NULL);
    while (ping_fd < 0) {
        sched_yield();
    }
    ping = uintr_register_sender(ping_fd, 0);
    if (ping < 0) {
        fail("register_sender");
    }
    _stui();
    for (unsigned i = 1; i <= ROUNDS; i++) {
        _senduipi(ping);
        while (pongs < i) {
            __builtin_ia32_pause();
        }
    }
    if (uintr_wait() != -1 || errno != EINTR || pongs != ROUNDS + 1) {
        fail("wait");
    }
    pthread_join(thread, NULL);
    if (uintr_unregister_sender(what_was_registered, 0)) {
        fail("unregister_sender");
    }
    return uintr_unregister_handler(0);
}
