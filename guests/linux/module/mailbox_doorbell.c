// SPDX-License-Identifier: GPL-2.0-or-later
/* What each open file is told: doorbells and events. */
#include <linux/io.h>

#include "mailbox.h"

/* The device's own page; it writes PENDING at any time (MB7, MB22). */
static u64 pending(struct mailbox *m)
{
	return READ_ONCE(*(u64 *)(m->state + m->side * MBOX_PAGE_SIZE +
				  MBOX_STATE_PENDING));
}

static void give_doorbells(struct mailbox *m, u64 rung)
{
	struct mailbox_file *f;

	list_for_each_entry(f, &m->files, entry) {
		if (!(rung & f->listens))
			continue;
		f->rung |= rung & f->listens;
		wake_up_interruptible(&f->wait);
		kill_fasync(&f->async, SIGIO, POLL_PRI);
	}
}

/* In the interrupt: cleared first, so that a ring behind it interrupts. */
void mailbox_rung(struct mailbox *m)
{
	unsigned long flags;
	u64 rung = pending(m);

	if (!rung)
		return;
	writeq(rung, m->regs + MBOX_REG_PENDING);
	spin_lock_irqsave(&m->files_lock, flags);
	give_doorbells(m, rung);
	spin_unlock_irqrestore(&m->files_lock, flags);
}

/* The status is that of this ring (MB21): nobody else rings in between. */
u32 mailbox_ring(struct mailbox *m, u32 doorbell)
{
	unsigned long flags;
	u32 status;

	spin_lock_irqsave(&m->ring_lock, flags);
	writel(doorbell, m->regs + MBOX_REG_DOORBELL);
	status = readl(m->regs + MBOX_REG_RING_STATUS + 4 * doorbell);
	spin_unlock_irqrestore(&m->ring_lock, flags);
	return status;
}

/* The device lets in what anybody listens to; a caller has m->alive. */
void mailbox_listen(struct mailbox_file *f, u64 doorbells)
{
	struct mailbox *m = f->m;
	struct mailbox_file *other;
	unsigned long flags;
	u64 all = 0;

	spin_lock_irqsave(&m->files_lock, flags);
	f->listens = doorbells;
	f->rung &= doorbells;
	list_for_each_entry(other, &m->files, entry)
		all |= other->listens;
	if (all != m->enabled && !m->gone)
		writeq(all, m->regs + MBOX_REG_ENABLE);
	m->enabled = all;
	spin_unlock_irqrestore(&m->files_lock, flags);
}

/* ---- events ---- */

void mailbox_add_event(struct mailbox *m, const u8 *event)
{
	const __le32 *words = (const __le32 *)event;
	struct fbmb_event *e;
	unsigned long flags;

	spin_lock_irqsave(&m->files_lock, flags);
	e = &m->events[m->event_count++ % MAILBOX_EVENTS];
	*e = (struct fbmb_event) {
		.type = le32_to_cpu(words[MBOX_EVENT_TYPE / 4]),
		.link = le32_to_cpu(words[MBOX_EVENT_LINK / 4]),
		.peer_generation = le32_to_cpu(words[MBOX_EVENT_GENERATION / 4]),
		.argument = le32_to_cpu(words[MBOX_EVENT_ARGUMENT / 4]),
		.time = le64_to_cpup((const __le64 *)(event + MBOX_EVENT_TIME)),
		.lost = le32_to_cpu(words[MBOX_EVENT_LOST / 4]),
	};
	spin_unlock_irqrestore(&m->files_lock, flags);
}

/* False: it has seen all.  What it came too late for is counted as lost. */
bool mailbox_next_event(struct mailbox_file *f, struct fbmb_event *event)
{
	struct mailbox *m = f->m;
	u64 missed = 0;
	bool some;

	spin_lock_irq(&m->files_lock);
	if (m->event_count - f->events_seen > MAILBOX_EVENTS) {
		missed = m->event_count - MAILBOX_EVENTS - f->events_seen;
		f->events_seen += missed;
	}
	some = f->events_seen != m->event_count;
	if (some) {
		*event = m->events[f->events_seen++ % MAILBOX_EVENTS];
		event->lost += missed;
	}
	spin_unlock_irq(&m->files_lock);
	return some;
}
