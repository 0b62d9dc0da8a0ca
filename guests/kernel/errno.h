/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The numbers of Linux; calls return them negated. */
#ifndef GUESTS_ERRNO_H
#define GUESTS_ERRNO_H

#define EPERM           1
#define ENOENT          2
#define ESRCH           3
#define EINTR           4
#define EIO             5
#define E2BIG           7
#define ENOEXEC         8
#define EBADF           9
#define ECHILD          10
#define EAGAIN          11
#define ENOMEM          12
#define EFAULT          14
#define EEXIST          17
#define EINVAL          22
#define EMFILE          24
#define ENOSPC          28
#define ESPIPE          29
#define EPIPE           32
#define ENAMETOOLONG    36
#define ENOSYS          38
#define EPROTO          71
#define EOVERFLOW       75
#define ECONNRESET      104
#define ENOTCONN        107
#define ETIMEDOUT       110
#define ECANCELED       125

#endif
