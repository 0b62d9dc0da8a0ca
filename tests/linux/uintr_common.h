/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A handler that notes what came, and who waits for it. Included once by each program. */
#ifndef TESTS_LINUX_UINTR_COMMON_H
#define TESTS_LINUX_UINTR_COMMON_H

#include <stdint.h>
#include <x86gprintrin.h>

#include "cases.h"
#include "farbell-uintr.h"

#define NOTED       256
#define PATIENCE    4000000000ul        /* looks until something is given up */

static volatile uint64_t seen;          /* vectors */
static volatile unsigned count;
static volatile uint8_t order[NOTED];

static void __attribute__((interrupt)) note(struct __uintr_frame *frame, unsigned long long vector)
{
    (void)frame;
    seen |= 1ull << vector;
    order[count % NOTED] = vector;
    count = count + 1;
}

static inline bool wait_until(volatile unsigned *what, unsigned value)
{
    for (unsigned long i = 0; *what < value && i < PATIENCE; i++) {
        __builtin_ia32_pause();
    }
    return *what >= value;
}

/* Long enough for what was posted to arrive, if it does. */
static inline void spin(unsigned long turns)
{
    for (unsigned long i = 0; i < turns; i++) {
        __builtin_ia32_pause();
    }
}

/* This thread receives by note(), UIF is set. */
static inline void receive(unsigned flags)
{
    CHECK(!uintr_register_handler(note, flags));
    _stui();
}

#endif
