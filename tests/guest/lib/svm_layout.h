/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that vmrun.S and C agree on: offsets, and where guests see what. */
#ifndef SVM_LAYOUT_H
#define SVM_LAYOUT_H

/* struct guest */
#define GUEST_VMCB      0
#define GUEST_HOST_VMCB 8
#define GUEST_REGS      16

/* struct private (svmguest.h) */
#define GUEST_COUNT     64

/* Guest-physical, and outside of RAM for the host */
#define GUEST_WINDOW    0x41ffe000
#define GUEST_PRIVATE   0x42000000

#endif
