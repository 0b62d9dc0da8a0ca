// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Receivers that are blocked in the kernel and want to be woken. Their UPIDs have another
 * vector, which is an ordinary interrupt of the kernel, and the CPU that they blocked on keeps a
 * list of them: a notification says to which CPU, but not for whom.
 *
 * Whoever is woken has a task work that ends its system call with EINTR; on the way to user mode
 * the registers are loaded, and the interrupt is delivered before the call's return is seen.
 */
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <asm/apic.h>
#include <asm/irq.h>
#include <asm/syscall.h>

#include "private.h"

static DEFINE_PER_CPU(struct list_head, blocked);
static DEFINE_RAW_SPINLOCK(blocked_lock);

/* Of a blocked thread nothing of this changes but what is posted. */
static bool has_interrupt(const struct thread *thread)
{
	return thread->image.rr || upid_posted(thread->receiver);
}

/*
 * UINTR_IOC_WAIT ends for a masked interrupt, too: who waits with UIF clear has looked, without
 * an interrupt coming in between, whether there is something to wait for (M8).
 */
static bool may_interrupt(const struct thread *thread)
{
	u64 uif = thread->image.misc & BIT_ULL(UINTR_XSTATE_MISC_UIF_BIT);

	return thread->waiting || (thread->interruptible && uif);
}

/*
 * A thread that was preempted is still on the run queue. The run queue is locked, so that nobody
 * can be woken from here: an interrupt to ourselves does it, as soon as interrupts are on.
 */
void wait_switched_out(struct thread *thread)
{
	int cpu = smp_processor_id();

	if (READ_ONCE(current->on_rq) || !may_interrupt(thread))
		return;
	raw_spin_lock(&blocked_lock);
	list_add_tail(&thread->blocked, per_cpu_ptr(&blocked, cpu));
	upid_aim(thread->receiver, BLOCKED_VECTOR, cpu);
	raw_spin_unlock(&blocked_lock);
	if (has_interrupt(thread))
		apic->send_IPI_self(BLOCKED_VECTOR);
}

void wait_switched_in(struct thread *thread)
{
	raw_spin_lock(&blocked_lock);
	list_del_init(&thread->blocked);
	raw_spin_unlock(&blocked_lock);
}

/* With a reference, and off the list. */
static struct thread *next_to_wake(void)
{
	struct thread *thread, *found = NULL;

	raw_spin_lock(&blocked_lock);
	list_for_each_entry(thread, this_cpu_ptr(&blocked), blocked) {
		if (has_interrupt(thread)) {
			found = thread_get(thread);
			list_del_init(&thread->blocked);
			upid_suppress(thread->receiver);
			break;
		}
	}
	raw_spin_unlock(&blocked_lock);
	return found;
}

/* One work at most is queued; it has the reference. */
static void wake(struct thread *thread)
{
	if (!atomic_xchg(&thread->interrupted, 1) &&
	    !task_work_add(thread->task, &thread->interrupt, TWA_SIGNAL))
		return;
	thread_put(thread);
}

/* The interrupt; it is acknowledged. */
static void notified(void)
{
	struct thread *thread;

	while ((thread = next_to_wake()))
		wake(thread);
}

/*
 * In the thread, before it goes back to user mode and before signals are delivered; or in the midst
 * of a call that runs such works where it waits, as io_uring_enter() does. The call has no result
 * then, which looks like ENOSYS, and ends for a signal only: it is told of one. Where ENOSYS was
 * the result the kernel finds that there is none, and goes on.
 */
void thread_interrupted(struct callback_head *work)
{
	struct thread *thread = container_of(work, struct thread, interrupt);
	struct pt_regs *regs = current_pt_regs();

	atomic_set(&thread->interrupted, 0);
	if (syscall_get_nr(current, regs) != -1) {
		switch (syscall_get_error(current, regs)) {
		case -ERESTARTSYS:
		case -ERESTARTNOHAND:
		case -ERESTART_RESTARTBLOCK:
			regs->ax = -EINTR;
			break;
		case -ENOSYS:
			set_thread_flag(TIF_SIGPENDING);
		}
	}
	thread_put(thread);
}

static int sleep_until(ktime_t end)
{
	while (!signal_pending(current)) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!schedule_hrtimeout(&end, HRTIMER_MODE_ABS))
			return 0;
	}
	return -EINTR;
}

int wait_for_interrupt(unsigned long usec)
{
	struct thread *thread = current_thread();
	int ret;

	if (!thread || !thread->receiver)
		return -EOPNOTSUPP;
	if (usec > UINTR_WAIT_MAX_USEC)
		return -EINVAL;
	thread->waiting = true;
	ret = sleep_until(ktime_add_us(ktime_get(), usec));
	thread->waiting = false;
	return ret;
}

/* To a CPU that is alive, with all that was posted while nobody took it. */
void wait_move(unsigned int dead)
{
	struct thread *thread, *next;
	unsigned long flags;
	int cpu;

	raw_spin_lock_irqsave(&blocked_lock, flags);
	cpu = smp_processor_id();
	list_for_each_entry_safe(thread, next, per_cpu_ptr(&blocked, dead), blocked) {
		list_move_tail(&thread->blocked, per_cpu_ptr(&blocked, cpu));
		upid_aim(thread->receiver, BLOCKED_VECTOR, cpu);
	}
	raw_spin_unlock_irqrestore(&blocked_lock, flags);
	apic->send_IPI(cpu, BLOCKED_VECTOR);
}

int wait_start(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		INIT_LIST_HEAD(per_cpu_ptr(&blocked, cpu));
	kvm_set_posted_intr_wakeup_handler(notified);
	return 0;
}

/* Waits for handlers that run. */
void wait_stop(void)
{
	kvm_set_posted_intr_wakeup_handler(NULL);
}
