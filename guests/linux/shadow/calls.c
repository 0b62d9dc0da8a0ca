// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The calls of an RT process: their numbers, arguments and results are those
 * of Linux, so most of them go to the kernel as they are.  It is the kernel
 * that checks pointers: what is not mapped is EFAULT (F28).  What has to wait
 * is not begun, but parked (F37).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "numbers.h"
#include "shadow.h"

#define PAGE		4096
#define ATOMIC_PIPE	4096	/* what POLLOUT promises room for */

struct servant_calls calls;

/* Descriptors that were not opened here, so that a call on them may block */
static bool blocks[FDS];

/* ---- descriptors ---- */

static bool is_blocking(int fd)
{
	long flags = kernel(SYS_fcntl, fd, F_GETFL);

	return flags >= 0 && !(flags & O_NONBLOCK);
}

static bool is_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return !blocks[fd] || kernel(SYS_poll, &p, 1, 0) != 0;
}

static long copied(long fd, int from)
{
	if (fd >= 0)
		blocks[fd] = blocks[from];
	return fd;
}

/* Those that it may name are FDS; the others are the shadow's. */
static bool are_its_own(unsigned int call, const uint64_t *a)
{
	const struct scf_call_type *type = scf_call_type(call);

	for (int i = 0; i < SCF3_ARGS; i++)
		if (type->args[i] == SCF_FD && a[i] >= FDS)
			return false;
	return true;
}

/* ---- pages (F2, F27) ---- */

static bool is_its_range(uint64_t va, uint64_t pages)
{
	return va % PAGE == 0 && va && pages && pages <= SCF3_RAW_END / PAGE &&
	       va <= SCF3_RAW_END - pages * PAGE;
}

/* Behind the frames are the queues of versions 1 and 2. */
static bool is_in_window(uint64_t frame, uint64_t pages)
{
	return frame % PAGE == 0 && frame >= SCF_WINDOW && frame <= SCF1_DATA &&
	       pages <= (SCF1_DATA - frame) / PAGE &&
	       SCF1_DATA - SCF_WINDOW <= calls.mailbox->info.common_size;
}

static long map(uint64_t va, uint64_t frame, uint64_t pages, uint64_t prot)
{
	long at;

	if (!is_its_range(va, pages) || !is_in_window(frame, pages))
		return -EINVAL;
	at = kernel(SYS_mmap, va, pages * PAGE, prot & (PROT_READ | PROT_WRITE),
		    MAP_SHARED | MAP_FIXED, calls.mailbox->fd,
		    FBMB_MAP_COMMON + frame - SCF_WINDOW);
	return at == (long)va ? 0 : at;
}

static long unmap(uint64_t va, uint64_t pages)
{
	return is_its_range(va, pages) ? kernel(SYS_munmap, va, pages * PAGE) :
	       -EINVAL;
}

static long unmap_all(void)
{
	return kernel(SYS_munmap, PAGE, SCF3_RAW_END - PAGE);
}

/* ---- processes ---- */

static void close_all_but(int fd)
{
	if (fd > 0)
		kernel(SYS_close_range, 0, fd - 1, 0);
	kernel(SYS_close_range, fd + 1, FDS - 1, 0);
}

static void take_descriptor(int process, int fd)
{
	long copy = kernel(SYS_pidfd_getfd, process, fd, 0);

	if (copy >= 0 && copy != fd) {
		kernel(SYS_dup2, copy, fd);
		kernel(SYS_close, copy);
	} else if (copy < 0) {
		kernel(SYS_close, fd);
	}
	blocks[fd] = copy >= 0 && is_blocking(fd);
}

/*
 * The open files of the parent's shadow are this one's, too.  The place that
 * its process has here comes last.
 */
static void take_descriptors(pid_t parent)
{
	int process = kernel(SYS_pidfd_open, parent, 0);

	if (process < 0)
		return;
	close_all_but(process);
	for (int fd = 0; fd < FDS; fd++)
		if (fd != process)
			take_descriptor(process, fd);
	take_descriptor(process, process);
}

void calls_look_for_parent(void)
{
	unsigned int parent = shared->twin_of[calls.slot];
	pid_t pid = parent ? shared->servants[parent - 1] : 0;

	if (pid) {
		take_descriptors(pid);
		shared->twin_of[calls.slot] = 0;
		kernel(SYS_kill, pid, TOLD_SIGNAL);
	}
}

/*
 * The child has a slot and a shadow of its own, which takes what it inherits;
 * the call waits for that.
 */
static long twin(uint64_t slot)
{
	static unsigned int asked;	/* slot + 1 */

	if (slot >= SCF3_SLOTS || slot == calls.slot)
		return -EINVAL;
	if (asked == slot + 1) {
		asked = shared->twin_of[slot] == calls.slot + 1 ? asked : 0;
		return asked ? SCF_PARKED : 0;
	}
	asked = slot + 1;
	shared->twin_of[slot] = calls.slot + 1;
	kernel(SYS_kill, shared->servants[slot] ?: kernel(SYS_getppid),
	       TOLD_SIGNAL);
	return SCF_PARKED;
}

/* Its process ends with its epoch, when RT has seen the answer. */
static long leave(uint64_t status)
{
	kernel(SYS_close_range, 0, FDS - 1, 0);
	unmap_all();
	calls.left = true;
	calls.status = status;
	return 0;
}

/* ---- those that Linux may have to wait for ---- */

static long read_or_park(unsigned int call, const uint64_t *a)
{
	if (!is_ready(a[0], POLLIN))
		return -EAGAIN;
	return kernel(call, a[0], a[1], a[2], a[3]);
}

static long write_or_park(unsigned int call, const uint64_t *a)
{
	uint64_t n = a[2];

	if (!is_ready(a[0], POLLOUT))
		return -EAGAIN;
	if (blocks[a[0]] && n > ATOMIC_PIPE)
		n = ATOMIC_PIPE;
	return kernel(call, a[0], a[1], n, a[3]);
}

/* The second time it tells how the first one went. */
static long connect_or_park(const uint64_t *a)
{
	long error = kernel(SYS_connect, a[0], a[1], a[2]);

	return error == -EINPROGRESS || error == -EALREADY ? -EAGAIN : error;
}

static long execute(unsigned int call, const uint64_t *a)
{
	switch (call) {
	case SYS_read:
	case SYS_pread64:
		return read_or_park(call, a);
	case SYS_write:
	case SYS_pwrite64:
		return write_or_park(call, a);
	case SYS_open:
		return kernel(call, a[0], a[1] | O_NONBLOCK | O_NOCTTY, a[2]);
	case SYS_close:
		blocks[a[0]] = false;
		return kernel(call, a[0]);
	case SYS_pipe:
		return kernel(SYS_pipe2, a[0], O_NONBLOCK);
	case SYS_dup:
		return copied(kernel(call, a[0]), a[0]);
	case SYS_dup2:
		return copied(kernel(call, a[0], a[1]), a[0]);
	case SYS_socket:
		return kernel(call, a[0], a[1] | SOCK_NONBLOCK, a[2]);
	case SYS_accept:
		return kernel(SYS_accept4, a[0], 0, 0, SOCK_NONBLOCK);
	case SYS_connect:
		return connect_or_park(a);
	default:
		return kernel(call, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
}

long scf_execute(struct scf_server *s, unsigned int call,
		 const uint64_t a[SCF3_ARGS])
{
	long result;

	(void)s;
	switch (call) {
	case SCF3_CALL_NULL:
		return 0;
	case SCF3_CALL_INIT_UINTR:
		return calls.receiver;
	case SCF3_CALL_MAP:
		return map(a[0], a[1], a[2], a[3]);
	case SCF3_CALL_UNMAP:
		return unmap(a[0], a[1]);
	case SCF3_CALL_EXEC:
		return unmap_all();
	case SCF3_CALL_FORK:
		return twin(a[0]);
	case SCF3_CALL_EXIT:
		return leave(a[0]);
	}
	if (!are_its_own(call, a))
		return -EBADF;
	result = execute(call, a);
	return result == -EAGAIN ? SCF_PARKED : result;
}

short calls_wait_for(const struct scf_request *r, int *fd)
{
	const struct scf_call_type *type = scf_call_type(r->call);

	if (!type || type->args[0] != SCF_FD)
		return 0;
	*fd = r->args[0] < FDS ? (int)r->args[0] : -1;
	return r->call == SYS_write || r->call == SYS_pwrite64 ||
	       r->call == SYS_connect ? POLLOUT : POLLIN;
}

void calls_start(void)
{
	struct rlimit limit;

	kernel(SYS_getrlimit, RLIMIT_NOFILE, &limit);
	limit.rlim_cur = FDS;
	kernel(SYS_setrlimit, RLIMIT_NOFILE, &limit);
	kernel(SYS_prctl, PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	for (int fd = 0; fd < FDS; fd++)
		blocks[fd] = is_blocking(fd);
}
