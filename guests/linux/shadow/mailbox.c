// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>

#include "shadow.h"

/* Null: refused. */
static void *map_section(const struct mailbox *m, __u64 section, int prot)
{
	long at = kernel(SYS_mmap, NULL, SCF3_SLOTS * SCF3_SLOT_SIZE, prot,
			 MAP_SHARED, m->fd, section);

	return at < 0 ? NULL : (void *)at;
}

static bool map_slots(struct mailbox *m)
{
	if (m->info.output_size < SCF3_SLOTS * SCF3_SLOT_SIZE)
		return false;
	m->own = map_section(m, FBMB_MAP_OWN, PROT_READ | PROT_WRITE);
	m->peer = map_section(m, FBMB_MAP_PEER, PROT_READ);
	return m->own && m->peer;
}

/* Above those that an RT process may name. */
static int move_up(int fd)
{
	int moved = fd < 0 ? fd : kernel(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FDS);

	kernel(SYS_close, fd);
	return moved;
}

bool mailbox_open(struct mailbox *m, const char *path)
{
	__u64 doorbells = 1 << DOORBELL;

	m->fd = move_up(kernel(SYS_open, path, O_RDWR | O_NONBLOCK | O_CLOEXEC));
	if (m->fd < 0 || kernel(SYS_ioctl, m->fd, FBMB_INFO, &m->info) ||
	    kernel(SYS_ioctl, m->fd, FBMB_LISTEN, &doorbells)) {
		say("%s is no mailbox that can be opened", path);
		return false;
	}
	if (!map_slots(m)) {
		say("%s has no output sections of 2M", path);
		return false;
	}
	return true;
}

void mailbox_ring(struct mailbox *m)
{
	struct fbmb_ring ring = { .doorbell = DOORBELL };

	kernel(SYS_ioctl, m->fd, FBMB_RING, &ring);
}

void mailbox_forget(struct mailbox *m)
{
	struct fbmb_event event;
	__u64 rung;

	kernel(SYS_ioctl, m->fd, FBMB_RUNG, &rung);
	while (!kernel(SYS_ioctl, m->fd, FBMB_EVENT, &event))
		;
}

bool slot_has_work(const struct mailbox *m, unsigned int slot)
{
	const struct scf_head *own = &m->own[slot].head;
	const struct scf_head *peer = &m->peer[slot].head;
	uint32_t epoch = wire_word(&peer->epoch);

	if (wire_word(&own->epoch) != epoch)
		return wire_word(&own->epoch) || !wire_word(&peer->made);
	return epoch && wire_word(&own->taken) != wire_word(&peer->made);
}
