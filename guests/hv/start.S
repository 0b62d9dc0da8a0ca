/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ways into the hypervisor: a call, a start page, the ROM, its own faults. */
#include "layout.h"
#include "memmap.h"

#define MSR_EFER        0xc0000080
#define EFER_LME        0x100
#define CR0_PE_MP_WP    0x00010003
#define CR0_PG          0x80000000
#define CR4_PAE         0x20

/* HV_MEMORY begins with what the starter looks for. */
        .section .text.start, "ax"
        .code64
        .quad   HV_MAGIC
        .quad   hv_entry
        .globl  hv_state
hv_state:
        .quad   0

/* Called on the first CPU: it returns in a guest, or never. */
hv_entry:
        cmpq    $0, hv_state(%rip)
        jne     1f
        push    %r15
        push    %r14
        push    %r13
        push    %r12
        push    %rbp
        push    %rbx
        mov     %rsp, %rdi
        lea     hv_stacks + HV_STACK_SIZE(%rip), %rsp
        call    hv_begin
1:      lea     hv_stacks + HV_STACK_SIZE(%rip), %rsp
        xor     %edi, %edi
        xor     %esi, %esi
        call    hv_arrive

/* void hv_load_tables(gdtr, idtr, root) */
        .globl  hv_load_tables
hv_load_tables:
        lgdt    (%rdi)
        lidt    (%rsi)
        mov     %rdx, %cr3
        mov     $SEL_KDATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        pop     %rax
        push    $SEL_KCODE
        push    %rax
        lretq

        .globl  hv_on_nmi, hv_on_fault
hv_on_nmi:
        iretq
hv_on_fault:
        mov     %rsp, %rdi
        and     $-16, %rsp
        call    hv_fault

/* ---- to be copied where a SIPI starts ---- */
        .code16
        .globl  hv_start_page
hv_start_page:
        cli
        mov     %cs, %bx
        ljmp    $0, $START_COMMON
        .org    hv_start_page + START_PAGE_SIZE

        .globl  hv_start_common, hv_start_common_end, hv_start_nmi
hv_start_common:
        data32 lgdt %cs:(START_COMMON + 2f - hv_start_common)
        mov     $1, %eax
        mov     %eax, %cr0
        ljmpl   $SEL_KCODE32, $start32
hv_start_nmi:
        iret
2:      .word   hv_gdt_end - hv_gdt - 1
        .long   hv_gdt
hv_start_common_end:

        .code32
start32:
        mov     $SEL_KDATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $CR4_PAE, %eax
        mov     %eax, %cr4
        mov     $hv_root, %eax
        mov     %eax, %cr3
        mov     $MSR_EFER, %ecx
        mov     $EFER_LME, %eax
        xor     %edx, %edx
        wrmsr
        mov     $CR0_PG | CR0_PE_MP_WP, %eax
        mov     %eax, %cr0
        ljmp    $SEL_KCODE, $start64

/* Its initial ID, which no guest can change, says which CPU it is. */
        .code64
start64:
        movzwl  %bx, %esi
        shr     $8, %esi
        mov     $1, %eax
        cpuid
        shr     $24, %ebx
        cmp     $HV_CPUS, %ebx
        jae     3f
        mov     %ebx, %edi
        inc     %ebx
        imul    $HV_STACK_SIZE, %rbx, %rbx
        lea     hv_stacks(%rbx), %rsp
        call    hv_arrive
3:      cli
        hlt
        jmp     3b

        .data
        .balign 16
        .globl  hv_gdtr, hv_idtr
hv_gdt:
        .quad   0
        .quad   0x00cf9b000000ffff      /* SEL_KCODE32 */
        .quad   0x00af9b000000ffff      /* SEL_KCODE */
        .quad   0x00cf93000000ffff      /* SEL_KDATA */
hv_gdt_end:
hv_gdtr:
        .word   hv_gdt_end - hv_gdt - 1
        .quad   hv_gdt
hv_idtr:
        .word   0
        .quad   0

        .bss
        .balign 16
hv_stacks:
        .skip   HV_CPUS * HV_STACK_SIZE

        .section .note.GNU-stack, "", @progbits
