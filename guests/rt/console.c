/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a process writes to while there is no other side. */
#include "errno.h"
#include "machine.h"
#include "numbers.h"
#include "syscalls.h"

#define STDOUT          1
#define STDERR          2

static long console_write(uint64_t from, uint64_t bytes)
{
    char part[128];

    for (uint64_t done = 0; done < bytes; done += sizeof(part)) {
        uint64_t n = bytes - done < sizeof(part) ? bytes - done : sizeof(part);

        if (copy_from_user(part, from + done, n)) {
            return done ? (long)done : -EFAULT;
        }
        for (uint64_t i = 0; i < n; i++) {
            outb(machine.console, part[i]);
        }
        thread_pause();
    }
    return bytes;
}

long console_call(unsigned call, const uint64_t *a)
{
    switch (call) {
    case CALL_write:
        return a[0] == STDOUT || a[0] == STDERR ?
               console_write(a[1], a[2]) : -EBADF;
    case CALL_null:
        return 0;
    default:
        return -ENOSYS;
    }
}
