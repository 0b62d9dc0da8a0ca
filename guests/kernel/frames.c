/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "frames.h"

struct pool private_frames, window_frames;

/* REP STOSQ and MOVSQ: under icount each turn is an instruction. */
#define PART            (PAGE_SIZE / FRAME_PARTS)
#define TAKEN           1               /* more: kept, by that less 1 */

void frame_clear(uint64_t frame, int part)
{
    uint64_t words = PART / 8;

    frame += part * PART;
    asm volatile("rep stosq" : "+D"(frame), "+c"(words) : "a"(0) : "memory");
}

void frame_copy(uint64_t to, uint64_t from, int part)
{
    uint64_t words = PART / 8;

    to += part * PART;
    from += part * PART;
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)
                 : : "memory");
}

void pool_init(struct pool *pool, uint64_t base, uint64_t end,
               uint64_t *books)
{
    uint32_t total = (end - base) / PAGE_SIZE;

    *pool = (struct pool) {
        .base = base, .total = total, .free = total,
        .stack = (uint32_t *)*books,
        .taken = (uint8_t *)(*books + total * sizeof(uint32_t)),
    };
    *books += total * (sizeof(uint32_t) + 1);
    *books = (*books + PAGE_SIZE - 1) & -PAGE_SIZE;
    memset(pool->taken, 0, total);
    for (uint32_t i = 0; i < total; i++) {
        pool->stack[i] = total - 1 - i;     /* the lowest comes first */
    }
}

static void lock(struct pool *pool)
{
    while (__atomic_exchange_n(&pool->lock, 1, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
}

static void unlock(struct pool *pool)
{
    __atomic_store_n(&pool->lock, 0, __ATOMIC_RELEASE);
}

uint64_t frame_alloc_dirty(struct pool *pool)
{
    uint64_t frame = 0;

    lock(pool);
    if (pool->free) {
        uint32_t number = pool->stack[--pool->free];

        pool->taken[number] = TAKEN;
        frame = pool->base + number * PAGE_SIZE;
    }
    unlock(pool);
    return frame;
}

uint64_t frame_alloc(struct pool *pool)
{
    uint64_t frame = frame_alloc_dirty(pool);

    for (int part = 0; frame && part < FRAME_PARTS; part++) {
        frame_clear(frame, part);
    }
    return frame;
}

static uint64_t taken_number(const struct pool *pool, uint64_t frame)
{
    uint64_t number = (frame - pool->base) / PAGE_SIZE;

    if (frame < pool->base || number >= pool->total ||
        pool->taken[number] != TAKEN) {
        fatal("frame %lx is freed, but was not taken", frame);
    }
    return number;
}

static void put_back(struct pool *pool, uint32_t number)
{
    pool->taken[number] = 0;
    pool->stack[pool->free++] = number;
}

void frame_free(struct pool *pool, uint64_t frame)
{
    lock(pool);
    put_back(pool, taken_number(pool, frame));
    unlock(pool);
}

void frame_keep(struct pool *pool, uint64_t frame, unsigned keeper)
{
    lock(pool);
    pool->taken[taken_number(pool, frame)] = TAKEN + keeper;
    pool->kept++;
    unlock(pool);
}

void frames_give_back(struct pool *pool, unsigned keeper, uint32_t first,
                      uint32_t n)
{
    lock(pool);
    for (uint32_t i = first; i < first + n && i < pool->total; i++) {
        if (pool->taken[i] == TAKEN + keeper) {
            put_back(pool, i);
            pool->kept--;
        }
    }
    unlock(pool);
}

uint32_t frames_free(const struct pool *pool)
{
    return __atomic_load_n(&pool->free, __ATOMIC_RELAXED);
}
