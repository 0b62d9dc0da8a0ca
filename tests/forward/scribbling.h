/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a hostile side, of either guest, writes into shared memory. */
#ifndef FORWARD_SCRIBBLING_H
#define FORWARD_SCRIBBLING_H

#include "lib.h"

static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    return random64(&seed) % below;
}

/* The first so many kinds of a change that scribble() may make. */
enum scribble_kinds { SCRIBBLE_NO_ZEROES = 4, SCRIBBLE_ALL = 5 };

/* Near to what is there, so that it gets past the first look. */
static void scribble(volatile uint32_t *words, uint32_t bytes,
                     enum scribble_kinds kinds)
{
    uint32_t at = draw(bytes / 4);

    switch (draw(kinds)) {
    case 0:
        words[at] = random64(&seed);
        break;
    case 1:
        words[at] += 1 + draw(3);
        break;
    case 2:
        words[at] ^= 1u << draw(32);
        break;
    case 3:
        words[at] = words[draw(bytes / 4)];
        break;
    default:
        words[at] = 0;
    }
}

#endif
