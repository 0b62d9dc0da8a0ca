/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things are in a bare-metal payload, and the numbers that assembly
 * and C must agree on.
 *
 *   0x00000000'00008000   trampoline page of the application processors
 *   0x00000000'00009000   code and tables of modes.c (two pages)
 *   0x00000000'00100000   the payload: text, data, bss, then free pages
 *   0x00000000'fee00000   local APIC (xAPIC mode)
 *   0x00000000'fffff000   reset page, end of the ROM
 *   0x00000080'00000000   the same 4 GiB once more, open to ring 3
 *
 * Payload code is position independent, so a function runs in ring 3 at
 * USER(fn) and finds its data in the same alias; the identity map stays
 * supervisor-only.  That gives SMAP and SMEP something to protect.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#define AP_TRAMPOLINE   0x8000
#define USER_OFFSET     0x8000000000

/* modes.c: real mode reaches only the first MiB. */
#define MODES_IVT       0x9000
#define MODES_REAL      0x9400
#define MODES_RESULT    0x9ff0
#define MODES_CODE      0xa000
#define MODES_STACK     0xb000

#define MAX_CPUS        8

/* GDT: the order serves SYSCALL, SYSRET, SYSENTER and SYSEXIT alike. */
#define SEL_KCODE32     0x08
#define SEL_KCODE       0x10
#define SEL_KDATA       0x18
#define SEL_UCODE32     (0x20 | 3)
#define SEL_UDATA       (0x28 | 3)
#define SEL_UCODE       (0x30 | 3)
#define SEL_UDATA_SYSEXIT (0x38 | 3)
#define SEL_TSS         0x40
/* In the GDT of modes.c only */
#define SEL_MODES_CODE16 0x30
#define SEL_MODES_DATA16 0x38

#define PTE_P           0x001
#define PTE_W           0x002
#define PTE_U           0x004
#define PTE_PWT         0x008
#define PTE_PCD         0x010
#define PTE_A           0x020
#define PTE_D           0x040
#define PTE_PS          0x080

/* Exceptions and the lib's own vectors */
#define VEC_DE          0
#define VEC_DB          1
#define VEC_NMI         2
#define VEC_BP          3
#define VEC_BR          5
#define VEC_UD          6
#define VEC_NM          7
#define VEC_DF          8
#define VEC_TS          10
#define VEC_NP          11
#define VEC_SS          12
#define VEC_GP          13
#define VEC_PF          14
#define VEC_MF          16
#define VEC_AC          17
#define VEC_XM          19
#define VEC_CP          21
#define VEC_EXIT        0x80    /* int $0x80 ends run() */

/* Error code of a #PF */
#define PF_P            0x01
#define PF_W            0x02
#define PF_U            0x04
#define PF_RSVD         0x08
#define PF_PK           0x20

/* struct frame (trap.h), as entry.S builds it */
#define FRAME_REGS      (15 * 8)
#define FRAME_VECTOR    (15 * 8)
#define FRAME_R11       (4 * 8)
#define FRAME_RCX       (13 * 8)
#define FRAME_RIP       (17 * 8)
#define FRAME_RFLAGS    (19 * 8)

/* struct cpu (cpu.h), reached through %gs */
#define CPU_RESUME_RSP  8
#define CPU_KERNEL_RSP  16
#define CPU_USER_RSP    24

#endif
