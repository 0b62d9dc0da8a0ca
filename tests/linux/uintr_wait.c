/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Receivers that are blocked in the kernel.
 *
 *   uintr_wait [CASE...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "uintr_common.h"

#define ROUNDS  200
#define SECOND  1000000

static int the_fd;
static volatile unsigned sent, asked;
static unsigned pause_usec = 2000;
static volatile bool stop;

/* Sends when asked, a while later: then the other is most likely blocked. */
static void *send_when_asked(void *arg)
{
    int index = uintr_register_sender(the_fd, 0);

    (void)arg;
    CHECK(index >= 0);
    while (!stop) {
        if (sent < asked) {
            if (pause_usec) {
                usleep(pause_usec);
            }
            _senduipi(index);
            sent++;
        } else {
            usleep(100);
        }
    }
    return NULL;
}

static pthread_t start_sender(void)
{
    pthread_t thread;

    the_fd = uintr_vector_fd(4, 0);
    CHECK(the_fd >= 0);
    CHECK(!pthread_create(&thread, NULL, send_when_asked, NULL));
    return thread;
}

static void test_times_out(void)
{
    struct timespec start, end;

    receive(0);
    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK(uintr_wait(50000, 0) == 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    CHECK((end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec >= 50000000);
    CHECK(uintr_wait(0, 0) == 0);
}

/* M8: with UIF clear nothing is missed, whenever it is sent. */
static void wait_masked(void)
{
    pthread_t thread;

    CHECK(!uintr_register_handler(note, 0));
    thread = start_sender();
    for (unsigned i = 1; i <= ROUNDS; i++) {
        asked = i;
        CHECK(uintr_wait(20 * SECOND, 0) == -1 && errno == EINTR);
        CHECK(count == i - 1);
        _stui();
        CHECK(wait_until(&count, i));
        _clui();
    }
    stop = true;
    pthread_join(thread, NULL);
}

static void test_masked(void)
{
    wait_masked();
}

static void test_masked_at_once(void)
{
    pause_usec = 0;
    wait_masked();
}

/* The handler has run when the call returns. */
static void test_unmasked(void)
{
    pthread_t thread;

    receive(0);
    thread = start_sender();
    for (unsigned i = 1; i <= ROUNDS; i++) {
        asked = i;
        if (count < i) {
            int ret = uintr_wait(SECOND / 10, 0);

            CHECK(ret == 0 || errno == EINTR);
        }
        CHECK(wait_until(&count, i));
    }
    stop = true;
    pthread_join(thread, NULL);
}

static int interruptible_read(void)
{
    static int ends[2];
    char byte;

    if (!ends[1]) {
        CHECK(!pipe(ends));
    }
    return read(ends[0], &byte, 1);
}

static int interruptible_poll(void)
{
    return poll(NULL, 0, 5000);
}

static int interruptible_sleep(void)
{
    struct timespec time = { .tv_sec = 5 };

    return nanosleep(&time, NULL);
}

static int interruptible_pause(void)
{
    return pause();
}

/* M7: the handler has run when the call returns. */
static void with_flag(int (*block)(void), unsigned flags)
{
    pthread_t thread;

    receive(flags);
    thread = start_sender();
    for (unsigned i = 1; i <= 20; i++) {
        pause_usec = 20000;
        asked = i;
        CHECK(block() == -1 && errno == EINTR);
        CHECK(count == i);
    }
    stop = true;
    pthread_join(thread, NULL);
}

static void test_read(void)
{
    with_flag(interruptible_read, UINTR_HANDLER_FLAG_WAITING_RECEIVER);
}

static void test_poll(void)
{
    with_flag(interruptible_poll, UINTR_HANDLER_FLAG_WAITING_SENDER);
}

static void test_nanosleep(void)
{
    with_flag(interruptible_sleep, UINTR_HANDLER_FLAG_WAITING_ANY);
}

static void test_pause(void)
{
    with_flag(interruptible_pause, UINTR_HANDLER_FLAG_WAITING_ANY);
}

/*
 * The kernel's loop there runs what is to interrupt the call itself, in the midst of it: one that
 * is never told would go round for ever.
 */
#define RING_BYTES  4096

static int the_ring;

static void open_ring(int from)
{
    static char byte;
    struct io_uring_params p = { };
    uint8_t *ring;
    struct io_uring_sqe *entry;

    the_ring = syscall(SYS_io_uring_setup, 4, &p);
    ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, the_ring, IORING_OFF_SQ_RING);
    entry = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, the_ring, IORING_OFF_SQES);
    CHECK(the_ring >= 0 && ring != MAP_FAILED && entry != MAP_FAILED);
    *entry = (struct io_uring_sqe) { .opcode = IORING_OP_READ, .fd = from,
                                     .addr = (uintptr_t)&byte, .len = 1 };
    *(unsigned *)(ring + p.sq_off.array) = 0;
    __atomic_store_n((unsigned *)(ring + p.sq_off.tail), 1, __ATOMIC_RELEASE);
    CHECK(syscall(SYS_io_uring_enter, the_ring, 1, 0, 0, NULL, 0) == 1);
}

static int interruptible_ring(void)
{
    return syscall(SYS_io_uring_enter, the_ring, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

static void test_io_uring(void)
{
    int ends[2];

    CHECK(!pipe(ends));
    open_ring(ends[0]);
    alarm(10);
    with_flag(interruptible_ring, UINTR_HANDLER_FLAG_WAITING_ANY);
}

/* Blocked, and handled on a stack of its own */
static uint8_t other_stack[8192];
static volatile unsigned on_other;

static void __attribute__((interrupt)) note_stack(struct __uintr_frame *frame,
                                                  unsigned long long vector)
{
    uintptr_t at = (uintptr_t)frame - (uintptr_t)other_stack;

    (void)vector;
    on_other += at < sizeof(other_stack);
    count = count + 1;
}

static void test_alt_stack(void)
{
    pthread_t thread;

    CHECK(!uintr_register_handler(note_stack, UINTR_HANDLER_FLAG_WAITING_ANY));
    CHECK(!uintr_alt_stack(other_stack, sizeof(other_stack), 0));
    thread = start_sender();
    _stui();
    for (unsigned i = 1; i <= 20; i++) {
        pause_usec = 20000;
        asked = i;
        CHECK((i & 1 ? interruptible_pause() : uintr_wait(20 * SECOND, 0)) == -1 && errno == EINTR);
        CHECK(count == i && on_other == i);
    }
    stop = true;
    pthread_join(thread, NULL);
}

/* M7: not asked for, or masked: the call takes as long as it takes, the interrupt comes later. */
static void sleep_through(unsigned flags, bool masked)
{
    struct timespec time = { .tv_nsec = 100000000 };
    pthread_t thread;

    CHECK(!uintr_register_handler(note, flags));
    thread = start_sender();
    if (!masked) {
        _stui();
    }
    asked = 1;
    CHECK(nanosleep(&time, NULL) == 0);
    CHECK(wait_until(&sent, 1));
    _stui();
    CHECK(wait_until(&count, 1));
    stop = true;
    pthread_join(thread, NULL);
}

static void test_without_flag(void)
{
    sleep_through(0, false);
}

static void test_masked_sleep(void)
{
    sleep_through(UINTR_HANDLER_FLAG_WAITING_ANY, true);
}

/* A signal ends the wait, too, and the next interrupt is not missed. */
static void nothing(int signal)
{
    (void)signal;
}

static void test_signal(void)
{
    struct sigaction action = { .sa_handler = nothing };
    pthread_t thread;

    CHECK(!sigaction(SIGALRM, &action, NULL));
    CHECK(!uintr_register_handler(note, 0));
    thread = start_sender();
    ualarm(20000, 0);
    CHECK(uintr_wait(20 * SECOND, 0) == -1 && errno == EINTR);
    CHECK(count == 0);
    asked = 1;
    CHECK(uintr_wait(20 * SECOND, 0) == -1 && errno == EINTR);
    _stui();
    CHECK(wait_until(&count, 1));
    stop = true;
    pthread_join(thread, NULL);
}

/* M2, M9: the CPU on which it blocked goes off line meanwhile, and comes back. */
static void set_online(int cpu, bool on)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
    fd = open(path, O_WRONLY);
    CHECK(fd >= 0 && write(fd, on ? "1" : "0", 1) == 1);
    close(fd);
}

static void *wait_on_last(void *arg)
{
    pin_to(*(int *)arg);
    CHECK(!uintr_register_handler(note, 0));
    the_fd = uintr_vector_fd(0, 0);
    asked = 1;
    CHECK(uintr_wait(20 * SECOND, 0) == -1 && errno == EINTR);
    _stui();
    CHECK(wait_until(&count, 1));
    return NULL;
}

static void test_cpu_goes(void)
{
    int last = cpus() - 1, index;
    pthread_t thread;

    if (!last) {
        return;
    }
    pin_to(0);
    CHECK(!pthread_create(&thread, NULL, wait_on_last, &last));
    CHECK(wait_until(&asked, 1));
    usleep(50000);
    set_online(last, false);
    index = uintr_register_sender(the_fd, 0);
    CHECK(index >= 0);
    _senduipi(index);
    pthread_join(thread, NULL);
    set_online(last, true);
    pin_to(last);
    receive(0);
    index = uintr_register_self(1, 0);
    _senduipi(index);
    CHECK(wait_until(&count, 2));
}

static const struct test_case cases[] = {
    { "times-out", test_times_out },
    { "masked", test_masked },
    { "masked-at-once", test_masked_at_once },
    { "unmasked", test_unmasked },
    { "read", test_read },
    { "poll", test_poll },
    { "nanosleep", test_nanosleep },
    { "pause", test_pause },
    { "io-uring", test_io_uring },
    { "alt-stack", test_alt_stack },
    { "without-flag", test_without_flag },
    { "masked-sleep", test_masked_sleep },
    { "signal", test_signal },
    { "cpu-goes", test_cpu_goes },
};

int main(int argc, char **argv)
{
    return run_cases(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
