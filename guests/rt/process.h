/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes of RT: an address space, its threads, and who waits for them. */
#ifndef RT_PROCESS_H
#define RT_PROCESS_H

#include "channel.h"
#include "scf.h"
#include "space.h"

#define PROCESSES_MAX   72
#define UITT_ENTRIES    256             /* a frame of them */
#define UITT_FIRST      1               /* entry 0: rt_set_target() */

#define SIGILL          4
#define SIGTRAP         5
#define SIGFPE          8
#define SIGKILL         9
#define SIGSEGV         11
#define STATUS_EXIT(code) (((code) & 0xff) << 8)    /* as wait4() gives it */

enum process_state { PROCESS_FREE, PROCESS_ALIVE, PROCESS_ZOMBIE };

struct process {
    enum process_state state;
    int pid;
    struct process *parent;             /* null: nobody waits for it */
    struct space space;
    int threads;
    struct thread *first;               /* of the threads */
    int status;
    bool leaving;                       /* all of its threads are to leave */
    bool changing;                      /* process_lock() */
    uint64_t next_map;                  /* where mmap looks first */
    struct uitte *uitt;
    char name[16];
    bool attached;                      /* it has a server: remote.c */
    bool mirrored;                      /* which sees its pages where it does */
    bool shown;                         /* or some of them still */
    bool copied;                        /* or could not, and will not */
    bool polls;                         /* for its replies, while RT is idle */
    bool queued;                        /* it has a queue page: direct.c */
    uint64_t entries;                   /* system calls of its threads */
    struct scf_caller scf;
};

extern struct process processes[PROCESSES_MAX];
extern struct process kernel_process;   /* parent of what the kernel starts */
struct process *process_current(void);
struct process *process_by_id(int pid);

/* From the command line "name arguments": pid, or -errno. */
int process_spawn(const char *command, int priority);
/* Image of a program; false if there is no such. */
bool program_find(const char *name, const void **image, size_t *size);

/* Strings of a command, in a frame of their own. */
struct arguments {
    uint32_t count, bytes;
    char text[PAGE_SIZE - 8];
};

int arguments_add(struct arguments *a, const char *word);   /* or -E2BIG */
/* A fresh space with the program in it, and the frame that starts it. */
int process_load(struct process *p, struct space *s,
                 const struct arguments *a, struct frame *start);

/* One without a space; null if there is no memory or no place. */
struct process *process_create(struct process *parent);
void process_discard(struct process *p);        /* it has never run */
/* It does not run yet; with the registers of the caller, if there is one. */
int process_add_thread(struct process *p, const struct frame *frame,
                       int priority, struct thread **thread);

/* Changes of the address space exclude each other; -EINTR: not locked. */
int process_lock(struct process *p);
void process_unlock(struct process *p);

/* The current thread ends; with it the process, if it was the last. */
void process_thread_exit(void) __attribute__((noreturn));
/* Every thread ends; the current one at once, if it is of that process. */
void process_kill(struct process *p, int status);
void process_exit(int status) __attribute__((noreturn));
/* Until the current thread is the only one; -EINTR if it is to leave. */
int process_be_alone(struct process *p);
/* pid > 0, or -1 for any: pid, -ECHILD, -EINTR, or 0 if @hang is false. */
int process_wait(struct process *parent, int pid, int *status, bool hang);

/* One of its threads; null if there is none of that number. */
struct thread *process_thread(struct process *p, int id);

/* Called when a thread goes: nobody may post to it any more. */
void process_forget_upid(struct thread *thread);

#endif
