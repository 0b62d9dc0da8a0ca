/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that the other side executes (guests/scf), and what it must know of
 * dual ones.  A process without a server lives all the same.
 */
#ifndef RT_REMOTE_H
#define RT_REMOTE_H

#include "process.h"

void remote_start(void);
long remote_call(unsigned call, const uint64_t *a);
uint64_t rt_halts(void);        /* how often the CPU has (F49) */

void remote_attach(struct process *p);
void remote_detach(struct process *p);
/* By a thread of the process itself, for they sleep; fork by the parent's. */
void remote_exit(struct process *p);
void remote_exec(struct process *p);
void remote_fork(struct process *parent, struct process *child);
/*
 * Pages that have come; pages that are going, before their frames do: after
 * an error the other side may still use them.
 */
void remote_map(struct process *p, uint64_t va, uint64_t pages);
long remote_unmap(struct process *p, uint64_t va, uint64_t pages);
/* The other side sees all of them, now or already. */
bool remote_mirror(struct process *p);

/* ---- late.c: frames that the other side may still write (F35) ---- */

/* Those that leave the space of the process from now on. */
void late_keep(struct process *p);
/* The other side sees none any more; it may have ended an epoch. */
void late_over(struct process *p);
void late_look(void);

/* ---- direct.c: a queue that ring 3 fills itself (F15-F17) ---- */

void direct_start(void);        /* before the other side can look at it */
/* Before its slot is another's, or its program another one. */
void direct_end(struct process *p);

#endif
