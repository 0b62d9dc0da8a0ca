/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What wakes a peer in another process: a byte into a socket pair that it made
 * for this connection (MB51).  An eventfd would do, were it not shared: whoever
 * has it can make it blocking and full between our look and our write.  Here
 * both ends say with each call that they do not wait, whatever the peer has
 * done to its copy, and what does not fit need not be said again.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "qemu/sockets.h"
#include "socket.h"

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

bool mailbox_bell_make(MailboxSocket *s, IOHandler *heard)
{
    int ends[2];

    if (qemu_socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) {
        mailbox_lose(s, "no descriptors for its doorbells: %s",
                     strerror(errno));
        return false;
    }
    s->bell_fd = ends[0];
    s->bell_far_end = ends[1];
    qemu_set_fd_handler(s->bell_fd, heard, NULL, s);
    return true;
}

/* Takes over @fd.  A socket of another family could wait all the same. */
bool mailbox_bell_take(MailboxSocket *s, int fd, Error **errp)
{
    int domain, type;
    socklen_t length = sizeof(int);

    s->peer_bell_fd = fd;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 ||
        domain != AF_UNIX || type != SOCK_STREAM) {
        error_setg(errp, "the descriptor for doorbells is no UNIX socket");
        return false;
    }
    return true;
}

void mailbox_bell_forget_peers(MailboxSocket *s)
{
    close_fd(&s->peer_bell_fd);
}

void mailbox_bell_close(MailboxSocket *s)
{
    if (s->bell_fd >= 0) {
        qemu_set_fd_handler(s->bell_fd, NULL, NULL, NULL);
    }
    close_fd(&s->bell_fd);
    close_fd(&s->bell_far_end);
}

/* No room: it has not heard of what was said before.  Gone: see the chardev. */
void mailbox_bell_ring(MailboxSocket *s)
{
    ssize_t ignored = send(s->peer_bell_fd, "", 1,
                           MSG_DONTWAIT | MSG_NOSIGNAL);

    (void)ignored;
}

/* False if there is nothing to be heard any more. */
bool mailbox_bell_hear(MailboxSocket *s)
{
    char bytes[256];
    ssize_t n = recv(s->bell_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}
