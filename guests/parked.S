/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ROM for the first partition of a process in which only another one has
 * something to do: it opens the window of ECAM, which is the first one's to
 * open (P17), and halts.
 */
#define PCIEXBAR        0x80000060      /* of device 0, as 0xCF8 names it */
#define ECAM_ENABLED    0xb0000001

        .code16
        .org    0xff00
start:
        mov     $0xcf8, %dx
        mov     $PCIEXBAR, %eax
        out     %eax, %dx
        mov     $0xcfc, %dx
        mov     $ECAM_ENABLED, %eax
        out     %eax, %dx
1:      cli
        hlt
        jmp     1b
        .org    0xfff0
        jmp     start
        .org    0x10000

        .section .note.GNU-stack, "", @progbits
