/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-2-Clause) */
/*
 * The system-call forwarding queue as numbers: versions 1 and 2, as guests in
 * the field have them, and version 3, which trusts nobody.  Both guests and
 * the tests include this file; the numbers are written nowhere else.  "Fn"
 * are the rules of docs/forwarding.md.
 *
 * Everything is little-endian.  Usable from C and from assembly; needs no
 * other header.  A change of layout is a new version.
 */
#ifndef FARBELL_SCF_H
#define FARBELL_SCF_H

/* ---- The users' memory map (F1) ---- */

#define SCF_UPID_WINDOW             0x41ffe000
#define SCF_WINDOW                  0x46000000  /* both sides see it */
#define SCF_WINDOW_SIZE             0x04000000
#define SCF1_QUEUE                  0x49fff000
#define SCF1_DATA                   0x49eff000
#define SCF1_DATA_SIZE              0x00100000
#define SCF2_QUEUES                 0x49ffc000
#define SCF2_SLOTS                  4

/* ---- Versions 1 and 2: one page, one lock (F10-F14) ---- */

#define SCF_MAGIC                   0x4643537f  /* "\177SCF" */
#define SCF_PAGE_SIZE               0x1000

#define SCF_META_MAGIC              0x00
#define SCF_META_LOCK               0x04    /* 8 bits */
#define SCF_META_CAPACITY           0x06    /* 16 bits, as the next two */
#define SCF_META_REQ_INDEX          0x08
#define SCF_META_RSP_INDEX          0x0a
#define SCF_META_SIZE               0x10    /* padded; descriptors follow */

/* Both: 8 bits each; args and result are 64 bits */
#define SCF_DESC_VALID              0x00
#define SCF_DESC_OPCODE             0x01
#define SCF_DESC_ARGS               0x08

#define SCF1_CAPACITY               128
#define SCF1_DESC_RESULT            0x10
#define SCF1_DESC_SIZE              0x18
#define SCF1_REQ_RING               0x0c10
#define SCF1_RSP_RING               0x0d10

#define SCF2_CAPACITY               64
#define SCF2_DESC_RESULT            0x28
#define SCF2_DESC_SIZE              0x30
#define SCF2_REQ_RING               0x0c10
#define SCF2_RSP_RING               0x0c90

/* What args of version 1 point at, in the data area: 64 bits each (F12) */
#define SCF1_ARGS_FD                0x00
#define SCF1_ARGS_BUFFER            0x08    /* offset in the data area */
#define SCF1_ARGS_LENGTH            0x10
#define SCF1_ARGS_SIZE              0x18

#define SCF1_NOP                    0
#define SCF1_READ                   1
#define SCF1_WRITE                  2
#define SCF1_OPEN                   3
#define SCF1_CLOSE                  4
#define SCF1_INIT_UINTR             5
#define SCF1_UNKNOWN                0xff

#define SCF2_READ                   0
#define SCF2_WRITE                  1
#define SCF2_OPEN                   2
#define SCF2_CLOSE                  3
#define SCF2_STAT                   4
#define SCF2_MAP                    5       /* in some guests 253 */
#define SCF2_UNMAP                  6       /* in some guests 254 */
#define SCF2_CLONE                  56
#define SCF2_FORK                   57
#define SCF2_EXIT                   60
#define SCF2_INIT_UINTR             100
#define SCF2_MAP_LATER              253
#define SCF2_UNMAP_LATER            254

/* ---- Version 3: two pages, each with one writer (F20-F45) ---- */

#define SCF3_MAGIC                  0x33464353  /* "SCF3" */
#define SCF3_VERSION                3

/* A slot in each side's output section, for one process (F20) */
#define SCF3_SLOTS                  64
#define SCF3_SLOT_SIZE              0x8000
#define SCF3_ENTRIES                32      /* of each ring */
#define SCF3_CALLS                  16      /* of a process at a time */
#define SCF3_RING                   0x0400
#define SCF3_ENTRY_SIZE             0x60
#define SCF3_BUFFERS                0x1000
#define SCF3_BUFFER_SIZE            0x0700  /* one for each call */

/* Head of either page: 32 bits each, unless said otherwise (F21) */
#define SCF3_HEAD_MAGIC             0x00
#define SCF3_HEAD_VERSION           0x04
#define SCF3_HEAD_EPOCH             0x08
#define SCF3_HEAD_STATE             0x0c
#define SCF3_HEAD_MADE              0x10    /* entries, free running */
#define SCF3_HEAD_TAKEN             0x14    /* of the other page's entries */
#define SCF3_HEAD_REPLY             0x18    /* requester's: how to reply */
#define SCF3_HEAD_RUNNING           0x1c    /* requester's: priority, or: */
#define SCF3_HEAD_PROCESS           0x20    /* 64 bits, requester's: its name */
#define SCF3_HEAD_PARKED            0x28    /* server's: a bit for each call */
#define SCF3_HEAD_SIZE              0x30

#define SCF3_RUNNING_LOOKS          0xffffffff  /* for replies (F50) */
#define SCF3_RUNNING_NO_IPI         0xffffffff  /* server's (F40) */

/* SCF3_HEAD_STATE (F23) */
#define SCF3_STATE_NONE             0       /* nobody is here */
#define SCF3_STATE_OPEN             1
#define SCF3_STATE_BROKEN           2       /* the other side broke a rule */

/* SCF3_HEAD_REPLY: modes and a policy (F40, F44) */
#define SCF3_MODE_POLL              0
#define SCF3_MODE_UIPI              1       /* SENDUIPI */
#define SCF3_MODE_IPI               2       /* the ICR */
#define SCF3_MODE_IRQ               3       /* a doorbell of the mailbox */
#define SCF3_MODE_POSTED            4       /* a message of the mailbox (F46) */
#define SCF3_MODES                  5
#define SCF3_REPLY_MODE             0x0f
#define SCF3_REPLY_POLICY           0xf0
#define SCF3_REQUEST_MODE           0xf00   /* so that it polls */
#define SCF3_REQUEST_MODE_SHIFT     8
#define SCF3_POLICY_ALWAYS          0x00
#define SCF3_POLICY_OUTRANKS        0x10    /* when the waiter does */
#define SCF3_POLICY_NEVER           0x20
#define SCF3_POLICY_ASLEEP          0x30    /* when it does not look (F50) */

/* A request (F22) */
#define SCF3_REQ_TOKEN              0x00    /* 64 bits */
#define SCF3_REQ_CALL               0x08    /* 32 bits */
#define SCF3_REQ_FLAGS              0x0c    /* 16 bits */
#define SCF3_REQ_PRIORITY           0x0e    /* 16 bits: of who waits */
#define SCF3_REQ_ARGS               0x10    /* 64 bits each */
#define SCF3_ARGS                   6
#define SCF3_REQ_ENQUEUED           0x40    /* 64 bits, a stage mark (F34) */

#define SCF3_FLAG_RAW               0x1     /* pointers are the process's */
#define SCF3_RAW_END                0x700000000000  /* of its addresses */

/* A reply; the marks are 64 bits each (F34) */
#define SCF3_RSP_TOKEN              0x00
#define SCF3_RSP_RESULT             0x08
#define SCF3_RSP_TAKEN              0x10
#define SCF3_RSP_BEGUN              0x18
#define SCF3_RSP_ENDED              0x20
#define SCF3_RSP_REPLIED            0x28

/* The same marks in the mark page of the mailbox: number and value (F34) */
#define SCF_MARK_ENQUEUED           1
#define SCF_MARK_NOTIFIED           2
#define SCF_MARK_TAKEN              3
#define SCF_MARK_BEGUN              4
#define SCF_MARK_ENDED              5
#define SCF_MARK_REPLIED            6
#define SCF_MARK_WOKEN              7
#define SCF_MARK_VALUE(slot, token)                                         \
    ((uint64_t)(slot) << 56 | ((token) & 0xffffffffffffff))

/* A token: the number of the call's buffer in the lowest bits (F24) */
#define SCF3_TOKEN_CALL             (SCF3_CALLS - 1)

/* Calls of the protocol itself (F5); the others are Linux's numbers */
#define SCF3_CALL_NULL              500
#define SCF3_CALL_MAP               501
#define SCF3_CALL_UNMAP             502
#define SCF3_CALL_EXEC              503
#define SCF3_CALL_FORK              504
#define SCF3_CALL_EXIT              505
#define SCF3_CALL_INIT_UINTR        510
#define SCF3_CALL_CANCEL            511

/* INIT_UINTR's result: offset in the UPID window, user vector below (F6) */
#define SCF3_UINTR_VECTOR           0x3f

#endif
