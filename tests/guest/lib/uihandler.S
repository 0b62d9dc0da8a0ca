/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ring-3 user-interrupt handlers that log what was delivered (uintr.h). */

        .text

        .macro RECORD
        push    %rax
        push    %rbx
        pushfq
        cld
        /* one slot per delivery, whichever CPU it is on */
        mov     $1, %eax
        lock xadd %rax, ui_count(%rip)
        and     $255, %eax
        shl     $6, %eax
        lea     ui_log(%rip), %rbx
        add     %rax, %rbx
        mov     24(%rsp), %rax          /* vector */
        mov     %rax, 0(%rbx)
        mov     32(%rsp), %rax          /* RIP */
        mov     %rax, 8(%rbx)
        mov     40(%rsp), %rax          /* RFLAGS */
        mov     %rax, 16(%rbx)
        mov     48(%rsp), %rax          /* RSP */
        mov     %rax, 24(%rbx)
        lea     24(%rsp), %rax
        mov     %rax, 32(%rbx)
        mov     (%rsp), %rax
        mov     %rax, 40(%rbx)
        xor     %eax, %eax
        .byte   0xf3, 0x0f, 0x01, 0xed  /* testui */
        setc    %al
        mov     %rax, 48(%rbx)
        popfq
        .endm

        .macro RETURN
        pop     %rbx
        pop     %rax
        lea     8(%rsp), %rsp           /* the vector; flags stay (R126) */
        .byte   0xf3, 0x0f, 0x01, 0xec  /* uiret */
        .endm

        .globl ui_record, ui_record_stui
ui_record:
        RECORD
        RETURN

ui_record_stui:
        RECORD
        .byte   0xf3, 0x0f, 0x01, 0xef  /* stui */
        RETURN

        .section .note.GNU-stack, "", @progbits
