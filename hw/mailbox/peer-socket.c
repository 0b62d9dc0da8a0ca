/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A peer in another process: frames on a socket (MB51-MB58). */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "qemu/iov.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "chardev/char.h"
#include "migration/blocker.h"
#include "system/replay.h"
#include "system/tcg.h"
#include "../trace.h"
#include "socket.h"

/* MB56: what a peer may leave unread, besides the messages it may have. */
#define MAX_UNREAD (1 << 20)
#define READ_SIZE 65536

/* ---- Sending ---- */

static void lose(MailboxSocket *s, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

static size_t unsent(MailboxSocket *s)
{
    return s->out->len - s->out_sent;
}

static void put_frame(MailboxSocket *s, MailboxFrameType type, uint64_t a,
                      uint64_t b, uint32_t length)
{
    MailboxFrame frame = {
        .type = cpu_to_le32(type),
        .length = cpu_to_le32(length),
        .a = cpu_to_le64(a),
        .b = cpu_to_le64(b),
    };

    g_byte_array_append(s->out, (uint8_t *)&frame, sizeof(frame));
}

static void put_state(MailboxSocket *s)
{
    VirtIOMailbox *m = s->m;

    put_frame(s, s->reset_due ? FRAME_RESET : FRAME_STATE,
              (uint64_t)m->generation << 32 | m->ready, m->r.state_word, 0);
    s->state_due = s->reset_due = false;
}

static gboolean out_writable(void *do_not_use, GIOCondition condition,
                             void *opaque);

/* True if all has gone. */
static bool write_out(MailboxSocket *s)
{
    while (unsent(s)) {
        int n = qemu_chr_fe_write(&s->m->chr, s->out->data + s->out_sent,
                                  unsent(s));

        if (n <= 0) {
            if (!s->out_watch) {
                s->out_watch = qemu_chr_fe_add_watch(&s->m->chr,
                    G_IO_OUT | G_IO_HUP, out_writable, s);
            }
            return false;
        }
        s->out_sent += n;
    }
    g_byte_array_set_size(s->out, 0);
    s->out_sent = 0;
    return true;
}

/* The latest state is enough: a guest that changes it often is not heard. */
static void flush(MailboxSocket *s)
{
    if (s->hanging_up) {
        return;
    }
    while (write_out(s) && (s->state_due || s->reset_due)) {
        put_state(s);
    }
    if (unsent(s) > MAX_UNREAD +
        MAILBOX_WINDOW * (size_t)s->m->geometry.max_message) {
        lose(s, "it does not read");
    }
}

static gboolean out_writable(void *do_not_use, GIOCondition condition,
                             void *opaque)
{
    MailboxSocket *s = opaque;

    s->out_watch = 0;
    flush(s);
    return G_SOURCE_REMOVE;
}

static MailboxVerdict socket_send(VirtIOMailbox *m,
                                  const MailboxMessage *message,
                                  uint32_t *status)
{
    MailboxSocket *s = m->socket;

    if (s->unconfirmed >= MAILBOX_WINDOW) {
        return MAILBOX_WAIT;
    }
    s->unconfirmed++;
    put_frame(s, FRAME_MESSAGE, message->sequence, s->peer_generation,
              message->length);
    for (unsigned i = 0; i < message->num; i++) {
        g_byte_array_append(s->out, message->sg[i].iov_base,
                            message->sg[i].iov_len);
    }
    return MAILBOX_HANDED;
}

static void socket_flush(VirtIOMailbox *m)
{
    flush(m->socket);
}

static void socket_kick(VirtIOMailbox *m)
{
    mailbox_kick_peer(m->socket);
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
    flush(s);
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
    put_frame(s, FRAME_REPORT, held->sequence, status, 0);
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
    flush(s);
}

static const MailboxPeerOps socket_ops = {
    .send = socket_send,
    .flush = socket_flush,
    .kick = socket_kick,
    .tell = socket_tell,
    .room = socket_room,
};

/* ---- The handshake ---- */

static void greet(MailboxSocket *s)
{
    VirtIOMailbox *m = s->m;
    int fds[MAILBOX_MAX_FDS];
    unsigned n = mailbox_own_fds(s, fds);
    MailboxHello hello = {
        .magic = cpu_to_le32(MBOX_MAGIC),
        .version = cpu_to_le32(MBOX_VERSION),
        .side = cpu_to_le32(m->side),
        .max_message = cpu_to_le32(m->geometry.max_message),
        .common_size = cpu_to_le32(m->geometry.common_size),
        .output_size = cpu_to_le32(m->geometry.output_size),
        .upid_size = cpu_to_le32(m->geometry.upid_size),
        .apic_first = cpu_to_le32(m->apic_first),
        .apic_count = cpu_to_le32(m->apic_count),
        .ready = cpu_to_le32(m->ready),
        .state_word = cpu_to_le32(m->r.state_word),
        .generation = cpu_to_le32(m->generation),
    };

    put_frame(s, FRAME_HELLO, MBOX_VERSION, 0, sizeof(hello));
    g_byte_array_append(s->out, (uint8_t *)&hello, sizeof(hello));
    qemu_chr_fe_set_msgfds(&m->chr, fds, n);
    flush(s);
}

static bool check_same(const char *what, uint32_t peers, uint32_t own,
                       Error **errp)
{
    if (le32_to_cpu(peers) != own) {
        error_setg(errp, "its %s is %u, here it is %u: they must be the same",
                   what, le32_to_cpu(peers), own);
        return false;
    }
    return true;
}

/* MB53 */
static bool check_hello(VirtIOMailbox *m, const MailboxHello *hello,
                        Error **errp)
{
    const MailboxGeometry *g = &m->geometry;
    uint32_t count = le32_to_cpu(hello->apic_count);

    if (le32_to_cpu(hello->magic) != MBOX_MAGIC) {
        error_setg(errp, "it is no mailbox");
        return false;
    }
    if (le32_to_cpu(hello->side) != !m->side) {
        error_setg(errp, "both have side=%u: one of them must have side=%u",
                   m->side, !m->side);
        return false;
    }
    if (count > MAILBOX_MAX_CPUS) {
        error_setg(errp, "it has %u APIC IDs, %u are allowed", count,
                   MAILBOX_MAX_CPUS);
        return false;
    }
    return check_same("version", hello->version, MBOX_VERSION, errp) &&
           check_same("max-message", hello->max_message, g->max_message,
                      errp) &&
           check_same("common-size", hello->common_size, g->common_size,
                      errp) &&
           check_same("output-size", hello->output_size, g->output_size,
                      errp) &&
           check_same("upid-size", hello->upid_size, g->upid_size, errp);
}

/* The peer's CPUs must not be mistaken for those of this side. */
static bool check_window(VirtIOMailbox *m, uint32_t first, uint32_t count,
                         Error **errp)
{
    if (count && m->apic_count && first < m->apic_first + m->apic_count &&
        m->apic_first < (uint64_t)first + count) {
        error_setg(errp, "its APIC IDs %u to %u are also ours: choose another "
                   "apic-first= at one end", first, first + count - 1);
        return false;
    }
    return true;
}

static bool attach_peer(MailboxSocket *s, const MailboxHello *hello,
                        Error **errp)
{
    VirtIOMailbox *m = s->m;
    int fds[MAILBOX_MAX_FDS + 10];
    int n = qemu_chr_fe_get_msgfds(&m->chr, fds, ARRAY_SIZE(fds));

    if (!mailbox_map_peer(s, fds, MAX(n, 0), errp)) {
        m->peer = (MailboxPeer) { };
        return false;
    }
    m->peer.ops = &socket_ops;
    m->peer.ready = le32_to_cpu(hello->ready) & 1;
    m->peer.state_word = le32_to_cpu(hello->state_word);
    m->peer.apic_first = le32_to_cpu(hello->apic_first);
    m->peer.apic_count = le32_to_cpu(hello->apic_count);
    s->peer_generation = le32_to_cpu(hello->generation);
    if (!mailbox_attach(m, errp)) {
        m->peer = (MailboxPeer) { };
        mailbox_unmap_peer(s);
        return false;
    }
    return true;
}

static void take_hello(MailboxSocket *s, const uint8_t *content)
{
    VirtIOMailbox *m = s->m;
    MailboxHello hello;
    Error *err = NULL;

    memcpy(&hello, content, sizeof(hello));
    if (!check_hello(m, &hello, &err) ||
        !check_window(m, le32_to_cpu(hello.apic_first),
                      le32_to_cpu(hello.apic_count), &err) ||
        !attach_peer(s, &hello, &err)) {
        lose(s, "%s", error_get_pretty(err));
        error_free(err);
        return;
    }
    s->greeted = true;
    s->state_due = true;        /* it may have changed since our hello */
    mailbox_take_signals(m);
}

/* ---- Frames that arrived ---- */

/* MB16: sent before the sender knew of this reset; it knows by now. */
static bool is_for_an_earlier_driver(MailboxSocket *s)
{
    return s->frame.b != s->m->generation || !s->m->ready;
}

static void take_message(MailboxSocket *s, const uint8_t *content)
{
    MailboxHeld *held;

    if (is_for_an_earlier_driver(s)) {
        return;
    }
    if (g_queue_get_length(&s->held) >= MAILBOX_WINDOW) {
        lose(s, "it sends more messages than it may");
        return;
    }
    held = g_malloc(sizeof(*held) + s->frame.length);
    held->sequence = s->frame.a;
    held->length = s->frame.length;
    memcpy(held->data, content, held->length);
    g_queue_push_tail(&s->held, held);
}

static bool is_report_status(uint64_t status)
{
    return status == MBOX_STATUS_DELIVERED || status == MBOX_STATUS_TOO_LONG;
}

static void take_report(MailboxSocket *s)
{
    if (!s->unconfirmed || !is_report_status(s->frame.b)) {
        lose(s, "it reports on a message that it did not get");
        return;
    }
    s->unconfirmed--;
    mailbox_tx_done(s->m, s->frame.a, s->frame.b);
}

static void take_state(MailboxSocket *s, bool reset)
{
    bool ready = s->frame.a & 1;

    s->peer_generation = s->frame.a >> 32;
    if (reset || !ready) {
        s->unconfirmed = 0;
    }
    mailbox_peer_told(s->m, ready, s->frame.b, reset);
}

static void take_frame(MailboxSocket *s, const uint8_t *content)
{
    trace_mailbox_frame(mailbox_name(s->m), s->frame.type, s->frame.a,
                        s->frame.b);
    switch (s->frame.type) {
    case FRAME_HELLO:
        take_hello(s, content);
        break;
    case FRAME_MESSAGE:
        take_message(s, content);
        break;
    case FRAME_REPORT:
        take_report(s);
        break;
    case FRAME_STATE:
        take_state(s, false);
        break;
    case FRAME_RESET:
        take_state(s, true);
        break;
    case FRAME_PING:
        put_frame(s, FRAME_PONG, 0, 0, 0);
        break;
    case FRAME_PONG:
        s->pings_unanswered = 0;
        break;
    }
}

/* MB55: hello first and once; a length only where one belongs. */
static bool check_frame(MailboxSocket *s)
{
    uint32_t type = s->frame.type, length = s->frame.length;

    if (type < FRAME_HELLO || type > FRAME_PONG ||
        (type == FRAME_HELLO) == s->greeted) {
        return false;
    }
    switch (type) {
    case FRAME_HELLO:
        return length == sizeof(MailboxHello);
    case FRAME_MESSAGE:
        return length && length <= s->m->geometry.max_message;
    default:
        return !length;
    }
}

static bool decode_header(MailboxSocket *s, const uint8_t *at)
{
    memcpy(&s->frame, at, sizeof(s->frame));
    s->frame.type = le32_to_cpu(s->frame.type);
    s->frame.length = le32_to_cpu(s->frame.length);
    s->frame.a = le64_to_cpu(s->frame.a);
    s->frame.b = le64_to_cpu(s->frame.b);
    if (!check_frame(s)) {
        lose(s, "frame of type %u and length %u, which cannot be",
             s->frame.type, s->frame.length);
        return false;
    }
    return true;
}

/* Bytes of the whole frame at @at, now taken; 0 if it is not all there. */
static size_t take_next(MailboxSocket *s, const uint8_t *at, size_t n)
{
    size_t size;

    if (n < sizeof(s->frame) || !decode_header(s, at)) {
        return 0;
    }
    size = sizeof(s->frame) + s->frame.length;
    if (n < size) {
        return 0;
    }
    take_frame(s, at + sizeof(s->frame));
    return size;
}

static int socket_can_read(void *opaque)
{
    MailboxSocket *s = opaque;

    return s->hanging_up ? 0 : READ_SIZE;
}

/*
 * All frames first, then their consequences once: one interrupt and one
 * write for as many messages as came.  A write may end the connection.
 */
static void socket_read(void *opaque, const uint8_t *buf, int size)
{
    MailboxSocket *s = opaque;
    size_t taken = 0, n;

    g_byte_array_append(s->in, buf, size);
    while (!s->hanging_up &&
           (n = take_next(s, s->in->data + taken, s->in->len - taken))) {
        taken += n;
    }
    g_byte_array_remove_range(s->in, 0, taken);
    if (s->greeted && !s->hanging_up) {
        socket_room(s->m);
        mailbox_pump(s->m);
    }
}

/* ---- The connection ---- */

/*
 * One line for each new complaint: a client that tries again and again does
 * not fill the log.
 */
static void lose(MailboxSocket *s, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    if (g_strcmp0(text, s->last_complaint)) {
        warn_report("%s: peer refused: %s", mailbox_name(s->m), text);
        g_free(s->last_complaint);
        s->last_complaint = g_steal_pointer(&text);
    }
    s->hanging_up = true;
    qemu_bh_schedule(s->hang_up);
}

static void hang_up(void *opaque)
{
    MailboxSocket *s = opaque;

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

    if (s->pings_unanswered >= 2) {
        lose(s, "no answer for %u ms", s->m->peer_timeout_ms);
        return;
    }
    s->pings_unanswered++;
    if (s->greeted) {
        put_frame(s, FRAME_PING, 0, 0, 0);
        flush(s);
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

static void socket_event(void *opaque, QEMUChrEvent event)
{
    MailboxSocket *s = opaque;

    if (event == CHR_EVENT_OPENED) {
        closed(s);
        qemu_bh_cancel(s->hang_up);
        arm_ping(s);
        greet(s);
    } else if (event == CHR_EVENT_CLOSED) {
        closed(s);
    }
}

static void kicked(void *opaque)
{
    MailboxSocket *s = opaque;

    mailbox_drain_kicks(s);
    mailbox_take_signals(s->m);
}

/* ---- Life ---- */

static MailboxSocket *socket_new(VirtIOMailbox *m)
{
    MailboxSocket *s = g_new0(MailboxSocket, 1);

    s->m = m;
    s->signals_fd = s->event_fd = s->peer_event_fd = -1;
    for (int i = 0; i < MAILBOX_SECTIONS; i++) {
        s->section_fds[i] = -1;
    }
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
        qemu_set_fd_handler(s->event_fd, kicked, NULL, s);
        qemu_chr_fe_set_handlers(&m->chr, socket_can_read, socket_read,
                                 socket_event, NULL, s, NULL, true);
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
    if (s->event_fd >= 0) {
        qemu_set_fd_handler(s->event_fd, NULL, NULL, NULL);
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
