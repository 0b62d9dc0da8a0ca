/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The RT kernel, as its main program and its tests see it. */
#ifndef RT_H
#define RT_H

#include "clock.h"
#include "process.h"

/* Look for another side, or do not: before rt_start(). */
extern bool rt_alone;

/*
 * Once, or again after uintr_reset(): the caller is then a thread of the
 * kernel with the highest priority.
 */
void rt_start(void);

/* Run a command to its end: the status as wait4() gives it, or -errno. */
int rt_run(const char *command);

#endif
