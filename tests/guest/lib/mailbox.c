/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mailbox.h"

#define F_MAILBOX               (1 << MBOX_F_EVENTS | 1 << MBOX_F_POST |    \
                                 1 << MBOX_F_ROUTE | MBOX_F_EVENT_IDX)

#define USED_NO_NOTIFY          1

#define ENTRIES                 (2 * MBOX_RING)

static void write32(uint64_t at, uint32_t value)
{
    *(volatile uint32_t *)at = value;
}

static uint32_t read32(uint64_t at)
{
    return *(volatile uint32_t *)at;
}

/* ---- Finding it ---- */

bool mbox_find(struct mbox *m, int nth)
{
    int cap;

    if (!virtio_find(&m->v, MBOX_PCI_DEVICE, nth)) {
        return false;
    }
    m->shm = virtio_structure(&m->v, VIRTIO_CAP_SHM, &cap);
    return m->shm && mbox_config(m, MBOX_CFG_MAGIC) == MBOX_MAGIC &&
           mbox_config(m, MBOX_CFG_VERSION) == MBOX_VERSION;
}

uint32_t mbox_config(struct mbox *m, int field)
{
    return read32(m->v.device + field);
}

uint32_t mbox_read(struct mbox *m, int reg)
{
    return read32(m->shm + MBOX_REGS_OFFSET + reg);
}

uint64_t mbox_read64(struct mbox *m, int reg)
{
    return *(volatile uint64_t *)(m->shm + MBOX_REGS_OFFSET + reg);
}

void mbox_write(struct mbox *m, int reg, uint32_t value)
{
    write32(m->shm + MBOX_REGS_OFFSET + reg, value);
}

void mbox_write64(struct mbox *m, int reg, uint64_t value)
{
    *(volatile uint64_t *)(m->shm + MBOX_REGS_OFFSET + reg) = value;
}

uint64_t mbox_counter(struct mbox *m, int counter)
{
    return mbox_read64(m, MBOX_REG_COUNTERS + 8 * counter);
}

/* ---- Starting it ---- */

void mbox_reset(struct mbox *m)
{
    virtio_reset(&m->v);
}

static void set_up_queue(struct mbox *m, int n)
{
    struct mbox_queue *q = &m->queue[n];

    memset(q, 0, sizeof(*q));
    q->notify = virtio_queue(&m->v, n, ENTRIES, q->desc, &q->avail, &q->used);
}

static void describe(struct mbox_queue *q, int i, const volatile void *at,
                     uint32_t length, uint16_t flags, uint16_t next)
{
    q->desc[i] = (struct virtio_desc) {
        .addr = (uint64_t)at, .len = length, .flags = flags, .next = next,
    };
}

/* x86 keeps stores in order; the compiler must, too. */
static void make_available(struct mbox_queue *q, uint16_t head)
{
    q->avail.ring[q->avail.idx % ENTRIES] = head;
    asm volatile("" : : : "memory");
    q->avail.idx++;
}

/* virtio 1.2, 2.7.10: has the entry been passed that the device waits for? */
static bool wants_kick(struct mbox *m, struct mbox_queue *q)
{
    uint16_t added = q->avail.idx - q->told;

    q->told = q->avail.idx;
    if (!m->event_idx) {
        return !(q->used.flags & USED_NO_NOTIFY);
    }
    return (uint16_t)(q->avail.idx - q->used.avail_event - 1) < added;
}

static void kick(struct mbox *m, int n)
{
    asm volatile("mfence" : : : "memory");
    if (wants_kick(m, &m->queue[n])) {
        *m->queue[n].notify = n;
    }
}

static void offer_buffers(struct mbox *m)
{
    for (int i = 0; i < MBOX_RING; i++) {
        describe(&m->queue[MBOX_QUEUE_RX], i, m->receive[i],
                 sizeof(m->receive[i]), VIRTIO_DESC_WRITE, 0);
        describe(&m->queue[MBOX_QUEUE_EVENTS], i, m->event[i],
                 sizeof(m->event[i]), VIRTIO_DESC_WRITE, 0);
        make_available(&m->queue[MBOX_QUEUE_RX], i);
        make_available(&m->queue[MBOX_QUEUE_EVENTS], i);
    }
}

bool mbox_start(struct mbox *m)
{
    mbox_reset(m);
    m->event_idx = !(m->refused & MBOX_F_EVENT_IDX);
    if (!virtio_negotiate(&m->v, F_MAILBOX & ~m->refused)) {
        return false;
    }
    for (int i = 0; i < MBOX_QUEUES; i++) {
        set_up_queue(m, i);
    }
    offer_buffers(m);
    virtio_start(&m->v);
    kick(m, MBOX_QUEUE_RX);
    return true;
}

/* ---- Messages ---- */

static bool has_used(struct mbox_queue *q)
{
    return q->used.idx != q->seen;
}

/* The next interrupt is for what comes behind these. */
static void take(struct mbox_queue *q, uint16_t n)
{
    q->seen += n;
    q->avail.used_event = q->seen;
    asm volatile("mfence" : : : "memory");
}

void mbox_send_start(struct mbox *m, const void *text, uint32_t length)
{
    struct mbox_queue *q = &m->queue[MBOX_QUEUE_TX];

    describe(q, 0, text, length, VIRTIO_DESC_NEXT, 1);
    describe(q, 1, m->report, sizeof(m->report), VIRTIO_DESC_WRITE, 0);
    make_available(q, 0);
    kick(m, MBOX_QUEUE_TX);
}

uint32_t mbox_send_status(struct mbox *m)
{
    struct mbox_queue *q = &m->queue[MBOX_QUEUE_TX];

    if (!has_used(q)) {
        return 0;
    }
    take(q, 1);
    return *(volatile uint32_t *)(m->report + MBOX_TX_STATUS);
}

uint32_t mbox_send(struct mbox *m, const void *text, uint32_t length)
{
    uint32_t status = 0;

    mbox_send_start(m, text, length);
    return WAIT_FOR((status = mbox_send_status(m))) ? status : 0;
}

/* One report for all: only their number is looked at. */
static void send_ring(struct mbox *m, const void *text, uint32_t length,
                      uint32_t n)
{
    struct mbox_queue *q = &m->queue[MBOX_QUEUE_TX];

    for (uint32_t i = 0; i < n; i++) {
        describe(q, 2 * i, text, length, VIRTIO_DESC_NEXT, 2 * i + 1);
        describe(q, 2 * i + 1, m->report, sizeof(m->report),
                 VIRTIO_DESC_WRITE, 0);
        make_available(q, 2 * i);
    }
    kick(m, MBOX_QUEUE_TX);
    while ((uint16_t)(q->used.idx - q->seen) < n) {
        cpu_relax();
    }
    take(q, n);
}

bool mbox_send_more(struct mbox *m, const void *text, uint32_t length)
{
    struct mbox_queue *q = &m->queue[MBOX_QUEUE_TX];
    uint16_t head = 2 * (q->avail.idx % MBOX_RING);

    take(q, q->used.idx - q->seen);
    if ((uint16_t)(q->avail.idx - q->seen) >= MBOX_RING) {
        return false;
    }
    describe(q, head, text, length, VIRTIO_DESC_NEXT, head + 1);
    describe(q, head + 1, m->report, sizeof(m->report), VIRTIO_DESC_WRITE, 0);
    make_available(q, head);
    kick(m, MBOX_QUEUE_TX);
    return true;
}

uint32_t mbox_send_batch(struct mbox *m, const void *text, uint32_t length,
                         uint32_t n)
{
    for (uint32_t left = n, part; left; left -= part) {
        part = left < MBOX_RING ? left : MBOX_RING;
        send_ring(m, text, length, part);
    }
    return n;
}

/* The buffer of the next used entry and what is in it; -1 if there is none. */
static int take_used(struct mbox *m, int n, uint32_t *length)
{
    struct mbox_queue *q = &m->queue[n];
    int id;

    if (!has_used(q)) {
        return -1;
    }
    id = q->used.ring[q->seen % ENTRIES].id;
    *length = q->used.ring[q->seen % ENTRIES].len;
    take(q, 1);
    return id;
}

/* What came, not what the buffer says: an empty one has its last header. */
uint32_t mbox_receive(struct mbox *m, void *text)
{
    uint32_t length = 0;
    int id;

    while (!length && (id = take_used(m, MBOX_QUEUE_RX, &length)) >= 0) {
        length = length > MBOX_RX_HEADER_SIZE ? length - MBOX_RX_HEADER_SIZE :
                 0;
        memcpy(text, m->receive[id] + MBOX_RX_HEADER_SIZE, length);
        make_available(&m->queue[MBOX_QUEUE_RX], id);
        kick(m, MBOX_QUEUE_RX);
    }
    return length;
}

bool mbox_event(struct mbox *m, uint8_t *event)
{
    uint32_t length = 0;
    int id;

    while (!length && (id = take_used(m, MBOX_QUEUE_EVENTS, &length)) >= 0) {
        memcpy(event, m->event[id], MBOX_EVENT_SIZE);
        make_available(&m->queue[MBOX_QUEUE_EVENTS], id);
    }
    return length;
}

/* ---- Interrupts ---- */

void mbox_queue_msix(struct mbox *m, int queue, int entry)
{
    virtio_queue_msix(&m->v, queue, entry);
}

bool mbox_bind(struct mbox *m, const volatile void *upid, int uv, bool x2apic)
{
    mbox_write64(m, MBOX_REG_BIND_ADDRESS, (uint64_t)upid);
    mbox_write(m, MBOX_REG_BIND_VECTOR, uv);
    mbox_write(m, MBOX_REG_BIND_CONTROL,
               MBOX_BIND_ENABLE | (x2apic ? MBOX_BIND_X2APIC : 0));
    return mbox_read(m, MBOX_REG_BIND_STATUS) == MBOX_BIND_ON;
}

uint32_t mbox_ring(struct mbox *m, int doorbell)
{
    mbox_write(m, MBOX_REG_DOORBELL, doorbell);
    return mbox_read(m, MBOX_REG_RING_STATUS + 4 * doorbell);
}
