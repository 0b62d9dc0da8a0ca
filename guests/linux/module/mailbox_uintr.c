// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * User interrupts across the link: this side's half of the UPID window is an
 * area of farbell_uintr.ko, which hands out UPIDs in it, cleared; the peer's
 * half is whom SENDUIPI may reach.  The peer's CPUs may send the vectors of
 * that module to all CPUs of this side, and nothing else (MB31).
 */
#include <linux/io.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/irq_vectors.h>

#include <farbell/uintr.h>

#include "mailbox.h"
#include "uintr.h"

#define XAPIC_SHIFT	8	/* of NDST, as the peer's CPUs read it */

/* It outlives the device while there are receivers. */
struct mailbox_window {
	struct mailbox *m;	/* null: gone; under lock */
	spinlock_t lock;
	void *base;
	struct uintr_area *area;
	struct mailbox_file *binder;
	u32 bound;		/* its UPID */
};

/* ---- posting of messages (MB33) ---- */

static void unbind(struct mailbox_window *w)
{
	writel(0, w->m->regs + MBOX_REG_BIND_CONTROL);
	w->binder = NULL;
}

static bool bind(struct mailbox_window *w, struct mailbox_file *f, u8 vector)
{
	struct mailbox *m = w->m;

	writel(0, m->regs + MBOX_REG_BIND_CONTROL);
	writeq(m->shm_base + m->upids.offset + f->upid,
	       m->regs + MBOX_REG_BIND_ADDRESS);
	writel(vector, m->regs + MBOX_REG_BIND_VECTOR);
	writel(MBOX_BIND_ENABLE, m->regs + MBOX_REG_BIND_CONTROL);
	if (readl(m->regs + MBOX_REG_BIND_STATUS) != MBOX_BIND_ON)
		return false;
	w->binder = f;
	w->bound = f->upid;
	return true;
}

/* Only to the caller's own UPID, and there is one binding. */
long mailbox_bind(struct mailbox_file *f, void __user *argument)
{
	struct mailbox_window *w = f->m->window;
	struct fbmb_bind b;
	long error = 0;

	if (copy_from_user(&b, argument, sizeof(b)))
		return -EFAULT;
	if (b.vector >= UINTR_VECTORS || b.bound > 1)
		return -EINVAL;
	spin_lock_irq(&w->lock);
	if (w->binder && w->binder != f)
		error = -EBUSY;
	else if (b.bound && (!f->is_receiver || f->receiver != task_pid(current)))
		error = -EPERM;
	else if (b.bound)
		error = bind(w, f, b.vector) ? 0 : -EINVAL;
	else if (w->binder)
		unbind(w);
	spin_unlock_irq(&w->lock);
	return error;
}

/* ---- receivers and senders ---- */

/* Its number may be another's from now on; in any context. */
static void receiver_gone(void *opaque, u32 offset)
{
	struct mailbox_window *w = opaque;
	struct mailbox_file *f;
	unsigned long flags;

	spin_lock_irqsave(&w->lock, flags);
	if (w->m && w->binder && w->bound == offset)
		unbind(w);
	if (w->m) {
		spin_lock(&w->m->files_lock);
		list_for_each_entry(f, &w->m->files, entry)
			if (f->upid == offset)
				f->is_receiver = false;
		spin_unlock(&w->m->files_lock);
	}
	spin_unlock_irqrestore(&w->lock, flags);
}

static void has_become_receiver(struct mailbox_file *f, u32 upid)
{
	struct mailbox_window *w = f->m->window;
	struct pid *before;

	spin_lock_irq(&w->lock);
	before = f->receiver;
	f->receiver = get_pid(task_pid(current));
	f->upid = upid;
	f->is_receiver = true;
	spin_unlock_irq(&w->lock);
	put_pid(before);
}

long mailbox_receiver(struct mailbox_file *f, void __user *argument)
{
	struct fbmb_receiver r;
	int offset;

	if (copy_from_user(&r, argument, sizeof(r)))
		return -EFAULT;
	offset = uintr_area_register_handler(f->m->window->area, r.handler, r.flags);
	if (offset < 0)
		return offset;
	has_become_receiver(f, offset);
	r.offset = offset;
	if (!copy_to_user(argument, &r, sizeof(r)))
		return 0;
	uintr_unregister_handler();
	return -EFAULT;
}

long mailbox_sender(struct mailbox_file *f, void __user *argument)
{
	struct fbmb_sender s;
	int index;

	if (copy_from_user(&s, argument, sizeof(s)))
		return -EFAULT;
	if (s.zero || s.vector >= UINTR_VECTORS)
		return -EINVAL;
	index = uintr_area_register_sender(f->m->window->area, s.offset,
					   s.vector);
	if (index < 0)
		return index;
	s.index = index;
	if (!copy_to_user(argument, &s, sizeof(s)))
		return 0;
	uintr_unregister_sender(index);
	return -EFAULT;
}

/* The file goes, and its binding with it. */
void mailbox_window_leave(struct mailbox_file *f)
{
	struct mailbox_window *w = f->m->window;

	spin_lock_irq(&w->lock);
	if (w->binder == f && w->m)
		unbind(w);
	spin_unlock_irq(&w->lock);
}

/* ---- coming and going ---- */

static void release(void *opaque)
{
	struct mailbox_window *w = opaque;

	memunmap(w->base);
	kfree(w);
}

static void allow(struct mailbox *m, u8 vector)
{
	void __iomem *at = m->regs + MBOX_REG_ALLOW_VECTOR + vector / 64 * 8;

	writeq(readq(at) | BIT_ULL(vector % 64), at);
}

static struct uintr_area *add_area(struct mailbox *m, struct mailbox_window *w)
{
	u32 half = m->upids.size / 2;
	struct uintr_area_config config = {
		.owner = THIS_MODULE,
		.base = w->base,
		.size = 2 * half,
		.own_offset = m->side * half,
		.own_size = half,
		.apic_base = mailbox_config(m, MBOX_CFG_APIC_FIRST),
		.ndst_shift = XAPIC_SHIFT,
		.opaque = w,
		.gone = receiver_gone,
		.release = release,
	};

	return uintr_area_add(&config);
}

/* The device is to be ready. */
int mailbox_window_start(struct mailbox *m)
{
	struct mailbox_window *w = kzalloc(sizeof(*w), GFP_KERNEL);

	if (!w)
		return -ENOMEM;
	w->m = m;
	spin_lock_init(&w->lock);
	w->base = memremap(m->shm_base + m->upids.offset, m->upids.size,
			   MEMREMAP_WB);
	w->area = w->base ? add_area(m, w) : ERR_PTR(-ENOMEM);
	if (IS_ERR(w->area)) {
		int error = PTR_ERR(w->area);

		if (w->base)
			memunmap(w->base);
		kfree(w);
		return error;
	}
	m->window = w;
	allow(m, POSTED_INTR_VECTOR);
	allow(m, POSTED_INTR_WAKEUP_VECTOR);
	writeq(~0ULL, m->regs + MBOX_REG_ALLOW_DEST);
	return 0;
}

void mailbox_window_stop(struct mailbox *m)
{
	struct mailbox_window *w = m->window;

	spin_lock_irq(&w->lock);
	if (w->binder)
		unbind(w);
	w->m = NULL;
	spin_unlock_irq(&w->lock);
	uintr_area_remove(w->area);
}
