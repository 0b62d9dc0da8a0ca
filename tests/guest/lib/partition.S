/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the entry of a partition to 64-bit C: long mode, the segments and the
 * identity map are there (docs/partitions.md, P20), but the payload has page
 * tables of its own, and the features that reset.S switches on.
 */
#define MSR_EFER        0xc0000080
#define EFER_SCE_NXE    0x801
#define CR0_MP_WP       0x10002
#define CR4_FXSR        0x600

        .section .text.start, "ax"
        .globl partition_entry
partition_entry:
        mov     $MSR_EFER, %ecx
        rdmsr
        or      $EFER_SCE_NXE, %eax
        wrmsr
        mov     %cr0, %rax
        or      $CR0_MP_WP, %rax
        mov     %rax, %cr0
        mov     %cr4, %rax
        or      $CR4_FXSR, %rax
        mov     %rax, %cr4
        mov     $boot_pml4, %eax
        mov     %rax, %cr3
        jmp     enter_long64

        .section .note.GNU-stack, "", @progbits
