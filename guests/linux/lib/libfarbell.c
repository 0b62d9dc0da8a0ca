// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-2-Clause)
/* The published calls as ioctls of /dev/uintr, which is opened by the first of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "farbell-uintr.h"

static atomic_int device = -1;
static atomic_ullong device_number;

static unsigned long long number_of(int fd)
{
	struct stat stat;

	return fstat(fd, &stat) ? 0 : stat.st_rdev;
}

static int open_device(void)
{
	int none = -1, fd = open(UINTR_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		errno = ENOSYS;		/* as where a kernel has no such calls */
		return -1;
	}
	atomic_store(&device_number, number_of(fd));
	if (atomic_compare_exchange_strong(&device, &none, fd))
		return fd;
	close(fd);			/* another thread was quicker */
	return none;
}

/* Who closes all that he has, as daemons do, knows nothing of this one. */
static bool was_closed(int fd)
{
	int error = errno;
	bool closed = (error == EBADF || error == ENOTTY) &&
		      number_of(fd) != atomic_load(&device_number);

	errno = error;
	return closed;
}

static int ask(int fd, unsigned long command, unsigned long arg)
{
	int ret = fd < 0 ? -1 : ioctl(fd, command, arg);

	if (ret >= 0 || fd < 0 || !was_closed(fd))
		return ret;
	atomic_compare_exchange_strong(&device, &fd, -1);
	fd = open_device();
	return fd < 0 ? -1 : ioctl(fd, command, arg);
}

/* `flags` of all calls but one are for the future, and 0. */
static int call(unsigned long command, unsigned long arg, unsigned int flags)
{
	int fd = atomic_load(&device);

	if (fd < 0)
		fd = open_device();
	if (fd >= 0 && flags) {
		errno = EINVAL;
		return -1;
	}
	return ask(fd, command, arg);
}

int uintr_register_handler(const void *handler, unsigned int flags)
{
	struct uintr_handler_args args = { .handler = (uintptr_t)handler, .flags = flags };

	return call(UINTR_IOC_REGISTER_HANDLER, (uintptr_t)&args, 0);
}

int uintr_unregister_handler(unsigned int flags)
{
	return call(UINTR_IOC_UNREGISTER_HANDLER, 0, flags);
}

int uintr_vector_fd(uint64_t vector, unsigned int flags)
{
	return call(UINTR_IOC_VECTOR_FD, vector, flags);
}

int uintr_create_fd(uint64_t vector, unsigned int flags)
{
	return uintr_vector_fd(vector, flags);
}

int uintr_register_sender(int uintr_fd, unsigned int flags)
{
	return call(UINTR_IOC_REGISTER_SENDER, uintr_fd, flags);
}

int uintr_register_self(uint64_t vector, unsigned int flags)
{
	return call(UINTR_IOC_REGISTER_SELF, vector, flags);
}

int uintr_unregister_sender(int uipi_index, unsigned int flags)
{
	return call(UINTR_IOC_UNREGISTER_SENDER, uipi_index, flags);
}

int uintr_wait(uint64_t usec, unsigned int flags)
{
	return call(UINTR_IOC_WAIT, usec, flags);
}

int uintr_alt_stack(void *sp, size_t size, unsigned int flags)
{
	struct uintr_stack_args args = { .sp = (uintptr_t)sp, .size = size };

	return call(UINTR_IOC_ALT_STACK, (uintptr_t)&args, flags);
}

static long wait_for_ever(unsigned int flags)
{
	while (!uintr_wait(UINTR_WAIT_MAX_USEC, flags))
		;
	return -1;
}

/* The numbers of the first proposal. Its wait has no time, and it takes back by descriptor. */
static long old_syscall(long number, const long *args)
{
	switch (number) {
	case 449:
		return uintr_register_handler((void *)args[0], args[1]);
	case 450:
		return uintr_unregister_handler(args[0]);
	case 451:
		return uintr_vector_fd(args[0], args[1]);
	case 452:
		return uintr_register_sender(args[0], args[1]);
	case 453:
		return call(UINTR_IOC_DISCONNECT, args[0], args[1]);
	case 454:
		return wait_for_ever(args[0]);
	}
	errno = ENOSYS;
	return -1;
}

long farbell_syscall(long number, const long *args, int old)
{
	if (old)
		return old_syscall(number, args);
	switch (number) {
	case 471:
		return uintr_register_handler((void *)args[0], args[1]);
	case 472:
		return uintr_unregister_handler(args[0]);
	case 473:
		return uintr_vector_fd(args[0], args[1]);
	case 474:
		return uintr_register_sender(args[0], args[1]);
	case 475:
		return uintr_unregister_sender(args[0], args[1]);
	case 476:
		return uintr_wait(args[0], args[1]);
	case 477:
		return uintr_register_self(args[0], args[1]);
	case 478:
		return uintr_alt_stack((void *)args[0], args[1], args[2]);
	}
	errno = ENOSYS;
	return -1;
}
