/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /dev/farbell-mailbox0 says and refuses, with RT at the other end.  With
 * an argument: wait for the peer's driver, and print this side's generation.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <farbell/mailbox-linux.h>
#include <farbell/mailbox.h>
#include <farbell/uintr-linux.h>

#define DEVICE      "/dev/farbell-mailbox0"
#define CLOSED      63          /* a doorbell that RT does not open */
#define PAGE        4096

static int device, failures;
static struct fbmb_info info;

/* The name of a rule is one word. */
static void rule(int good, const char *what)
{
    char name[80];
    int n = snprintf(name, sizeof(name), "%s", what);

    for (int i = 0; i < n; i++) {
        name[i] = name[i] == ' ' ? '-' : name[i];
    }
    dprintf(3, "%sok 1 - /linux/mailbox/%s\n", good ? "" : "not ", name);
    failures += !good;
}

static int fails_with(long result, int error)
{
    return result == -1 && errno == error;
}

static void wait_for_peer(void)
{
    for (int i = 0; i < 200 && info.link != MBOX_LINK_UP; i++) {
        usleep(100000);
        ioctl(device, FBMB_INFO, &info);
    }
}

static void messages(void)
{
    static char text[1 << 17];
    int other = open(DEVICE, O_RDWR | O_NONBLOCK);

    rule(write(device, text, 4) == 4, "a message is delivered");
    rule(fails_with(write(device, text, 4096), EMSGSIZE),
         "one that is longer than the peer's buffer is too long");
    rule(fails_with(write(device, text, sizeof(text)), EMSGSIZE) &&
         fails_with(write(device, text, 0), EINVAL),
         "too long for anybody, or empty: refused");
    rule(fails_with(write(device, (void *)-4096l, 4), EFAULT),
         "no address: EFAULT");
    rule(write(other, text, 4) == 4 &&
         fails_with(read(other, text, sizeof(text)), EAGAIN),
         "O_NONBLOCK does not wait");
    close(other);
}

static void doorbells(void)
{
    struct fbmb_ring closed = { .doorbell = CLOSED }, none = { .doorbell = 64 };
    struct fbmb_ring open = { .doorbell = 0 };
    __u64 all = ~0ull, rung = 1;

    rule(!ioctl(device, FBMB_RING, &closed) &&
         closed.status == MBOX_RING_REFUSED, "a closed doorbell is refused");
    rule(!ioctl(device, FBMB_RING, &open) &&
         (open.status == MBOX_RING_POSTED ||
          open.status == MBOX_RING_COALESCED), "an open one is rung");
    rule(fails_with(ioctl(device, FBMB_RING, &none), EINVAL),
         "there are 64 doorbells");
    rule(!ioctl(device, FBMB_LISTEN, &all) &&
         !ioctl(device, FBMB_RUNG, &rung), "doorbells can be heard");
}

static void *map(__u64 section, size_t bytes, int prot, int flags)
{
    return mmap(NULL, bytes, prot, flags, device, section);
}

static int can_map(__u64 section, size_t bytes, int prot, int flags)
{
    void *at = map(section, bytes, prot, flags);

    return at != MAP_FAILED && !munmap(at, bytes);
}

static void sections(void)
{
    const int rw = PROT_READ | PROT_WRITE;
    volatile unsigned *own = map(FBMB_MAP_OWN, info.output_size, rw, MAP_SHARED);
    void *peer = map(FBMB_MAP_PEER, info.output_size, PROT_READ, MAP_SHARED);
    unsigned before = own[PAGE / 4 * 511];

    own[PAGE / 4 * 511] = before + 1;
    rule(own[PAGE / 4 * 511] == before + 1, "its own section is written");
    own[PAGE / 4 * 511] = before;
    rule(!can_map(FBMB_MAP_PEER, PAGE, rw, MAP_SHARED) &&
         !can_map(FBMB_MAP_STATE, PAGE, rw, MAP_SHARED) &&
         mprotect(peer, PAGE, rw) == -1, "the peer's is not, nor the state");
    rule(can_map(FBMB_MAP_COMMON, info.common_size, rw, MAP_SHARED) &&
         !can_map(FBMB_MAP_COMMON, info.common_size + PAGE, rw, MAP_SHARED) &&
         !can_map(FBMB_MAP_COMMON + info.common_size, PAGE, rw, MAP_SHARED),
         "nothing is mapped beyond a section");
    rule(!can_map(0, PAGE, PROT_READ, MAP_SHARED) &&
         !can_map(5ull << 40, PAGE, PROT_READ, MAP_SHARED) &&
         !can_map(FBMB_MAP_OWN, PAGE, rw, MAP_PRIVATE) &&
         !can_map(FBMB_MAP_OWN, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED),
         "registers, UPIDs, copies and code are not mapped");
}

static void handler(void)
{
}

/* Arguments that the kernel reads, and cannot answer to. */
static void *read_only(void (*function)(void))
{
    struct fbmb_receiver *r = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    r->handler = (__u64)function;
    mprotect(r, PAGE, PROT_READ);
    return r;
}

static void receivers(void)
{
    struct fbmb_receiver r = { .handler = -1ull };
    struct fbmb_sender s = { .offset = 0 };
    struct fbmb_bind b = { .bound = 1 };

    rule(ioctl(device, FBMB_RECEIVER, &r) == -1, "no handler: no receiver");
    rule(fails_with(ioctl(device, FBMB_BIND, &b), EPERM),
         "who is no receiver binds nothing");
    rule(fails_with(ioctl(device, FBMB_RECEIVER, read_only(handler)), EFAULT),
         "who cannot be told where is no receiver");
    r = (struct fbmb_receiver) { .handler = (__u64)handler };
    rule(!ioctl(device, FBMB_RECEIVER, &r) && r.offset < info.upid_size,
         "a receiver's UPID is in this side's half");
    rule(fails_with(ioctl(device, FBMB_SENDER, &s), EINVAL),
         "nobody sends across to this side's half");
    s.offset = info.upid_size + 4;
    rule(fails_with(ioctl(device, FBMB_SENDER, &s), EINVAL),
         "nor between two UPIDs");
    s.offset = 2 * info.upid_size;
    rule(fails_with(ioctl(device, FBMB_SENDER, &s), EINVAL),
         "nor beyond the window");
    s.offset = info.upid_size + 0x400;
    s.vector = 64;
    rule(fails_with(ioctl(device, FBMB_SENDER, &s), EINVAL),
         "there are 64 user vectors");
    s.vector = 63;
    rule(!ioctl(device, FBMB_SENDER, &s), "the peer's half can be sent to");
    rule(!ioctl(device, FBMB_BIND, &b), "messages are posted to a receiver");
    b.bound = 0;
    rule(!ioctl(device, FBMB_BIND, &b), "and no more");
}

int main(int argc, char **argv)
{
    struct pollfd p = { .events = POLLOUT };

    (void)argv;
    p.fd = device = open(DEVICE, O_RDWR);
    if (device < 0 || ioctl(device, FBMB_INFO, &info)) {
        perror(DEVICE);
        return 1;
    }
    wait_for_peer();
    if (argc > 1) {
        printf("%u\n", info.generation);
        return 0;
    }
    rule(info.link == MBOX_LINK_UP, "the link is up");
    messages();
    doorbells();
    sections();
    receivers();
    rule(poll(&p, 1, 0) == 1 && p.revents == POLLOUT, "there is room");
    return failures != 0;
}
