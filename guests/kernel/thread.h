/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads of one CPU by fixed priority, preemptive; the higher number runs.
 * Kernel code runs with interrupts off and gives way only where it blocks or
 * at thread_pause().  All calls here are made with interrupts off.
 */
#ifndef GUESTS_THREAD_H
#define GUESTS_THREAD_H

#include "space.h"
#include "uintr.h"

#define THREADS_MAX     256
#define PRIORITIES      64
#define PRIORITY_IDLE   0
#define PRIORITY_USUAL  16
#define THREAD_STACK    8192
#define NEVER           UINT64_MAX

enum thread_state { THREAD_FREE, THREAD_READY, THREAD_BLOCKED };

struct thread {
    uint64_t rsp;               /* its kernel stack while it does not run */
    struct thread *next;        /* in a queue of ready ones */
    struct thread *later;       /* in the list of sleepers */
    uint64_t wake_at;           /* clock_now(), or NEVER */
    uint64_t slice_end;         /* then its equals have their turn */
    uint64_t slice_left;        /* of it when it lost the CPU, or 0 */
    int id;                     /* 1 and up, not used again soon */
    int priority;
    enum thread_state state;
    bool woken;                 /* by thread_wake(), not by time */
    bool killed;                /* it leaves instead of going on in ring 3 */
    struct space *space;        /* null: a thread of the kernel */
    /* Of the kernel that uses this: */
    struct process *process;
    struct thread *sibling;     /* in the list of its process */
    uint64_t clear_tid;         /* where its end is told, or 0 */
    struct area *area;          /* XSAVE image while it does not run */
    uint64_t fs_base;
    struct upid *upid;          /* null: no user-interrupt handler */
    uint32_t far_id;            /* its NDST for others, 0: the local APIC ID */
    uint8_t wake_vector;        /* NV of its UPID while it blocks, 0: none */
};

extern struct thread threads[THREADS_MAX];
struct thread *thread_current(void);

/* Once: whoever calls it becomes the first thread, of that priority. */
void threads_start(int priority);

/*
 * A thread that begins in ring 3 with that frame, or in the kernel with
 * fn(argument); null if there is none left.  It does not run yet.
 */
struct thread *thread_create(int priority, struct space *space,
                             const struct frame *frame);
struct thread *thread_create_kernel(int priority, void (*fn)(void *),
                                    void *argument);
/* The caller's registers of ring 3, but those of user interrupts. */
void thread_copy_state(struct thread *to);
void thread_renew_state(void);          /* the caller's: as of a new thread */
void thread_set_fs(uint64_t base);
void thread_start(struct thread *thread);
void thread_discard(struct thread *thread);     /* one that never started */
/* It is a thread of the kernel from here on, and its space may go. */
void thread_leave_space(void);
void thread_exit(void) __attribute__((noreturn));

/* Sleep until thread_wake() or that time: true if woken. */
bool thread_block(uint64_t until);
void thread_wake(struct thread *thread);
void thread_set_priority(struct thread *thread, int priority);
void thread_yield(void);        /* to its equals */
bool thread_is_alone(void);     /* no other is ready to run */
/* Take interrupts, and let more urgent threads run. */
void thread_pause(void);
struct frame *thread_frame(struct thread *thread);  /* of ring 3 */

/* Defined by the kernel that uses this. */
long system_call(struct frame *f);      /* f->rax is the call; the result */
void thread_faulted(struct frame *f) __attribute__((noreturn));
void thread_leave(void) __attribute__((noreturn));  /* a killed one, instead */
/* It may also define these: */
void thread_runs(int priority);         /* from here on */
void thread_idle(void);                 /* nobody can run: until an interrupt */

/* ---- user interrupts ---- */

/* SENDUIPI by the running thread's table; false if it faults. */
bool send_user_interrupt(uint64_t index);

#define UINTR_NOTIFICATION 0x60         /* UINV of all threads */

/* Give the running thread a handler; it is told of posts by its UPID. */
int thread_uintr_handler(uint64_t handler, uint64_t stackadjust);
void thread_uintr_end(void);            /* it has none any more */
/* The table its SENDUIPI goes by, of that many entries. */
void thread_uintr_table(struct thread *thread, struct uitte *table,
                        uint32_t entries);

#endif
