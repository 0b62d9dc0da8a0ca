/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image for a partition that ends in an endless fault: its handler of #PF
 * is where nothing is mapped, and each fault begins with a fresh stack.
 */
#define SEL_CODE 0x10
#define SEL_TSS 0x20
#define PAGE_FAULT 14
#define NOWHERE 0x100000000

        .text
        .globl entry
entry:
        mov     $tss, %eax
        mov     %ax, tss_gate + 2
        shr     $16, %eax
        mov     %al, tss_gate + 4
        mov     %ah, tss_gate + 7
        lgdt    gdtr
        lidt    idtr
        mov     $SEL_TSS, %eax
        ltr     %ax
        movabs  NOWHERE, %rax

        .data
gdt:    .quad   0, 0
        .quad   0x00af9b000000ffff      /* SEL_CODE: 64 bits */
        .quad   0
tss_gate:
        .quad   0x0000890000000067, 0   /* SEL_TSS */
gdtr:   .word   . - gdt - 1
        .quad   gdt

idt:    .fill   2 * PAGE_FAULT, 8, 0
        .word   0, SEL_CODE, 0x8e01, 0  /* stack 1 of the TSS */
        .long   NOWHERE >> 32, 0
idtr:   .word   . - idt - 1
        .quad   idt

tss:    .fill   36                      /* then IST1 */
        .quad   stack_end
        .fill   60

        .bss
        .skip   4096
stack_end:
