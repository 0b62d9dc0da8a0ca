/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mailbox_fuzz [CALLS [SEED]]: calls of the mailbox's device with any
 * arguments, by threads of processes that share an open file and are killed,
 * and calls of /dev/uintr among them.  It stores nothing into the sections,
 * which are RT's as well.  What the kernel says of it is the boot's affair:
 * panic_on_warn=1.  It fails if one dies that was not killed, or if one of the
 * device's calls was never good: then it was not tried.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <farbell/mailbox-linux.h>
#include <farbell/uintr-linux.h>

#define DEVICE      "/dev/farbell-mailbox0"
#define PROCESSES   3
#define FILES       4
#define MOST        4           /* threads of a process, at least 2 */
#define ROUND       500         /* calls of a process */
#define SECONDS     100         /* of a process: the host may be busy */
#define LONGEST     5000        /* of a message */

/* What has to have been good once; the first nine are numbers of FBMB_*. */
enum { CALLS = 9, BOUND = CALLS, SENT, MAPPED, KINDS };

static struct {
    uint64_t calls, good[KINDS], uintr;
} *total;

static __thread uint64_t state;
static int files[FILES], uintr;
static char room[1 << 16];

static uint64_t any(void)
{
    state += 0x9e3779b97f4a7c15;
    uint64_t z = state;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Good memory, a section of the device, nothing, the kernel's. */
static void *any_pointer(void)
{
    switch (any() % 8) {
    case 0:
        return NULL;
    case 1:
        return (void *)(any() | 1ull << 63);
    case 2:
        return (void *)(any() >> 17);
    default:
        return room + any() % (sizeof(room) - LONGEST);
    }
}

static void fill(void)
{
    uint64_t *words = (uint64_t *)room;

    for (int i = 0; i < 64; i++) {
        words[any() % (sizeof(room) / 8)] =
            any() >> any() % 64;
    }
}

static void tally(int kind, bool good)
{
    if (good) {
        __atomic_fetch_add(&total->good[kind], 1, __ATOMIC_RELAXED);
    }
}

static void handler(void)
{
}

/* Good ones, or nearly, so that what comes behind the checks is tried, too. */
static void likely_ioctl(int fd)
{
    struct fbmb_receiver r = { (uintptr_t)handler, any() % 4 << 12, 0 };
    struct fbmb_sender s = { any() % 0x2100, any() % 70, 0, 0 };
    struct fbmb_bind b = { any() % 65, any() % 2 };

    switch (any() % 3) {
    case 0:
        s.offset &= any() % 4 ? ~63 : ~0;
        tally(_IOC_NR(FBMB_SENDER), !ioctl(fd, FBMB_SENDER, &s));
        break;
    case 1:
        tally(_IOC_NR(FBMB_RECEIVER), !ioctl(fd, FBMB_RECEIVER, &r));
        break;
    }
    tally(b.bound ? BOUND : _IOC_NR(FBMB_BIND), !ioctl(fd, FBMB_BIND, &b));
}

/* That there is no event is an answer. */
static void any_ioctl(int fd)
{
    static const unsigned long calls[CALLS] = {
        FBMB_INFO, FBMB_EVENT, FBMB_RING, FBMB_LISTEN, FBMB_RUNG, FBMB_STATE,
        FBMB_RECEIVER, FBMB_SENDER, FBMB_BIND,
    };
    unsigned number = any() % (CALLS + 2);
    int ret;

    fill();
    if (number >= CALLS) {
        ioctl(fd, number == CALLS ? any() : TIOCGWINSZ, any_pointer());
        return;
    }
    ret = ioctl(fd, calls[number], any_pointer());
    tally(number, !ret || (number == _IOC_NR(FBMB_EVENT) && errno == EAGAIN));
}

/* A thread that has become a receiver here may be one there again. */
static void any_uintr(void)
{
    struct uintr_handler_args h = { (uintptr_t)handler, any() % 4 << 12, 0 };
    struct uintr_stack_args s = { (uintptr_t)room, any() % sizeof(room) };
    unsigned long calls[][2] = {
        { UINTR_IOC_REGISTER_HANDLER, (uintptr_t)&h },
        { UINTR_IOC_UNREGISTER_HANDLER, 0 },
        { UINTR_IOC_UNREGISTER_HANDLER, 0 },
        { UINTR_IOC_VECTOR_FD, any() % 65 },
        { UINTR_IOC_REGISTER_SENDER, any() % 64 },
        { UINTR_IOC_UNREGISTER_SENDER, any() % 260 },
        { UINTR_IOC_UNREGISTER_SENDER, any() % 8 },
        { UINTR_IOC_WAIT, any() % 300 },
        { UINTR_IOC_REGISTER_SELF, any() % 65 },
        { UINTR_IOC_ALT_STACK, (uintptr_t)&s },
        { UINTR_IOC_DISCONNECT, any() % 64 },
    };
    unsigned i = any() % (sizeof(calls) / sizeof(*calls));

    if (ioctl(uintr, calls[i][0], calls[i][1]) >= 0) {
        __atomic_fetch_add(&total->uintr, 1, __ATOMIC_RELAXED);
    }
}

static void any_mapping(int fd)
{
    size_t bytes = (any() % 64 + 1) * 4096;
    uint64_t offset = any() % 6 << 40 | (any() % 600 * 4096);
    void *at = mmap(NULL, bytes, any() % 8, any() % 3, fd, offset), *moved;

    if (at == MAP_FAILED) {
        return;
    }
    tally(MAPPED, true);
    mprotect(at, bytes, any() % 8);
    madvise(at, bytes, any() % 26);
    moved = mremap(at, bytes, bytes * 2, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) {
        munmap(at, bytes);
    } else {
        munmap(moved, bytes * 2);
    }
}

static void any_transfer(int fd)
{
    struct pollfd p = { fd, any() & 0xffff, 0 };

    if (any() % 2) {
        tally(SENT, write(fd, any_pointer(), any() % LONGEST) > 0);
    } else {
        read(fd, any_pointer(), any() % LONGEST);
    }
    poll(&p, 1, 0);
}

static void any_file(int *fd)
{
    if (any() % 2) {
        close(*fd);
        *fd = open(DEVICE, O_RDWR | O_NONBLOCK);
    } else {
        fcntl(*fd, F_SETFL, O_NONBLOCK | (any() % 2 ? O_ASYNC : 0));
        fcntl(*fd, F_SETOWN, getpid());
    }
}

static void any_call(void)
{
    int *fd = &files[any() % FILES];

    switch (any() % 10) {
    case 0:
        any_mapping(*fd);
        break;
    case 1:
    case 2:
        any_transfer(*fd);
        break;
    case 3:
        any_file(fd);
        break;
    case 4:
        any_uintr();
        break;
    case 5:
        likely_ioctl(*fd);
        break;
    default:
        any_ioctl(*fd);
        break;
    }
    __atomic_fetch_add(&total->calls, 1, __ATOMIC_RELAXED);
}

static void *work(void *seed)
{
    state = (uintptr_t)seed;
    for (int i = 0; i < ROUND / MOST; i++) {
        any_call();
    }
    return NULL;
}

static void process(uint64_t seed)
{
    pthread_t threads[MOST];
    int count = 2 + seed % (MOST - 1);

    signal(SIGIO, SIG_IGN);
    alarm(SECONDS);
    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, work, (void *)(seed << 8 | i))) {
            _exit(1);
        }
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    _exit(0);
}

static pid_t start(uint64_t seed)
{
    pid_t pid = fork();

    if (!pid) {
        process(seed);
    }
    return pid;
}

static bool ended_well(pid_t pid, bool killed)
{
    int status;

    if (waitpid(pid, &status, 0) != pid) {
        return false;
    }
    if (status && !(killed && WTERMSIG(status) == SIGKILL)) {
        dprintf(3, "# mailbox_fuzz: a process died, status %#x\n", status);
        return false;
    }
    return true;
}

/* One of them is killed in the midst of it, now and then. */
static bool round_of(uint64_t seed)
{
    bool killed = any() % 4 == 0, good = true;
    pid_t pids[PROCESSES];

    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = start(seed + i);
    }
    if (killed) {
        usleep(any() % 20000);
        kill(pids[0], SIGKILL);
    }
    for (int i = 0; i < PROCESSES; i++) {
        good &= ended_well(pids[i], killed && i == 0);
    }
    return good;
}

static bool all_were_good(void)
{
    bool all = total->uintr;

    dprintf(3, "# mailbox_fuzz: %lu calls; good ones of /dev/uintr %lu, of the "
            "device's, BIND, write and mmap", total->calls, total->uintr);
    for (int i = 0; i < KINDS; i++) {
        dprintf(3, " %lu", total->good[i]);
        all &= total->good[i] > 0;
    }
    dprintf(3, "\n");
    return all;
}

int main(int argc, char **argv)
{
    uint64_t calls = argc > 1 ? atoll(argv[1]) : 100000;
    uint64_t seed = argc > 2 ? atoll(argv[2]) : 1;
    struct fbmb_info info;
    bool good = true;

    total = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    state = seed;
    uintr = open(UINTR_DEVICE, O_RDWR);
    for (int i = 0; i < FILES; i++) {
        files[i] = open(DEVICE, O_RDWR | O_NONBLOCK);
    }
    while (good && total->calls < calls) {
        seed += 1000;
        good = round_of(seed);
    }
    return !good || !all_were_good() || ioctl(files[0], FBMB_INFO, &info) != 0;
}
