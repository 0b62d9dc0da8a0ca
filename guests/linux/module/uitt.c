// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a process may send to: one table for all its threads, as the published calls say, whose
 * operand "is valid for all threads of the same process". A thread gets the table's address with
 * its registers: the one that makes the table at once, the others by a task work each, before they
 * run user code again (M10).
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "private.h"

/* What an entry names, kept until the entry is gone. */
struct sender {
	struct receiver *receiver;
	struct uintr_area *area;	/* of the peer's UPID; then there is no receiver */
};

struct uitt {
	struct list_head list;
	struct mm_struct *mm;		/* grabbed, so that its address is nobody else's */
	unsigned int threads;		/* that have it or are to join; under tables_lock */
	struct mutex lock;
	struct uitt_entry *entries;
	struct sender senders[UINTR_MAX_SENDERS];
};

/* A thread that is to have the table; until then the table stays. */
struct joining {
	struct callback_head work;
	struct uitt *uitt;
};

static LIST_HEAD(tables);
static DEFINE_SPINLOCK(tables_lock);

static struct uitt *find_locked(struct mm_struct *mm)
{
	struct uitt *uitt;

	list_for_each_entry(uitt, &tables, list) {
		if (uitt->mm == mm)
			return uitt;
	}
	return NULL;
}

static struct uitt *uitt_create(struct mm_struct *mm)
{
	struct uitt *uitt = kzalloc(sizeof(*uitt), GFP_KERNEL_ACCOUNT);

	if (!uitt)
		return NULL;
	uitt->entries = (void *)__get_free_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!uitt->entries) {
		kfree(uitt);
		return NULL;
	}
	BUILD_BUG_ON(UINTR_MAX_SENDERS * UITTE_SIZE > PAGE_SIZE);
	mmgrab(mm);
	uitt->mm = mm;
	mutex_init(&uitt->lock);
	count_more(COUNT_TABLES);
	return uitt;
}

static void sender_end(struct sender *sender)
{
	if (sender->receiver)
		receiver_put(sender->receiver);
	else
		area_unuse(sender->area);
	memset(sender, 0, sizeof(*sender));
	count_less(COUNT_SENDERS);
}

static bool sender_used(const struct sender *sender)
{
	return sender->receiver || sender->area;
}

/* No thread has its address any more. */
static void uitt_destroy(struct uitt *uitt)
{
	int i;

	for (i = 0; i < UINTR_MAX_SENDERS; i++) {
		if (sender_used(&uitt->senders[i]))
			sender_end(&uitt->senders[i]);
	}
	free_page((unsigned long)uitt->entries);
	mmdrop(uitt->mm);
	kfree(uitt);
	count_less(COUNT_TABLES);
}

/* The process's table, for one thread more. Takes `fresh` if there is none yet. */
static struct uitt *uitt_get(struct mm_struct *mm, struct uitt *fresh)
{
	struct uitt *uitt;

	spin_lock(&tables_lock);
	uitt = find_locked(mm);
	if (!uitt && fresh) {
		list_add(&fresh->list, &tables);
		uitt = fresh;
	}
	if (uitt)
		uitt->threads++;
	spin_unlock(&tables_lock);
	return uitt;
}

static void uitt_hold(struct uitt *uitt)
{
	spin_lock(&tables_lock);
	uitt->threads++;
	spin_unlock(&tables_lock);
}

static void uitt_put(struct uitt *uitt)
{
	bool last;

	spin_lock(&tables_lock);
	last = !--uitt->threads;
	if (last)
		list_del(&uitt->list);
	spin_unlock(&tables_lock);
	if (last)
		uitt_destroy(uitt);
}

static void load_uitt(struct thread *thread, struct uitt *uitt)
{
	struct image *image = &thread->image;

	thread_park(thread);
	thread->uitt = uitt;
	image->misc &= ~(u64)U32_MAX;
	image->misc |= uitt ? UINTR_MAX_SENDERS - 1 : 0;
	image->tt = uitt ? (u64)uitt->entries | UINTR_TT_ENABLE : 0;
	thread_unpark(thread);
}

/* thread_detach() has taken the registers already. */
void uitt_leave(struct thread *thread)
{
	if (thread->uitt)
		uitt_put(thread->uitt);
	thread->uitt = NULL;
}

/* It may be another program by now, dying, or have it already. */
static void join_uitt(struct uitt *uitt)
{
	struct thread *thread;

	if (current->mm != uitt->mm || current->flags & PF_EXITING)
		return;
	thread = thread_attach();
	if (!thread || thread->uitt)
		return;
	uitt_hold(uitt);
	load_uitt(thread, uitt);
}

static void joining_end(struct joining *joining)
{
	uitt_put(joining->uitt);
	kfree(joining);
	module_put(THIS_MODULE);
}

static void join(struct callback_head *work)
{
	struct joining *joining = container_of(work, struct joining, work);

	join_uitt(joining->uitt);
	joining_end(joining);
}

/* Takes the reference. */
static void let_join(struct task_struct *task, struct uitt *uitt)
{
	struct joining *joining = kmalloc(sizeof(*joining), GFP_ATOMIC | __GFP_NOWARN);

	if (!joining || !try_module_get(THIS_MODULE)) {
		kfree(joining);
		uitt_put(uitt);
		return;
	}
	joining->uitt = uitt;
	init_task_work(&joining->work, join);
	if (task_work_add(task, &joining->work, TWA_RESUME))
		joining_end(joining);
}

/* On each CPU the instruction that ran has ended, and what was to be done before user code is. */
static void nothing(void *unused)
{
}

static void pass_all_cpus(void)
{
	on_each_cpu(nothing, NULL, 1);
}

/* A kernel thread may borrow the memory, and a worker of io_uring has it, for the kernel's code. */
static bool runs_user_code(const struct task_struct *task)
{
	return !(task->flags & (PF_KTHREAD | PF_IO_WORKER));
}

/* Whoever has the same memory, threads of other processes (CLONE_VM) too. */
static void let_all_join(struct uitt *uitt)
{
	struct task_struct *process, *task;

	smp_mb();	/* the table is there; pairs with uitt_inherit() */
	rcu_read_lock();
	for_each_process_thread(process, task) {
		if (task != current && READ_ONCE(task->mm) == uitt->mm && runs_user_code(task)) {
			uitt_hold(uitt);
			let_join(task, uitt);
		}
	}
	rcu_read_unlock();
	pass_all_cpus();
}

/*
 * The parent is current. If the table is made at the same time, this sees the table, or
 * let_all_join() has seen the child.
 */
void uitt_inherit(struct task_struct *child)
{
	struct uitt *uitt;

	smp_mb();	/* the child is there; pairs with let_all_join() */
	if (list_empty(&tables) || !child->mm)
		return;
	uitt = uitt_get(child->mm, NULL);
	if (uitt)
		let_join(child, uitt);
}

static struct uitt *current_uitt(void)
{
	struct thread *thread = thread_attach();
	struct uitt *fresh, *uitt;

	if (!thread || thread->uitt)
		return thread ? thread->uitt : NULL;
	fresh = uitt_create(current->mm);
	if (!fresh)
		return NULL;
	uitt = uitt_get(current->mm, fresh);
	load_uitt(thread, uitt);
	if (uitt == fresh)
		let_all_join(uitt);
	else
		uitt_destroy(fresh);
	return uitt;
}

static int find_entry(struct uitt *uitt, struct receiver *receiver, u8 vector)
{
	u64 low = UITTE_V | (u64)vector << UITTE_UV_SHIFT;
	int i;

	for (i = 0; i < UINTR_MAX_SENDERS; i++) {
		if (uitt->senders[i].receiver == receiver && uitt->entries[i].low == low)
			return i;
	}
	return -1;
}

static int find_free(struct uitt *uitt)
{
	int i;

	for (i = 0; i < UINTR_MAX_SENDERS; i++) {
		if (!sender_used(&uitt->senders[i]))
			return i;
	}
	return -ENOSPC;
}

/* V comes last, as another thread may try the entry. Takes the reference that `sender` has. */
static int enter(struct uitt *uitt, struct sender sender, void *upid, u8 vector)
{
	int index = find_free(uitt);

	if (index < 0)
		return index;
	uitt->senders[index] = sender;
	WRITE_ONCE(uitt->entries[index].upid, (u64)upid);
	smp_store_release(&uitt->entries[index].low, UITTE_V | (u64)vector << UITTE_UV_SHIFT);
	count_more(COUNT_SENDERS);
	return index;
}

/* A SENDUIPI that has read the entry ends before the UPID may go. */
static void remove(struct uitt *uitt, int index)
{
	WRITE_ONCE(uitt->entries[index].low, 0);
	pass_all_cpus();
	WRITE_ONCE(uitt->entries[index].upid, 0);
	sender_end(&uitt->senders[index]);
}

int uitt_register(struct receiver *receiver, u8 vector)
{
	struct uitt *uitt;
	int index;

	if (READ_ONCE(receiver->gone))
		return READ_ONCE(receiver->gone);
	if (receiver->area)
		return -EXDEV;	/* its NDST is for the peer's machine */
	uitt = current_uitt();
	if (!uitt)
		return -ENOMEM;
	mutex_lock(&uitt->lock);
	if (find_entry(uitt, receiver, vector) >= 0) {
		index = -EISCONN;
	} else {
		struct sender sender = { .receiver = receiver_get(receiver) };

		index = enter(uitt, sender, receiver->upid, vector);
		if (index < 0)
			receiver_put(receiver);
	}
	mutex_unlock(&uitt->lock);
	return index;
}

int uitt_register_peer(struct uintr_area *area, void *upid, u8 vector)
{
	struct sender sender = { .area = area };
	struct uitt *uitt = current_uitt();
	int index;

	if (!uitt)
		return -ENOMEM;
	if (area_use(area))
		return -ENODEV;
	mutex_lock(&uitt->lock);
	index = enter(uitt, sender, upid, vector);
	mutex_unlock(&uitt->lock);
	if (index < 0)
		area_unuse(area);
	return index;
}

int uintr_unregister_sender(u64 index)
{
	struct thread *thread = current_thread();
	struct uitt *uitt = thread ? thread->uitt : NULL;
	int ret = -EINVAL;

	if (!uitt || index >= UINTR_MAX_SENDERS)
		return ret;
	index = array_index_nospec(index, UINTR_MAX_SENDERS);
	mutex_lock(&uitt->lock);
	if (sender_used(&uitt->senders[index])) {
		remove(uitt, index);
		ret = 0;
	}
	mutex_unlock(&uitt->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(uintr_unregister_sender);

int uitt_disconnect(struct receiver *receiver, u8 vector)
{
	struct thread *thread = current_thread();
	struct uitt *uitt = thread ? thread->uitt : NULL;
	int index;

	if (!uitt)
		return -EINVAL;
	mutex_lock(&uitt->lock);
	index = find_entry(uitt, receiver, vector);
	if (index >= 0)
		remove(uitt, index);
	mutex_unlock(&uitt->lock);
	return index < 0 ? -EINVAL : 0;
}
