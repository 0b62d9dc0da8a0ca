/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A peer in another process (MB51-MB58): its operations and the life of the
 * connection.  Frames are in socket-send.c, socket-receive.c and
 * socket-hello.c, memory is in peer-memory.c.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "chardev/char.h"
#include "migration/blocker.h"
#include "system/replay.h"
#include "system/tcg.h"
#include "socket.h"

#define MOST_COMPLAINTS 20      /* in each period */
#define COMPLAINTS_PERIOD_MS 60000

/* ---- As a peer ---- */

static MailboxVerdict socket_send(VirtIOMailbox *m,
                                  const MailboxMessage *message,
                                  uint32_t *status)
{
    MailboxSocket *s = m->socket;

    if (s->unconfirmed >= MAILBOX_WINDOW) {
        return MAILBOX_WAIT;
    }
    s->sent[(s->oldest_sent + s->unconfirmed++) % MAILBOX_WINDOW] =
        message->sequence;
    mailbox_put_frame(s, FRAME_MESSAGE, message->sequence, s->peer_generation,
                      message->length);
    for (unsigned i = 0; i < message->num; i++) {
        g_byte_array_append(s->out, message->sg[i].iov_base,
                            message->sg[i].iov_len);
    }
    return MAILBOX_HANDED;
}

static void socket_flush(VirtIOMailbox *m)
{
    mailbox_flush_out(m->socket);
}

static void socket_kick(VirtIOMailbox *m)
{
    mailbox_bell_ring(m->socket);
}

static void forget_held(MailboxSocket *s)
{
    g_queue_clear_full(&s->held, g_free);
}

/* Everything taken has been reported before: see mailbox_peer_told(). */
static void socket_tell(VirtIOMailbox *m, bool reset)
{
    MailboxSocket *s = m->socket;

    if (!m->ready) {
        forget_held(s);
    }
    s->state_due = true;
    s->reset_due |= reset;
    mailbox_flush_out(s);
}

/* ---- Messages that arrived ---- */

static bool deliver_held(MailboxSocket *s, MailboxHeld *held)
{
    uint32_t status = 0;
    struct iovec sg = { .iov_base = held->data, .iov_len = held->length };
    MailboxMessage message = {
        .sg = &sg, .num = 1, .length = held->length,
        .sequence = held->sequence,
    };

    if (mailbox_receive(s->m, &message, &status) == MAILBOX_WAIT) {
        return false;
    }
    mailbox_put_frame(s, FRAME_REPORT, held->sequence, status, 0);
    return true;
}

static void socket_room(VirtIOMailbox *m)
{
    MailboxSocket *s = m->socket;

    while (!g_queue_is_empty(&s->held) &&
           deliver_held(s, g_queue_peek_head(&s->held))) {
        g_free(g_queue_pop_head(&s->held));
    }
    mailbox_rx_flush(m);
    mailbox_flush_out(s);
}

const MailboxPeerOps mailbox_socket_ops = {
    .send = socket_send,
    .flush = socket_flush,
    .kick = socket_kick,
    .tell = socket_tell,
    .room = socket_room,
};

/* ---- The connection ---- */

/*
 * One line for each new complaint, and not too many of those: a client that
 * tries again and again does not fill the log.
 */
static bool may_complain(MailboxSocket *s, const char *text)
{
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);

    if (!g_strcmp0(text, s->last_complaint)) {
        return false;
    }
    if (now - s->complaints_since >= COMPLAINTS_PERIOD_MS) {
        s->complaints_since = now;
        s->complaints = 0;
    }
    return s->complaints++ < MOST_COMPLAINTS;
}

void mailbox_lose(MailboxSocket *s, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    if (may_complain(s, text)) {
        warn_report("%s: peer refused: %s%s", mailbox_name(s->m), text,
                    s->complaints < MOST_COMPLAINTS ? "" :
                    " (the next ones are not told for a minute)");
        g_free(s->last_complaint);
        s->last_complaint = g_steal_pointer(&text);
    }
    s->hanging_up = true;
    qemu_bh_schedule(s->hang_up);
}

static void hang_up(void *opaque)
{
    MailboxSocket *s = opaque;
    MAILBOX_ENTRY_GUARD(s->m);

    qemu_chr_fe_disconnect(&s->m->chr);
}

static void forget_connection(MailboxSocket *s)
{
    s->greeted = s->hanging_up = false;
    s->unconfirmed = 0;
    s->state_due = s->reset_due = false;
    s->pings_unanswered = 0;
    g_byte_array_set_size(s->in, 0);
    g_byte_array_set_size(s->out, 0);
    s->out_sent = 0;
    if (s->out_watch) {
        g_source_remove(s->out_watch);
        s->out_watch = 0;
    }
    forget_held(s);
    mailbox_bell_close(s);
    timer_del(s->ping_timer);
}

static void arm_ping(MailboxSocket *s)
{
    if (s->m->peer_timeout_ms) {
        timer_mod(s->ping_timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                  MAX(s->m->peer_timeout_ms / 2, 1));
    }
}

/* MB57: two halves, so that our own pause is not taken for the peer's. */
static void ping(void *opaque)
{
    MailboxSocket *s = opaque;
    MAILBOX_ENTRY_GUARD(s->m);

    if (s->pings_unanswered >= 2) {
        mailbox_lose(s, "no answer for %u ms", s->m->peer_timeout_ms);
        return;
    }
    s->pings_unanswered++;
    if (s->greeted) {
        mailbox_put_frame(s, FRAME_PING, 0, 0, 0);
        mailbox_flush_out(s);
    }
    arm_ping(s);
}

static void closed(MailboxSocket *s)
{
    forget_connection(s);
    if (s->m->peer.ops) {
        mailbox_detach(s->m);
        mailbox_unmap_peer(s);
    }
}

static void kicked(void *opaque)
{
    MailboxSocket *s = opaque;
    MAILBOX_ENTRY_GUARD(s->m);

    if (!mailbox_bell_hear(s)) {
        mailbox_lose(s, "it has shut its doorbells down");
    } else {
        mailbox_take_signals(s->m);
    }
}

static void socket_event(void *opaque, QEMUChrEvent event)
{
    MailboxSocket *s = opaque;
    MAILBOX_ENTRY_GUARD(s->m);

    if (event == CHR_EVENT_OPENED) {
        closed(s);
        qemu_bh_cancel(s->hang_up);
        arm_ping(s);
        if (mailbox_bell_make(s, kicked)) {
            mailbox_greet(s);
        }
    } else if (event == CHR_EVENT_CLOSED) {
        closed(s);
    }
}

/* ---- Life ---- */

static MailboxSocket *socket_new(VirtIOMailbox *m)
{
    MailboxSocket *s = g_new0(MailboxSocket, 1);

    s->m = m;
    s->signals_fd = s->bell_fd = s->bell_far_end = s->peer_bell_fd = -1;
    for (int i = 0; i < MAILBOX_SECTIONS; i++) {
        s->section_fds[i] = -1;
    }
    s->complaints_since = -COMPLAINTS_PERIOD_MS;
    s->out = g_byte_array_new();
    s->in = g_byte_array_new();
    s->ping_timer = timer_new_ms(QEMU_CLOCK_REALTIME, ping, s);
    s->hang_up = qemu_bh_new_guarded(hang_up, s,
                                     &DEVICE(m)->mem_reentrancy_guard);
    g_queue_init(&s->held);
    return s;
}

static bool check_chardev(VirtIOMailbox *m, Error **errp)
{
    if (!qemu_chr_has_feature(qemu_chr_fe_get_driver(&m->chr),
                              QEMU_CHAR_FEATURE_FD_PASS)) {
        error_setg(errp, "chardev= must be a UNIX socket, over which memory "
                   "can travel: -chardev socket,path=...");
        return false;
    }
    return true;
}

/* MB47 */
static bool block_migration(MailboxSocket *s, Error **errp)
{
    error_setg(&s->migration_blocker, "mailbox '%s' has its peer in another "
               "process, and half of its state with it: use peer= in one "
               "process for snapshots", mailbox_name(s->m));
    return migrate_add_blocker(&s->migration_blocker, errp) >= 0;
}

bool mailbox_socket_init(VirtIOMailbox *m, Error **errp)
{
    if (!qemu_chr_fe_backend_connected(&m->chr)) {
        m->signals = g_new0(MailboxSignals, 1);
        return true;
    }
    if (!check_chardev(m, errp)) {
        return false;
    }
    m->socket = socket_new(m);
    if (!block_migration(m->socket, errp) ||
        !mailbox_share_own(m->socket, errp)) {
        return false;
    }
    if (tcg_enabled()) {
        tcg_memory_is_shared();                             /* MB59 */
    }
    replay_add_blocker("mailbox with chardev");
    return true;
}

void mailbox_socket_start(VirtIOMailbox *m)
{
    MailboxSocket *s = m->socket;

    if (s) {
        qemu_chr_fe_set_handlers(&m->chr, mailbox_socket_can_read,
                                 mailbox_socket_read,
                                 socket_event, NULL, s, NULL, true);
    }
}

/* The chardev stays, for another endpoint; the peer must hear of this one. */
void mailbox_socket_stop(VirtIOMailbox *m)
{
    if (m->socket) {
        qemu_chr_fe_disconnect(&m->chr);
    }
}

void mailbox_socket_cleanup(VirtIOMailbox *m)
{
    MailboxSocket *s = m->socket;

    if (!s) {
        g_free(m->signals);
        m->signals = NULL;
        return;
    }
    forget_connection(s);
    qemu_chr_fe_deinit(&m->chr, false);
    mailbox_unmap_peer(s);
    mailbox_unshare_own(s);
    migrate_del_blocker(&s->migration_blocker);
    qemu_bh_delete(s->hang_up);
    timer_free(s->ping_timer);
    g_byte_array_free(s->out, true);
    g_byte_array_free(s->in, true);
    g_free(s->last_complaint);
    g_free(s);
    m->socket = NULL;
}
