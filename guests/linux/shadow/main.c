// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * farbell-shadow [-d DEVICE] [-v]: the parent.  It runs nothing of RT's; it
 * forks servants, tells those that sleep what nobody else has told them, and
 * clears up behind those that were killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "shadow.h"

#define LOOK_EVERY	10	/* ms */

struct shared *shared;
const char *mailbox_path = "/dev/farbell-mailbox0";

static struct mailbox mailbox;
static bool verbose;

void shadow_main(int argc, char **argv);

/* ---- servants ---- */

static void fork_servant(unsigned int slot, unsigned int version)
{
	pid_t parent = kernel(SYS_getpid), pid = kernel(SYS_fork);

	if (pid == 0) {
		kernel(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
		if (kernel(SYS_getppid) != parent)
			end(1);
		servant_main(slot, version);
	}
	if (pid < 0) {
		say("slot %u: error %u", slot, -pid);
		return;
	}
	shared->servants[slot] = pid;
	shared->versions[slot] = version;
}

/* An epoch that begins, which its servant is to show (F30), or requests */
static bool is_opened(unsigned int slot, unsigned int version)
{
	if (version == 3)
		return !wire_word(&mailbox.peer[slot].head.made);
	return version && slot_has_work(&mailbox, slot);
}

static void tell_end(unsigned int slot, pid_t pid, int status)
{
	if (WIFSIGNALED(status))
		say("slot %u: process %u was ended by signal %u", slot, pid,
		    WTERMSIG(status));
	else if (verbose)
		say("slot %u: process %u has ended with %u", slot, pid,
		    WEXITSTATUS(status));
}

/* Whoever was to have its files, or to give it some, has none. */
static void forget_forks(unsigned int slot)
{
	shared->twin_of[slot] = 0;
	for (unsigned int child = 0; child < SCF3_SLOTS; child++)
		if (shared->twin_of[child] == slot + 1)
			shared->twin_of[child] = 0;
}

/* F31: nobody serves what a servant that was killed has shown. */
static void bury(pid_t pid, int status)
{
	for (unsigned int slot = 0; slot < SCF3_SLOTS; slot++) {
		if (shared->servants[slot] != pid)
			continue;
		shared->servants[slot] = 0;
		forget_forks(slot);
		tell_end(slot, pid, status);
		if (wire_word(&mailbox.own[slot].head.epoch)) {
			wire_set(&mailbox.own[slot].head.epoch, 0);
			mailbox_ring(&mailbox);
		}
	}
}

static void bury_all(void)
{
	int status;
	pid_t pid;

	while ((pid = kernel(SYS_wait4, -1, &status, WNOHANG, NULL)) > 0)
		bury(pid, status);
}

/* ---- its turns ---- */

static void look(void)
{
	for (unsigned int slot = 0; slot < SCF3_SLOTS; slot++) {
		pid_t pid = shared->servants[slot];
		unsigned int version = mailbox_version(&mailbox, slot);

		if (!pid && is_opened(slot, version))
			fork_servant(slot, version);
		else if (pid && (slot_has_work(&mailbox, slot) ||
				 shared->versions[slot] != version))
			kernel(SYS_kill, pid, TOLD_SIGNAL);
	}
}

/* Messages that came while the queue was bound to nobody (F46): look(). */
static void read_mail(void)
{
	uint32_t slot;

	while (kernel(SYS_read, mailbox.fd, &slot, sizeof(slot)) > 0)
		;
}

static void on_signal(int signal, void *info, void *context)
{
	(void)signal;
	(void)info;
	(void)context;
}

static void __attribute__((noreturn)) serve(void)
{
	struct pollfd p = { .fd = mailbox.fd, .events = POLLIN | POLLPRI };

	for (;;) {
		p.revents = 0;
		kernel(SYS_poll, &p, 1, LOOK_EVERY);
		if (p.revents & POLLERR) {
			say("the mailbox is gone");
			end(1);
		}
		if (p.revents & POLLPRI)
			mailbox_forget(&mailbox);
		if (p.revents & POLLIN)
			read_mail();
		bury_all();
		look();
	}
}

/*
 * One at a time: the lock is on the open file, which servants have inherited,
 * so it is free when the last of a life before this one has gone.
 */
static void take_over(void)
{
	while (kernel(SYS_flock, mailbox.fd, LOCK_EX) == -EINTR)
		;
	for (unsigned int slot = 0; slot < SCF3_SLOTS; slot++)
		wire_set(&mailbox.own[slot].head.epoch, 0);
	wire_set(&mailbox.own[0].head.running, SCF3_RUNNING_NO_IPI);
	mailbox_ring(&mailbox);
}

static void prepare(void)
{
	long at = kernel(SYS_mmap, NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	shared = (struct shared *)at;
	kernel(SYS_close_range, 3, FDS - 1, 0);	/* nobody's to name (L13) */
	catch_signal(SIGCHLD, on_signal);
	catch_signal(SIGPIPE, on_signal);
	catch_signal(TOLD_SIGNAL, on_signal);	/* by a servant that begins */
	if (at < 0 || !mailbox_open(&mailbox, mailbox_path))
		end(1);
	take_over();
}

static bool is(const char *word, const char *other)
{
	while (*word && *word == *other) {
		word++;
		other++;
	}
	return *word == *other;
}

void shadow_main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (is(argv[i], "-v")) {
			verbose = true;
		} else if (is(argv[i], "-d") && i + 1 < argc) {
			mailbox_path = argv[++i];
		} else {
			say("usage: farbell-shadow [-v] [-d DEVICE]");
			end(2);
		}
	}
	prepare();
	serve();
}
