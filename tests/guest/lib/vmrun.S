/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Into a guest and back (svm.h). */
#include "layout.h"
#include "svm_layout.h"

        .text

        .macro GUEST_REGISTERS do
        \do     rbx, 0
        \do     rcx, 1
        \do     rdx, 2
        \do     rsi, 3
        \do     rbp, 5
        \do     r8, 6
        \do     r9, 7
        \do     r10, 8
        \do     r11, 9
        \do     r12, 10
        \do     r13, 11
        \do     r14, 12
        \do     r15, 13
        .endm

        .macro LOAD register, index
        mov     GUEST_REGS + 8 * \index(%rdi), %\register
        .endm

        .macro STORE register, index
        mov     %\register, GUEST_REGS + 8 * \index(%rdi)
        .endm

/* void svm_enter(struct guest *guest): GIF is 0 from the first VMLOAD on */
        .globl svm_enter
svm_enter:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        push    %rdi
        clgi
        mov     GUEST_HOST_VMCB(%rdi), %rax
        vmsave  %rax
        mov     GUEST_VMCB(%rdi), %rax
        vmload  %rax
        GUEST_REGISTERS LOAD
        LOAD    rdi, 4
        vmrun   %rax
        vmsave  %rax
        push    %rdi
        mov     8(%rsp), %rdi
        GUEST_REGISTERS STORE
        pop     GUEST_REGS + 8 * 4(%rdi)
        mov     GUEST_HOST_VMCB(%rdi), %rax
        vmload  %rax
        stgi
        pop     %rdi
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

        .section .note.GNU-stack, "", @progbits
