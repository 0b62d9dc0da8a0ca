/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues whose buffers come from the input: what virtio's core lets through,
 * which is any number of pieces anywhere.  Each is given back once.
 */
#include "world.h"
#include "qemu/bswap.h"
#include "qemu/iov.h"
#include "exec/memory.h"

#define MAX_PIECES 4
#define ENDLESS 16384           /* no entry takes so many (MB49) */
#define HALF (GUEST_RAM / 2)

struct VirtQueue {
    VirtIODevice *vdev;
    VirtIOHandleOutput handle_output;
    unsigned index, size, waiting, out;
    unsigned endless;           /* another CPU fills it all the time */
    bool notification;
};

void virtio_init(VirtIODevice *vdev, uint16_t device_id, size_t config_size)
{
    vdev->vq = g_new0(VirtQueue, MBOX_QUEUES);
    vdev->config = g_malloc0(config_size);
    vdev->config_len = config_size;
}

void virtio_cleanup(VirtIODevice *vdev)
{
    g_free(vdev->vq);
    g_free(vdev->config);
}

VirtQueue *virtio_add_queue(VirtIODevice *vdev, int queue_size,
                            VirtIOHandleOutput handle_output)
{
    for (unsigned i = 0; i < MBOX_QUEUES; i++) {
        VirtQueue *vq = &vdev->vq[i];

        if (!vq->vdev) {
            *vq = (VirtQueue) {
                .vdev = vdev, .index = i, .size = 16,
                .handle_output = handle_output, .notification = true,
            };
            return vq;
        }
    }
    g_assert_not_reached();
}

void virtio_del_queue(VirtIODevice *vdev, int n)
{
    g_assert(!vdev->vq[n].out);
}

void virtio_notify(VirtIODevice *vdev, VirtQueue *vq)
{
    interrupt(port_of(VIRTIO_MAILBOX(vdev)));
}

void virtio_notify_config(VirtIODevice *vdev)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(vdev);

    mailbox_get_config(vdev, vdev->config);
    g_assert(ldl_le_p(vdev->config + MBOX_CFG_LINK) == mailbox_link(m));
    interrupt(port_of(m));
}

int virtio_queue_empty(VirtQueue *vq)
{
    return !vq->waiting;
}

/* There are no rings in memory, and the device does not look for them. */
#define NO_RING(what)                                                       \
    hwaddr virtio_queue_get_##what(VirtIODevice *vdev, int n)               \
    {                                                                       \
        return 0;                                                           \
    }

NO_RING(desc_addr)
NO_RING(desc_size)
NO_RING(avail_addr)
NO_RING(avail_size)
NO_RING(used_addr)
NO_RING(used_size)

bool virtio_queue_get_notification(VirtQueue *vq)
{
    return vq->notification;
}

void virtio_queue_set_notification(VirtQueue *vq, int enable)
{
    vq->notification = enable;
}

/*
 * What is not RAM is a copy, as with QEMU's bounce buffer.  Each side has a
 * half of the RAM: from a buffer into itself the device copies garbage, and
 * the sanitizer would complain of memcpy().
 */
static void draw_piece(Port *port, hwaddr *addr, struct iovec *sg,
                       uint32_t honest, bool is_nowhere)
{
    uint8_t *ram = qemu_map_ram_ptr(NULL, 0);
    uint32_t kind = is_nowhere ? 1 : draw(16);

    sg->iov_len = honest && kind ? honest : 1 + draw(300);
    if (kind == 1) {
        *addr = GUEST_RAM + draw(1000);
        sg->iov_base = g_malloc0(sg->iov_len);
        return;
    }
    *addr = (port == &ports[1] ? HALF : 0) + draw(HALF - sg->iov_len);
    sg->iov_base = ram + *addr;
}

static void free_copies(const VirtQueueElement *elem)
{
    for (unsigned i = 0; i < elem->in_num; i++) {
        if (elem->in_addr[i] >= GUEST_RAM) {
            g_free(elem->in_sg[i].iov_base);
        }
    }
    for (unsigned i = 0; i < elem->out_num; i++) {
        if (elem->out_addr[i] >= GUEST_RAM) {
            g_free(elem->out_sg[i].iov_base);
        }
    }
}

/* As virtqueue_alloc_element(): one block, the arrays behind the element */
typedef struct Arrays {
    hwaddr in_addr[MAX_PIECES], out_addr[MAX_PIECES];
    struct iovec in_sg[MAX_PIECES], out_sg[MAX_PIECES];
} Arrays;

static VirtQueueElement *new_element(size_t size, unsigned in, unsigned out)
{
    size_t at = ROUND_UP(size, 16);
    VirtQueueElement *elem = g_malloc(at + sizeof(Arrays));
    Arrays *arrays = (Arrays *)((uint8_t *)elem + at);

    memset(elem, 0xa5, at + sizeof(Arrays));
    *elem = (VirtQueueElement) {
        .in_num = in, .out_num = out, .in_addr = arrays->in_addr,
        .out_addr = arrays->out_addr, .in_sg = arrays->in_sg,
        .out_sg = arrays->out_sg,
    };
    return elem;
}

void *virtqueue_pop(VirtQueue *vq, size_t size)
{
    bool tx = vq->index == MBOX_QUEUE_TX, odd = !vq->endless && !draw(8);
    Port *port = port_of(VIRTIO_MAILBOX(vq->vdev));
    VirtQueueElement *elem;

    if (!vq->waiting || vq->vdev->broken) {
        return NULL;
    }
    if (odd && !draw(8)) {
        vq->vdev->broken = true;
        return NULL;
    }
    if (vq->endless) {
        g_assert(--vq->endless);
    } else {
        vq->waiting--;
    }
    vq->out++;
    elem = new_element(size, odd ? draw(MAX_PIECES) : 1,
                       odd ? draw(MAX_PIECES) : tx);
    for (unsigned i = 0; i < elem->out_num; i++) {
        draw_piece(port, &elem->out_addr[i], &elem->out_sg[i], 8,
                   false);
    }
    for (unsigned i = 0; i < elem->in_num; i++) {
        draw_piece(port, &elem->in_addr[i], &elem->in_sg[i], 32,
                   vq->endless);
    }
    return elem;
}

/*
 * MB11: the sender's numbers rise; MB10: delivered is what has arrived.
 * Several pieces may lie over each other, so only their number counts.
 */
static void look(VirtQueue *vq, const VirtQueueElement *elem, unsigned length)
{
    Port *port = port_of(VIRTIO_MAILBOX(vq->vdev));
    bool rx = vq->index == MBOX_QUEUE_RX;
    uint8_t text[MBOX_RX_HEADER_SIZE];

    if (length < sizeof(text) || !peer_is_honest) {
        return;
    }
    port->received += rx;
    if (elem->in_num > 1) {
        return;
    }
    iov_to_buf(elem->in_sg, elem->in_num, 0, text, sizeof(text));
    if (rx) {
        g_assert(ldq_le_p(text + MBOX_RX_SEQUENCE) > port->last_sequence);
        port->last_sequence = ldq_le_p(text + MBOX_RX_SEQUENCE);
    } else if (vq->index == MBOX_QUEUE_TX &&
               ldl_le_p(text + MBOX_TX_STATUS) == MBOX_STATUS_DELIVERED) {
        g_assert(++port->delivered <= port_opposite(port)->received);
    }
}

static void gone(VirtQueue *vq, const VirtQueueElement *elem)
{
    g_assert(vq->out-- > 0);
    free_copies(elem);
}

void virtqueue_push(VirtQueue *vq, const VirtQueueElement *elem,
                    unsigned int len)
{
    g_assert(len <= iov_size(elem->in_sg, elem->in_num));
    look(vq, elem, len);
    gone(vq, elem);
}

void virtqueue_detach_element(VirtQueue *vq, const VirtQueueElement *elem,
                              unsigned int len)
{
    gone(vq, elem);
}

void virtqueue_unpop(VirtQueue *vq, const VirtQueueElement *elem,
                     unsigned int len)
{
    gone(vq, elem);
    vq->waiting++;
}

bool virtqueue_rewind(VirtQueue *vq, unsigned int num)
{
    return false;
}

void queues_offer(Port *port, unsigned queue, unsigned n)
{
    VirtQueue *vq = &VIRTIO_DEVICE(port->m)->vq[queue];

    vq->waiting = MIN(vq->waiting + n, vq->size - vq->out);
    vq->endless = queue != MBOX_QUEUE_TX && vq->waiting && !draw(256) ?
                  ENDLESS : 0;
}

void queues_next_entry(Port *port)
{
    for (unsigned i = 0; port->m && i < MBOX_QUEUES; i++) {
        VirtQueue *vq = &VIRTIO_DEVICE(port->m)->vq[i];

        vq->endless = vq->endless ? ENDLESS : 0;
    }
}

void queues_notify(Port *port, unsigned queue)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(port->m);

    if (!vdev->broken) {        /* as virtio_queue_notify() */
        vdev->vq[queue].handle_output(vdev, &vdev->vq[queue]);
    }
}

/* What virtio_reset() does when the device has done its part */
void queues_reset(Port *port)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(port->m);

    vdev->broken = false;
    vdev->status = 0;
    for (unsigned i = 0; i < MBOX_QUEUES; i++) {
        g_assert(!vdev->vq[i].out);
        vdev->vq[i].waiting = vdev->vq[i].endless = 0;
        vdev->vq[i].notification = true;
    }
}
