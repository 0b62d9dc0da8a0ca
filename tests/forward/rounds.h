/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a hostile GP says how far it is, and RT what it is to do (flood.c): in
 * a slot that nobody uses.
 */
#ifndef FORWARD_ROUNDS_H
#define FORWARD_ROUNDS_H

#include "wire.h"

#define ROUNDS_SLOT     (SCF3_SLOTS - 1)

static inline uint32_t *rounds_word(const struct scf_slot *slots)
{
    return (uint32_t *)&slots[ROUNDS_SLOT].head.process;
}

#endif
