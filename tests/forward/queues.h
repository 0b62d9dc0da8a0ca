/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues of versions 1 and 2 as a guest in the field has them: written from
 * docs/forwarding.md alone, with numbers of its own and nothing of guests/scf.
 */
#ifndef FORWARD_QUEUES_H
#define FORWARD_QUEUES_H

#include "mailbox.h"
#include "uintr.h"

#define QUEUE1      0x49fff000u
#define DATA1       0x49eff000u
#define DATA1_SIZE  0x100000u
#define QUEUE2(n)   (0x49ffc000u + (n) * 0x1000u)
#define MAGIC       0x4643537fu
#define REQUESTS    0xc10           /* the ring; replies are behind it */
#define EBADF       9

/* A queue page, whichever version it is */
struct queue {
    uint64_t page;
    unsigned capacity, size, result, replies;
    uint16_t seen, next;
};

extern struct mbox m;
extern bool by_uipi;                /* or by an ordinary interrupt */

static inline volatile uint8_t *byte(const struct queue *q, unsigned offset)
{
    return (volatile uint8_t *)q->page + offset;
}

static inline volatile uint16_t *half(const struct queue *q, unsigned offset)
{
    return (volatile uint16_t *)byte(q, offset);
}

static inline volatile uint64_t *word(const struct queue *q, unsigned offset)
{
    return (volatile uint64_t *)byte(q, offset);
}

static inline void lock(const struct queue *q)
{
    while (__atomic_exchange_n(byte(q, 4), 1, __ATOMIC_SEQ_CST)) {
        cpu_relax();
    }
}

static inline void unlock(const struct queue *q)
{
    __atomic_store_n(byte(q, 4), 0, __ATOMIC_SEQ_CST);
}

/* An empty one; the server is told by ordinary interrupts. */
struct queue set_up(uint64_t page, int version);
/* A request, which nobody is told of yet: where its descriptor is. */
unsigned push(struct queue *q, uint8_t opcode, const uint64_t *args, int n);
/* A request of version 2, its announcement, and its result. */
long ask2(struct queue *q, uint8_t opcode, uint64_t a, uint64_t b, uint64_t c);
/* What INIT_UINTR has answered is used from then on. */
void shake_hands(long upid);

/* forged.c */
void test_others(void);
void test_anything(void);

#endif
