/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-2-Clause) */
/*
 * User interrupts for programs of a Linux guest, by the calls that are published for Intel's
 * kernel. 0 or a number, or -1 and errno; docs/linux.md has the errors. Each call is about the
 * thread that makes it.
 *
 *	cc -muintr program.c -lfarbell
 */
#ifndef FARBELL_UINTR_LIB_H
#define FARBELL_UINTR_LIB_H

#include <stddef.h>
#include <stdint.h>
#include <farbell/uintr-linux.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The handler is of the compiler's kind: __attribute__((interrupt)), frame and vector. */
int uintr_register_handler(const void *handler, unsigned int flags);
int uintr_unregister_handler(unsigned int flags);

/* A descriptor for who wants to send `vector`, 0..63, to this thread. The second: its old name. */
int uintr_vector_fd(uint64_t vector, unsigned int flags);
int uintr_create_fd(uint64_t vector, unsigned int flags);

/* The operand for SENDUIPI, in all threads of this process. */
int uintr_register_sender(int uintr_fd, unsigned int flags);
int uintr_register_self(uint64_t vector, unsigned int flags);
int uintr_unregister_sender(int uipi_index, unsigned int flags);

/* -1 and EINTR after an interrupt, 0 when the time is over. */
int uintr_wait(uint64_t usec, unsigned int flags);

/* Where handlers run: sp is the lowest address. NULL: the stack that was interrupted. */
int uintr_alt_stack(void *sp, size_t size, unsigned int flags);

/* For those who call by number: 471 to 479, or if `old`, 449 to 454. ENOSYS: none of them. */
long farbell_syscall(long number, const long *args, int old);

#ifdef __cplusplus
}
#endif

#endif
