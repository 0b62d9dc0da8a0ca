/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that a call without a reply may still write (F35).  They are kept, by
 * the slot of their process, until the server has said that it sees none of
 * its pages, or has ended the epoch.
 */
#include "remote.h"

#define PART            128             /* frames that are looked at at once */

static struct {
    bool any;
    uint32_t epoch, generation;         /* of the server that may write */
} kept[SCF3_SLOTS];

static unsigned keeper_of(unsigned slot)
{
    return slot + 1;
}

void late_keep(struct process *p)
{
    unsigned slot = p->scf.slot;
    uint32_t epoch = scf_shown(slot), generation = scf_generation();

    if (epoch && generation) {
        kept[slot].any = true;
        kept[slot].epoch = epoch;
        kept[slot].generation = generation;
        p->space.keeper = keeper_of(slot);
    }
}

/* What is kept meanwhile waits for the next time. */
static void give_back(unsigned slot)
{
    struct pool *pool = &window_frames;

    kept[slot].any = false;
    for (uint32_t at = 0; at < pool->total && !kept[slot].any; at += PART) {
        frames_give_back(pool, keeper_of(slot), at, PART);
        thread_pause();
    }
}

void late_over(struct process *p)
{
    if (kept[p->scf.slot].any) {
        give_back(p->scf.slot);
    }
}

void late_look(void)
{
    for (unsigned slot = 0; slot < SCF3_SLOTS; slot++) {
        if (kept[slot].any && (scf_shown(slot) != kept[slot].epoch ||
                               scf_generation() != kept[slot].generation)) {
            give_back(slot);
        }
    }
}
