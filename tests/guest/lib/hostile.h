/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a victim tells a hostile partition when to begin: a page of both. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdint.h>

struct hostile {
    volatile uint64_t lives;            /* how often it has started */
    volatile uint64_t left, seed;       /* rounds; of the next one */
    volatile uint64_t failures;         /* of its disk: an attack less */
    volatile uint32_t begin, done;
};
#define HOSTILE ((struct hostile *)0x800000)    /* in the machine's RAM */

#endif
