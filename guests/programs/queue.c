/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "numbers.h"
#include "queue.h"

#define TARGET          0               /* the index for SENDUIPI (F16) */

long queue_open(struct queue *q)
{
    long at = call(CALL_scf_queue);

    *q = (struct queue) { .page = (uint8_t *)at };
    return at < 0 ? at : 0;
}

long entries(void)
{
    return call(CALL_scf_entries);
}

/* F10 */
static void lock(const struct queue *q)
{
    while (__atomic_exchange_n(q->page + SCF_META_LOCK, 1, __ATOMIC_ACQUIRE)) {
        __builtin_ia32_pause();
    }
}

static void unlock(const struct queue *q)
{
    __atomic_store_n(q->page + SCF_META_LOCK, 0, __ATOMIC_RELEASE);
}

static volatile uint64_t *descriptor(const struct queue *q, unsigned i)
{
    return (volatile uint64_t *)(q->page + SCF_META_SIZE + i * SCF2_DESC_SIZE);
}

static void put(const struct queue *q, unsigned i)
{
    lock(q);
    *queue_half(q, SCF2_REQ_RING + i * 2) = i;
    *queue_half(q, SCF_META_REQ_INDEX) = q->made;
    unlock(q);
}

static bool is_answered(const struct queue *q)
{
    return __atomic_load_n(queue_half(q, SCF_META_RSP_INDEX),
                           __ATOMIC_ACQUIRE) == q->made;
}

long queue_call(struct queue *q, uint8_t opcode, uint64_t a, uint64_t b,
                uint64_t c)
{
    unsigned i = q->made++ % SCF2_CAPACITY;
    volatile uint64_t *d = descriptor(q, i);

    d[0] = 1 | opcode << 8;             /* valid, opcode */
    d[1] = a;
    d[2] = b;
    d[3] = c;
    d[4] = 0;
    put(q, i);
    senduipi(TARGET);
    while (!is_answered(q)) {
        __builtin_ia32_pause();
    }
    return d[SCF2_DESC_RESULT / 8];
}
