/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shadow's program, SHADOW_FILE, inside GP's image. */
        .section .rodata
        .globl shadow_image, shadow_image_end
        .balign 16
shadow_image:
        .incbin SHADOW_FILE
shadow_image_end:

        .section .note.GNU-stack, "", @progbits
