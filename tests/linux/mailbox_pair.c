/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two mailboxes of one machine, each other's peer: what one sends the other has, and both are told
 * when one goes.
 *
 *   mailbox_pair [CASE...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <farbell/mailbox-linux.h>
#include <farbell/mailbox.h>

#include "cases.h"

#define FAILS(call, error)  CHECK((call) == -1 && errno == (error))
#define PEER            "/dev/farbell-mailbox1"
#define LONGEST         4032        /* that a driver has room for */
#define PAUSE           100000      /* us, after which others most likely sleep */
#define DRIVER          "/sys/bus/pci/drivers/virtio-pci/"

static int here, there;
static uint8_t sent[LONGEST], came[LONGEST];

static void open_both(int flags)
{
    here = open("/dev/farbell-mailbox0", O_RDWR | flags);
    there = open(PEER, O_RDWR | flags);
    CHECK(here >= 0 && there >= 0);
}

static int events_of(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN | POLLPRI };

    CHECK(poll(&p, 1, 0) >= 0);
    return p.revents;
}

/* Of its own: a number and bytes that depend on it. */
static size_t make(unsigned number)
{
    size_t length = 4 + number * 61 % (LONGEST - 4);

    memcpy(sent, &number, 4);
    for (size_t i = 4; i < length; i++) {
        sent[i] = number + i;
    }
    return length;
}

static void takes(unsigned number)
{
    size_t length = make(number);

    CHECK(read(there, came, sizeof(came)) == (ssize_t)length);
    CHECK(!memcmp(sent, came, length));
}

/* ---- messages ---- */

static void test_messages(void)
{
    open_both(0);
    for (unsigned i = 0; i < 300; i++) {
        size_t length = make(i);

        CHECK(write(here, sent, length) == (ssize_t)length);
        if (i >= 20) {
            takes(i - 20);
        }
    }
    for (unsigned i = 280; i < 300; i++) {
        CHECK(events_of(there) & POLLIN);
        takes(i);
    }
    CHECK(!(events_of(there) & POLLIN));
}

/* L2: nothing is cut off. */
static void test_room(void)
{
    size_t length = make(900);

    open_both(O_NONBLOCK);
    FAILS(read(there, came, sizeof(came)), EAGAIN);
    CHECK(write(here, sent, length) == (ssize_t)length);
    usleep(PAUSE);
    FAILS(read(there, came, length - 1), EMSGSIZE);
    FAILS(read(there, (void *)-4096l, length), EFAULT);
    takes(900);
    FAILS(read(there, came, sizeof(came)), EAGAIN);
}

static void test_blocked_reader(void)
{
    int status;
    pid_t child;

    open_both(0);
    child = fork();
    if (!child) {
        for (unsigned i = 0; i < 20; i++) {
            takes(i);
        }
        _exit(0);
    }
    for (unsigned i = 0; i < 20; i++) {
        usleep(PAUSE / 10);
        CHECK(write(here, sent, make(i)) > 0);
    }
    CHECK(waitpid(child, &status, 0) == child && !status);
}

/* Who is not read is not written to for ever, and nothing is lost. */
static void test_full(void)
{
    unsigned n = 0;

    open_both(O_NONBLOCK);
    while (n < 10000 && write(here, sent, make(n)) > 0) {
        n++;
    }
    CHECK(errno == EAGAIN && n > 64 && n < 10000);
    for (unsigned i = 0; i < n; i++) {
        while (!(events_of(there) & POLLIN)) {
            usleep(1000);
        }
        takes(i);
    }
    CHECK(write(here, sent, make(n)) > 0);
    usleep(PAUSE);
    takes(n);
}

/* ---- doorbells, memory, events ---- */

static uint64_t rung(int fd)
{
    uint64_t bells = 0;

    CHECK(!ioctl(fd, FBMB_RUNG, &bells));
    return bells;
}

static unsigned ring(unsigned bell)
{
    struct fbmb_ring r = { .doorbell = bell };

    CHECK(!ioctl(here, FBMB_RING, &r));
    return r.status;
}

static void listen_for(int fd, uint64_t bells)
{
    CHECK(!ioctl(fd, FBMB_LISTEN, &bells));
}

static volatile sig_atomic_t told;

static void on_io(int signal)
{
    (void)signal;
    told = 1;
}

/* Each open file hears what it listens to, by poll() or by a signal. */
static void test_doorbells(void)
{
    struct sigaction action = { .sa_handler = on_io };
    int other;

    open_both(0);
    other = open(PEER, O_RDWR);
    CHECK(ring(7) == MBOX_RING_REFUSED);
    listen_for(there, 1 << 7 | 1 << 9);
    listen_for(other, 1 << 9);
    CHECK(!sigaction(SIGIO, &action, NULL));
    CHECK(!fcntl(other, F_SETOWN, getpid()) && !fcntl(other, F_SETFL, O_ASYNC));
    CHECK(ring(7) == MBOX_RING_POSTED);
    usleep(PAUSE);
    CHECK(events_of(there) == POLLPRI && !events_of(other) && !told);
    CHECK(rung(there) == 1 << 7 && !rung(there) && !events_of(there));
    CHECK(ring(9) == MBOX_RING_POSTED);
    usleep(PAUSE);
    CHECK(told && rung(there) == 1 << 9 && rung(other) == 1 << 9);
    close(there);
    CHECK(ring(7) == MBOX_RING_REFUSED && ring(9) == MBOX_RING_POSTED);
    close(other);
    CHECK(ring(9) == MBOX_RING_REFUSED);
}

static void test_sections(void)
{
    volatile uint32_t *own, *peers;

    open_both(0);
    own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, here, FBMB_MAP_OWN);
    peers = mmap(NULL, 4096, PROT_READ, MAP_SHARED, there, FBMB_MAP_PEER);
    CHECK(own != MAP_FAILED && peers != MAP_FAILED);
    own[3] = getpid();
    CHECK(peers[3] == (uint32_t)getpid());
}

static struct fbmb_event next_event(int fd)
{
    struct fbmb_event event = { };

    for (int i = 0; i < 100 && ioctl(fd, FBMB_EVENT, &event); i++) {
        CHECK(errno == EAGAIN);
        usleep(PAUSE / 10);
    }
    CHECK(event.type);
    return event;
}

static struct fbmb_event next_word(int fd)
{
    struct fbmb_event event = next_event(fd);

    CHECK(event.type == MBOX_EVENT_TYPE_STATE && event.link == MBOX_LINK_UP);
    return event;
}

/* Of the events until the link is so, one says it. */
static void link_becomes(uint32_t link)
{
    struct fbmb_event event;

    do {
        event = next_event(here);
    } while (event.type != MBOX_EVENT_TYPE_LINK || event.argument != link);
}

/* All in order to each open file; who comes late is told how many he has missed. */
static void test_events(void)
{
    struct fbmb_event event;
    int other;

    open_both(0);
    other = open(PEER, O_RDWR);
    FAILS(ioctl(there, FBMB_EVENT, &event), EAGAIN);
    for (uint32_t word = 1; word <= 10; word++) {
        CHECK(!ioctl(here, FBMB_STATE, &word));
        event = next_word(there);
        CHECK(event.argument == word && !event.lost);
    }
    CHECK(!events_of(there) && events_of(other) == POLLPRI);
    for (uint32_t word = 11; word <= 50; word++) {
        CHECK(!ioctl(here, FBMB_STATE, &word));
        usleep(PAUSE / 10);
    }
    event = next_word(other);
    CHECK(event.argument == 50 - 31 && event.lost == 18);
    for (uint32_t word = 50 - 30; word <= 50; word++) {
        CHECK(next_word(other).argument == word);
    }
    FAILS(ioctl(other, FBMB_EVENT, &event), EAGAIN);
}

/* ---- one of them goes (L6) ---- */

static void say_to_driver(const char *what, const char *device)
{
    char path[128];
    int fd;

    snprintf(path, sizeof(path), DRIVER "%s", what);
    fd = open(path, O_WRONLY);
    CHECK(fd >= 0 && write(fd, device, strlen(device)) > 0);
    close(fd);
}

/* As PCI names the peer's device. */
static const char *peers_device(void)
{
    static char path[256];

    CHECK(realpath("/sys/class/farbell-mailbox/farbell-mailbox1/device/..", path) != NULL);
    return strrchr(path, '/') + 1;
}

static pid_t start_reader(void)
{
    pid_t child = fork();

    if (!child) {
        FAILS(read(there, came, sizeof(came)), ENODEV);
        _exit(0);
    }
    return child;
}

static pid_t start_toucher(void)
{
    pid_t child = fork();

    if (!child) {
        volatile uint32_t *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, there, FBMB_MAP_PEER);

        for (;;) {
            (void)*at;
        }
    }
    return child;
}

/* Its number is free when nobody has the one before open. */
static void wait_for_peer(void)
{
    while ((there = open(PEER, O_RDWR)) < 0) {
        usleep(PAUSE / 10);
    }
}

static void test_peer_goes(void)
{
    const char *device = peers_device();
    pid_t reader, toucher;
    struct pollfd p;
    int status;

    open_both(0);
    reader = start_reader();
    toucher = start_toucher();
    usleep(PAUSE);
    say_to_driver("unbind", device);
    CHECK(waitpid(reader, &status, 0) == reader && !status);
    CHECK(waitpid(toucher, &status, 0) == toucher && WIFSIGNALED(status) &&
          WTERMSIG(status) == SIGBUS);
    p = (struct pollfd) { .fd = there, .events = POLLIN };
    CHECK(poll(&p, 1, -1) == 1 && p.revents & POLLERR);
    FAILS(ioctl(there, FBMB_RUNG, &p), ENODEV);
    FAILS(write(here, sent, make(1)), ENOTCONN);
    link_becomes(MBOX_LINK_ATTACHED);
    CHECK(!close(there));
    say_to_driver("bind", device);
    wait_for_peer();
    link_becomes(MBOX_LINK_UP);
    CHECK(write(here, sent, make(2)) > 0);
    takes(2);
}

static const struct test_case cases[] = {
    { "messages", test_messages },
    { "room", test_room },
    { "blocked-reader", test_blocked_reader },
    { "full", test_full },
    { "doorbells", test_doorbells },
    { "sections", test_sections },
    { "events", test_events },
    { "peer-goes", test_peer_goes },
};

int main(int argc, char **argv)
{
    return run_cases(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
