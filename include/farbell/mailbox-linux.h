/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-2-Clause) */
/*
 * /dev/farbell-mailboxN: the mailbox of docs/mailbox.md for programs of Linux
 * (docs/linux-partition.md).  Programs and the driver include this file.
 *
 * write() sends one message and returns when its fate is known: its length
 * (delivered), EINVAL (refused), ENOTCONN (peer gone), EMSGSIZE (longer than
 * the peer's buffer), ECONNRESET (link lost after hand-over), EINTR (a signal
 * came first: nobody knows).  With O_NONBLOCK it returns when the message is
 * on its way, or EAGAIN.  read() takes one message; one that is longer than
 * the room for it stays, EMSGSIZE.  poll(): POLLIN a message, POLLPRI an event
 * or a doorbell, POLLOUT room, POLLERR the device is gone.  With O_ASYNC a
 * doorbell is a signal.
 *
 * No address of memory that is not the caller's goes in or out: sections are
 * mapped, UPIDs are named by their offset in the UPID window.
 */
#ifndef FARBELL_MAILBOX_LINUX_H
#define FARBELL_MAILBOX_LINUX_H

#ifndef __ASSEMBLER__

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * Sections for mmap(): offsets in the file.  What is not the caller's to write
 * is mapped read-only, and nothing for execution.
 */
#define FBMB_MAP_STATE      (1ULL << 40)    /* state table, read-only */
#define FBMB_MAP_COMMON     (2ULL << 40)
#define FBMB_MAP_OWN        (3ULL << 40)    /* own output section */
#define FBMB_MAP_PEER       (4ULL << 40)    /* the peer's, read-only */

struct fbmb_info {
    __u32 side;
    __u32 max_message;
    __u32 link;                 /* MBOX_LINK_* */
    __u32 generation, peer_generation;
    __u32 doorbells;
    __u64 state_size, common_size, output_size;
    __u64 upid_size;            /* of one side's half of the window */
};

/* The events of MB44, each told to each open file, in order */
struct fbmb_event {
    __u32 type, link, peer_generation, argument;
    __u64 time;                 /* ns of the machine's virtual time */
    __u32 lost;                 /* by this file or by the device */
    __u32 zero;
};

struct fbmb_ring {
    __u32 doorbell;
    __u32 status;               /* out: MBOX_RING_* */
};

/*
 * The current task as receiver of user interrupts: its UPID is in this side's
 * half of the window, where the peer's CPUs can send to it.
 */
struct fbmb_receiver {
    __u64 handler;
    __u32 flags;                /* UINTR_* of farbell/uintr-linux.h */
    __u32 offset;               /* out */
};

/* An entry for SENDUIPI of the current task, to a UPID of the peer's half */
struct fbmb_sender {
    __u32 offset;
    __u32 vector;
    __u32 index;                /* out: the operand of SENDUIPI */
    __u32 zero;
};

/* Messages are posted to the current task's UPID from now on (MB33) */
struct fbmb_bind {
    __u32 vector;
    __u32 bound;                /* 1, or 0: no more */
};

#define FBMB_TYPE           0xFC
#define FBMB_INFO           _IOR(FBMB_TYPE, 0, struct fbmb_info)
#define FBMB_EVENT          _IOR(FBMB_TYPE, 1, struct fbmb_event)   /* EAGAIN */
#define FBMB_RING           _IOWR(FBMB_TYPE, 2, struct fbmb_ring)
#define FBMB_LISTEN         _IOW(FBMB_TYPE, 3, __u64)   /* to which doorbells */
#define FBMB_RUNG           _IOR(FBMB_TYPE, 4, __u64)   /* and which came */
#define FBMB_STATE          _IOW(FBMB_TYPE, 5, __u32)   /* own state word */
#define FBMB_RECEIVER       _IOWR(FBMB_TYPE, 6, struct fbmb_receiver)
#define FBMB_SENDER         _IOWR(FBMB_TYPE, 7, struct fbmb_sender)
#define FBMB_BIND           _IOW(FBMB_TYPE, 8, struct fbmb_bind)

#endif /* __ASSEMBLER__ */

#endif
