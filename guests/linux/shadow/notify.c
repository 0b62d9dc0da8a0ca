// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <ucontext.h>

#include <farbell/uintr-linux.h>

#include "insns.h"
#include "notify.h"

#define USER_VECTOR	0

static bool asks_for_signals;		/* the driver, for doorbells */
static long receiver = -ENOSYS;		/* offset of its UPID, and the vector */
static uint64_t sender;			/* the operand of SENDUIPI */
static bool can_send;
static volatile bool is_spoilt;		/* RT's UPID */
static volatile bool is_bound;		/* messages are posted to it */

static void on_signal(int signal, void *info, void *context)
{
	(void)signal;
	(void)info;
	(void)context;
	shadow_told();
}

/* ---- user interrupts ---- */

/*
 * F45: RT can spoil its UPID, and SENDUIPI to it is a fault then.  The servant
 * goes on behind it, and the doorbell tells RT.
 */
static void on_fault(int signal, void *info, void *context)
{
	static const uint8_t senduipi_rax[] = { 0xf3, 0x0f, 0xc7, 0xf0 };
	ucontext_t *c = context;
	const uint8_t *at = (const uint8_t *)c->uc_mcontext.gregs[REG_RIP];

	(void)info;
	for (unsigned int i = 0; i < sizeof(senduipi_rax); i++) {
		if (at < (const uint8_t *)SCF3_RAW_END || at[i] != senduipi_rax[i])
			end(128 + signal);
	}
	c->uc_mcontext.gregs[REG_RIP] += sizeof(senduipi_rax);
	is_spoilt = true;
}

static bool become_receiver(struct mailbox *m)
{
	struct fbmb_receiver r = {
		.handler = (__u64)shadow_interrupt,
		.flags = UINTR_HANDLER_FLAG_WAITING_RECEIVER,
	};

	if (kernel(SYS_ioctl, m->fd, FBMB_RECEIVER, &r))
		return false;
	receiver = r.offset + USER_VECTOR;
	return true;
}

/* RT's own UPID is the first of its half. */
static bool become_sender(struct mailbox *m, unsigned int vector)
{
	struct fbmb_sender s = {
		.offset = m->info.side ? 0 : m->info.upid_size,
		.vector = vector,
	};

	if (kernel(SYS_ioctl, m->fd, FBMB_SENDER, &s))
		return false;
	sender = s.index;
	return true;
}

/* The user vector is the slot, or 0 where only a queue is served (F14). */
void notify_start(struct mailbox *m, unsigned int vector)
{
	catch_signal(TOLD_SIGNAL, on_signal);
	kernel(SYS_fcntl, m->fd, F_SETOWN, kernel(SYS_getpid));
	kernel(SYS_fcntl, m->fd, F_SETSIG, TOLD_SIGNAL);
	can_send = become_receiver(m) && become_sender(m, vector);
	if (can_send) {
		catch_signal(SIGSEGV, on_fault);
		stui();
	}
}

long notify_receiver(void)
{
	return receiver;
}

/* ---- telling ---- */

/* "ipi" here: an interrupt of Linux's kernel, then a signal. */
static void ask_for_signals(struct mailbox *m, bool wanted)
{
	int flags = O_RDWR | O_NONBLOCK;

	if (wanted != asks_for_signals)
		kernel(SYS_fcntl, m->fd, F_SETFL, flags | (wanted ? O_ASYNC : 0));
	asks_for_signals = wanted;
}

/* The first servant whose process wants it has the device's binding (F46). */
static void bind(struct mailbox *m, bool wanted)
{
	struct fbmb_bind b = { .vector = USER_VECTOR, .bound = wanted };

	if (wanted != is_bound && can_send)
		is_bound = !kernel(SYS_ioctl, m->fd, FBMB_BIND, &b) && wanted;
}

void notify_mode(struct mailbox *m, unsigned int mode)
{
	ask_for_signals(m, mode == SCF3_MODE_IPI);
	bind(m, mode == SCF3_MODE_POSTED);
}

static bool post(struct mailbox *m, unsigned int slot)
{
	uint32_t name = slot;

	return kernel(SYS_write, m->fd, &name, sizeof(name)) == sizeof(name);
}

/* RT's kernel is told by a doorbell of whatever a program here cannot do. */
void notify_answered(struct mailbox *m, unsigned int slot, unsigned int mode)
{
	if (mode == SCF3_MODE_UIPI && can_send) {
		senduipi(sender);
		if (!is_spoilt)
			return;
	}
	if (mode == SCF3_MODE_POLL ||
	    (mode == SCF3_MODE_POSTED && post(m, slot)))
		return;
	mailbox_ring(m);
}

/* Messages that were posted here may be for others. */
void notify_mail(struct mailbox *m, unsigned int slot)
{
	uint32_t name;

	while (is_bound && kernel(SYS_read, m->fd, &name, sizeof(name)) > 0) {
		pid_t other = shared->servants[name % SCF3_SLOTS];

		if (other && name % SCF3_SLOTS != slot)
			kernel(SYS_kill, other, TOLD_SIGNAL);
	}
}
