/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of farbell_uintr.ko know of each other.
 *
 *   cpu.c       CR4.UINTR and IA32_XSS on each CPU
 *   state.c     the registers of a thread: XSAVES and XRSTORS of component 14
 *   task.c      a thread that has such registers, and its task switches
 *   upid.c      receivers and their UPIDs
 *   pool.c      the memory of UPIDs
 *   uitt.c      what a process may send to
 *   vector.c    descriptors that name a receiver and a vector
 *   wait.c      receivers that are blocked in the kernel
 *   area.c      UPIDs in memory shared with another machine
 *   events.c    fork, exec, exit
 *   device.c    /dev/uintr
 *   main.c      where it works, and that KVM keeps off
 *
 * "Mn" are the rules of docs/linux.md.
 */
#ifndef FARBELL_LINUX_PRIVATE_H
#define FARBELL_LINUX_PRIVATE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/stddef.h>
#include <linux/task_work.h>
#include <asm/irq_vectors.h>

#include <farbell/uintr.h>
#include <farbell/uintr-linux.h>
#include "uintr.h"

/* Whom notifications are for. The kernel acknowledges both vectors where they come late. */
#define RUNNING_VECTOR	POSTED_INTR_VECTOR
#define BLOCKED_VECTOR	POSTED_INTR_WAKEUP_VECTOR

struct uintr_upid {
	u64 control;
	u64 pir;
	u64 unused[6];
} __aligned(UPID_ALIGN);

struct uitt_entry {
	u64 low;
	u64 upid;
} __aligned(UITTE_SIZE);

/* The XSAVE area of component 14 alone, in the compacted format. */
struct image {
	u8 legacy[512];
	u64 xstate_bv;
	u64 xcomp_bv;
	u64 zero[6];
	struct_group(registers,
		u64 handler;
		u64 stackadjust;
		u64 misc;
		u64 pd;
		u64 rr;
		u64 tt;
	);
} __aligned(64);

/* Lives as long as its thread receives, or somebody's table or descriptor names it. */
struct receiver {
	refcount_t refs;
	struct uintr_upid *upid;
	struct uintr_area *area;	/* that the UPID lies in, or NULL */
	u32 apic_base;
	u8 ndst_shift;
	u64 vectors;			/* that have a descriptor */
	int gone;			/* 0, or the error for who wants to send to it */
};

struct uitt;

struct thread {
	struct image image;
	struct preempt_notifier notifier;
	struct task_struct *task;
	refcount_t refs;
	struct receiver *receiver;	/* or NULL */
	struct uitt *uitt;		/* or NULL */
	bool interruptible;		/* system calls end for an interrupt */
	bool waiting;			/* in UINTR_IOC_WAIT */
	struct list_head blocked;
	struct callback_head interrupt;
	atomic_t interrupted;		/* that is queued */
};

/* state.c: interrupts off, on the CPU of the thread */
void state_save(struct image *image);
void state_load(const struct image *image);
void state_clear(void);
void state_init(struct image *image);

/* cpu.c */
int cpu_start(void);
void cpu_stop(void);

/* task.c */
int task_start(void);
void task_stop(void);
struct thread *current_thread(void);
struct thread *thread_attach(void);
void thread_detach(struct thread *thread, int gone);
struct thread *thread_get(struct thread *thread);
void thread_put(struct thread *thread);
/* Between the two the registers are in thread->image, and interrupts are off. */
void thread_park(struct thread *thread);
void thread_unpark(struct thread *thread);

/* upid.c */
int upid_start(void);
void upid_stop(void);
struct receiver *receiver_create(struct uintr_area *area);
struct receiver *receiver_get(struct receiver *receiver);
void receiver_put(struct receiver *receiver);
int receiver_register(struct uintr_area *area, u64 handler, u32 flags);
int receiver_unregister(struct thread *thread, int gone);
int receiver_alt_stack(u64 sp, u64 size);
void upid_suppress(struct receiver *receiver);
void upid_aim(struct receiver *receiver, u8 vector, int cpu);
bool upid_posted(const struct receiver *receiver);

/* pool.c */
struct uintr_upid *pool_take(void);
void pool_return(struct uintr_upid *upid);
void pool_stop(void);

/* uitt.c */
int uitt_register(struct receiver *receiver, u8 vector);
int uitt_register_peer(struct uintr_area *area, void *upid, u8 vector);
int uitt_disconnect(struct receiver *receiver, u8 vector);
void uitt_leave(struct thread *thread);
void uitt_inherit(struct task_struct *child);

/* vector.c */
int vector_fd(unsigned long vector);
int vector_register_sender(int fd);
int vector_disconnect(int fd);
int vector_register_self(unsigned long vector);

/* wait.c */
int wait_start(void);
void wait_stop(void);
int wait_for_interrupt(unsigned long usec);
void wait_switched_out(struct thread *thread);
void wait_switched_in(struct thread *thread);
void wait_move(unsigned int cpu);
void thread_interrupted(struct callback_head *work);

/* area.c */
struct uintr_upid *area_take_upid(struct uintr_area *area);
void area_return_upid(struct uintr_area *area, struct uintr_upid *upid);
u32 area_offset(struct uintr_area *area, struct uintr_upid *upid);
void area_place(struct uintr_area *area, struct receiver *receiver);
int area_use(struct uintr_area *area);
void area_unuse(struct uintr_area *area);

/* events.c */
int events_start(void);
void events_stop(void);

/* device.c */
enum count { COUNT_THREADS, COUNT_RECEIVERS, COUNT_VECTORS, COUNT_TABLES, COUNT_SENDERS,
	     COUNT_AREAS, COUNT_KINDS };
void count_more(enum count kind);
void count_less(enum count kind);
int device_start(void);
void device_stop(void);

#endif
