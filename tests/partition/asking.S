/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image for two CPUs: each leaves its stack in the page that the first
 * partition sees, and in the first life both ask for a restart at once; or the
 * second one for the end (ENDING).
 */
#define LIVES 0x800100
#define THERE 0x800104          /* odd until the other one is there as well */
#define STACKS 0x800108
#define RESET_CONTROL 0xcf9
#define RESET 6
#define POWER_CONTROL 0x604
#define OFF 0x2000

        .text
        .globl entry
entry:
        mov     %rsp, STACKS(, %rdx, 8)
        mov     %edx, %ebx
        test    %edx, %edx
        jnz     meet
        incl    LIVES
meet:   lock incl THERE
wait:   testb   $1, THERE
        jnz     wait
        cmpl    $1, LIVES
        jne     end
#ifdef ENDING
        test    %ebx, %ebx
        jz      restart
        mov     $POWER_CONTROL, %edx
        mov     $OFF, %eax
        out     %ax, %dx
        jmp     end
#endif
restart:
        mov     $RESET_CONTROL, %edx
        mov     $RESET, %al
        out     %al, %dx
end:    hlt
        jmp     end
