/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes begin, wait for each other, and end. */
#include "errno.h"
#include "memmap.h"
#include "process.h"
#include "remote.h"

struct process processes[PROCESSES_MAX];
struct process kernel_process = { .state = PROCESS_ALIVE, .pid = 1 };

static int last_pid = 1;

struct process *process_current(void)
{
    return thread_current()->process;
}

struct process *process_by_id(int pid)
{
    for (struct process *p = processes; p < processes + PROCESSES_MAX; p++) {
        if (p->state != PROCESS_FREE && p->pid == pid) {
            return p;
        }
    }
    return NULL;
}

static struct process *free_process(void)
{
    for (struct process *p = processes; p < processes + PROCESSES_MAX; p++) {
        if (p->state == PROCESS_FREE) {
            return p;
        }
    }
    return NULL;
}

struct process *process_create(struct process *parent)
{
    struct process *p = free_process();
    struct uitte *table;

    if (!p) {
        return NULL;
    }
    table = (struct uitte *)frame_alloc(&private_frames);
    if (!table) {
        return NULL;
    }
    *p = (struct process) {
        .state = PROCESS_ALIVE, .pid = ++last_pid, .parent = parent,
        .uitt = table, .next_map = MMAP_BASE,
    };
    return p;
}

/* Its space, and what else it has but its number. */
static void drop_memory(struct process *p)
{
    if (p->space.pml4) {
        space_destroy(&p->space);
    }
    frame_free(&private_frames, (uint64_t)p->uitt);
    p->uitt = NULL;
}

void process_discard(struct process *p)
{
    remote_detach(p);
    drop_memory(p);
    p->state = PROCESS_FREE;
}

int process_add_thread(struct process *p, const struct frame *frame,
                       int priority, struct thread **thread)
{
    struct thread *t = thread_create(priority, &p->space, frame);

    if (!t) {
        return -EAGAIN;
    }
    t->process = p;
    if (process_current()) {
        thread_copy_state(t);
    }
    thread_uintr_table(t, p->uitt, UITT_ENTRIES);
    t->sibling = p->first;
    p->first = t;
    p->threads++;
    *thread = t;
    return 0;
}

static void remove_thread(struct process *p, struct thread *t)
{
    struct thread **at = &p->first;

    while (*at != t) {
        at = &(*at)->sibling;
    }
    *at = t->sibling;
    p->threads--;
}

struct thread *process_thread(struct process *p, int id)
{
    struct thread *t = p->first;

    while (t && t->id != id) {
        t = t->sibling;
    }
    return t;
}

int process_spawn(const char *command, int priority)
{
    struct process *p = process_create(&kernel_process);
    struct arguments *a = (void *)frame_alloc(&private_frames);
    struct thread *thread;
    struct frame start;
    int error = p && a ? arguments_add(a, command) : -ENOMEM;

    if (!error) {
        error = process_load(p, &p->space, a, &start);
    }
    if (!error) {
        error = process_add_thread(p, &start, priority, &thread);
    }
    if (a) {
        frame_free(&private_frames, (uint64_t)a);
    }
    if (error) {
        if (p) {
            process_discard(p);
        }
        return error;
    }
    remote_attach(p);
    thread_start(thread);
    return p->pid;
}

int process_lock(struct process *p)
{
    while (p->changing) {
        if (!channel_sleep(CHANNEL(&p->changing), NEVER)) {
            return -EINTR;
        }
    }
    p->changing = true;
    return 0;
}

void process_unlock(struct process *p)
{
    p->changing = false;
    channel_wake_all(&p->changing);
}

/* ---- waiting ---- */

static bool is_wanted(const struct process *p, const struct process *parent,
                      int pid)
{
    return p->state != PROCESS_FREE && p->parent == parent &&
           (pid == -1 || p->pid == pid);
}

/* A zombie, or any child, or none. */
static struct process *find_child(const struct process *parent, int pid)
{
    struct process *alive = NULL;

    for (struct process *p = processes; p < processes + PROCESSES_MAX; p++) {
        if (is_wanted(p, parent, pid)) {
            if (p->state == PROCESS_ZOMBIE) {
                return p;
            }
            alive = p;
        }
    }
    return alive;
}

int process_wait(struct process *parent, int pid, int *status, bool hang)
{
    for (;;) {
        struct process *child = find_child(parent, pid);

        if (!child) {
            return -ECHILD;
        }
        if (child->state == PROCESS_ZOMBIE) {
            *status = child->status;
            child->state = PROCESS_FREE;
            return child->pid;
        }
        if (!hang) {
            return 0;
        }
        if (!channel_sleep(CHANNEL(parent), NEVER)) {
            return -EINTR;
        }
    }
}

/* ---- ending ---- */

/* Nobody will wait for them; those that are over need nobody. */
static void orphan_children(const struct process *parent)
{
    for (struct process *p = processes; p < processes + PROCESSES_MAX; p++) {
        if (p->state != PROCESS_FREE && p->parent == parent) {
            p->parent = NULL;
            if (p->state == PROCESS_ZOMBIE) {
                p->state = PROCESS_FREE;
            }
        }
    }
}

static void become_zombie(struct process *p)
{
    remote_exit(p);
    thread_leave_space();
    drop_memory(p);
    orphan_children(p);
    p->state = p->parent ? PROCESS_ZOMBIE : PROCESS_FREE;
    if (p->parent) {
        channel_wake_all(p->parent);
    }
}

/* As clone() promised: the word is cleared, and who waits for it told. */
static void clear_tid(struct thread *t)
{
    uint32_t zero = 0;
    unsigned prot;
    uint64_t frame;

    if (t->clear_tid && !copy_to_user(t->clear_tid, &zero, sizeof(zero))) {
        frame = space_frame(t->space, t->clear_tid, &prot);
        channel_wake(frame + t->clear_tid % PAGE_SIZE, 1);
    }
}

void process_thread_exit(void)
{
    struct thread *self = thread_current();
    struct process *p = self->process;

    self->killed = false;               /* it is leaving */
    if (self->upid) {
        process_forget_upid(self);
    }
    if (p->threads > 1) {
        clear_tid(self);
    }
    remove_thread(p, self);
    if (!p->threads) {
        become_zombie(p);
    } else {
        channel_wake_all(&p->threads);
    }
    thread_exit();
}

static void kill_threads(struct process *p, struct thread *but)
{
    for (struct thread *t = p->first; t; t = t->sibling) {
        if (t != but) {
            t->killed = true;
            thread_wake(t);
        }
    }
}

void process_kill(struct process *p, int status)
{
    if (p->state == PROCESS_ALIVE && !p->leaving) {
        p->leaving = true;
        p->status = status;
        kill_threads(p, NULL);
    }
}

void process_exit(int status)
{
    process_kill(process_current(), status);
    process_thread_exit();
}

int process_be_alone(struct process *p)
{
    kill_threads(p, thread_current());
    while (p->threads > 1) {
        if (!channel_sleep(CHANNEL(&p->threads), NEVER)) {
            return -EINTR;
        }
    }
    return 0;
}
