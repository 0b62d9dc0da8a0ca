/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The beginning of the program, and the end of its signal handlers. */
#include <sys/syscall.h>

        .text
        .globl _start
_start:
        xor     %ebp, %ebp
        mov     (%rsp), %rdi            /* argc */
        lea     8(%rsp), %rsi           /* argv */
        and     $-16, %rsp
        call    shadow_main
        ud2

        .globl sys_restore
sys_restore:
        mov     $SYS_rt_sigreturn, %eax
        syscall

        .section .note.GNU-stack, "", @progbits
