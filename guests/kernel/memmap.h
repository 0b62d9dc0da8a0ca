/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses of the two small kernels, RT and GP.  Physical addresses are the
 * users' map (docs/partitions.md); a kernel uses them as they are.
 *
 *   0x00000000'00010000  ring 3: programs                          private
 *   0x00000000'40000000  the kernel: all of its memory, one to one  shared
 *   0x00000000'fee00000  local APIC (xAPIC mode)                    shared
 *   0x00000080'00000000  ring 3: what mmap gives, then stacks       private
 *   0x00007000'00000000  ring 3 of GP: the shadow's own code        private
 *   0x00007fff'fffff000  nobody
 *
 * "Shared" is the same in every address space, for supervisors only.
 */
#ifndef GUESTS_MEMMAP_H
#define GUESTS_MEMMAP_H

/* What ring 3 may have: two ranges. */
#define USER_LOW        0x10000
#define USER_LOW_END    0x40000000
#define USER_HIGH       0x8000000000
/* The last page has nobody: SYSRET behind its end would be a fault of ours. */
#define USER_HIGH_END   0x7ffffffff000

/* A program of RT, within these: the same pages are there in its shadow. */
#define PIE_BASE        0x10000000
#define MMAP_BASE       0x10000000000
#define PROGRAM_END     0x700000000000
/* A page less: a path may be looked at 256 bytes far (F28). */
#define STACK_TOP       (PROGRAM_END - 0x1000)
#define STACK_PAGES     16
/* Behind it, so that no call reaches it: the queue of a process (F16). */
#define QUEUE_PAGE      0x700000001000

/* Physical memory of RT; the window is seen by GP as well. */
#define RT_MEMORY       0x42000000
#define RT_FRAMES       0x42a00000      /* behind the image */
#define RT_FRAMES_END   0x46000000
#define WINDOW          0x46000000
#define WINDOW_FRAMES_END 0x49e00000    /* behind it: SCF v1 and v2 */
#define WINDOW_END      0x4a000000

/* Of GP; its machine has at least 0x58000000 bytes of memory. */
#define GP_MEMORY       0x50000000
#define GP_FRAMES       0x50a00000
#define GP_FRAMES_END   0x54000000

#endif
