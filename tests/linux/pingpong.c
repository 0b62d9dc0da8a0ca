/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a message there and back costs between two processes on two CPUs, by user interrupts and by
 * what else there is. They take turns, so that a slow minute of the host is every one's.
 *
 *   pingpong [ROUNDS [ATLEAST]]    2000 rounds of each in 20 turns; fails if blocking eventfd is
 *                                  not ATLEAST times as dear as user interrupts, 5 unless given
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "uintr_common.h"

#define TURNS   20

/* Side 0 begins; what it sends is received by side 1, and the other way round. */
struct side {
    int pipe[2], event, event_spin;
    volatile unsigned got, futex;
    volatile pid_t pid;
} __attribute__((aligned(64)));

static struct shared {
    struct side side[2];
} *shared;

static int me, index_of_other;

static void __attribute__((interrupt)) on_interrupt(struct __uintr_frame *frame,
                                                    unsigned long long vector)
{
    (void)frame;
    (void)vector;
    shared->side[me].got = shared->side[me].got + 1;
}

static void send_uintr(void)
{
    _senduipi(index_of_other);
}

static void spin_uintr(unsigned number)
{
    while (shared->side[me].got < number) {
        __builtin_ia32_pause();
    }
}

/* UIF is clear while it looks, so that none comes between the look and the wait. */
static void wait_uintr(unsigned number)
{
    _clui();
    while (shared->side[me].got < number) {
        uintr_wait(1000000, 0);
        _stui();
        _clui();
    }
    _stui();
}

static void send_event(void)
{
    uint64_t one = 1;

    CHECK(write(shared->side[!me].event, &one, 8) == 8);
}

static void wait_event(unsigned number)
{
    uint64_t value;

    (void)number;
    CHECK(read(shared->side[me].event, &value, 8) == 8);
}

static void send_event_spin(void)
{
    uint64_t one = 1;

    CHECK(write(shared->side[!me].event_spin, &one, 8) == 8);
}

static void spin_event(unsigned number)
{
    uint64_t value;

    (void)number;
    while (read(shared->side[me].event_spin, &value, 8) != 8) {
    }
}

static void send_pipe(void)
{
    CHECK(write(shared->side[!me].pipe[1], "", 1) == 1);
}

static void wait_pipe(unsigned number)
{
    char byte;

    (void)number;
    CHECK(read(shared->side[me].pipe[0], &byte, 1) == 1);
}

static void send_signal(void)
{
    CHECK(!kill(shared->side[!me].pid, SIGUSR1));
}

static void wait_signal(unsigned number)
{
    sigset_t set;
    int signal;

    (void)number;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(!sigwait(&set, &signal));
}

static void send_futex(void)
{
    volatile unsigned *word = &shared->side[!me].futex;

    *word = *word + 1;
    CHECK(syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0) >= 0);
}

static void wait_futex(unsigned number)
{
    static unsigned seen;

    (void)number;
    while (shared->side[me].futex == seen) {
        syscall(SYS_futex, &shared->side[me].futex, FUTEX_WAIT, seen, NULL, NULL, 0);
    }
    seen++;
}

static const struct way {
    const char *name;
    void (*send)(void);
    void (*wait)(unsigned number);
    bool counts;
} ways[] = {
    { "uintr, spinning", send_uintr, spin_uintr, true },
    { "uintr, blocked", send_uintr, wait_uintr, true },
    { "eventfd, blocked", send_event, wait_event, false },
    { "eventfd, spinning", send_event_spin, spin_event, false },
    { "pipe", send_pipe, wait_pipe, false },
    { "signal", send_signal, wait_signal, false },
    { "futex", send_futex, wait_futex, false },
};

#define WAYS            (sizeof(ways) / sizeof(ways[0]))
#define BLOCKED_EVENTFD 2

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static uint64_t play(const struct way *way, unsigned rounds, unsigned *received)
{
    uint64_t start = now();

    for (unsigned i = 0; i < rounds; i++) {
        unsigned next = *received + 1;

        if (me == 0) {
            way->send();
        }
        way->wait(next);
        if (me == 1) {
            way->send();
        }
        *received = next;
    }
    return now() - start;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* What both have before there are two of them. */
static void set_up_shared(void)
{
    sigset_t set;

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    for (int i = 0; i < 2; i++) {
        CHECK(!pipe(shared->side[i].pipe));
        shared->side[i].event = eventfd(0, 0);
        shared->side[i].event_spin = eventfd(0, EFD_NONBLOCK);
    }
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(!sigprocmask(SIG_BLOCK, &set, NULL));
}

static void set_up_side(int side, int socket)
{
    me = side;
    pin_to(me);
    shared->side[me].pid = getpid();
    CHECK(!uintr_register_handler(on_interrupt, 0));
    _stui();
    send_fd(socket, uintr_vector_fd(0, 0));
    index_of_other = uintr_register_sender(receive_fd(socket), 0);
    CHECK(index_of_other >= 0);
}

static uint64_t results[WAYS][TURNS];

static void play_all(unsigned rounds)
{
    unsigned interrupts = 0, others = 0;

    for (int turn = 0; turn < TURNS; turn++) {
        for (unsigned i = 0; i < WAYS; i++) {
            unsigned *received = ways[i].counts ? &interrupts : &others;

            results[i][turn] = play(&ways[i], rounds / TURNS, received);
        }
    }
}

static uint64_t of_turn(int way, int turn, unsigned rounds)
{
    return results[way][turn] / (rounds / TURNS);
}

/* In tenths, the middle of the ratios within a turn: a slow minute of the host is in both. */
static uint64_t to_first(int way)
{
    uint64_t ratios[TURNS];

    for (int turn = 0; turn < TURNS; turn++) {
        ratios[turn] = results[way][turn] * 10 / results[0][turn];
    }
    qsort(ratios, TURNS, sizeof(uint64_t), by_value);
    return ratios[TURNS / 2];
}

static void tell(int way, uint64_t ratio, unsigned rounds)
{
    qsort(results[way], TURNS, sizeof(uint64_t), by_value);
    dprintf(3, "# %-18s %7lu ns there and back, best turn %lu; %lu.%lu of the first in its turn\n",
            ways[way].name, of_turn(way, TURNS / 2, rounds), of_turn(way, 0, rounds),
            ratio / 10, ratio % 10);
}

static int report(unsigned rounds, unsigned at_least)
{
    uint64_t ratios[WAYS];

    for (unsigned i = 0; i < WAYS; i++) {
        ratios[i] = to_first(i);
    }
    for (unsigned i = 0; i < WAYS; i++) {
        tell(i, ratios[i], rounds);
    }
    return ratios[BLOCKED_EVENTFD] < 10 * at_least;
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 2000;
    unsigned at_least = argc > 2 ? strtoul(argv[2], NULL, 0) : 5;
    int sockets[2], status;
    pid_t child;

    set_up_shared();
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    child = fork();
    set_up_side(!child, sockets[!child]);
    play_all(rounds);
    if (!child) {
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status));
    return report(rounds, at_least);
}
