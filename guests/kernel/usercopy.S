/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may fault in the kernel, because others have a say in it: kernel.c
 * lets it go on at the label that ends in _fault.  Copies between the kernel
 * and ring 3: a page fault between the two labels, whichever side it was on.
 */
        .text

/* int user_copy(void *to, const void *from, size_t bytes): 0 or -EFAULT */
        .globl user_copy, user_copy_first, user_copy_last, user_copy_fault
user_copy:
        mov     %rdx, %rcx
        shr     $3, %rcx
        and     $7, %edx
        stac
user_copy_first:
        rep movsq
        mov     %edx, %ecx
        rep movsb
user_copy_last:
        clac
        xor     %eax, %eax
        ret
user_copy_fault:
        clac
        mov     $-14, %eax              /* -EFAULT */
        ret

/* bool send_user_interrupt(uint64_t index): SENDUIPI, false if it faults */
        .globl send_user_interrupt, send_user_interrupt_at
        .globl send_user_interrupt_fault
send_user_interrupt:
        mov     %rdi, %rax
send_user_interrupt_at:
        .byte   0xf3, 0x0f, 0xc7, 0xf0
        mov     $1, %eax
        ret
send_user_interrupt_fault:
        xor     %eax, %eax
        ret

        .section .note.GNU-stack, "", @progbits
