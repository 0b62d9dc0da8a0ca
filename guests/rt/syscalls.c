/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "errno.h"
#include "numbers.h"
#include "remote.h"
#include "syscalls.h"

#define NUMBERS         1024

static syscall_fn *const local[NUMBERS] = {
#define LOCAL(name) [CALL_##name] = sys_##name
    LOCAL(clone), LOCAL(fork), LOCAL(execve), LOCAL(exit), LOCAL(exit_group),
    LOCAL(wait4), LOCAL(kill), LOCAL(getpid), LOCAL(getppid), LOCAL(gettid),
    LOCAL(mmap), LOCAL(munmap), LOCAL(mprotect),
    LOCAL(nanosleep), LOCAL(clock_nanosleep), LOCAL(clock_gettime),
    LOCAL(sched_yield), LOCAL(sched_setparam), LOCAL(sched_getparam),
    LOCAL(futex), LOCAL(arch_prctl),
    LOCAL(uintr_register_handler), LOCAL(uintr_register_sender),
    LOCAL(scf_mode), LOCAL(scf_marks), LOCAL(scf_queue), LOCAL(scf_entries),
#undef LOCAL
};

long system_call(struct frame *f)
{
    uint64_t a[6] = { f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9 };

    process_current()->entries++;
    if (f->rax < NUMBERS && local[f->rax]) {
        return local[f->rax](f, a);
    }
    return remote_call(f->rax, a);
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
