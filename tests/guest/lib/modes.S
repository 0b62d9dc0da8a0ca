/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Out of 64-bit mode and back (modes.c).  The way leads through 32-bit
 * protected mode with paging off: there CR4.LA57 may change, and from there
 * protected, virtual-8086 and real mode can be entered.  All of it runs with
 * interrupts masked, on descriptor tables of its own; code ends with
 * int $VEC_EXIT, or with the exception that is to be seen.
 */
#include "layout.h"

#define CR0_PE          0x00000001
#define CR0_PG          0x80000000
#define MSR_GS_BASE     0xc0000101
#define VM86_FLAGS      0x23002         /* VM, IOPL 3 so that INT n works */

/* ---- void outside_long_mode(fn32): what modes.c calls ---- */
        .text
        .code64
        .globl outside_long_mode
outside_long_mode:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     $MSR_GS_BASE, %ecx
        rdmsr
        push    %rdx
        push    %rax
        sub     $32, %rsp
        sgdt    (%rsp)
        sidt    16(%rsp)
        mov     %rsp, outside_rsp(%rip)
        lgdt    modes_gdtr(%rip)
        push    $SEL_KCODE32
        lea     1f(%rip), %rax
        push    %rax
        lretq
        .code32
1:      mov     $SEL_KDATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     %cr0, %eax
        and     $~CR0_PG, %eax
        mov     %eax, %cr0
        call    *%edi
        mov     %cr0, %eax
        or      $CR0_PG, %eax
        mov     %eax, %cr0              /* EFER.LME is still set */
        ljmp    $SEL_KCODE, $1f
        .code64
1:      mov     outside_rsp(%rip), %rsp
        lgdt    (%rsp)
        lidt    16(%rsp)
        add     $32, %rsp
        mov     $SEL_KDATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        pop     %rax
        pop     %rdx
        mov     $MSR_GS_BASE, %ecx
        wrmsr
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

/* ---- the functions it may call ---- */
        .code32

/* Paging is off: take the CR3 and CR4 that vm_la57() prepared. */
        .globl fn32_paging
fn32_paging:
        mov     modes_cr3, %eax
        mov     %eax, %cr3
        mov     modes_cr4, %eax
        mov     %eax, %cr4
        ret

        .globl fn32_protected0
fn32_protected0:
        mov     %esp, fn32_esp
        lidt    modes_idtr
        jmp     *modes_entry

        .globl fn32_protected3
fn32_protected3:
        mov     %esp, fn32_esp
        lidt    modes_idtr
        mov     $SEL_TSS, %eax
        ltr     %ax
        push    $SEL_UDATA
        push    $MODES_STACK
        pushf
        push    $SEL_UCODE32
        push    modes_entry
        iretl

        .globl fn32_vm86
fn32_vm86:
        mov     %esp, fn32_esp
        lidt    modes_idtr
        mov     $SEL_TSS, %eax
        ltr     %ax
        push    $0                      /* GS, FS, DS, ES */
        push    $0
        push    $0
        push    $0
        push    $0                      /* SS:SP */
        push    $MODES_STACK
        push    $VM86_FLAGS
        push    $MODES_CODE >> 4        /* CS:IP */
        push    $0
        iretl

/* Traps of the three above. */
        .balign 16
        .globl modes_stubs
modes_stubs:
        .set vector, 0
        .rept 256
        .balign 16
        .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17)
        .else
        push    $0
        .endif
        push    $vector
        jmp     modes_trap
        .set vector, vector + 1
        .endr

modes_trap:
        push    %eax
        mov     $SEL_KDATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        pop     modes_eax
        pop     modes_vector
        add     $4, %esp                /* error code */
        pop     modes_ip
        mov     fn32_esp, %esp
        ret

        .globl fn32_real
fn32_real:
        mov     %esp, fn32_esp
        lidt    modes_ivtr
        mov     $SEL_MODES_DATA16, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        ljmp    $SEL_MODES_CODE16, $0
real_done:
        mov     $SEL_KDATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     fn32_esp, %esp
        ret

/* ---- copied to MODES_REAL, as real mode reaches only the first MiB ---- */
        .code16
        .globl modes_real, modes_real_end
modes_real:
        mov     %cr0, %eax
        and     $~CR0_PE, %eax
        mov     %eax, %cr0
        ljmp    $MODES_REAL >> 4, $(1f - modes_real)
1:      xor     %eax, %eax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $MODES_STACK, %sp
        ljmp    $MODES_CODE >> 4, $0

        /* One entry of 8 bytes per vector; real mode pushes no error code. */
        .balign 8
        .globl modes_real_stubs
modes_real_stubs:
        .set vector, 0
        .rept 256
        .balign 8
        pushw   $vector
        jmp     real_trap
        .set vector, vector + 1
        .endr

real_trap:
        mov     %eax, %cs:MODES_RESULT - MODES_REAL
        pop     %ax
        mov     %ax, %cs:MODES_RESULT - MODES_REAL + 4
        pop     %ax
        mov     %ax, %cs:MODES_RESULT - MODES_REAL + 8
        mov     %cr0, %eax
        or      $CR0_PE, %eax
        mov     %eax, %cr0
        ljmpl   $SEL_KCODE32, $real_done
modes_real_end:

        .data
        .balign 16
        .globl modes_gdt
modes_gdt:
        .quad   0
        .quad   0x00cf9b000000ffff      /* SEL_KCODE32 */
        .quad   0x00af9b000000ffff      /* SEL_KCODE */
        .quad   0x00cf93000000ffff      /* SEL_KDATA */
        .quad   0x00cffb000000ffff      /* SEL_UCODE32 */
        .quad   0x00cff3000000ffff      /* SEL_UDATA */
        .quad   0x00009b000000ffff | MODES_REAL << 16   /* SEL_MODES_CODE16 */
        .quad   0x000093000000ffff      /* SEL_MODES_DATA16 */
        .quad   0                       /* SEL_TSS: modes.c */
modes_gdt_end:
modes_gdtr:
        .word   modes_gdt_end - modes_gdt - 1
        .quad   modes_gdt
        .globl modes_idtr
modes_idtr:
        .word   256 * 8 - 1
        .long   0                       /* modes.c */
modes_ivtr:
        .word   256 * 4 - 1
        .long   MODES_IVT

        .bss
        .balign 8
        .globl modes_cr3, modes_cr4, modes_entry
        .globl modes_eax, modes_vector, modes_ip
outside_rsp:    .skip 8
fn32_esp:       .skip 4
modes_cr3:      .skip 4
modes_cr4:      .skip 4
modes_entry:    .skip 4
modes_eax:      .skip 4
modes_vector:   .skip 4
modes_ip:       .skip 4
        .section .note.GNU-stack, "", @progbits
