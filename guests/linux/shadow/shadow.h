/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * farbell-shadow: for each process of RT a process of Linux that executes its
 * forwarded calls (docs/forwarding.md, docs/linux-partition.md).  The parent
 * looks for slots that RT has opened and forks a servant for each; a servant
 * lives as long as the epoch that it serves.
 */
#ifndef FARBELL_SHADOW_H
#define FARBELL_SHADOW_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <farbell/mailbox-linux.h>
#include <farbell/mailbox.h>

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
	struct fbmb_info info;
};

/* Of its own, with its doorbell; what fails is told, and it returns false. */
bool mailbox_open(struct mailbox *m, const char *path);
void mailbox_ring(struct mailbox *m);
/* Doorbells that came are forgotten: their slots are looked at next. */
void mailbox_forget(struct mailbox *m);

/* ---- what parent and servants share ---- */

struct shared {
	volatile pid_t servants[SCF3_SLOTS];	/* 0: none */
	/* The slot, from 1, whose files this one is to have: its fork */
	volatile unsigned int twin_of[SCF3_SLOTS];
};

extern struct shared *shared;
extern const char *mailbox_path;

/* The slot has something that its servant has not taken. */
bool slot_has_work(const struct mailbox *m, unsigned int slot);

/* ---- a servant, servant.c ---- */

void servant_main(unsigned int slot) __attribute__((noreturn));

/* ---- calls, calls.c ---- */

struct servant_calls {
	struct mailbox *mailbox;
	unsigned int slot;
	long receiver;		/* what INIT_UINTR answers */
	int status;		/* with which the RT process has ended */
};

extern struct servant_calls calls;

void calls_start(void);
/* A fork, of which this is the child: what the parent is waiting for. */
void calls_look_for_parent(void);
/* What a parked request waits for: POLLIN, POLLOUT, or 0. */
short calls_wait_for(const struct scf_request *r, int *fd);

#endif
