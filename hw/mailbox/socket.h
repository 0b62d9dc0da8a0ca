/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A peer in another process: what peer-*.c and socket-*.c share. */
#ifndef HW_UINTR_MAILBOX_SOCKET_H
#define HW_UINTR_MAILBOX_SOCKET_H

#include "mailbox.h"

/* Of what follows; the guest's interface has a version of its own. */
#define MAILBOX_PROTOCOL_VERSION 2

/* Frames on the socket (MB51), little-endian */
typedef enum MailboxFrameType {
    FRAME_HELLO = 1,
    FRAME_MESSAGE,              /* sequence, the receiver's generation */
    FRAME_REPORT,               /* sequence, status */
    FRAME_STATE,                /* generation and readiness, state word */
    FRAME_RESET,                /* the same */
    FRAME_PING,
    FRAME_PONG,
} MailboxFrameType;

typedef struct MailboxFrame {
    uint32_t type, length;
    uint64_t a, b;
} QEMU_PACKED MailboxFrame;

typedef struct MailboxHello {
    uint32_t magic, version, side;
    uint32_t max_message, common_size, output_size, upid_size;
    uint32_t apic_first, apic_count;
    uint32_t ready, state_word, generation;
} QEMU_PACKED MailboxHello;

#define MAILBOX_WINDOW 64       /* messages sent and not confirmed */

/* One memfd per section that the side owns, its signals, its doorbell. */
#define MAILBOX_MAX_FDS (MAILBOX_SECTIONS + 2)

typedef struct MailboxHeld {
    uint64_t sequence;
    uint32_t length;
    uint8_t data[];
} MailboxHeld;

struct MailboxSocket {
    VirtIOMailbox *m;

    /* This side's */
    int section_fds[MAILBOX_SECTIONS];
    int signals_fd;
    Error *migration_blocker;

    /* The connection */
    int bell_fd, bell_far_end;
    bool greeted;
    MailboxFrame frame;         /* the one being looked at */
    GByteArray *in, *out;
    size_t out_sent;
    guint out_watch;
    bool state_due, reset_due;
    unsigned unconfirmed, oldest_sent;
    uint64_t sent[MAILBOX_WINDOW];  /* sequences: reports come in this order */
    GQueue held;                /* received, waiting for a buffer */
    QEMUTimer *ping_timer;
    unsigned pings_unanswered;
    QEMUBH *hang_up;            /* a reader cannot close under itself */
    bool hanging_up;
    char *last_complaint;
    unsigned complaints;
    int64_t complaints_since;

    /* The peer's */
    uint32_t peer_generation;
    int peer_bell_fd;
    MailboxSignals *peer_signals;
    Object *peer_memory;
};

/* ---- peer-socket.c ---- */

extern const MailboxPeerOps mailbox_socket_ops;
/* Hang up, soon; one line in the log says why (MB55). */
void mailbox_lose(MailboxSocket *s, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* ---- socket-send.c ---- */

void mailbox_put_frame(MailboxSocket *s, MailboxFrameType type, uint64_t a,
                       uint64_t b, uint32_t length);
void mailbox_flush_out(MailboxSocket *s);

/* ---- socket-receive.c ---- */

int mailbox_socket_can_read(void *opaque);
void mailbox_socket_read(void *opaque, const uint8_t *buf, int size);

/* ---- socket-hello.c ---- */

void mailbox_greet(MailboxSocket *s);
void mailbox_take_hello(MailboxSocket *s, const uint8_t *content);

/* ---- peer-memory.c ---- */

bool mailbox_share_own(MailboxSocket *s, Error **errp);
void mailbox_unshare_own(MailboxSocket *s);
unsigned mailbox_own_fds(MailboxSocket *s, int *fds);
/* Takes over all descriptors, also when it fails. */
bool mailbox_map_peer(MailboxSocket *s, int *fds, unsigned n, Error **errp);
void mailbox_unmap_peer(MailboxSocket *s);

/* ---- socket-bell.c ---- */

bool mailbox_bell_make(MailboxSocket *s, IOHandler *heard);
void mailbox_bell_close(MailboxSocket *s);
bool mailbox_bell_take(MailboxSocket *s, int fd, Error **errp);
void mailbox_bell_forget_peers(MailboxSocket *s);
void mailbox_bell_ring(MailboxSocket *s);
bool mailbox_bell_hear(MailboxSocket *s);

#endif
