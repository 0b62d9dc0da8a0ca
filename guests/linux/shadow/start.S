/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The beginning of the program, and the end of its signal handlers. */
#include <sys/syscall.h>

        .text
        .globl _start
        .type _start, @function
_start:
        xor     %ebp, %ebp
        mov     (%rsp), %rdi            /* argc */
        lea     8(%rsp), %rsi           /* argv */
        and     $-16, %rsp
        call    shadow_main
        ud2

/* Debuggers know it by its name and by these instructions. */
        .globl __restore_rt
        .type __restore_rt, @function
__restore_rt:
        movq    $SYS_rt_sigreturn, %rax
        syscall

        .section .note.GNU-stack, "", @progbits
