/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time: the TSC in nanoseconds since the start, and the local APIC's timer. */
#ifndef GUESTS_CLOCK_H
#define GUESTS_CLOCK_H

#include "lib.h"

#define CLOCK_VECTOR    0x61
#define MICROSECOND     1000ull
#define MILLISECOND     1000000ull
#define SECOND          1000000000ull

void clock_start(void);
uint64_t clock_now(void);
/* One interrupt of CLOCK_VECTOR then, soon if it is past; it replaces. */
void clock_alarm(uint64_t at);

#endif
