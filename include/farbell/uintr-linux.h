/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-2-Clause) */
/*
 * What Linux programs ask of /dev/uintr (guests/linux/module).  Each call is
 * about the thread that makes it; the descriptor may come from anywhere.
 * docs/linux.md has the rules, farbell-uintr.h the same calls as functions.
 */
#ifndef FARBELL_UINTR_LINUX_H
#define FARBELL_UINTR_LINUX_H

#ifndef __ASSEMBLER__

#include <linux/ioctl.h>
#include <linux/types.h>

#define UINTR_DEVICE                    "/dev/uintr"

/* An interrupt that comes while the thread is blocked ends its system call */
#define UINTR_HANDLER_FLAG_WAITING_NONE         0x0
#define UINTR_HANDLER_FLAG_WAITING_RECEIVER     0x1000
#define UINTR_HANDLER_FLAG_WAITING_SENDER       0x2000
#define UINTR_HANDLER_FLAG_WAITING_ANY          0x3000

#define UINTR_MAX_SENDERS               256     /* of one process */
#define UINTR_WAIT_MAX_USEC             1000000000

struct uintr_handler_args {
    __u64 handler;
    __u32 flags;
    __u32 reserved;                     /* 0 */
};

struct uintr_stack_args {
    __u64 sp;           /* lowest address; 0: the thread's own stack again */
    __u64 size;
};

#define UINTR_IOC_MAGIC                 0xfb
#define UINTR_IOC_REGISTER_HANDLER      \
    _IOW(UINTR_IOC_MAGIC, 1, struct uintr_handler_args)
#define UINTR_IOC_UNREGISTER_HANDLER    _IO(UINTR_IOC_MAGIC, 2)
/* Vector 0..63; a descriptor */
#define UINTR_IOC_VECTOR_FD             _IO(UINTR_IOC_MAGIC, 3)
/* Such a descriptor; an operand for SENDUIPI */
#define UINTR_IOC_REGISTER_SENDER       _IO(UINTR_IOC_MAGIC, 4)
/* Such an operand */
#define UINTR_IOC_UNREGISTER_SENDER     _IO(UINTR_IOC_MAGIC, 5)
/* Microseconds; 0 when they are over, EINTR for an interrupt */
#define UINTR_IOC_WAIT                  _IO(UINTR_IOC_MAGIC, 6)
/* Vector; an operand for SENDUIPI */
#define UINTR_IOC_REGISTER_SELF         _IO(UINTR_IOC_MAGIC, 7)
#define UINTR_IOC_ALT_STACK             \
    _IOW(UINTR_IOC_MAGIC, 8, struct uintr_stack_args)
/* Such a descriptor: the entry that was registered with it goes */
#define UINTR_IOC_DISCONNECT            _IO(UINTR_IOC_MAGIC, 9)

#endif /* __ASSEMBLER__ */

#endif
