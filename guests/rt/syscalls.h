/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls that RT serves itself, as Linux has them for x86-64:
 * number in RAX, arguments in RDI, RSI, RDX, R10, R8, R9, the result or a
 * negated error number in RAX.  What a call is: guests/scf/calls.def.
 */
#ifndef RT_SYSCALLS_H
#define RT_SYSCALLS_H

#include "process.h"

typedef long syscall_fn(struct frame *f, const uint64_t *a);

/* process calls: life.c */
syscall_fn sys_clone, sys_fork, sys_execve, sys_exit, sys_exit_group,
           sys_wait4, sys_kill, sys_getpid, sys_getppid, sys_gettid;
/* memory.c */
syscall_fn sys_mmap, sys_munmap, sys_mprotect;
/* time.c */
syscall_fn sys_nanosleep, sys_clock_nanosleep, sys_clock_gettime;
/* threads: schedule.c */
syscall_fn sys_sched_yield, sys_sched_setparam, sys_sched_getparam, sys_futex,
           sys_arch_prctl;
/* notify.c */
syscall_fn sys_uintr_register_handler, sys_uintr_register_sender;
/* remote.c */
syscall_fn sys_scf_mode, sys_scf_marks;
/* direct.c */
syscall_fn sys_scf_queue, sys_scf_entries;

/* What is left to RT of the remote calls without another side: console.c */
long console_call(unsigned call, const uint64_t *a);

/* A struct timespec of ring 3 as nanoseconds: 0, -EFAULT, -EINVAL. */
int time_from_user(uint64_t at, uint64_t *ns);

#endif
