/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mailbox_fuzz [CALLS [SEED]]: calls of the mailbox's device with any
 * arguments, by processes that share an open file, fork and are killed.  It
 * stores nothing into the sections, which are RT's as well.  What the kernel
 * says of it is the boot's affair: panic_on_warn=1.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <farbell/mailbox-linux.h>

#define DEVICE      "/dev/farbell-mailbox0"
#define PROCESSES   3
#define FILES       4
#define ROUND       500         /* calls of a process */

static uint64_t state;
static int files[FILES];
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
        return room + any() % (sizeof(room) - 256);
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

static void any_ioctl(int fd)
{
    unsigned long calls[] = {
        FBMB_INFO, FBMB_EVENT, FBMB_RING, FBMB_LISTEN, FBMB_RUNG, FBMB_STATE,
        FBMB_RECEIVER, FBMB_SENDER, FBMB_BIND, any(), TIOCGWINSZ,
    };
    struct fbmb_sender s = { any() % 0x2100, any() % 70, 0, 0 };
    struct fbmb_bind b = { any() % 65, any() % 2 };

    fill();
    if (any() % 4 == 0) {
        ioctl(fd, FBMB_SENDER, &s);
        ioctl(fd, FBMB_BIND, &b);
    }
    ioctl(fd, calls[any() % (sizeof(calls) / sizeof(*calls))], any_pointer());
}

static void any_mapping(int fd)
{
    size_t bytes = (any() % 64 + 1) * 4096;
    uint64_t offset = any() % 6 << 40 | (any() % 600 * 4096);
    volatile char *at = mmap(NULL, bytes, any() % 8, any() % 3, fd, offset);

    if (at == MAP_FAILED) {
        return;
    }
    mprotect((void *)at, bytes, any() % 8);
    madvise((void *)at, bytes, any() % 26);
    mremap((void *)at, bytes, bytes * 2, MREMAP_MAYMOVE);
    munmap((void *)at, bytes);
}

static void any_transfer(int fd)
{
    struct pollfd p = { fd, any() & 0xffff, 0 };

    if (any() % 2) {
        write(fd, any_pointer(), any() % 5000);
    } else {
        read(fd, any_pointer(), any() % 5000);
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

    switch (any() % 8) {
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
    default:
        any_ioctl(*fd);
        break;
    }
}

static pid_t start(uint64_t seed)
{
    pid_t pid = fork();

    if (!pid) {
        state = seed;
        signal(SIGIO, SIG_IGN);
        alarm(20);
        for (int i = 0; i < ROUND; i++) {
            any_call();
        }
        _exit(0);
    }
    return pid;
}

/* One of them is killed in the midst of it, now and then. */
static void round_of(uint64_t seed)
{
    pid_t pids[PROCESSES];

    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = start(seed + i);
    }
    if (any() % 4 == 0) {
        usleep(any() % 20000);
        kill(pids[0], SIGKILL);
    }
    for (int i = 0; i < PROCESSES; i++) {
        waitpid(pids[i], NULL, 0);
    }
}

int main(int argc, char **argv)
{
    long calls = argc > 1 ? atol(argv[1]) : 100000;
    uint64_t seed = argc > 2 ? atoll(argv[2]) : 1;
    struct fbmb_info info;

    state = seed;
    for (int i = 0; i < FILES; i++) {
        files[i] = open(DEVICE, O_RDWR | O_NONBLOCK);
    }
    for (long i = 0; i < calls; i += ROUND * PROCESSES) {
        round_of(seed + i * 1000);
    }
    printf("mailbox_fuzz: seed %lu, %ld calls\n", seed, calls);
    return ioctl(files[0], FBMB_INFO, &info) != 0;
}
