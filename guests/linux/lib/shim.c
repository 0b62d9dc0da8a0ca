// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-2-Clause)
/*
 * LD_PRELOAD=libfarbell-shim.so for programs that call the published numbers by syscall(). The
 * stock kernel has none from 471 on. Those from 449 on are other calls by now (449 is
 * futex_waitv), so FARBELL_OLD_NUMBERS=1 says that the program means these.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include "farbell-uintr.h"

#define ARGS	6

static bool old_numbers;

__attribute__((constructor)) static void look_at_environment(void)
{
	const char *value = getenv("FARBELL_OLD_NUMBERS");

	old_numbers = value && *value == '1';
}

static long real_syscall(long number, const long *args)
{
	register long r10 asm("r10") = args[3];
	register long r8 asm("r8") = args[4];
	register long r9 asm("r9") = args[5];
	long ret = number;

	asm volatile("syscall" : "+a"(ret)
		     : "D"(args[0]), "S"(args[1]), "d"(args[2]), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	if ((unsigned long)ret <= -4096UL)
		return ret;
	errno = -ret;
	return -1;
}

/* Whoever has fewer arguments passes what happens to be in the registers, as glibc's does. */
long syscall(long number, ...)
{
	long args[ARGS];
	va_list list;
	int i;

	va_start(list, number);
	for (i = 0; i < ARGS; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	if (number >= 471 && number <= 479)
		return farbell_syscall(number, args, 0);
	if (old_numbers && number >= 449 && number <= 454)
		return farbell_syscall(number, args, 1);
	return real_syscall(number, args);
}
