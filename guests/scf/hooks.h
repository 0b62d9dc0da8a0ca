/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the requester needs of its kernel.  All are called with interrupts
 * off; only rt_block() gives way to others.
 */
#ifndef SCF_HOOKS_H
#define SCF_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process;
struct scf_caller;

struct scf_caller *rt_caller(struct process *p);
/*
 * Sleep until rt_wake(done), which wakes all who sleep on it, or until *done
 * is not 0; at once if the current thread is to leave.
 */
void rt_block(volatile int *done);
void rt_wake(volatile int *done);
/* scf_work() has something to do, for who waits with that priority. */
void rt_replies(unsigned urgency);
/* Take no interrupts of the other side, or take them again (F48). */
void rt_hush(bool hush);
bool rt_killed(void);               /* the current thread is to leave */
uint64_t rt_now(void);              /* ns */
unsigned rt_priority(void);         /* of the current thread */
/* The process is mirrored: the server sees its pages where it does (F27). */
bool rt_mirrored(struct process *p);
/* Its entry for the server, in the table that SENDUIPI goes by. */
void rt_set_target(struct process *p, uint64_t upid, unsigned vector);

/* SENDUIPI by its first entry; false if that is a fault (F45). */
bool rt_senduipi(void);

/* 0 or -EFAULT; length of the string, -EFAULT or -ENAMETOOLONG. */
int rt_copy_in(struct process *p, void *to, uint64_t from, size_t bytes);
int rt_copy_out(struct process *p, uint64_t to, const void *from,
                size_t bytes);
long rt_copy_string(struct process *p, char *to, uint64_t from, size_t room);

#endif
