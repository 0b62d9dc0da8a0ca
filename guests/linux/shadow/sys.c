// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include "sys.h"

#define SA_RESTORER	0x04000000
#define ROOM		256

void *memset(void *to, int value, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void __restore_rt(void) __attribute__((visibility("hidden")));

void *memset(void *to, int value, size_t n)
{
	void *at = to;

	asm volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(value) : "memory");
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *at = to;

	asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
	return to;
}

/* ---- one line, written at once ---- */

struct line {
	char text[ROOM];
	size_t n;
};

static void put(struct line *l, char c)
{
	if (l->n < ROOM)
		l->text[l->n++] = c;
}

static void put_text(struct line *l, const char *s)
{
	while (*s)
		put(l, *s++);
}

static void put_number(struct line *l, unsigned int n)
{
	if (n > 9)
		put_number(l, n / 10);
	put(l, '0' + n % 10);
}

void say(const char *format, ...)
{
	struct line l = { .n = 0 };
	va_list args;

	va_start(args, format);
	put_text(&l, "farbell-shadow: ");
	for (; *format; format++) {
		if (format[0] != '%') {
			put(&l, *format);
		} else if (*++format == 's') {
			put_text(&l, va_arg(args, const char *));
		} else {
			put_number(&l, va_arg(args, unsigned int));
		}
	}
	va_end(args);
	put(&l, '\n');
	kernel(SYS_write, 2, l.text, l.n);
}

void end(int status)
{
	for (;;)
		kernel(SYS_exit_group, status);
}

/* System calls go on behind it, but for those that wait. */
void catch_signal(int signal, void (*handler)(int, void *, void *))
{
	struct sys_action sa = {
		.handler = handler,
		.flags = SA_RESTORER | SA_SIGINFO | SA_RESTART,
		.restorer = __restore_rt,
	};

	kernel(SYS_rt_sigaction, signal, &sa, NULL, sizeof(sa.mask));
}
