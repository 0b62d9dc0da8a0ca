// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>

#include "shadow.h"

/* Null: refused. */
static void *map(const struct mailbox *m, __u64 at, uint64_t bytes, int prot)
{
	long va = kernel(SYS_mmap, NULL, bytes, prot, MAP_SHARED, m->fd, at);

	return va < 0 ? NULL : (void *)va;
}

static bool map_slots(struct mailbox *m)
{
	uint64_t bytes = SCF3_SLOTS * SCF3_SLOT_SIZE;

	if (m->info.output_size < bytes)
		return false;
	m->own = map(m, FBMB_MAP_OWN, bytes, PROT_READ | PROT_WRITE);
	m->peer = map(m, FBMB_MAP_PEER, bytes, PROT_READ);
	return m->own && m->peer;
}

void *mailbox_map_common(const struct mailbox *m, uint64_t address,
			 uint64_t bytes)
{
	uint64_t at = address - SCF_WINDOW;

	if (at > m->info.common_size || bytes > m->info.common_size - at)
		return NULL;
	return map(m, FBMB_MAP_COMMON + at, bytes, PROT_READ | PROT_WRITE);
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
	m->queues = mailbox_map_common(m, SCF2_QUEUES,
				       SCF2_SLOTS * SCF_PAGE_SIZE);
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

uint8_t *mailbox_queue(const struct mailbox *m, unsigned int slot,
		       unsigned int version)
{
	return m->queues + (version == 1 ? SCF1_QUEUE - SCF2_QUEUES :
			    slot * SCF_PAGE_SIZE);
}

/* Whoever has the slot open has the queue beside it (F15). */
unsigned int mailbox_version(const struct mailbox *m, unsigned int slot)
{
	if (wire_word(&m->peer[slot].head.epoch))
		return 3;
	if (!m->queues || slot >= SCF2_SLOTS)
		return 0;
	if (slot == 0 && old_version(mailbox_queue(m, slot, 1)) == 1)
		return 1;
	return old_version(mailbox_queue(m, slot, 2)) == 2 ? 2 : 0;
}

bool slot_has_work(const struct mailbox *m, unsigned int slot)
{
	const struct scf_head *own = &m->own[slot].head;
	const struct scf_head *peer = &m->peer[slot].head;
	uint32_t epoch = wire_word(&peer->epoch);
	unsigned int version;

	if (wire_word(&own->epoch) != epoch)
		return wire_word(&own->epoch) || !wire_word(&peer->made);
	if (epoch)
		return wire_word(&own->taken) != wire_word(&peer->made);
	version = mailbox_version(m, slot);
	return version && old_has_work(mailbox_queue(m, slot, version));
}
