/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ring-3 tasks that send and receive user interrupts, and the little kernel
 * under them: a pool, a preemptive scheduler with the SN protocol, system
 * calls, and pages that vanish until somebody touches them.
 */
#ifndef GUEST_TASK_H
#define GUEST_TASK_H

#include "uintr.h"

#define TASKS_MAX       8
#define VEC_TASK_CALL   0x81    /* int $0x81: rax = enum task_call, rdi */
#define VEC_TASK_TIMER  0x50
#define TASK_STACK_SIZE 16384
#define TASK_WINDOW_BASE 0x10000000000      /* used for nothing else */

/* What can be unmapped: a page of each kind per task. */
enum task_window {
    WINDOW_PD,                  /* the UPID as the receiver's PD names it */
    WINDOW_POST,                /* the same UPID as UITT entries name it */
    WINDOW_UITT, WINDOW_UITT2,  /* the table of all posts (two pages) */
    WINDOW_STACK,               /* handler stack of STACKADJUST[0]=1 */
    WINDOWS
};

enum task_call {
    CALL_NOTHING,
    CALL_WINDOW,                /* take interrupts in ring 0 */
    CALL_HALT,                  /* until the timer */
    CALL_SUSPEND,               /* off this CPU for rdi PAUSEs, then on again */
    CALL_YIELD,                 /* let another task run, if one waits */
    CALL_UNMAP,                 /* rdi = task_page() */
};

struct task {
    struct task *self;          /* %fs:0, the ring-3 address */
    void (*handler)(uint64_t vector);   /* %fs:8, likewise */
    int index;
    uint64_t random;
    struct frame frame;         /* while it waits in the pool */
    uint64_t rr;
    bool uif;
    int cpu;
    void *stack;
};

struct task_counts {
    uint32_t calls, halts, suspensions, migrations, late;
    uint32_t faults[WINDOWS];
};

extern struct task tasks[TASKS_MAX];
extern struct upid task_upids[TASKS_MAX];
extern volatile struct task_counts task_counts;

/*
 * Make n tasks of fn(task), each of which calls handler(vector).  With the
 * word switch=xsaves their state is switched by XSAVES and XRSTORS, else by
 * RDMSR and WRMSR.
 */
void tasks_setup(int n, void (*fn)(struct task *),
                 void (*handler)(uint64_t vector), uint64_t seed);
/* Run them on that many CPUs until every fn has returned. */
void tasks_run(int cpus);

/* ---- for ring 3 ---- */

/* The UITT entry that posts this vector to this task. */
static inline uint64_t task_post_index(int task, int vector)
{
    return task * UINTR_VECTORS + vector;
}

static inline uint64_t task_page(enum task_window window, int task)
{
    return task * WINDOWS + window;
}

static inline void task_call(enum task_call call, uint64_t argument)
{
    asm volatile("int %0" : : "i"(VEC_TASK_CALL), "a"(call), "D"(argument)
                 : "memory");
}

/* The other way into the kernel: SYSCALL, STI, CLI, SYSRET. */
static inline void task_syscall(void)
{
    asm volatile("syscall" : : : "rcx", "r11", "memory");
}

static inline struct task *task_self(void)
{
    struct task *task;

    asm volatile("mov %%fs:0, %0" : "=r"(task));
    return task;
}

static inline void task_spin(uint64_t pauses)
{
    while (pauses--) {
        cpu_relax();
    }
}

#endif
