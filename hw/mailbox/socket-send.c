/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes out: frames, and what the peer has not read yet (MB56). */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "socket.h"

/* MB56: what a peer may leave unread, besides the messages it may have. */
#define MAX_UNREAD (1 << 20)

static size_t unsent(MailboxSocket *s)
{
    return s->out->len - s->out_sent;
}

void mailbox_put_frame(MailboxSocket *s, MailboxFrameType type, uint64_t a,
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

    mailbox_put_frame(s, s->reset_due ? FRAME_RESET : FRAME_STATE,
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
void mailbox_flush_out(MailboxSocket *s)
{
    if (s->hanging_up) {
        return;
    }
    while (write_out(s) && (s->state_due || s->reset_due)) {
        put_state(s);
    }
    if (unsent(s) > MAX_UNREAD +
        MAILBOX_WINDOW * (size_t)s->m->geometry.max_message) {
        mailbox_lose(s, "it does not read");
    }
}

static gboolean out_writable(void *do_not_use, GIOCondition condition,
                             void *opaque)
{
    MailboxSocket *s = opaque;
    MAILBOX_ENTRY_GUARD(s->m);

    s->out_watch = 0;
    mailbox_flush_out(s);
    return G_SOURCE_REMOVE;
}
