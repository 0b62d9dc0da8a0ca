/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A driver for virtio-blk: one request at a time, by polling. */
#ifndef BLK_H
#define BLK_H

#include "virtio.h"

#define BLK_SECTOR      512
#define BLK_ENTRIES     4
#define BLK_OK          0

struct blk_rings {
    struct virtio_desc desc[BLK_ENTRIES];
    struct {
        volatile uint16_t flags, idx, ring[BLK_ENTRIES];
    } avail;
    struct {
        volatile uint16_t flags, idx;
        struct {
            volatile uint32_t id, len;
        } ring[BLK_ENTRIES];
    } used __attribute__((aligned(4)));
} __attribute__((aligned(16)));

struct blk {
    struct virtio v;
    volatile uint16_t *notify;
    uint16_t seen;                      /* of used.idx */
    struct blk_rings rings;
    struct { uint32_t type, reserved; uint64_t sector; } header;
    volatile uint8_t status;
};

bool blk_find(struct blk *b, int nth);
/* With @rings, which may be anywhere: the driver writes to b->rings only. */
bool blk_start(struct blk *b, uint64_t rings);
void blk_notify(struct blk *b);
/* One sector from or to @at, which the device uses and nobody looks at. */
uint8_t blk_read(struct blk *b, uint64_t sector, uint64_t at);
uint8_t blk_write(struct blk *b, uint64_t sector, uint64_t at);

#endif
