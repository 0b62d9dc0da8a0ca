/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the reset vector to 64-bit C without any firmware.
 *
 * The image is a ROM that ends at 4 GiB.  This page is its last 4 KiB; the
 * rest is copied to RAM at 1 MiB, where it was linked to run (see link.ld).
 * Application processors join at enter_long32 through a trampoline page.
 */
#include "layout.h"

#define MSR_EFER        0xc0000080
#define EFER_SCE        0x001
#define EFER_LME        0x100
#define EFER_NXE        0x800
#define CR0_PE_MP_WP    0x00010003
#define CR0_PG          0x80000000
#define CR4_PAE_FXSR    0x620

        .section .reset, "ax"
        .code32

/* Flat descriptors; the selectors equal those of the run-time GDT. */
        .balign 16
boot_gdt:
        .quad 0
        .quad 0x00cf9b000000ffff        /* SEL_KCODE32 */
        .quad 0x00af9b000000ffff        /* SEL_KCODE */
        .quad 0x00cf93000000ffff        /* SEL_KDATA */
boot_gdt_end:
boot_gdtr:
        .word boot_gdt_end - boot_gdt - 1
        .long boot_gdt

start32:
        mov     $SEL_KDATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        cld
        mov     $__rom_image, %esi
        mov     $__image_start, %edi
        mov     $__image_longs, %ecx
        rep movsl
        mov     $__bss_start, %edi
        mov     $__bss_longs, %ecx
        xor     %eax, %eax
        rep stosl

        .globl enter_long32
enter_long32:
        mov     $SEL_KDATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     %cr4, %eax
        mov     %eax, boot_cr4
        mov     $CR4_PAE_FXSR, %eax
        mov     %eax, %cr4
        mov     $boot_pml4, %eax
        mov     %eax, %cr3
        mov     $MSR_EFER, %ecx
        mov     $EFER_SCE | EFER_LME | EFER_NXE, %eax
        xor     %edx, %edx
        wrmsr
        mov     $CR0_PG | CR0_PE_MP_WP, %eax
        mov     %eax, %cr0
        ljmp    $SEL_KCODE, $enter_long64

        .code16
start16:
        cli
        data32 lgdt %cs:(boot_gdtr - 0xffff0000)
        mov     $1, %eax
        mov     %eax, %cr0
        ljmpl   $SEL_KCODE32, $start32

        .org 0xff0
        jmp     start16
        .org 0x1000

/* ---- in RAM from here ---- */
        .section .text.start, "ax"
        .code64
        .globl enter_long64
enter_long64:
        mov     boot_rsp(%rip), %rsp
        xor     %ebp, %ebp
        mov     boot_rip(%rip), %rax
        push    $0                      /* no return address: ABI alignment */
        jmp     *%rax

/* The page an application processor starts in, copied to AP_TRAMPOLINE. */
        .code16
        .globl ap_trampoline, ap_trampoline_end
ap_trampoline:
        cli
        data32 lgdt %cs:(ap_gdtr - ap_trampoline)
        mov     $1, %eax
        mov     %eax, %cr0
        ljmpl   $SEL_KCODE32, $enter_long32
ap_gdtr:
        .word boot_gdt_end - boot_gdt - 1
        .long boot_gdt
ap_trampoline_end:

        .data
        .globl boot_rsp, boot_rip, boot_cr4
        .balign 8
boot_rsp:
        .quad boot_stack_end
boot_rip:
        .quad boot_main
boot_cr4:
        .quad 0

/* Identity map, supervisor only; and the alias that ring 3 may use. */
        .macro PAGE_DIRECTORIES flags
        .set page, 0
        .rept 2048
        .quad (page << 21) | PTE_P | PTE_W | PTE_PS | \flags
        .set page, page + 1
        .endr
        .endm

        .balign 4096
        .globl boot_pml4
boot_pml4:
        .quad boot_pdpt_k + (PTE_P | PTE_W)
        .quad boot_pdpt_u + (PTE_P | PTE_W | PTE_U)
        .fill 510, 8, 0
boot_pdpt_k:
        .quad boot_pd_k + 0x0000 + (PTE_P | PTE_W)
        .quad boot_pd_k + 0x1000 + (PTE_P | PTE_W)
        .quad boot_pd_k + 0x2000 + (PTE_P | PTE_W)
        .quad boot_pd_k + 0x3000 + (PTE_P | PTE_W)
        .fill 508, 8, 0
boot_pdpt_u:
        .quad boot_pd_u + 0x0000 + (PTE_P | PTE_W | PTE_U)
        .quad boot_pd_u + 0x1000 + (PTE_P | PTE_W | PTE_U)
        .quad boot_pd_u + 0x2000 + (PTE_P | PTE_W | PTE_U)
        .quad boot_pd_u + 0x3000 + (PTE_P | PTE_W | PTE_U)
        .fill 508, 8, 0
boot_pd_k:
        PAGE_DIRECTORIES 0
boot_pd_u:
        PAGE_DIRECTORIES PTE_U

        .bss
        .balign 16
        .skip 0x4000
boot_stack_end:
        .section .note.GNU-stack, "", @progbits
