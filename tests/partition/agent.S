/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the partition's entry to C, and what C cannot say. */
#include "scratch.inc"
#include "stubs.inc"

        .text
        .globl entry, entry32
        .code64
entry:
        mov     $agent_stack_end, %rsp
        xor     %ebp, %ebp
        call    agent_main
        ud2

/* Protected mode without paging: the boot page has tables for long mode. */
        .code32
entry32:
        mov     $0x620, %eax            /* CR4: PAE, SSE */
        mov     %eax, %cr4
        mov     $0xffff8000, %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx
        rdmsr
        or      $0x100, %eax
        wrmsr
        mov     %cr0, %eax
        or      $0x80000000, %eax
        mov     %eax, %cr0
        ljmp    $0x10, $entry

        .code64
        STUBS   agent_stubs, common

common:
        cmpq    $32, (%rsp)
        jae     interrupt
        mov     (%rsp), %rax            /* an exception ends attack() */
        inc     %rax
        mov     recover_rsp, %rsp
        jmp     recovered

interrupt:
        PUSH_SCRATCH
        mov     72(%rsp), %rdi
        call    agent_interrupt
        POP_SCRATCH
        add     $16, %rsp
        iretq

/* uint64_t attack(struct agent *): does op, returns exception + 1 or 0 */
        .macro DO name
        lea     do_\name(%rip), %rcx
        mov     %rcx, 40(%rdi)          /* rip */
do_\name:
        .endm
        .globl attack
attack:
        push    %rbx
        push    %rbp
        mov     %rsp, recover_rsp
        mov     8(%rdi), %rax           /* op */
        mov     16(%rdi), %rsi          /* a */
        mov     24(%rdi), %rbx          /* b */
        jmp     *attacks(, %rax, 8)

nop:
        jmp     done
load:
        DO      load
        mov     (%rsi), %rax
        mov     %rax, 32(%rdi)
        jmp     done
load4:
        DO      load4
        mov     (%rsi), %eax
        mov     %rax, 32(%rdi)
        jmp     done
store:
        DO      store
        mov     %ebx, (%rsi)
        jmp     done
store1:
        DO      store1
        mov     %bl, (%rsi)
        jmp     done
store2:
        DO      store2
        mov     %bx, (%rsi)
        jmp     done
fetch:
        mov     %rsi, 40(%rdi)
        call    *%rsi
        jmp     done
walk:
        or      $3, %rsi
        mov     $0xffff8008, %ecx       /* the second 512 GiB */
        mov     %rsi, (%rcx)
        mov     %cr3, %rax
        mov     %rax, %cr3
        mov     $1, %rsi
        shl     $39, %rsi
        jmp     load
in:
        mov     %esi, %edx
        DO      in
        in      %dx, %al
        movzx   %al, %eax
        mov     %rax, 32(%rdi)
        jmp     done
out:
        mov     %esi, %edx
        mov     %ebx, %eax
        DO      out
        out     %al, %dx
        jmp     done
outw:
        mov     %esi, %edx
        mov     %ebx, %eax
        DO      outw
        out     %ax, %dx
        jmp     done
msr:
        mov     %rbx, %rax
        mov     %rbx, %rdx
        shr     $32, %rdx
        lea     do_msr(%rip), %rcx
        mov     %rcx, 40(%rdi)
        mov     %esi, %ecx
do_msr:
        wrmsr
        jmp     done
crash:
        lidt    no_idt
        DO      crash
        ud2
atomic:
        DO      atomic
        lock xadd %rbx, (%rsi)
        mov     %rbx, 32(%rdi)
        jmp     done
string:
        mov     %rdi, %rbp
        mov     %rsi, %rdx
        mov     %rbx, %rsi
        lea     buffer, %rdi
        lea     do_string(%rip), %rcx
        mov     %rcx, 40(%rbp)
        mov     %edx, %ecx
do_string:
        rep movsb
        jmp     done

done:
        xor     %eax, %eax
recovered:
        pop     %rbp
        pop     %rbx
        ret

        .data
        .balign 8
attacks:
        .quad nop, load, store, fetch, walk, in, out, msr, crash, atomic
        .quad string, outw, load4, nop, store1, store2
no_idt:
        .fill 10, 1, 0
        .bss
        .balign 16
recover_rsp:
        .skip 16
buffer:
        .skip 4096
        .skip 0x4000
agent_stack_end:
        .section .note.GNU-stack, "", @progbits
