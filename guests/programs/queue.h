/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A queue of version 2 that the process fills itself (F15-F17). */
#ifndef PROGRAM_QUEUE_H
#define PROGRAM_QUEUE_H

#include <farbell/scf.h>

#include "libc.h"

struct queue {
    volatile uint8_t *page;
    uint16_t made;
};

/* That of this process: 0, or -errno.  System calls. */
long queue_open(struct queue *q);
/* One request and its reply, without a system call. */
long queue_call(struct queue *q, uint8_t opcode, uint64_t a, uint64_t b,
                uint64_t c);
/* System calls of this process, this one included. */
long entries(void);

static inline volatile uint16_t *queue_half(const struct queue *q,
                                            unsigned offset)
{
    return (volatile uint16_t *)(q->page + offset);
}

#endif
