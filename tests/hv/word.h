/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What RT (lives.c) tells GP's first CPU (rogue.c), in the window that both
 * see, where no frame and no queue is.
 */
#ifndef HV_WORD_H
#define HV_WORD_H

#include "lib.h"

#define WORD            ((volatile uint32_t *)0x49e10000)
#define WORD_TRESPASS   0x600d          /* else: the life that is to end */

/* Ticks until what was done is done; a host may have much else to do. */
#define REST_ICOUNT     1000000
#define REST_HOST       100000000

static inline void word_rest(void)
{
    uint64_t ticks = arg_is("accel", "icount") ? REST_ICOUNT : REST_HOST;

    for (uint64_t end = rdtsc() + ticks; rdtsc() < end; ) {
        cpu_relax();
    }
}

#endif
