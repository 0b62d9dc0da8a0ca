// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A thread that receives or sends, and its task switches. The registers are the thread's own
 * only while it runs: switched out they are in its image, and the CPU has none.
 *
 * The order of each step is that of docs/posting.md. Out: SN, then the registers, with which UINV
 * becomes 0. In: NDST and SN together, the registers, then a look at ON and PIR: what was posted
 * meanwhile was notified to nobody, or to a CPU that could not take it (M5).
 */
#include <linux/module.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <asm/apic.h>

#include "private.h"

static struct kmem_cache *threads;

static void take_away(struct thread *thread)
{
	if (thread->receiver)
		upid_suppress(thread->receiver);
	state_save(&thread->image);
	state_clear();
}

static void give_back(struct thread *thread, int cpu)
{
	if (thread->receiver)
		upid_aim(thread->receiver, RUNNING_VECTOR, cpu);
	state_load(&thread->image);
	if (thread->receiver && upid_posted(thread->receiver))
		apic->send_IPI_self(RUNNING_VECTOR);
}

/* The run queue is locked, interrupts are off. */
static void switched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	struct thread *thread = container_of(notifier, struct thread, notifier);

	take_away(thread);
	if (thread->receiver)
		wait_switched_out(thread);
}

static void switched_in(struct preempt_notifier *notifier, int cpu)
{
	struct thread *thread = container_of(notifier, struct thread, notifier);
	unsigned long flags;

	local_irq_save(flags);
	if (thread->receiver)
		wait_switched_in(thread);
	give_back(thread, cpu);
	local_irq_restore(flags);
}

static struct preempt_ops switches = {
	.sched_in = switched_in,
	.sched_out = switched_out,
};

void thread_park(struct thread *thread)
{
	local_irq_disable();
	take_away(thread);
}

void thread_unpark(struct thread *thread)
{
	give_back(thread, smp_processor_id());
	local_irq_enable();
}

/* Nobody but the thread itself reads or changes its list of notifiers. */
struct thread *current_thread(void)
{
	struct preempt_notifier *notifier;

	hlist_for_each_entry(notifier, &current->preempt_notifiers, link) {
		if (notifier->ops == &switches)
			return container_of(notifier, struct thread, notifier);
	}
	return NULL;
}

static struct thread *thread_create(void)
{
	struct thread *thread = kmem_cache_zalloc(threads, GFP_KERNEL_ACCOUNT);

	if (!thread)
		return NULL;
	state_init(&thread->image);
	preempt_notifier_init(&thread->notifier, &switches);
	refcount_set(&thread->refs, 1);
	thread->task = get_task_struct(current);
	INIT_LIST_HEAD(&thread->blocked);
	init_task_work(&thread->interrupt, thread_interrupted);
	__module_get(THIS_MODULE);
	count_more(COUNT_THREADS);
	return thread;
}

/* What it did to the registers before, or whoever ran here without any, is not its own (M3). */
static void begin(struct thread *thread)
{
	unsigned long flags;

	local_irq_save(flags);
	preempt_notifier_register(&thread->notifier);
	state_clear();
	local_irq_restore(flags);
}

/* Current's; NULL without memory. */
struct thread *thread_attach(void)
{
	struct thread *thread = current_thread();

	if (thread)
		return thread;
	thread = thread_create();
	if (thread)
		begin(thread);
	return thread;
}

/* Current's, which has nothing afterwards. Must not sleep: exit and exec come here. */
void thread_detach(struct thread *thread, int gone)
{
	unsigned long flags;

	receiver_unregister(thread, gone);
	local_irq_save(flags);
	take_away(thread);
	preempt_notifier_unregister(&thread->notifier);
	local_irq_restore(flags);
	uitt_leave(thread);
	thread_put(thread);
}

struct thread *thread_get(struct thread *thread)
{
	refcount_inc(&thread->refs);
	return thread;
}

void thread_put(struct thread *thread)
{
	if (!refcount_dec_and_test(&thread->refs))
		return;
	put_task_struct(thread->task);
	kmem_cache_free(threads, thread);
	count_less(COUNT_THREADS);
	module_put(THIS_MODULE);
}

int task_start(void)
{
	threads = kmem_cache_create("farbell_uintr_thread", sizeof(struct thread),
				    __alignof__(struct thread), 0, NULL);
	if (!threads)
		return -ENOMEM;
	preempt_notifier_inc();
	return 0;
}

void task_stop(void)
{
	preempt_notifier_dec();
	kmem_cache_destroy(threads);
}
