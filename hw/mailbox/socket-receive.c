/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes in: frames, believed only if they can be (MB55). */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "../trace.h"
#include "socket.h"

#define READ_SIZE 65536

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
        mailbox_lose(s, "it sends more messages than it may");
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
    if (!s->unconfirmed || s->frame.a != s->sent[s->oldest_sent] ||
        !is_report_status(s->frame.b)) {
        mailbox_lose(s, "it reports on a message that it did not get");
        return;
    }
    s->unconfirmed--;
    s->oldest_sent = (s->oldest_sent + 1) % MAILBOX_WINDOW;
    mailbox_tx_done(s->m, s->frame.a, s->frame.b);
}

static void take_state(MailboxSocket *s, bool reset)
{
    bool ready = s->frame.a & 1;

    /* A reset between its hello and ours is told by nothing else. */
    reset |= (uint32_t)(s->frame.a >> 32) != s->peer_generation;
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
        mailbox_take_hello(s, content);
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
        mailbox_put_frame(s, FRAME_PONG, 0, 0, 0);
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
        mailbox_lose(s, "frame of type %u and length %u, which cannot be",
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

int mailbox_socket_can_read(void *opaque)
{
    MailboxSocket *s = opaque;

    return s->hanging_up ? 0 : READ_SIZE;
}

/*
 * All frames first, then their consequences once: one interrupt and one
 * write for as many messages as came.  A write may end the connection.
 */
void mailbox_socket_read(void *opaque, const uint8_t *buf, int size)
{
    MailboxSocket *s = opaque;
    size_t taken = 0, n;
    MAILBOX_ENTRY_GUARD(s->m);

    g_byte_array_append(s->in, buf, size);
    while (!s->hanging_up &&
           (n = take_next(s, s->in->data + taken, s->in->len - taken))) {
        taken += n;
    }
    g_byte_array_remove_range(s->in, 0, taken);
    if (s->greeted && !s->hanging_up) {
        s->m->peer.ops->room(s->m);
        mailbox_pump(s->m);
    }
}
