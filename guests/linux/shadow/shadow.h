/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * farbell-shadow: for each process of RT a process of Linux that executes its
 * forwarded calls (docs/forwarding.md, docs/linux-partition.md).  The parent
 * looks for slots that RT has opened, and for queues of versions 1 and 2, and
 * forks a servant for each; a servant lives as long as the epoch that it
 * serves, or until the queue has gone.
 */
#ifndef FARBELL_SHADOW_H
#define FARBELL_SHADOW_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <farbell/mailbox-linux.h>
#include <farbell/mailbox.h>

#include "old.h"
#include "serve.h"
#include "sys.h"

#define DOORBELL	0	/* the one of both kernels */
#define TOLD_SIGNAL	SIGUSR1	/* to a servant: look at your slot */
#define FDS		256	/* of an RT process; the shadow's own lie above */

/* ---- the mailbox, mailbox.c ---- */

struct mailbox {
	int fd;			/* at FDS or above */
	struct scf_slot *own;	/* SCF3_SLOTS of them */
	const struct scf_slot *peer;
	uint8_t *queues;	/* SCF2_SLOTS pages, or null: there are none */
	struct fbmb_info info;
};

/* Of its own, with its doorbell; what fails is told, and it returns false. */
bool mailbox_open(struct mailbox *m, const char *path);
void mailbox_ring(struct mailbox *m);
/* Doorbells that came are forgotten: their slots are looked at next. */
void mailbox_forget(struct mailbox *m);

/* Of the window that both sides see; null: it does not reach so far. */
void *mailbox_map_common(const struct mailbox *m, uint64_t address,
			 uint64_t bytes);
/* How RT asks: 3 by the slot, 1 or 2 by a queue in its place, 0 not at all */
unsigned int mailbox_version(const struct mailbox *m, unsigned int slot);
/* Of version 1 or 2. */
uint8_t *mailbox_queue(const struct mailbox *m, unsigned int slot,
		       unsigned int version);

/* ---- what parent and servants share ---- */

struct shared {
	volatile pid_t servants[SCF3_SLOTS];	/* 0: none */
	unsigned int versions[SCF3_SLOTS];	/* that it was forked for */
	/* The slot, from 1, whose files this one is to have: its fork */
	volatile unsigned int twin_of[SCF3_SLOTS];
};

extern struct shared *shared;
extern const char *mailbox_path;

/* The slot has something that its servant has not taken. */
bool slot_has_work(const struct mailbox *m, unsigned int slot);

/* ---- a servant, servant.c ---- */

void servant_main(unsigned int slot, unsigned int version)
	__attribute__((noreturn));

/* ---- calls, calls.c ---- */

struct servant_calls {
	struct mailbox *mailbox;
	unsigned int slot;
	long receiver;		/* what INIT_UINTR answers */
	bool left;		/* the RT process has ended, with this status */
	int status;
};

extern struct servant_calls calls;

void calls_start(void);
/* A fork, of which this is the child: what the parent is waiting for. */
void calls_look_for_parent(void);
/* What a parked request waits for: POLLIN, POLLOUT, or 0. */
short calls_wait_for(const struct scf_request *r, int *fd);

#endif
