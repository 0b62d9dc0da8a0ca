/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queue 0: messages on their way to the peer (MB10, MB12-MB17). */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/iov.h"
#include "qemu/timer.h"
#include "../trace.h"
#include "mailbox.h"

static const uint8_t counter_of[] = {
    [MBOX_STATUS_DELIVERED] = MBOX_COUNT_TX_DELIVERED,
    [MBOX_STATUS_REFUSED] = MBOX_COUNT_TX_REFUSED,
    [MBOX_STATUS_PEER_GONE] = MBOX_COUNT_TX_PEER_GONE,
    [MBOX_STATUS_TOO_LONG] = MBOX_COUNT_TX_TOO_LONG,
    [MBOX_STATUS_UNKNOWN] = MBOX_COUNT_TX_UNKNOWN,
};

/* MB10: every buffer comes back once; the report says what became of it. */
static void complete(VirtIOMailbox *m, MailboxFlight *flight, uint32_t status)
{
    VirtQueueElement *elem = &flight->elem;
    uint8_t report[MBOX_TX_REPORT_SIZE];
    uint32_t length = status == MBOX_STATUS_DELIVERED ?
                      iov_size(elem->out_sg, elem->out_num) : 0;
    size_t written = 0;

    stl_le_p(report + MBOX_TX_STATUS, status);
    stl_le_p(report + MBOX_TX_LENGTH, length);
    stq_le_p(report + MBOX_TX_SEQUENCE, flight->sequence);
    if (mailbox_may_write(m, MBOX_QUEUE_TX, elem)) {
        written = iov_from_buf(elem->in_sg, elem->in_num, 0, report,
                               sizeof(report));
    }
    trace_mailbox_tx_done(mailbox_name(m), flight->sequence, status);
    mailbox_count(m, counter_of[status]);
    QTAILQ_REMOVE(&m->flights, flight, next);
    virtqueue_push(m->tx, elem, written);
    m->tx_dirty = true;
    g_free(flight);
}

static void notify_sender(VirtIOMailbox *m)
{
    if (m->tx_dirty) {
        m->tx_dirty = false;
        virtio_notify(VIRTIO_DEVICE(m), m->tx);
    }
}

/* MB13 */
static bool is_malformed(VirtIOMailbox *m, const VirtQueueElement *elem)
{
    size_t length = iov_size(elem->out_sg, elem->out_num);

    if (iov_size(elem->in_sg, elem->in_num) < MBOX_TX_REPORT_SIZE) {
        mailbox_guest_error(m, "queue 0, descriptor %u: no %u bytes for the "
                            "report", elem->index, MBOX_TX_REPORT_SIZE);
        return true;
    }
    if (!length || length > m->geometry.max_message) {
        mailbox_guest_error(m, "queue 0, descriptor %u: a message of %zu "
                            "bytes, 1 to %u are allowed", elem->index, length,
                            m->geometry.max_message);
        return true;
    }
    return !mailbox_may_read(m, MBOX_QUEUE_TX, elem) ||
           !mailbox_may_write(m, MBOX_QUEUE_TX, elem);
}

static MailboxVerdict hand_over(VirtIOMailbox *m, MailboxFlight *flight,
                                uint32_t *status)
{
    VirtQueueElement *elem = &flight->elem;
    MailboxMessage message = {
        .sg = elem->out_sg,
        .num = elem->out_num,
        .length = iov_size(elem->out_sg, elem->out_num),
        .sequence = flight->sequence,
    };

    *status = MBOX_STATUS_PEER_GONE;
    if (!m->peer.ops || !m->peer.ready) {
        return MAILBOX_DONE;
    }
    return m->peer.ops->send(m, &message, status);
}

/*
 * True if the one behind it may go, too (MB14: never before it).  If the
 * hand-over ended the link, the queue is empty, and @flight is gone with it.
 */
static bool advance(VirtIOMailbox *m, MailboxFlight *flight)
{
    uint32_t status = MBOX_STATUS_REFUSED, emptied = m->times_emptied;
    MailboxVerdict verdict = is_malformed(m, &flight->elem) ? MAILBOX_DONE :
                             hand_over(m, flight, &status);

    if (m->times_emptied != emptied) {
        return false;
    }
    if (verdict == MAILBOX_DONE) {
        complete(m, flight, status);
    } else if (verdict == MAILBOX_HANDED) {
        flight->handed = true;
    } else if (!flight->waited) {
        flight->waited = true;
        mailbox_count(m, MBOX_COUNT_TX_WAITS);
        trace_mailbox_tx_waits(mailbox_name(m), flight->sequence);
    }
    return verdict != MAILBOX_WAIT;
}

static MailboxFlight *first_not_handed(VirtIOMailbox *m)
{
    MailboxFlight *flight;

    QTAILQ_FOREACH(flight, &m->flights, next) {
        if (!flight->handed) {
            break;
        }
    }
    return flight;
}

static void hand_over_due(VirtIOMailbox *m)
{
    uint64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    MailboxFlight *flight;

    while ((flight = first_not_handed(m))) {
        if (flight->due > now) {
            timer_mod(m->flight_timer, flight->due);
            return;
        }
        if (!advance(m, flight)) {
            return;
        }
    }
}

/* MB49: what is in flight was popped before, so a ring's worth at most. */
void mailbox_pump(VirtIOMailbox *m)
{
    hand_over_due(m);
    if (m->peer.ops) {
        m->peer.ops->flush(m);
    }
    notify_sender(m);
}

void mailbox_flight_timer(void *opaque)
{
    VirtIOMailbox *m = opaque;
    MAILBOX_ENTRY_GUARD(m);

    mailbox_pump(m);
}

void mailbox_tx_done(VirtIOMailbox *m, uint64_t sequence, uint32_t status)
{
    MailboxFlight *flight;

    QTAILQ_FOREACH(flight, &m->flights, next) {
        if (flight->handed && flight->sequence == sequence) {
            complete(m, flight, status);
            break;
        }
    }
}

/* MB16 */
void mailbox_tx_fail_all(VirtIOMailbox *m, uint32_t handed)
{
    MailboxFlight *flight;

    m->times_emptied++;
    while ((flight = QTAILQ_FIRST(&m->flights))) {
        complete(m, flight, flight->handed ? handed : MBOX_STATUS_PEER_GONE);
    }
    timer_del(m->flight_timer);
    notify_sender(m);
}

/* MB43: the driver has taken its queue back, with all that is in it. */
void mailbox_tx_drop_all(VirtIOMailbox *m)
{
    MailboxFlight *flight;

    m->times_emptied++;
    while ((flight = QTAILQ_FIRST(&m->flights))) {
        QTAILQ_REMOVE(&m->flights, flight, next);
        virtqueue_detach_element(m->tx, &flight->elem, 0);
        g_free(flight);
    }
    timer_del(m->flight_timer);
    m->tx_dirty = false;
}

void mailbox_tx_pop(VirtIOMailbox *m, uint64_t due)
{
    MailboxFlight *flight = virtqueue_pop(m->tx, sizeof(MailboxFlight));

    if (!flight) {
        return;
    }
    flight->due = due;
    flight->sequence = ++m->sequence;
    flight->handed = flight->waited = false;
    QTAILQ_INSERT_TAIL(&m->flights, flight, next);
    trace_mailbox_tx(mailbox_name(m), flight->sequence,
                     iov_size(flight->elem.out_sg, flight->elem.out_num), due);
}

void mailbox_handle_tx(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(vdev);
    uint64_t due = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + m->latency_ns;
    MAILBOX_ENTRY_GUARD(m);

    if (!m->ready) {
        mailbox_guest_error(m, "queue 0 notified before DRIVER_OK");
        return;
    }
    while (!virtio_queue_empty(vq) && !vdev->broken) {
        mailbox_tx_pop(m, due);
    }
    mailbox_pump(m);
}
