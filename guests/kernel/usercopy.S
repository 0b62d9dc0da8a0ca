/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies between the kernel and ring 3.  A page fault between the two labels
 * goes on at user_copy_fault (kernel.c), whichever side it was on.
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

        .section .note.GNU-stack, "", @progbits
