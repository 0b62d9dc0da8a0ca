/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queue 1: messages that the peer has sent (MB11, MB15). */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/iov.h"
#include "../trace.h"
#include "mailbox.h"

static void fill(VirtIOMailbox *m, VirtQueueElement *elem,
                 const MailboxMessage *message)
{
    uint8_t header[MBOX_RX_HEADER_SIZE];
    size_t at = sizeof(header);

    stl_le_p(header + MBOX_RX_LENGTH, message->length);
    stl_le_p(header + MBOX_RX_GENERATION, m->peer_generation);
    stq_le_p(header + MBOX_RX_SEQUENCE, message->sequence);
    iov_from_buf(elem->in_sg, elem->in_num, 0, header, sizeof(header));
    for (unsigned i = 0; i < message->num; i++) {
        at += iov_from_buf(elem->in_sg, elem->in_num, at,
                           message->sg[i].iov_base, message->sg[i].iov_len);
    }
    virtqueue_push(m->rx, elem, at);
}

/*
 * MB19: notifications are off while there are buffers, so that a driver that
 * gives them back in time pays no exit for it.  When they are on again, one
 * may have come without notice.
 */
static VirtQueueElement *next_buffer(VirtIOMailbox *m)
{
    VirtQueueElement *elem = mailbox_pop_writable(m, m->rx, MBOX_QUEUE_RX,
                                                  &m->rx_dirty);

    if (!elem) {
        virtio_queue_set_notification(m->rx, true);
        return mailbox_pop_writable(m, m->rx, MBOX_QUEUE_RX, &m->rx_dirty);
    }
    if (virtio_queue_get_notification(m->rx)) {
        virtio_queue_set_notification(m->rx, false);
    }
    return elem;
}

/* A stopped machine's memory must not change: it waits as a full one does. */
MailboxVerdict mailbox_receive(VirtIOMailbox *m, const MailboxMessage *message,
                               uint32_t *status)
{
    VirtQueueElement *elem;

    elem = m->ready && m->running ? next_buffer(m) : NULL;
    if (!elem) {
        return MAILBOX_WAIT;
    }
    if (iov_size(elem->in_sg, elem->in_num) <
        MBOX_RX_HEADER_SIZE + (size_t)message->length) {
        virtqueue_unpop(m->rx, elem, 0);
        *status = MBOX_STATUS_TOO_LONG;
    } else {
        fill(m, elem, message);
        *status = MBOX_STATUS_DELIVERED;
        m->rx_dirty = true;
        mailbox_count(m, MBOX_COUNT_RX_MESSAGES);
        m->counters[MBOX_COUNT_RX_BYTES] += message->length;
        trace_mailbox_rx(mailbox_name(m), message->sequence, message->length);
    }
    g_free(elem);
    return MAILBOX_DONE;
}

void mailbox_rx_flush(VirtIOMailbox *m)
{
    if (!m->rx_dirty) {
        return;
    }
    m->rx_dirty = false;
    if (mailbox_is_bound(m)) {
        mailbox_post(m);
    } else {
        virtio_notify(VIRTIO_DEVICE(m), m->rx);
    }
}

void mailbox_more_buffers(void *opaque)
{
    VirtIOMailbox *m = opaque;
    MAILBOX_ENTRY_GUARD(m);

    if (m->peer.ops) {
        m->peer.ops->room(m);
    }
}

void mailbox_handle_rx(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(vdev);

    if (!m->ready) {
        mailbox_guest_error(m, "queue 1 notified before DRIVER_OK");
        return;
    }
    mailbox_more_buffers(m);
}
