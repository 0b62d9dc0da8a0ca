/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls of a shadow, GP's and Linux's, and its user-interrupt handler.
 * All that the handler calls is compiled for general registers only; they are
 * what it saves.
 */
        .cfi_sections .debug_frame      /* for who looks with a debugger */
        .text
/* long kernel(call, a, b, c, d, e, f) */
        .globl kernel
        .type kernel, @function
kernel:
        .cfi_startproc
        mov     %rdi, %rax
        mov     %rsi, %rdi
        mov     %rdx, %rsi
        mov     %rcx, %rdx
        mov     %r8, %r10
        mov     %r9, %r8
        mov     8(%rsp), %r9
        syscall
        ret
        .cfi_endproc

        .globl shadow_interrupt
        .type shadow_interrupt, @function
shadow_interrupt:
        .cfi_startproc
        .cfi_signal_frame
        .cfi_def_cfa %rsp, 32           /* vector, RIP, RFLAGS, RSP */
        .cfi_offset %rip, -24
        .cfi_offset %rsp, -8
        push    %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_offset %rbp, -40
        mov     %rsp, %rbp
        .cfi_def_cfa_register %rbp
        push    %rax
        push    %rcx
        push    %rdx
        push    %rbx
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        cld
        and     $-16, %rsp
        call    shadow_told
        lea     -112(%rbp), %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rbx
        pop     %rdx
        pop     %rcx
        pop     %rax
        pop     %rbp
        lea     8(%rsp), %rsp           /* the vector; flags stay */
        .byte   0xf3, 0x0f, 0x01, 0xec  /* uiret */
        .cfi_endproc

        .section .note.GNU-stack, "", @progbits
