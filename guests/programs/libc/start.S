/* SPDX-License-Identifier: GPL-2.0-or-later */
        .text
        .globl _start
_start:
        xor     %ebp, %ebp
        mov     (%rsp), %edi            /* argc */
        lea     8(%rsp), %rsi           /* argv */
        and     $-16, %rsp
        call    main
        mov     %eax, %edi
        call    exit_group

/* long call_raw(long number, a, b, c, d, e, f) */
        .globl call_raw
call_raw:
        mov     %rdi, %rax
        mov     %rsi, %rdi
        mov     %rdx, %rsi
        mov     %rcx, %rdx
        mov     %r8, %r10
        mov     %r9, %r8
        mov     8(%rsp), %r9
        syscall
        ret

/*
 * long thread_clone(flags, stack, tid, fn, argument, number): the new thread
 * calls fn(argument) and ends; *tid is cleared then.
 */
        .globl thread_clone
thread_clone:
        mov     %rcx, -8(%rsi)
        mov     %r8, -16(%rsi)
        mov     %r9, %rax
        mov     %rdx, %r10
        syscall
        test    %rax, %rax
        jnz     1f
        mov     -16(%rsp), %rdi
        mov     -8(%rsp), %rax
        sub     $16, %rsp
        xor     %ebp, %ebp
        call    *%rax
        call    thread_end
1:      ret

/*
 * Where user interrupts arrive: user_interrupt(vector) is called, with all
 * registers of the interrupted code kept, those of vectors included.
 */
        .globl user_interrupt_entry
user_interrupt_entry:
        push    %rbp
        mov     %rsp, %rbp
        push    %rax
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        sub     $4096 + 64, %rsp        /* more than XSAVE needs */
        and     $-64, %rsp
        mov     $7, %eax
        xor     %edx, %edx
        movq    %rdx, 512(%rsp)         /* a header of zeros */
        movq    %rdx, 520(%rsp)
        movq    %rdx, 528(%rsp)
        movq    %rdx, 536(%rsp)
        movq    %rdx, 544(%rsp)
        movq    %rdx, 552(%rsp)
        movq    %rdx, 560(%rsp)
        movq    %rdx, 568(%rsp)
        xsave64 (%rsp)
        cld
        mov     8(%rbp), %rdi           /* the vector */
        call    user_interrupt
        mov     $7, %eax
        xor     %edx, %edx
        xrstor64 (%rsp)
        lea     -72(%rbp), %rsp
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rax
        pop     %rbp
        lea     8(%rsp), %rsp
        .byte   0xf3, 0x0f, 0x01, 0xec  /* uiret */

        .section .note.GNU-stack, "", @progbits
