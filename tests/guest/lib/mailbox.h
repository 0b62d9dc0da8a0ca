/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver for virtio-uintr-mailbox: polling, MSI-X, or posted user
 * interrupts.  One caller at a time per endpoint.
 */
#ifndef GUEST_MAILBOX_H
#define GUEST_MAILBOX_H

#include <farbell/mailbox.h>

#include "virtio.h"

#define MBOX_RING       64      /* entries that the driver uses of a queue */
#define MBOX_F_EVENT_IDX (1u << 29) /* virtio's VIRTIO_RING_F_EVENT_IDX */
#define MBOX_BUFFER     256     /* bytes of a message at most */

struct mbox_queue {
    struct virtio_desc desc[2 * MBOX_RING];
    struct {
        volatile uint16_t flags, idx, ring[2 * MBOX_RING], used_event;
    } avail;
    struct {
        volatile uint16_t flags, idx;
        struct {
            volatile uint32_t id, len;
        } ring[2 * MBOX_RING];
        volatile uint16_t avail_event;
    } used __attribute__((aligned(4)));
    volatile uint16_t *notify;
    uint16_t seen;                      /* of used.idx */
    uint16_t told;                      /* of avail.idx, to the device */
} __attribute__((aligned(16)));

struct mbox {
    struct virtio v;
    uint64_t shm;
    uint32_t refused;                   /* features that are not taken */
    bool event_idx;
    struct mbox_queue queue[MBOX_QUEUES];
    uint8_t receive[MBOX_RING][MBOX_RX_HEADER_SIZE + MBOX_BUFFER];
    uint8_t event[MBOX_RING][MBOX_EVENT_SIZE];
    uint8_t report[MBOX_TX_REPORT_SIZE];
};

/* The @nth mailbox of this machine; false if there is none. */
bool mbox_find(struct mbox *m, int nth);
void mbox_reset(struct mbox *m);
/* Negotiate all but m->refused, give the device all buffers, DRIVER_OK. */
bool mbox_start(struct mbox *m);

uint32_t mbox_config(struct mbox *m, int field);
uint32_t mbox_read(struct mbox *m, int reg);
uint64_t mbox_read64(struct mbox *m, int reg);
void mbox_write(struct mbox *m, int reg, uint32_t value);
void mbox_write64(struct mbox *m, int reg, uint64_t value);
uint64_t mbox_counter(struct mbox *m, int counter);

/* Hand it over, and later ask; 0 while it is on its way. */
void mbox_send_start(struct mbox *m, const void *text, uint32_t length);
uint32_t mbox_send_status(struct mbox *m);
/*
 * One more, however many are on their way and whatever became of those before;
 * false: MBOX_RING of them are.
 */
bool mbox_send_more(struct mbox *m, const void *text, uint32_t length);
/* Both, with PAUSE between; 0 after about two seconds. */
uint32_t mbox_send(struct mbox *m, const void *text, uint32_t length);

/* The same text @n times, notified once for each MBOX_RING; gives n. */
uint32_t mbox_send_batch(struct mbox *m, const void *text, uint32_t length,
                         uint32_t n);

/*
 * Bytes of the next message, its buffer given back; 0 if there is none.  The
 * device hears of the buffer if it waits for one (MB19).
 */
uint32_t mbox_receive(struct mbox *m, void *text);
/* The next event, as MBOX_EVENT_* say; false if there is none. */
bool mbox_event(struct mbox *m, uint8_t *event);

/* MSI-X: queue or doorbell @n interrupts by @entry (see pci_msix()). */
void mbox_queue_msix(struct mbox *m, int queue, int entry);
/* Posting: messages are announced by user vector @uv in @upid. */
bool mbox_bind(struct mbox *m, const volatile void *upid, int uv, bool x2apic);
/* Ring, and what became of it: MBOX_RING_*. */
uint32_t mbox_ring(struct mbox *m, int doorbell);

#endif
