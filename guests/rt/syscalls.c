/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "errno.h"
#include "numbers.h"
#include "syscalls.h"

static const struct {
    unsigned number;
    syscall_fn *fn;
} local[] = {
#define LOCAL(name) { CALL_##name, sys_##name }
    LOCAL(clone), LOCAL(fork), LOCAL(execve), LOCAL(exit), LOCAL(exit_group),
    LOCAL(wait4), LOCAL(kill), LOCAL(getpid), LOCAL(getppid), LOCAL(gettid),
    LOCAL(mmap), LOCAL(munmap), LOCAL(mprotect),
    LOCAL(nanosleep), LOCAL(clock_nanosleep), LOCAL(clock_gettime),
    LOCAL(sched_yield), LOCAL(sched_setparam), LOCAL(sched_getparam),
    LOCAL(futex), LOCAL(arch_prctl),
    LOCAL(uintr_register_handler), LOCAL(uintr_register_sender),
#undef LOCAL
};

#define NUMBERS         512

static syscall_fn *by_number[NUMBERS];

static void fill_table(void)
{
    for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++) {
        by_number[local[i].number] = local[i].fn;
    }
}

long system_call(struct frame *f)
{
    uint64_t a[6] = { f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9 };

    if (!by_number[CALL_getpid]) {
        fill_table();
    }
    if (f->rax < NUMBERS && by_number[f->rax]) {
        return by_number[f->rax](f, a);
    }
    return console_call(f->rax, a);
}

void thread_leave(void)
{
    process_thread_exit();
}

static int signal_of(const struct frame *f)
{
    switch (f->vector) {
    case VEC_DE:
    case VEC_MF:
    case VEC_XM:
        return SIGFPE;
    case VEC_DB:
    case VEC_BP:
        return SIGTRAP;
    case VEC_UD:
        return SIGILL;
    default:
        return SIGSEGV;
    }
}

void thread_faulted(struct frame *f)
{
    struct process *p = process_current();

    printf("# %s (%d): vector %d error %lx at %lx, address %lx\n", p->name,
           p->pid, (int)f->vector, f->error, f->rip, this_cpu()->cr2);
    process_exit(signal_of(f));
}
