/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-2-Clause) */
/*
 * The registers by which the first partition loads, starts and stops another
 * one: a page at the address of its option "control".  "Pn" are the rules of
 * docs/partitions.md.
 *
 * Everything is little-endian, and is read and written in 4 or 8 bytes.
 * Usable from C and from assembly; needs no other header.
 */
#ifndef FARBELL_PARTITION_H
#define FARBELL_PARTITION_H

/* What PART_LOAD takes (P21): 64 bits, read and write */
#define PART_REG_IMAGE      0x00    /* its address in the first's memory */
#define PART_REG_SIZE       0x08    /* in bytes */
#define PART_REG_ENTRY      0x10    /* all ones, as at reset: the image's */

#define PART_REG_COMMAND    0x18    /* 32 bits, write-only: PART_... */
#define PART_REG_STATUS     0x1c    /* 32 bits, read-only: of that command */
#define PART_REG_STATE      0x20    /* 32 bits, read-only */
#define PART_REG_STARTS     0x28    /* 64 bits, read-only */

/* Commands (P22) */
#define PART_LOAD           1       /* what the next start loads */
#define PART_START          2       /* or restart */
#define PART_STOP           3

/* Status (P23) */
#define PART_STATUS_OK          0
#define PART_STATUS_BUSY        1   /* it will be carried out: look again */
#define PART_STATUS_COMMAND     2   /* there is no such command */
#define PART_STATUS_SOURCE      3   /* not all of it is RAM of the first */
#define PART_STATUS_IMAGE       4   /* no image, too big, or entry outside */
#define PART_STATUS_NOTHING     5   /* there is nothing to start */

/* State */
#define PART_STATE_STOPPED  0
#define PART_STATE_RUNNING  1
#define PART_STATE_CRASHED  2

#endif
