/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "blk.h"

#define PCI_DEVICE      0x1042
#define TYPE_READ       0
#define TYPE_WRITE      1
#define UNKNOWN         0xff

bool blk_find(struct blk *b, int nth)
{
    return virtio_find(&b->v, PCI_DEVICE, nth);
}

bool blk_start(struct blk *b, uint64_t rings)
{
    struct blk_rings *there = (struct blk_rings *)rings;

    virtio_reset(&b->v);
    if (!virtio_negotiate(&b->v, 0)) {
        return false;
    }
    memset(&b->rings, 0, sizeof(b->rings));
    b->seen = 0;
    b->notify = virtio_queue(&b->v, 0, BLK_ENTRIES, there->desc, &there->avail,
                             &there->used);
    virtio_start(&b->v);
    return true;
}

void blk_notify(struct blk *b)
{
    *b->notify = 0;
}

static void describe(struct blk *b, int i, const volatile void *at,
                     uint32_t length, uint16_t flags)
{
    b->rings.desc[i] = (struct virtio_desc) {
        .addr = (uint64_t)at, .len = length, .flags = flags, .next = i + 1,
    };
}

static uint8_t transfer(struct blk *b, uint32_t type, uint64_t sector,
                        uint64_t at)
{
    b->header.type = type;
    b->header.sector = sector;
    b->status = UNKNOWN;
    describe(b, 0, &b->header, sizeof(b->header), VIRTIO_DESC_NEXT);
    describe(b, 1, (void *)at, BLK_SECTOR, VIRTIO_DESC_NEXT |
             (type == TYPE_READ ? VIRTIO_DESC_WRITE : 0));
    describe(b, 2, &b->status, 1, VIRTIO_DESC_WRITE);
    b->rings.avail.ring[b->rings.avail.idx % BLK_ENTRIES] = 0;
    asm volatile("" : : : "memory");
    b->rings.avail.idx++;
    asm volatile("mfence" : : : "memory");
    blk_notify(b);
    if (!WAIT_FOR(b->rings.used.idx != b->seen)) {
        return UNKNOWN;
    }
    b->seen++;
    return b->status;
}

uint8_t blk_read(struct blk *b, uint64_t sector, uint64_t at)
{
    return transfer(b, TYPE_READ, sector, at);
}

uint8_t blk_write(struct blk *b, uint64_t sector, uint64_t at)
{
    return transfer(b, TYPE_WRITE, sector, at);
}
