// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "notify.h"

static bool asks_for_signals;		/* the driver, for doorbells */

static void on_signal(int signal, void *info, void *context)
{
	(void)signal;
	(void)info;
	(void)context;
	shadow_told();
}

void notify_start(struct mailbox *m, unsigned int slot)
{
	(void)slot;
	catch_signal(TOLD_SIGNAL, on_signal);
	kernel(SYS_fcntl, m->fd, F_SETOWN, kernel(SYS_getpid));
	kernel(SYS_fcntl, m->fd, F_SETSIG, TOLD_SIGNAL);
}

long notify_receiver(void)
{
	return -ENOSYS;
}

/* "ipi" here: an interrupt of Linux's kernel, then a signal. */
static void ask_for_signals(struct mailbox *m, bool wanted)
{
	int flags = O_RDWR | O_NONBLOCK;

	if (wanted != asks_for_signals)
		kernel(SYS_fcntl, m->fd, F_SETFL, flags | (wanted ? O_ASYNC : 0));
	asks_for_signals = wanted;
}

void notify_mode(struct mailbox *m, unsigned int mode)
{
	ask_for_signals(m, mode == SCF3_MODE_IPI);
}

/* RT's kernel is told by a doorbell of whatever a program here cannot do. */
void notify_answered(struct mailbox *m, unsigned int slot, unsigned int mode)
{
	uint32_t name = slot;

	if (mode == SCF3_MODE_POLL)
		return;
	if (mode == SCF3_MODE_POSTED &&
	    kernel(SYS_write, m->fd, &name, sizeof(name)) == sizeof(name))
		return;
	mailbox_ring(m);
}

void notify_mail(struct mailbox *m, unsigned int slot)
{
	(void)m;
	(void)slot;
}
