/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layout.h"
#include "svm_layout.h"

        .text

/* A user-interrupt handler that counts in the guest's private memory. */
        .globl svmguest_count
svmguest_count:
        push    %rax
        mov     $(USER_OFFSET + GUEST_PRIVATE + GUEST_COUNT), %rax
        incq    (%rax)
        pop     %rax
        lea     8(%rsp), %rsp
        .byte   0xf3, 0x0f, 0x01, 0xec  /* uiret */

        .section .note.GNU-stack, "", @progbits
