/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a driver may offer as a buffer (MB18): RAM.  QEMU would reach devices
 * and even nothing through a copy of its own; a store there can reset this
 * very device in the middle of its work, and a virtual address in place of a
 * physical one would be a message of zeroes that nobody understands.
 */
#include "qemu/osdep.h"
#include "exec/memory.h"
#include "mailbox.h"

static bool is_ram(AddressSpace *as, hwaddr addr, hwaddr length, bool write)
{
    while (length) {
        hwaddr offset, part = length;
        MemoryRegion *mr = address_space_translate(as, addr, &offset, &part,
                                                   write,
                                                   MEMTXATTRS_UNSPECIFIED);

        if (!memory_access_is_direct(mr, write, MEMTXATTRS_UNSPECIFIED)) {
            return false;
        }
        addr += part;
        length -= part;
    }
    return true;
}

static bool check(VirtIOMailbox *m, unsigned queue, const VirtQueueElement *e,
                  bool write)
{
    AddressSpace *as = VIRTIO_DEVICE(m)->dma_as;
    const hwaddr *addr = write ? e->in_addr : e->out_addr;
    const struct iovec *sg = write ? e->in_sg : e->out_sg;

    for (unsigned i = 0; i < (write ? e->in_num : e->out_num); i++) {
        if (!is_ram(as, addr[i], sg[i].iov_len, write)) {
            mailbox_guest_error(m, "queue %u, descriptor chain %u: buffer at "
                                "0x%" HWADDR_PRIx ", %zu bytes, is not %sRAM "
                                "in the device's view (is it a virtual "
                                "address?)", queue, e->index, addr[i],
                                sg[i].iov_len, write ? "writable " : "");
            return false;
        }
    }
    return true;
}

bool mailbox_may_read(VirtIOMailbox *m, unsigned queue,
                      const VirtQueueElement *elem)
{
    RCU_READ_LOCK_GUARD();

    return check(m, queue, elem, false);
}

bool mailbox_may_write(VirtIOMailbox *m, unsigned queue,
                       const VirtQueueElement *elem)
{
    RCU_READ_LOCK_GUARD();

    return check(m, queue, elem, true);
}

static void check_ring(VirtIOMailbox *m, int queue, const char *what,
                       hwaddr addr, hwaddr length, bool write)
{
    if (!is_ram(VIRTIO_DEVICE(m)->dma_as, addr, length, write)) {
        mailbox_guest_error(m, "queue %d: %s at 0x%" HWADDR_PRIx ", %"
                            HWADDR_PRIu " bytes, is not %sRAM in the device's "
                            "view (is it a virtual address, or bus mastering "
                            "off?)", queue, what, addr, length,
                            write ? "writable " : "");
    }
}

/* Or nothing at all would happen, and nobody would know why. */
void mailbox_check_rings(VirtIOMailbox *m)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(m);
    RCU_READ_LOCK_GUARD();

    for (int i = 0; i < MBOX_QUEUES; i++) {
        if (virtio_queue_get_desc_addr(vdev, i)) {
            check_ring(m, i, "descriptor table",
                       virtio_queue_get_desc_addr(vdev, i),
                       virtio_queue_get_desc_size(vdev, i), false);
            check_ring(m, i, "available ring",
                       virtio_queue_get_avail_addr(vdev, i),
                       virtio_queue_get_avail_size(vdev, i), false);
            check_ring(m, i, "used ring",
                       virtio_queue_get_used_addr(vdev, i),
                       virtio_queue_get_used_size(vdev, i), true);
        }
    }
}

/*
 * No notification here: an interrupt is a store to where the guest says, and
 * that may be the reset of an endpoint whose message is in our caller's hands.
 * No more than a ring's worth: another CPU may be filling it all the time.
 */
VirtQueueElement *mailbox_pop_writable(VirtIOMailbox *m, VirtQueue *vq,
                                       unsigned queue, bool *returned)
{
    VirtQueueElement *elem;

    for (unsigned i = 0; i < VIRTQUEUE_MAX_SIZE; i++) {
        elem = virtqueue_pop(vq, sizeof(VirtQueueElement));
        if (!elem || mailbox_may_write(m, queue, elem)) {
            return elem;
        }
        virtqueue_push(vq, elem, 0);
        *returned = true;
        g_free(elem);
    }
    qemu_bh_schedule(m->more);
    return NULL;
}
