/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries of the little task kernel (task.h). */
#include "scratch.inc"

        .text

/*
 * Where user interrupts of a task arrive, in ring 3.  RSP is aligned and
 * points to the vector (R112).
 */
        .globl task_user_interrupt
task_user_interrupt:
        PUSH_SCRATCH
        sub     $8, %rsp
        mov     80(%rsp), %rdi
        cld
        call    *%fs:8
        add     $8, %rsp
        POP_SCRATCH
        lea     8(%rsp), %rsp           /* the vector */
        .byte   0xf3, 0x0f, 0x01, 0xec  /* uiret */

/*
 * SYSCALL: interrupts are off until STI.  The stack stays that of ring 3,
 * which an interrupt of ring 0 may use as well.
 */
        .globl task_system_call
task_system_call:
        sti
        nop
        pause
        cli
        sysretq

        .section .note.GNU-stack, "", @progbits
