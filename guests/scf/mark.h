/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Marks of a call (F34): the stamp counter, and for who measures the mark page
 * of the mailbox, so that the emulator knows the moment as well (MB25).
 */
#ifndef SCF_MARK_H
#define SCF_MARK_H

#include <farbell/scf.h>

#include "wire.h"

/* The mark page, or null: nobody measures. */
extern volatile uint64_t *scf_marks;

static inline uint64_t scf_mark(unsigned mark, unsigned slot, uint64_t token)
{
    uint64_t now = scf_stamp();

    if (scf_marks) {
        scf_marks[mark] = SCF_MARK_VALUE(slot, token);
    }
    return now;
}

#endif
