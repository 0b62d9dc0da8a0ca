/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt entry and the way into a frame.  Every vector builds the same
 * struct frame (trap.h) on the stack the CPU chose and calls trap_dispatch().
 */
#include "layout.h"
#include "registers.inc"
#include "stubs.inc"

        .text

        STUBS   trap_stubs, trap_common

trap_common:
        PUSH_REGISTERS
        cld
        mov     %rsp, %rdi
        mov     %rsp, %rbp
        and     $-16, %rsp
        call    trap_dispatch
        mov     %rbp, %rsp

trap_return:
        POP_REGISTERS
        .globl trap_iret
trap_iret:
        iretq

/* void frame_enter(struct frame *f): returns through frame_leave() */
        .globl frame_enter
frame_enter:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, %gs:CPU_RESUME_RSP
        mov     %rdi, %rsp
        jmp     trap_return

        .globl frame_leave
frame_leave:
        mov     %gs:CPU_RESUME_RSP, %rsp
        cld
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

/* Return address of every function that run() starts. */
        .globl frame_exit
frame_exit:
        int     $VEC_EXIT
        ud2

        .section .note.GNU-stack, "", @progbits
