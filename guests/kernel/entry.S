/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways between ring 3 and the kernel.  %gs is the CPU's structure in the
 * kernel and anything in ring 3, so it is exchanged at each crossing.
 */
#include "layout.h"
#include "registers.inc"
#include "stubs.inc"

/* With RSP at the return address: is it ring 3? */
        .macro SWAPGS_IF_USER cs
        testb   $3, \cs(%rsp)
        jz      1f
        swapgs
1:
        .endm

        .text

        STUBS   kernel_stubs, kernel_common

kernel_common:
        SWAPGS_IF_USER 24
        clac
        cld
        PUSH_REGISTERS
        mov     %rsp, %rdi
        mov     %rsp, %rbp
        and     $-16, %rsp
        call    kernel_trap
        mov     %rbp, %rsp

/* RSP is at a struct frame. */
        .globl kernel_return
kernel_return:
        POP_REGISTERS
        SWAPGS_IF_USER 8
        iretq

/* SYSCALL: the frame is the one that an interrupt would have made. */
        .macro SYSTEM_CALL cs, vector
        swapgs
        mov     %rsp, %gs:CPU_USER_RSP
        mov     %gs:CPU_KERNEL_RSP, %rsp
        push    $SEL_UDATA
        push    %gs:CPU_USER_RSP
        push    %r11
        push    $\cs
        push    %rcx
        push    $0
        push    $\vector
        PUSH_REGISTERS
        mov     %rsp, %rdi
        .endm

        .globl kernel_syscall
kernel_syscall:
        SYSTEM_CALL SEL_UCODE, 0
        call    kernel_call
        mov     FRAME_RIP(%rsp), %rcx
        mov     FRAME_RFLAGS(%rsp), %r11
        mov     %rcx, FRAME_RCX(%rsp)
        mov     %r11, FRAME_R11(%rsp)
        POP_REGISTERS
        mov     24(%rsp), %rsp
        swapgs
        sysretq

/* From a compatibility segment: nobody here serves that. */
        .globl kernel_syscall32
kernel_syscall32:
        SYSTEM_CALL SEL_UCODE32, VEC_UD
        call    thread_faulted

/* void switch_stacks(uint64_t *save, uint64_t load) */
        .globl switch_stacks
switch_stacks:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, (%rdi)
        mov     %rsi, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

/* Where a new thread comes out of switch_stacks(). */
        .globl thread_begin_user, thread_begin_kernel
thread_begin_user:
        call    thread_arrived
        call    thread_to_user
        jmp     kernel_return

thread_begin_kernel:                    /* RBX: function, R12: argument */
        call    thread_arrived
        mov     %r12, %rdi
        call    *%rbx
        call    thread_exit

        .section .note.GNU-stack, "", @progbits
