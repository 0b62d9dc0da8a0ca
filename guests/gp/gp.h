/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GP's kernel: one shadow process for each slot of the link that a process
 * of RT has opened, and the files that they share.
 */
#ifndef GP_H
#define GP_H

#include "files.h"
#include "kernel.h"
#include "link.h"
#include "memmap.h"

/* A shadow: its own memory, and the pages of its RT process. */
struct process {
    struct space space;
    struct thread *thread;          /* null: there is none in this slot */
    unsigned slot;
    unsigned version;               /* of its queue: 1, 2 or 3 */
    struct uitte uitt[1];           /* RT's reply UPID */
    struct files files;
};

extern struct process shadows[SCF3_SLOTS];
extern struct link link;

/* The shadow of a slot, made now; null if there is no memory for it. */
struct process *shadow_make(unsigned slot, unsigned version);
/* The version of the queue that is set up for a slot, 0 if none is. */
unsigned shadow_wanted(unsigned slot);
/* Its thread has gone; all that it had is given back. */
void shadow_gone(struct process *p);
/* Shadows with something to do that sleep. */
void shadows_look(void);
/* For who has nothing else to do: true if a process says that it is polled. */
bool shadows_poll(void);
/* shadows_look(), messages of the mailbox having come or not (F46). */
void shadows_mail(void);
/* Something has changed that parked calls may wait for (F37). */
void shadows_retry(void);
/* Pages of the RT process, and nothing else (F2, F28). */
long shadow_map(struct process *p, const uint64_t args[4]);
long shadow_unmap(struct process *p, uint64_t va, uint64_t pages);
void shadow_unmap_all(struct process *p);

/* Of the CPU that does not serve: never returns. */
void gp_own_work(void);

#endif
