// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Receivers. A UPID is written by whoever posts, and in an area by a peer who may write anything:
 * of what is in it only ON and PIR are looked at, and NV, NDST and SN are written anew each time.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/apic.h>
#include <asm/smp.h>

#include "private.h"

#define RED_ZONE	128	/* below RSP, of the x86-64 ABI */

static struct kmem_cache *receivers;

/* One step, so that nobody sees NDST of one CPU with NV or SN for another. */
static void upid_write(struct receiver *receiver, u64 control)
{
	u64 *word = &receiver->upid->control;
	u64 old;

	do {
		old = READ_ONCE(*word);
	} while (cmpxchg64(word, old, control | (old & UPID_ON)) != old);
}

/* Whoever posts from now on only leaves it in PIR. */
void upid_suppress(struct receiver *receiver)
{
	upid_write(receiver, UPID_SN | (u64)RUNNING_VECTOR << UPID_NV_SHIFT);
}

/* Notifications go to that CPU. */
void upid_aim(struct receiver *receiver, u8 vector, int cpu)
{
	u64 ndst = (u64)(receiver->apic_base + cpu_physical_id(cpu)) << receiver->ndst_shift;

	upid_write(receiver, (u64)vector << UPID_NV_SHIFT | ndst << UPID_NDST_SHIFT);
}

/* ON alone: it was posted to, and the CPU that was notified did not take it. */
bool upid_posted(const struct receiver *receiver)
{
	return READ_ONCE(receiver->upid->control) & UPID_ON || READ_ONCE(receiver->upid->pir);
}

static struct uintr_upid *take_upid(struct uintr_area *area)
{
	if (area)
		return area_take_upid(area);
	return pool_take() ?: ERR_PTR(-ENOMEM);
}

struct receiver *receiver_create(struct uintr_area *area)
{
	struct receiver *receiver = kmem_cache_zalloc(receivers, GFP_KERNEL_ACCOUNT);
	struct uintr_upid *upid;

	if (!receiver)
		return ERR_PTR(-ENOMEM);
	upid = take_upid(area);
	if (IS_ERR(upid)) {
		kmem_cache_free(receivers, receiver);
		return ERR_CAST(upid);
	}
	refcount_set(&receiver->refs, 1);
	receiver->upid = upid;
	receiver->ndst_shift = x2apic_mode ? 0 : UPID_NDST_XAPIC_SHIFT;
	if (area)
		area_place(area, receiver);
	upid_suppress(receiver);
	count_more(COUNT_RECEIVERS);
	return receiver;
}

struct receiver *receiver_get(struct receiver *receiver)
{
	refcount_inc(&receiver->refs);
	return receiver;
}

/* The last one: no table names its UPID any more, so that nobody can post to it. */
void receiver_put(struct receiver *receiver)
{
	if (!refcount_dec_and_test(&receiver->refs))
		return;
	if (receiver->area)
		area_return_upid(receiver->area, receiver->upid);
	else
		pool_return(receiver->upid);
	kmem_cache_free(receivers, receiver);
	count_less(COUNT_RECEIVERS);
}

static void receiver_begin(struct thread *thread, struct receiver *receiver, u64 handler)
{
	struct image *image = &thread->image;

	thread_park(thread);
	image->handler = handler;
	image->stackadjust = RED_ZONE;
	image->misc &= ~BIT_ULL(UINTR_XSTATE_MISC_UIF_BIT);
	image->misc |= (u64)RUNNING_VECTOR << UINTR_MISC_UINV_SHIFT;
	image->pd = (u64)receiver->upid;
	thread->receiver = receiver;
	thread_unpark(thread);
}

int receiver_register(struct uintr_area *area, u64 handler, u32 flags)
{
	struct receiver *receiver;
	struct thread *thread;

	if (flags & ~UINTR_HANDLER_FLAG_WAITING_ANY)
		return -EINVAL;
	if (!handler || !access_ok((void __user *)handler, 1))
		return -EFAULT;
	thread = thread_attach();
	if (!thread)
		return -ENOMEM;
	if (thread->receiver)
		return -EBUSY;
	receiver = receiver_create(area);
	if (IS_ERR(receiver))
		return PTR_ERR(receiver);
	thread->interruptible = flags & UINTR_HANDLER_FLAG_WAITING_ANY;
	receiver_begin(thread, receiver, handler);
	return area ? area_offset(area, receiver->upid) : 0;
}

/* What was posted and not delivered is lost with it. UIF goes, too. */
static void receiver_forget(struct image *image)
{
	image->handler = 0;
	image->stackadjust = 0;
	image->misc &= U32_MAX;
	image->pd = 0;
	image->rr = 0;
}

/* Of current. Must not sleep. */
int receiver_unregister(struct thread *thread, int gone)
{
	struct receiver *receiver = thread ? thread->receiver : NULL;

	if (!receiver)
		return -EINVAL;
	thread_park(thread);
	receiver_forget(&thread->image);
	thread->receiver = NULL;
	thread->interruptible = false;
	WRITE_ONCE(receiver->gone, gone);
	thread_unpark(thread);
	receiver_put(receiver);
	return 0;
}

int uintr_unregister_handler(void)
{
	return receiver_unregister(current_thread(), -ECONNRESET);
}
EXPORT_SYMBOL_GPL(uintr_unregister_handler);

/* sp 0: the interrupted stack again, below its red zone. */
int receiver_alt_stack(u64 sp, u64 size)
{
	struct thread *thread = current_thread();
	u64 adjust = RED_ZONE;

	if (!thread || !thread->receiver)
		return -EOPNOTSUPP;
	if (sp) {
		if (size < UINTR_FRAME_SIZE + UINTR_FRAME_ALIGN)
			return -ENOMEM;
		if (!access_ok((void __user *)sp, size))
			return -EFAULT;
		adjust = ((sp + size) & ~(u64)(UINTR_FRAME_ALIGN - 1)) | UINTR_STACKADJUST_LOAD;
	}
	thread_park(thread);
	thread->image.stackadjust = adjust;
	thread_unpark(thread);
	return 0;
}

int upid_start(void)
{
	receivers = KMEM_CACHE(receiver, 0);
	return receivers ? 0 : -ENOMEM;
}

void upid_stop(void)
{
	kmem_cache_destroy(receivers);
	pool_stop();
}
