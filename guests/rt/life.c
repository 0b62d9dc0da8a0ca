/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls of processes' lives. */
#include "errno.h"
#include "memmap.h"
#include "remote.h"
#include "syscalls.h"

#define WNOHANG         1
#define CLONE_VM        0x100
#define CLONE_THREAD    0x10000
#define CLONE_SETTLS    0x80000
#define CLONE_CHILD_CLEARTID 0x200000
#define CLONE_KNOWN     (CLONE_VM | CLONE_THREAD | CLONE_SETTLS | \
                         CLONE_CHILD_CLEARTID | 0xff)
#define ARGUMENTS_MAX   64

/* A thread of the same process: flags, stack, -, where its end is told, TLS. */
long sys_clone(struct frame *f, const uint64_t *a)
{
    struct thread *self = thread_current(), *t;
    struct frame frame = *f;
    int error;

    if ((a[0] & (CLONE_VM | CLONE_THREAD)) != (CLONE_VM | CLONE_THREAD) ||
        a[0] & ~(uint64_t)CLONE_KNOWN || !space_user_range(a[1] - 1, 1)) {
        return -EINVAL;
    }
    if (self->killed) {
        return -EINTR;
    }
    frame.rax = 0;
    frame.rsp = a[1];
    error = process_add_thread(self->process, &frame, self->priority, &t);
    if (error) {
        return error;
    }
    t->clear_tid = a[0] & CLONE_CHILD_CLEARTID ? a[3] : 0;
    t->fs_base = a[0] & CLONE_SETTLS && space_user_range(a[4], 1) ?
                 a[4] : t->fs_base;
    thread_start(t);
    return t->id;
}

/* The child's memory is a copy: no fault of it comes at a bad time. */
static int copy_process(struct process *parent, struct process *child,
                        const struct frame *f, struct thread **thread)
{
    struct frame frame = *f;
    int error = process_lock(parent);

    if (!error) {
        error = space_create(&child->space, parent->space.pool);
        error = error ? error : space_copy(&child->space, &parent->space);
        space_unmap_range(&child->space, QUEUE_PAGE, 1);
        process_unlock(parent);
    }
    frame.rax = 0;
    memcpy(child->name, parent->name, sizeof(child->name));
    child->next_map = parent->next_map;
    thread_pause();
    return error ? error : process_add_thread(child, &frame,
                                              thread_current()->priority,
                                              thread);
}

long sys_fork(struct frame *f, const uint64_t *a __attribute__((unused)))
{
    struct process *parent = process_current();
    struct process *child = process_create(parent);
    struct thread *thread;
    int error;

    thread_pause();
    error = child ? copy_process(parent, child, f, &thread) : -EAGAIN;
    if (!error) {
        thread_pause();
        remote_fork(parent, child);
    }
    if (error) {
        if (child) {
            process_discard(child);
        }
        return error;
    }
    thread_start(thread);
    return child->pid;
}

/* ---- exec ---- */

static int take_word(struct arguments *to, uint64_t from)
{
    size_t room = sizeof(to->text) - to->bytes;
    long length = copy_string(to->text + to->bytes, from, room);

    if (length < 0) {
        return length == -ENAMETOOLONG ? -E2BIG : length;
    }
    to->bytes += length + 1;
    to->count++;
    return 0;
}

/* The path takes the place of argv[0]: it is how a program is found. */
static int take_arguments(struct arguments *to, uint64_t path, uint64_t argv)
{
    uint64_t word;
    int error = take_word(to, path);

    for (int i = 1; argv && !error; i++) {
        if (i > ARGUMENTS_MAX - 1) {
            return -E2BIG;
        }
        error = copy_from_user(&word, argv + i * sizeof(word), sizeof(word));
        if (error || !word) {
            break;
        }
        error = take_word(to, word);
    }
    return error;
}

static int check_first(uint64_t argv)
{
    uint64_t word;

    return argv ? copy_from_user(&word, argv, sizeof(word)) : 0;
}

/* From here on there is no way back to the old program. */
static void change_space(struct process *p, const struct space *new,
                         struct frame *f, const struct frame *start)
{
    struct thread *self = thread_current();
    struct space old;

    thread_pause();
    remote_exec(p);
    old = p->space;
    p->space = *new;
    space_use(&p->space);
    thread_renew_state();
    thread_uintr_table(self, p->uitt, UITT_ENTRIES);
    self->clear_tid = 0;
    p->next_map = MMAP_BASE;
    *f = *start;
    space_destroy(&old);
}

/* Only with the new program in memory the other threads are ended. */
static int exec(struct frame *f, const struct arguments *arguments)
{
    struct process *p = process_current();
    struct space new;
    struct frame start;
    int error = process_load(p, &new, arguments, &start);

    if (error) {
        return error;
    }
    error = process_be_alone(p);
    if (error) {
        space_destroy(&new);
        return error;
    }
    if (thread_current()->upid) {
        process_forget_upid(thread_current());
    }
    change_space(p, &new, f, &start);
    return 0;
}

long sys_execve(struct frame *f, const uint64_t *a)
{
    struct arguments *arguments = (void *)frame_alloc(&private_frames);
    int error;

    if (!arguments) {
        return -ENOMEM;
    }
    thread_pause();
    error = check_first(a[1]);
    if (!error) {
        error = take_arguments(arguments, a[0], a[1]);
    }
    if (!error) {
        error = exec(f, arguments);
    }
    frame_free(&private_frames, (uint64_t)arguments);
    return error;
}

/* ---- ends, and who is who ---- */

long sys_exit(struct frame *f __attribute__((unused)), const uint64_t *a)
{
    struct process *p = process_current();

    if (!p->leaving) {
        p->status = STATUS_EXIT(a[0]);  /* if it is the last one */
    }
    process_thread_exit();
}

long sys_exit_group(struct frame *f __attribute__((unused)), const uint64_t *a)
{
    process_exit(STATUS_EXIT(a[0]));
}

long sys_wait4(struct frame *f __attribute__((unused)), const uint64_t *a)
{
    int status = 0, pid = (int)a[0];
    int gone;

    if (pid == 0 || pid < -1 || a[2] & ~(uint64_t)WNOHANG) {
        return -EINVAL;
    }
    if (a[1] && (copy_from_user(&status, a[1], sizeof(status)) ||
                 copy_to_user(a[1], &status, sizeof(status)))) {
        return -EFAULT;                 /* before a child is taken */
    }
    gone = process_wait(process_current(), pid, &status, !(a[2] & WNOHANG));
    if (gone > 0 && a[1] && copy_to_user(a[1], &status, sizeof(status))) {
        return -EFAULT;
    }
    return gone;
}

long sys_kill(struct frame *f __attribute__((unused)), const uint64_t *a)
{
    struct process *p = process_by_id((int)a[0]);

    if (a[1] > 64) {
        return -EINVAL;
    }
    if (!p) {
        return -ESRCH;
    }
    if (a[1]) {
        process_kill(p, a[1]);
    }
    return 0;
}

long sys_getpid(struct frame *f __attribute__((unused)),
                const uint64_t *a __attribute__((unused)))
{
    return process_current()->pid;
}

long sys_getppid(struct frame *f __attribute__((unused)),
                 const uint64_t *a __attribute__((unused)))
{
    struct process *parent = process_current()->parent;

    return parent ? parent->pid : kernel_process.pid;
}

long sys_gettid(struct frame *f __attribute__((unused)),
                const uint64_t *a __attribute__((unused)))
{
    return thread_current()->id;
}
