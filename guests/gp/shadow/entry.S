/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shadow's beginning. */
        .text
        .globl _start
_start:
        xor     %ebp, %ebp
        and     $-16, %rsp
        call    shadow_main
        ud2

        .section .note.GNU-stack, "", @progbits
