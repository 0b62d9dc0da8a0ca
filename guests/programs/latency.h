/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time the same call many times, and say how long it took. */
#ifndef LATENCY_H
#define LATENCY_H

#include "libc.h"

#define CALLS_MAX       100000

/* In ticks of the TSC; false if a call failed. */
bool latency_measure(uint32_t *ticks, int calls, long (*fn)(void));
/* One line: NAME calls mean p50 p99 max, in nanoseconds. */
void latency_print(const char *name, uint32_t *ticks, int calls);
/*
 * From the second argument on: "uipi" for both ways, or "uipi" and "poll" for
 * requests and replies.  False if there is no such mode.
 */
bool latency_modes(int argc, char **argv);
/*
 * The middle of as many calls for each stage, and of both ways together (F34);
 * false if a call failed.
 */
bool stages_print(const char *name, const char *mode, int calls,
                  long (*fn)(void), uint64_t (*to_ns)(uint64_t));
/* All of that, stages if the fourth argument says so, for a program. */
int latency_main(const char *name, int argc, char **argv, long (*fn)(void));

#endif
