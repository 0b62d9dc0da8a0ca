// SPDX-License-Identifier: GPL-2.0-or-later
/* The three queues: messages out with their reports, messages in, events. */
#include <linux/completion.h>
#include <linux/refcount.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virtio_config.h>

#include "mailbox.h"

#define RX_BUFFERS	64
#define RX_ROOM		(4096 - 64)	/* so that a buffer is a page */
#define EVENT_BUFFERS	16

/* Two have it: who waits for the report, and the device. */
struct tx {
	struct mailbox *m;
	refcount_t uses;
	struct completion reported;
	bool returned;			/* by a reset, unreported */
	__le32 report[MBOX_TX_REPORT_SIZE / 4];
	u8 data[];
};

struct rx {
	struct list_head entry;
	u32 length;
	u8 header[MBOX_RX_HEADER_SIZE] __aligned(8);
	u8 data[RX_ROOM];
};

/* ---- transmitting ---- */

static void tx_free(struct tx *tx)
{
	atomic_dec(&tx->m->messages);
	kfree(tx);
}

static void tx_put(struct tx *tx)
{
	if (refcount_dec_and_test(&tx->uses))
		tx_free(tx);
}

static void tx_done(struct virtqueue *vq)
{
	struct mailbox *m = vq->vdev->priv;
	unsigned long flags;
	struct tx *tx;
	u32 length;

	spin_lock_irqsave(&m->tx_lock, flags);
	while ((tx = virtqueue_get_buf(vq, &length))) {
		complete(&tx->reported);
		tx_put(tx);
	}
	spin_unlock_irqrestore(&m->tx_lock, flags);
	wake_up_interruptible(&m->wait);
}

static struct tx *tx_make(struct mailbox *m, const char __user *from, size_t bytes)
{
	struct tx *tx = kmalloc(struct_size(tx, data, bytes), GFP_KERNEL | __GFP_NOWARN);

	if (!tx)
		return ERR_PTR(-ENOMEM);
	tx->m = m;
	atomic_inc(&m->messages);
	refcount_set(&tx->uses, 2);
	init_completion(&tx->reported);
	tx->returned = false;
	memset(tx->report, 0, sizeof(tx->report));
	if (copy_from_user(tx->data, from, bytes)) {
		tx_free(tx);
		return ERR_PTR(-EFAULT);
	}
	return tx;
}

static int tx_add(struct mailbox *m, struct tx *tx, size_t bytes)
{
	struct virtqueue *vq = m->vqs[MBOX_QUEUE_TX];
	struct scatterlist out, in, *lists[] = { &out, &in };
	unsigned long flags;
	int error;

	sg_init_one(&out, tx->data, bytes);
	sg_init_one(&in, tx->report, sizeof(tx->report));
	spin_lock_irqsave(&m->tx_lock, flags);
	error = m->gone ? -ENODEV :
		virtqueue_add_sgs(vq, lists, 1, 1, tx, GFP_ATOMIC);
	if (!error)
		virtqueue_kick(vq);
	spin_unlock_irqrestore(&m->tx_lock, flags);
	return error;
}

static ssize_t fate(const struct tx *tx, size_t bytes)
{
	switch (tx->returned ? 0 : le32_to_cpu(tx->report[0])) {
	case MBOX_STATUS_DELIVERED:
		return bytes;
	case MBOX_STATUS_REFUSED:
		return -EINVAL;
	case MBOX_STATUS_PEER_GONE:
		return -ENOTCONN;
	case MBOX_STATUS_TOO_LONG:
		return -EMSGSIZE;
	default:
		return -ECONNRESET;
	}
}

/* A full ring: until there is room, the device is gone, or a signal comes. */
static int tx_add_waiting(struct mailbox *m, struct tx *tx, size_t bytes,
			  bool wait)
{
	int error = tx_add(m, tx, bytes);

	while (error == -ENOSPC && wait) {
		if (wait_event_interruptible(m->wait, mailbox_has_room(m)))
			return -ERESTARTSYS;
		error = tx_add(m, tx, bytes);
	}
	return error == -ENOSPC ? -EAGAIN : error;
}

ssize_t mailbox_send(struct mailbox *m, const char __user *from, size_t bytes,
		     bool wait)
{
	struct tx *tx;
	ssize_t result;

	if (!bytes || bytes > m->max_message)
		return bytes ? -EMSGSIZE : -EINVAL;
	tx = tx_make(m, from, bytes);
	if (IS_ERR(tx))
		return PTR_ERR(tx);
	result = tx_add_waiting(m, tx, bytes, wait);
	if (result) {
		tx_free(tx);
		return result;
	}
	result = bytes;
	if (wait)
		result = wait_for_completion_interruptible(&tx->reported) ?
			 -EINTR : fate(tx, bytes);
	tx_put(tx);
	return result;
}

bool mailbox_has_room(struct mailbox *m)
{
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&m->tx_lock, flags);
	room = m->gone || m->vqs[MBOX_QUEUE_TX]->num_free >= 2;
	spin_unlock_irqrestore(&m->tx_lock, flags);
	return room;
}

/* ---- receiving ---- */

/* With rx_lock */
static void rx_give(struct mailbox *m, struct rx *rx)
{
	struct virtqueue *vq = m->vqs[MBOX_QUEUE_RX];
	struct scatterlist in;

	sg_init_one(&in, rx->header, sizeof(rx->header) + sizeof(rx->data));
	if (virtqueue_add_inbuf(vq, &in, 1, rx, GFP_ATOMIC))
		kfree(rx);
	else
		virtqueue_kick(vq);
}

/* Bounded by what the device says it has written, and by the room. */
static u32 rx_length(const struct rx *rx, u32 written)
{
	u32 length = le32_to_cpup((const __le32 *)(rx->header + MBOX_RX_LENGTH));

	if (written < MBOX_RX_HEADER_SIZE)
		return 0;
	return min3(length, written - MBOX_RX_HEADER_SIZE, (u32)RX_ROOM);
}

/* While the queue is bound to a UPID nobody interrupts for it: see for it. */
static void rx_harvest(struct mailbox *m)
{
	u32 written;
	struct rx *rx;

	while ((rx = virtqueue_get_buf(m->vqs[MBOX_QUEUE_RX], &written))) {
		rx->length = rx_length(rx, written);
		if (rx->length)
			list_add_tail(&rx->entry, &m->rx_ready);
		else
			rx_give(m, rx);
	}
}

static void rx_done(struct virtqueue *vq)
{
	struct mailbox *m = vq->vdev->priv;
	unsigned long flags;

	spin_lock_irqsave(&m->rx_lock, flags);
	rx_harvest(m);
	spin_unlock_irqrestore(&m->rx_lock, flags);
	wake_up_interruptible(&m->wait);
}

bool mailbox_has_message(struct mailbox *m)
{
	unsigned long flags;
	bool some;

	spin_lock_irqsave(&m->rx_lock, flags);
	if (!m->gone)
		rx_harvest(m);
	some = m->gone || !list_empty(&m->rx_ready);
	spin_unlock_irqrestore(&m->rx_lock, flags);
	return some;
}

static struct rx *rx_pop(struct mailbox *m)
{
	struct rx *rx;

	spin_lock_irq(&m->rx_lock);
	rx = list_first_entry_or_null(&m->rx_ready, struct rx, entry);
	if (rx)
		list_del(&rx->entry);
	spin_unlock_irq(&m->rx_lock);
	return rx;
}

/* Taken, or to be the next one again; the device may have gone meanwhile. */
static void rx_return(struct mailbox *m, struct rx *rx, bool taken)
{
	spin_lock_irq(&m->rx_lock);
	if (m->gone)
		kfree(rx);
	else if (taken)
		rx_give(m, rx);
	else
		list_add(&rx->entry, &m->rx_ready);
	spin_unlock_irq(&m->rx_lock);
}

static ssize_t take_message(struct mailbox *m, char __user *to, size_t room)
{
	struct rx *rx = rx_pop(m);
	ssize_t bytes;

	if (!rx)
		return READ_ONCE(m->gone) ? -ENODEV : -EAGAIN;
	bytes = rx->length;
	if (bytes > room)
		bytes = -EMSGSIZE;
	else if (copy_to_user(to, rx->data, bytes))
		bytes = -EFAULT;
	rx_return(m, rx, bytes >= 0);
	return bytes;
}

/* Another reader may hold it for as long as its page faults take. */
static int rx_lock_reader(struct mailbox *m, bool wait)
{
	if (!wait)
		return mutex_trylock(&m->rx_reader) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(&m->rx_reader) ? -ERESTARTSYS : 0;
}

ssize_t mailbox_receive(struct mailbox *m, char __user *to, size_t room,
			bool wait)
{
	ssize_t result;

	do {
		if (wait && wait_event_interruptible(m->wait,
						     mailbox_has_message(m)))
			return -ERESTARTSYS;
		if (!wait && !mailbox_has_message(m))
			return -EAGAIN;
		result = rx_lock_reader(m, wait);
		if (result)
			return result;
		result = take_message(m, to, room);
		mutex_unlock(&m->rx_reader);
	} while (result == -EAGAIN && wait);
	return result;
}

/* ---- events ---- */

static void event_give(struct virtqueue *vq, u8 *event)
{
	struct scatterlist in;

	sg_init_one(&in, event, MBOX_EVENT_SIZE);
	if (virtqueue_add_inbuf(vq, &in, 1, event, GFP_ATOMIC))
		kfree(event);
	else
		virtqueue_kick(vq);
}

static void event_done(struct virtqueue *vq)
{
	struct mailbox *m = vq->vdev->priv;
	unsigned long flags;
	u32 written;
	u8 *event;

	spin_lock_irqsave(&m->event_lock, flags);
	while ((event = virtqueue_get_buf(vq, &written))) {
		if (written == MBOX_EVENT_SIZE)
			mailbox_add_event(m, event);
		event_give(vq, event);
	}
	spin_unlock_irqrestore(&m->event_lock, flags);
	wake_up_interruptible(&m->wait);
}

/* ---- coming and going ---- */

int mailbox_queues_start(struct mailbox *m)
{
	static vq_callback_t *const done[] = { tx_done, rx_done, event_done };
	static const char *const names[] = { "transmit", "receive", "events" };

	return virtio_find_vqs(m->vdev, MBOX_QUEUES, m->vqs,
			       (vq_callback_t **)done, names, NULL);
}

void mailbox_queues_fill(struct mailbox *m)
{
	unsigned long flags;
	int i;

	for (i = 0; i < RX_BUFFERS; i++) {
		struct rx *rx = kmalloc(sizeof(*rx), GFP_KERNEL);

		spin_lock_irqsave(&m->rx_lock, flags);
		if (rx)
			rx_give(m, rx);
		spin_unlock_irqrestore(&m->rx_lock, flags);
	}
	for (i = 0; i < EVENT_BUFFERS; i++) {
		u8 *event = kmalloc(MBOX_EVENT_SIZE, GFP_KERNEL);

		spin_lock_irqsave(&m->event_lock, flags);
		if (event)
			event_give(m->vqs[MBOX_QUEUE_EVENTS], event);
		spin_unlock_irqrestore(&m->event_lock, flags);
	}
}

/* Readers may still look for them. */
static void free_ready(struct mailbox *m)
{
	struct rx *rx, *next;
	LIST_HEAD(ready);

	spin_lock_irq(&m->rx_lock);
	list_splice_init(&m->rx_ready, &ready);
	spin_unlock_irq(&m->rx_lock);
	list_for_each_entry_safe(rx, next, &ready, entry)
		kfree(rx);
}

/* The device has been reset: what it had comes back unreported. */
void mailbox_queues_stop(struct mailbox *m)
{
	struct tx *tx;
	void *buffer;

	while ((tx = virtqueue_detach_unused_buf(m->vqs[MBOX_QUEUE_TX]))) {
		tx->returned = true;
		complete(&tx->reported);
		tx_put(tx);
	}
	while ((buffer = virtqueue_detach_unused_buf(m->vqs[MBOX_QUEUE_RX])))
		kfree(buffer);
	while ((buffer = virtqueue_detach_unused_buf(m->vqs[MBOX_QUEUE_EVENTS])))
		kfree(buffer);
	free_ready(m);
	m->vdev->config->del_vqs(m->vdev);
}
