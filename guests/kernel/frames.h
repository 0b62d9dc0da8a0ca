/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of 4 KiB, from pools.  What a pool knows of its frames lies in the
 * kernel's own memory, so that a pool may be memory that others write, too.
 */
#ifndef GUESTS_FRAMES_H
#define GUESTS_FRAMES_H

#include "lib.h"

struct pool {
    uint64_t base;
    uint32_t total, free, kept; /* frames */
    uint32_t *stack;            /* numbers of the free ones */
    uint8_t *taken;             /* by number: catches what is freed twice */
    volatile int lock;
};

/* Private memory, and what a partition shares with another. */
extern struct pool private_frames, window_frames;

/* Memory from @base to @end; what is to be known of it is put at *@books. */
void pool_init(struct pool *pool, uint64_t base, uint64_t end,
               uint64_t *books);
/* Zeroed, or 0 if there is none. */
uint64_t frame_alloc(struct pool *pool);
/* Dirty: for who writes all of it. */
uint64_t frame_alloc_dirty(struct pool *pool);
void frame_free(struct pool *pool, uint64_t frame);
uint32_t frames_free(const struct pool *pool);

/*
 * Instead of freed, until frames_give_back() of that keeper, from 1 to 254:
 * somebody may still write it.
 */
void frame_keep(struct pool *pool, uint64_t frame, unsigned keeper);
/* Frees those of a keeper among @n frames from number @first on. */
void frames_give_back(struct pool *pool, unsigned keeper, uint32_t first,
                      uint32_t n);

/* A part of a frame, that of 0 to FRAME_PARTS - 1. */
#define FRAME_PARTS     4
void frame_clear(uint64_t frame, int part);
void frame_copy(uint64_t to, uint64_t from, int part);

#endif
