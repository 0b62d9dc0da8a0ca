/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User interrupts between the threads of RT. */
#include "errno.h"
#include "syscalls.h"

/* Where the handler is, and IA32_UINTR_STACKADJUST. */
long sys_uintr_register_handler(struct frame *f __attribute__((unused)),
                                const uint64_t *a)
{
    return thread_uintr_handler(a[0], a[1]);
}

static struct thread *receiver(uint64_t id)
{
    for (struct process *p = processes; p < processes + PROCESSES_MAX; p++) {
        struct thread *t = p->state == PROCESS_ALIVE ?
                           process_thread(p, id) : NULL;

        if (t) {
            return t->upid ? t : NULL;
        }
    }
    return NULL;
}

/* A thread with a handler, and the vector that it gets: the index of both. */
long sys_uintr_register_sender(struct frame *f __attribute__((unused)),
                               const uint64_t *a)
{
    struct uitte *table = process_current()->uitt;
    struct thread *to = receiver(a[0]);

    if (!to) {
        return -ESRCH;
    }
    if (a[1] >= UINTR_VECTORS) {
        return -EINVAL;
    }
    for (int i = UITT_FIRST; i < UITT_ENTRIES; i++) {
        if (!(table[i].low & UITTE_V)) {
            table[i].upid = (uint64_t)to->upid;
            table[i].low = uitte(a[1], to->upid).low;
            return i;
        }
    }
    return -ENOSPC;
}

static void forget_in(struct uitte *table, const struct upid *upid)
{
    for (int i = UITT_FIRST; i < UITT_ENTRIES; i++) {
        if (table[i].upid == (uint64_t)upid) {
            table[i] = (struct uitte) { 0 };
        }
    }
}

/* The next thread in its place gets no interrupt that was not for it. */
void process_forget_upid(struct thread *t)
{
    struct upid *upid = t->upid;

    thread_uintr_end();                 /* no new senders */
    for (struct process *p = processes; p < processes + PROCESSES_MAX; p++) {
        if (p->state == PROCESS_ALIVE) {
            forget_in(p->uitt, upid);
            thread_pause();
        }
    }
}
