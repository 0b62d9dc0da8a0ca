// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A servant: the shadow of one process of RT.  It serves in its
 * user-interrupt handler, in a signal's, or in its loop, whatever tells it.
 * Compiled for general registers only: they are what the handler saves.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "notify.h"
#include "shadow.h"

#define SPINS		1000	/* before it gives way */
#define TURNS		10	/* of these, before it sleeps (F49) */
#define POLL_TURNS	1000	/* the same of a polled one */
#define POLLED_REST	1	/* ms, when it was polled for nothing */

static struct mailbox mailbox;
static struct scf_server server;
static volatile bool busy = true, again;	/* busy to begin with */
static struct old_server queue;	/* beside the first slots (F15), or alone */
static unsigned int version;	/* 3, or that of the queue */
static int parked_event;	/* a handler has left a call that waits */

/* ---- what serve.c and old.c ask for ---- */

/* F30: another epoch is another process's. */
void scf_renew(struct scf_server *s)
{
	if (s->epoch)
		end(calls.status);
}

void scf_answered(struct scf_server *s, unsigned int mode)
{
	(void)s;
	notify_answered(&mailbox, calls.slot, mode);
}

/* F6: those who have only a queue are told where it is in the users' map. */
long old_init_uintr(void)
{
	if (queue.beside || calls.receiver < 0)
		return -ENOSYS;
	return SCF_UPID_WINDOW + (calls.receiver & ~SCF3_UINTR_VECTOR);
}

/* ---- its turns ---- */

/* F14; whoever comes behind EXIT has a servant of his own. */
static void serve_queue(void)
{
	if (old_serve(&queue))
		notify_answered(&mailbox, calls.slot, SCF3_MODE_UIPI);
	if ((calls.left && queue.owed < 0) ||
	    mailbox_version(&mailbox, calls.slot) != version)
		end(calls.status);
}

static void take_turn(void)
{
	if (version != 3) {
		serve_queue();
		return;
	}
	calls_look_for_parent();
	scf_serve(&server);
	if (queue.page && server.epoch)
		old_serve(&queue);
}

/* Whoever comes in the midst of a turn has it begin once more. */
static void servant_told(void)
{
	do {
		busy = true;
		again = false;
		take_turn();
		busy = false;
	} while (again);
}

/* In a handler: the loop may be about to sleep. */
void shadow_told(void)
{
	uint64_t one = 1;

	if (busy) {
		again = true;
		return;
	}
	servant_told();
	notify_mail(&mailbox, calls.slot);
	if (version == 3 && wire_word(&server.own->head.parked))
		kernel(SYS_write, parked_event, &one, sizeof(one));
}

static unsigned int request_mode(void)
{
	if (version != 3)
		return SCF3_MODE_UIPI;
	return (wire_word(&server.peer->head.reply) & SCF3_REQUEST_MODE) >>
	       SCF3_REQUEST_MODE_SHIFT;
}

static void poll_requests(void)
{
	for (int i = 0; i < POLL_TURNS && request_mode() == SCF3_MODE_POLL; i++) {
		for (int n = 0; n < SPINS; n++) {
			if (scf_has_requests(&server)) {
				servant_told();
				i = 0;
			}
			__builtin_ia32_pause();
		}
		kernel(SYS_sched_yield);
	}
}

/* F49: awake for a while, so that whoever asks again soon finds it here. */
static void spin(void)
{
	const volatile uint64_t *first = &server.served, *second = &queue.served;
	uint64_t served = *first + *second;

	for (int i = 0; i < TURNS * SPINS; i++) {
		if (*first + *second != served) {
			served = *first + *second;
			i = 0;
		}
		__builtin_ia32_pause();
	}
}

/* ---- sleeping ---- */

static nfds_t add_parked(struct pollfd *p, nfds_t n)
{
	for (int i = 0; i < SCF3_CALLS; i++) {
		int fd = -1;

		if (server.jobs[i].used) {
			p[n].events = calls_wait_for(&server.jobs[i].request, &fd);
			p[n++].fd = fd;
		}
	}
	return n;
}

/* Until something comes that does not come by a handler. */
static void rest(int ms)
{
	struct pollfd p[2 + SCF3_CALLS] = {	/* revents stay 0 for EINTR */
		{ .fd = mailbox.fd, .events = POLLPRI },
		{ .fd = parked_event, .events = POLLIN },
	};
	uint64_t count;

	kernel(SYS_poll, p, add_parked(p, 2), ms);
	if (p[0].revents & POLLERR)
		end(1);
	if (p[0].revents & POLLPRI)
		mailbox_forget(&mailbox);
	if (p[1].revents & POLLIN)
		kernel(SYS_read, parked_event, &count, sizeof(count));
}

static void rest_by_mode(void)
{
	switch (request_mode()) {
	case SCF3_MODE_POLL:
		poll_requests();
		rest(POLLED_REST);
		break;
	case SCF3_MODE_IRQ:
		rest(-1);
		break;
	default:
		spin();
		rest(-1);
		break;
	}
}

/* Without its page the process has its slot; version 1 has a data area. */
static void start_queue(void)
{
	uint8_t *data = version == 1 ? mailbox_map_common(&mailbox, SCF1_DATA,
							  SCF1_DATA_SIZE) : NULL;

	if (!mailbox.queues || calls.slot >= SCF2_SLOTS)
		return;
	if (version == 1 && !data)
		end(1);
	old_start(&queue, mailbox_queue(&mailbox, calls.slot, version), data);
	queue.beside = version == 3;
}

static void start_slot(void)
{
	scf_serve_start(&server, &mailbox.own[calls.slot],
			&mailbox.peer[calls.slot],
			&mailbox.peer[0].head.running);
}

static void prepare(unsigned int slot)
{
	calls.slot = slot;
	calls.mailbox = &mailbox;
	parked_event = kernel(SYS_eventfd2, 0, EFD_NONBLOCK);
	if (parked_event < 0 || !mailbox_open(&mailbox, mailbox_path))
		end(1);
	kernel(SYS_dup2, parked_event, FDS + SCF3_SLOTS);
	kernel(SYS_close, parked_event);
	parked_event = FDS + SCF3_SLOTS;
	calls_start();
	notify_start(&mailbox, version == 3 ? slot : 0);
	calls.receiver = notify_receiver();
	if (version == 3)
		start_slot();
	start_queue();
}

void servant_main(unsigned int slot, unsigned int of_version)
{
	version = of_version;
	prepare(slot);
	busy = false;
	for (;;) {
		servant_told();
		notify_mode(&mailbox, request_mode());
		rest_by_mode();
	}
}
