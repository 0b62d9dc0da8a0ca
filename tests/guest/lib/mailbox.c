/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mailbox.h"

/* virtio 1.2, section 4.1.4 */
#define VIRTIO_CAP_TYPE         3
#define VIRTIO_CAP_BAR          4
#define VIRTIO_CAP_OFFSET       8
#define VIRTIO_CAP_MULTIPLIER   16
#define VIRTIO_CAP_COMMON       1
#define VIRTIO_CAP_NOTIFY       2
#define VIRTIO_CAP_DEVICE       4
#define VIRTIO_CAP_SHM          8

#define COMMON_FEATURE_SELECT   0x00
#define COMMON_FEATURE          0x04
#define COMMON_DRIVER_SELECT    0x08
#define COMMON_DRIVER_FEATURE   0x0c
#define COMMON_STATUS           0x14
#define COMMON_QUEUE_SELECT     0x16
#define COMMON_QUEUE_SIZE       0x18
#define COMMON_QUEUE_MSIX       0x1a
#define COMMON_QUEUE_ENABLE     0x1c
#define COMMON_QUEUE_NOTIFY_OFF 0x1e
#define COMMON_QUEUE_DESC       0x20
#define COMMON_QUEUE_AVAIL      0x28
#define COMMON_QUEUE_USED       0x30

#define STATUS_ACKNOWLEDGE      1
#define STATUS_DRIVER           2
#define STATUS_DRIVER_OK        4
#define STATUS_FEATURES_OK      8

#define F_VERSION_1_HIGH        1       /* bit 32 */
#define F_ACCESS_PLATFORM_HIGH  2       /* bit 33: a partition's device */
#define F_MAILBOX               (1 << MBOX_F_EVENTS | 1 << MBOX_F_POST |    \
                                 1 << MBOX_F_ROUTE | MBOX_F_EVENT_IDX)

#define DESC_NEXT               1
#define DESC_WRITE              2
#define USED_NO_NOTIFY          1

#define ENTRIES                 (2 * MBOX_RING)

static void write8(uint64_t at, uint8_t value)
{
    *(volatile uint8_t *)at = value;
}

static void write16(uint64_t at, uint16_t value)
{
    *(volatile uint16_t *)at = value;
}

static void write32(uint64_t at, uint32_t value)
{
    *(volatile uint32_t *)at = value;
}

static void write_address(uint64_t at, const volatile void *address)
{
    write32(at, (uint64_t)address);
    write32(at + 4, (uint64_t)address >> 32);
}

static uint16_t read16(uint64_t at)
{
    return *(volatile uint16_t *)at;
}

static uint32_t read32(uint64_t at)
{
    return *(volatile uint32_t *)at;
}

/* ---- Finding it ---- */

static uint64_t structure(struct mbox *m, int type, int *cap)
{
    for (*cap = pci_capability(&m->pci, PCI_CAP_VENDOR, 0); *cap;
         *cap = pci_capability(&m->pci, PCI_CAP_VENDOR, *cap)) {
        if (pci_read8(&m->pci, *cap + VIRTIO_CAP_TYPE) == type) {
            return pci_bar(&m->pci, pci_read8(&m->pci, *cap + VIRTIO_CAP_BAR)) +
                   pci_read32(&m->pci, *cap + VIRTIO_CAP_OFFSET);
        }
    }
    return 0;
}

bool mbox_find(struct mbox *m, int nth)
{
    int cap;

    if (!pci_find(&m->pci, MBOX_PCI_VENDOR, MBOX_PCI_DEVICE, nth)) {
        return false;
    }
    pci_enable(&m->pci);
    m->common = structure(m, VIRTIO_CAP_COMMON, &cap);
    m->device = structure(m, VIRTIO_CAP_DEVICE, &cap);
    m->shm = structure(m, VIRTIO_CAP_SHM, &cap);
    m->notify = structure(m, VIRTIO_CAP_NOTIFY, &cap);
    m->notify_multiplier = pci_read32(&m->pci, cap + VIRTIO_CAP_MULTIPLIER);
    return m->common && m->device && m->shm && m->notify &&
           mbox_config(m, MBOX_CFG_MAGIC) == MBOX_MAGIC &&
           mbox_config(m, MBOX_CFG_VERSION) == MBOX_VERSION;
}

uint32_t mbox_config(struct mbox *m, int field)
{
    return read32(m->device + field);
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
    write8(m->common + COMMON_STATUS, 0);
    while (*(volatile uint8_t *)(m->common + COMMON_STATUS)) {
        cpu_relax();
    }
}

static void add_status(struct mbox *m, uint8_t bit)
{
    volatile uint8_t *status = (volatile uint8_t *)(m->common + COMMON_STATUS);

    *status |= bit;
}

static uint32_t offered_high(struct mbox *m)
{
    write32(m->common + COMMON_FEATURE_SELECT, 1);
    return read32(m->common + COMMON_FEATURE);
}

static bool negotiate(struct mbox *m)
{
    m->event_idx = !(m->refused & MBOX_F_EVENT_IDX);
    add_status(m, STATUS_ACKNOWLEDGE);
    add_status(m, STATUS_DRIVER);
    write32(m->common + COMMON_DRIVER_SELECT, 0);
    write32(m->common + COMMON_DRIVER_FEATURE, F_MAILBOX & ~m->refused);
    write32(m->common + COMMON_DRIVER_SELECT, 1);
    write32(m->common + COMMON_DRIVER_FEATURE, F_VERSION_1_HIGH |
            (offered_high(m) & F_ACCESS_PLATFORM_HIGH));
    add_status(m, STATUS_FEATURES_OK);
    return *(volatile uint8_t *)(m->common + COMMON_STATUS) &
           STATUS_FEATURES_OK;
}

static void set_up_queue(struct mbox *m, int n)
{
    struct mbox_queue *q = &m->queue[n];

    memset(q, 0, sizeof(*q));
    write16(m->common + COMMON_QUEUE_SELECT, n);
    write16(m->common + COMMON_QUEUE_SIZE, ENTRIES);
    write_address(m->common + COMMON_QUEUE_DESC, q->desc);
    write_address(m->common + COMMON_QUEUE_AVAIL, &q->avail);
    write_address(m->common + COMMON_QUEUE_USED, &q->used);
    q->notify = (volatile uint16_t *)(m->notify + m->notify_multiplier *
        read16(m->common + COMMON_QUEUE_NOTIFY_OFF));
    write16(m->common + COMMON_QUEUE_ENABLE, 1);
}

static void describe(struct mbox_queue *q, int i, const volatile void *at,
                     uint32_t length, uint16_t flags, uint16_t next)
{
    q->desc[i] = (struct mbox_desc) {
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
                 sizeof(m->receive[i]), DESC_WRITE, 0);
        describe(&m->queue[MBOX_QUEUE_EVENTS], i, m->event[i],
                 sizeof(m->event[i]), DESC_WRITE, 0);
        make_available(&m->queue[MBOX_QUEUE_RX], i);
        make_available(&m->queue[MBOX_QUEUE_EVENTS], i);
    }
}

bool mbox_start(struct mbox *m)
{
    mbox_reset(m);
    if (!negotiate(m)) {
        return false;
    }
    for (int i = 0; i < MBOX_QUEUES; i++) {
        set_up_queue(m, i);
    }
    offer_buffers(m);
    add_status(m, STATUS_DRIVER_OK);
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

    describe(q, 0, text, length, DESC_NEXT, 1);
    describe(q, 1, m->report, sizeof(m->report), DESC_WRITE, 0);
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
uint32_t mbox_send_batch(struct mbox *m, const void *text, uint32_t length,
                         uint32_t n)
{
    struct mbox_queue *q = &m->queue[MBOX_QUEUE_TX];

    for (uint32_t i = 0; i < n; i++) {
        describe(q, 2 * i, text, length, DESC_NEXT, 2 * i + 1);
        describe(q, 2 * i + 1, m->report, sizeof(m->report), DESC_WRITE, 0);
        make_available(q, 2 * i);
    }
    kick(m, MBOX_QUEUE_TX);
    while ((uint16_t)(q->used.idx - q->seen) < n) {
        cpu_relax();
    }
    take(q, n);
    return n;
}

/* The buffer of the next used entry; -1 if there is none. */
static int take_used(struct mbox *m, int n)
{
    struct mbox_queue *q = &m->queue[n];
    int id;

    if (!has_used(q)) {
        return -1;
    }
    id = q->used.ring[q->seen % ENTRIES].id;
    take(q, 1);
    return id;
}

uint32_t mbox_receive(struct mbox *m, void *text)
{
    int id = take_used(m, MBOX_QUEUE_RX);
    uint32_t length;

    if (id < 0) {
        return 0;
    }
    length = *(uint32_t *)(m->receive[id] + MBOX_RX_LENGTH);
    memcpy(text, m->receive[id] + MBOX_RX_HEADER_SIZE, length);
    make_available(&m->queue[MBOX_QUEUE_RX], id);
    kick(m, MBOX_QUEUE_RX);
    return length;
}

bool mbox_event(struct mbox *m, uint8_t *event)
{
    int id = take_used(m, MBOX_QUEUE_EVENTS);

    if (id < 0) {
        return false;
    }
    memcpy(event, m->event[id], MBOX_EVENT_SIZE);
    make_available(&m->queue[MBOX_QUEUE_EVENTS], id);
    return true;
}

/* ---- Interrupts ---- */

void mbox_queue_msix(struct mbox *m, int queue, int entry)
{
    write16(m->common + COMMON_QUEUE_SELECT, queue);
    write16(m->common + COMMON_QUEUE_MSIX, entry);
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
