/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The link as both kernels use it: the mailbox's output sections as slots,
 * the UPID window, and the vectors by which the other side may interrupt.
 */
#ifndef SCF_LINK_H
#define SCF_LINK_H

#include "mailbox.h"
#include "uintr.h"
#include "wire.h"

/* Vectors of RT's kernel, and of GP's */
#define RT_REPLY_VECTOR 41          /* NV of its UPID, and of the users' map */
#define RT_IRQ_VECTOR   42          /* doorbell */
#define RT_IPI_VECTOR   43          /* ICR */
#define GP_WAKE_VECTOR  0x62        /* NV of a shadow that sleeps */
#define GP_IRQ_VECTOR   0x63
#define GP_IPI_VECTOR   0x64

/* Local APIC IDs in the layout of one process, for SCF3_MODE_IPI */
#define GP_LOCAL_ID     0
#define RT_LOCAL_ID     2

#define LINK_DOORBELL   0

struct link {
    struct mbox mbox;
    struct scf_slot *own;           /* SCF3_SLOTS of them */
    const struct scf_slot *peer;
    uint64_t marks;                 /* the mark page (MB25) */
    uint64_t upids, upid_half;      /* the window; its first half is GP's */
    unsigned side;
    uint32_t names[SCF3_SLOTS];     /* what a message says: its slot */
};

/*
 * Find the mailbox and start it; its doorbell interrupts by @irq, and the
 * @n vectors may be sent to this side's CPUs.  False: there is none.
 */
bool link_start(struct link *link, int irq, const uint8_t *vectors, int n);
/* Counted by self; 0 while no driver is on the other side. */
uint32_t link_generation(const struct link *link);
void link_ring(struct link *link);
void link_rung(struct link *link);      /* before looking at the slots */

/*
 * A message, which the peer's device posts into the UPID that is bound there
 * (F46): false if too many are on their way.
 */
bool link_post(struct link *link, unsigned slot);
/* The slots of the messages that have come, a bit for each. */
uint64_t link_posts(struct link *link);
/* What comes is posted there, or interrupts by link_start()'s @irq if null. */
void link_bind(struct link *link, const struct upid *upid, unsigned vector);
/* The global APIC ID of this side's first CPU. */
uint32_t link_first_id(struct link *link);

#endif
