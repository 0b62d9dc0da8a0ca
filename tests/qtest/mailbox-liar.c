/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "mailbox-liar.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

int sealed_memfd(size_t size, int seals)
{
    int fd = memfd_create("liar", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    g_assert_cmpint(fcntl(fd, F_ADD_SEALS, seals), ==, 0);
    return fd;
}

void liar_init(Liar *liar)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int bell[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bell),
                    ==, 0);

    *liar = (Liar) {
        .hello = {
            .type = 1, .length = 48, .a = 2, .magic = MBOX_MAGIC,
            .version = 2, .side = 1, .max_message = 65536, .common = 0x10000,
            .output = 0x10000, .upid = 0x1000, .ready = 1, .generation = 7,
        },
        .fds = {
            sealed_memfd(0x1000, seals | F_SEAL_FUTURE_WRITE),
            sealed_memfd(0x10000, seals | F_SEAL_FUTURE_WRITE),
            sealed_memfd(0x1000, seals),
            sealed_memfd(0x1000, seals),
            bell[1],
        },
        .n = 5,
        .socket = -1,
        .bell = bell[0],
    };
}

void liar_done(Liar *liar)
{
    for (int i = 0; i < liar->n; i++) {
        close(liar->fds[i]);
    }
    close(liar->socket);
    close(liar->bell);
}

void liar_connect(Liar *liar)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    liar->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_strlcpy(to.sun_path, socket_path, sizeof(to.sun_path));
    g_assert_cmpint(connect(liar->socket, (struct sockaddr *)&to, sizeof(to)),
                    ==, 0);
}

void liar_send(Liar *liar, const void *data, size_t size, int n)
{
    char control[CMSG_SPACE(sizeof(liar->fds))] = { };
    struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (n) {
        struct cmsghdr *cmsg;

        msg.msg_control = control;
        msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(cmsg), liar->fds, n * sizeof(int));
    }
    if (sendmsg(liar->socket, &msg, MSG_NOSIGNAL) < 0) {
        g_assert_true(errno == EPIPE || errno == ECONNRESET);
    }
}

void liar_greet(Liar *liar)
{
    liar_connect(liar);
    liar_send(liar, &liar->hello, sizeof(liar->hello), liar->n);
}

void expect_hang_up(Liar *liar)
{
    struct timeval limit = { .tv_sec = 10 };
    char buf[4096];
    ssize_t n;

    setsockopt(liar->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    do {
        n = recv(liar->socket, buf, sizeof(buf), 0);
    } while (n > 0);
    g_assert_true(n == 0 || errno == ECONNRESET);
}

void expect_alive(Endpoint *e)
{
    g_assert_cmphex(reg32(e, MBOX_REG_MAGIC), ==, MBOX_MAGIC);
}

void liar_put_frame(Liar *liar, uint32_t type, uint32_t length, uint64_t a,
                    uint64_t b)
{
    struct {
        uint32_t type, length;
        uint64_t a, b;
    } QEMU_PACKED frame = { type, length, a, b };

    liar_send(liar, &frame, sizeof(frame), 0);
}

void liar_take_fds(Liar *liar, int *fds)
{
    char control[1024], buf[4096];
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
        .msg_controllen = sizeof(control),
    };

    g_assert_cmpint(recvmsg(liar->socket, &msg, 0), >, 0);
    memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), HONEST_FDS * sizeof(int));
}

void liar_close_fds(int *fds)
{
    for (int i = 0; i < HONEST_FDS; i++) {
        close(fds[i]);
    }
}
