/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entry of an image that begins in protected mode, paging off: the boot
 * page has tables and descriptors for long mode (docs/partitions.md, P20).
 */
#include "layout.h"

#define MSR_EFER        0xc0000080
#define EFER_LME        0x100
#define CR0_PG          0x80000000
#define CR4_PAE         0x20
#define BOOT_TABLES     0xffff8000

        .section .text.start, "ax"
        .code32
        .globl begun_entry
begun_entry:
        mov     %cr0, %eax
        mov     %eax, begun_cr0
        mov     $CR4_PAE, %eax
        mov     %eax, %cr4
        mov     $BOOT_TABLES, %eax
        mov     %eax, %cr3
        mov     $MSR_EFER, %ecx
        mov     $EFER_LME, %eax
        xor     %edx, %edx
        wrmsr
        mov     %cr0, %eax
        or      $CR0_PG, %eax
        mov     %eax, %cr0
        ljmp    $SEL_KCODE, $partition_entry

        .data
        .balign 4
        .globl begun_cr0
begun_cr0:
        .long   0

        .section .note.GNU-stack, "", @progbits
