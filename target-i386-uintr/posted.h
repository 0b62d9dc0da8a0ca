/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Posting a fixed interrupt into a local APIC without the big lock.
 *
 * A sender sets the vector's bit in posted[], then exchanges posted_any; the
 * one who finds it clear rings.  The receiver exchanges posted_any back
 * before it takes the bits, under the big lock as for all of its APIC.  So a
 * bit that a receiver misses belongs to a sender who will find posted_any
 * clear and ring again.  IRR, ISR, priority and EOI stay QEMU's own; only
 * the moment when a bit reaches IRR moves to the receiver's next boundary.
 */
#ifndef TARGET_I386_UINTR_POSTED_H
#define TARGET_I386_UINTR_POSTED_H

#include "qemu/atomic.h"
#include "hw/i386/apic_internal.h"

/* Receiver, big lock held (or the CPU stopped). */
static inline void apic_take_posted(APICCommonState *s)
{
    if (!qatomic_read(&s->posted_any) || !qatomic_xchg(&s->posted_any, 0)) {
        return;
    }
    for (int i = 0; i < ARRAY_SIZE(s->posted); i++) {
        uint32_t bits = qatomic_xchg(&s->posted[i], 0);

        s->irr[i] |= bits;
        s->tmr[i] &= ~bits;
    }
}

/*
 * While no guest has changed an xAPIC ID, the ID below 255 of a destination
 * names exactly one local APIC, in either mode, and no search is needed.
 */
extern bool apic_ids_moved;

static inline void apic_note_id(APICCommonState *s)
{
    if (s->id != (uint8_t)s->initial_apic_id) {
        qatomic_set(&apic_ids_moved, true);
    }
}

#endif
