/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the shadow has instead of a C library, whose heap Linux would put where
 * the RT process may have its pages.  Results are the kernel's: -errno.
 */
#ifndef FARBELL_SHADOW_SYS_H
#define FARBELL_SHADOW_SYS_H

#include <stdint.h>
#include <sys/syscall.h>

long kernel(long call, ...);		/* ring3.S */

/* At most one %u or %s for each argument, to standard error */
void say(const char *format, ...);
void end(int status) __attribute__((noreturn));

/* As the kernel has it */
struct sys_action {
	void (*handler)(int signal, void *info, void *context);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

void catch_signal(int signal, void (*handler)(int, void *, void *));

#endif
