/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the first partition's payload tells the agent in the other one what to
 * do: a page that both see.
 */
#ifndef AGENT_H
#define AGENT_H

/* Small enough for a machine of 64 MiB; agent_map.elf has the users' map. */
#ifndef AGENT_MEMORY
#define AGENT_PAGE      0x800000        /* in the machine's RAM */
#define AGENT_MEMORY    0x3000000
#define AGENT_SIZE      0x800000
#endif

#define AGENT_NOP       0
#define AGENT_LOAD      1       /* result: 8 bytes at a */
#define AGENT_STORE     2       /* 4 bytes b to a */
#define AGENT_FETCH     3       /* call a */
#define AGENT_WALK      4       /* load through a page table at a */
#define AGENT_IN        5       /* result: byte at port a */
#define AGENT_OUT       6       /* byte b to port a */
#define AGENT_WRMSR     7       /* b to MSR a */
#define AGENT_CRASH     8       /* triple fault */
#define AGENT_ATOMIC    9       /* lock xadd of b to 8 bytes at a */
#define AGENT_STRING    10      /* rep movsb: a bytes from b to own memory */
#define AGENT_OUTW      11      /* 2 bytes b to port a */
#define AGENT_LOAD4     12      /* result: 4 bytes at a */
#define AGENT_CYCLIC    13      /* a cyclic task with the period a */
#define AGENT_STORE1    14      /* byte b to a */
#define AGENT_STORE2    15      /* 2 bytes b to a */

#include <stdint.h>
#include "cyclic.h"

struct agent {
    volatile uint32_t sequence;         /* of the request, by the first */
    volatile uint32_t done;             /* the sequence that has been done */
    volatile uint64_t op, a, b;
    volatile uint64_t result;
    volatile uint64_t rip;              /* of the instruction that did it */
    volatile uint64_t fault;            /* exception + 1, or 0 */
    volatile uint64_t alive;            /* counts while it runs */
    volatile uint64_t starts;           /* since the page was cleared */
    volatile uint64_t data;             /* of its image: 1, if reloaded */
    volatile uint64_t base, size;       /* EDI and ESI at the entry */
    volatile uint32_t irqs[256];
    struct cyclic cyclic;
};
#define AGENT ((struct agent *)AGENT_PAGE)

#endif
