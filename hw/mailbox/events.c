/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queue 2: what happened to the link (MB44-MB46). */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/iov.h"
#include "qemu/timer.h"
#include "../trace.h"
#include "mailbox.h"

static void write_event(VirtIOMailbox *m, VirtQueueElement *elem,
                        uint32_t type, uint32_t argument)
{
    uint8_t event[MBOX_EVENT_SIZE] = { };

    stl_le_p(event + MBOX_EVENT_TYPE, type);
    stl_le_p(event + MBOX_EVENT_LINK, mailbox_link(m));
    stl_le_p(event + MBOX_EVENT_GENERATION, m->peer_generation);
    stl_le_p(event + MBOX_EVENT_ARGUMENT, argument);
    stq_le_p(event + MBOX_EVENT_TIME, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
    stl_le_p(event + MBOX_EVENT_LOST, m->events_lost);
    iov_from_buf(elem->in_sg, elem->in_num, 0, event, sizeof(event));
    virtqueue_push(m->events, elem, sizeof(event));
}

static bool fill_next(VirtIOMailbox *m, uint32_t type, uint32_t argument,
                      bool *returned)
{
    g_autofree VirtQueueElement *elem = NULL;

    elem = mailbox_pop_writable(m, m->events, MBOX_QUEUE_EVENTS, returned);
    if (!elem) {
        return false;
    }
    *returned = true;
    if (iov_size(elem->in_sg, elem->in_num) < MBOX_EVENT_SIZE) {
        mailbox_guest_error(m, "queue 2, descriptor %u: shorter than an event "
                            "of %u bytes", elem->index, MBOX_EVENT_SIZE);
        virtqueue_push(m->events, elem, 0);
        return false;
    }
    write_event(m, elem, type, argument);
    return true;
}

static bool deliver(VirtIOMailbox *m, uint32_t type, uint32_t argument)
{
    bool returned = false;
    bool delivered = fill_next(m, type, argument, &returned);

    if (returned) {
        virtio_notify(VIRTIO_DEVICE(m), m->events);
    }
    return delivered;
}

/* MB45: a lost event is counted, and the next one says how many there were. */
void mailbox_event(VirtIOMailbox *m, uint32_t type, uint32_t argument)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(m);

    if (!m->ready) {
        return;
    }
    trace_mailbox_event(mailbox_name(m), type, argument, mailbox_link(m),
                        m->peer_generation);
    if (virtio_vdev_has_feature(vdev, MBOX_F_EVENTS)) {
        if (deliver(m, type, argument)) {
            mailbox_count(m, MBOX_COUNT_EVENTS);
            m->events_lost = 0;
        } else {
            mailbox_count(m, MBOX_COUNT_EVENTS_LOST);
            m->events_lost++;
        }
    }
    virtio_notify_config(vdev);
}
