/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-2-Clause) */
/*
 * The user-interrupt architecture as numbers: MSRs, memory structures, the
 * interrupt frame and the XSAVE image.  The emulator, the bare-metal guests,
 * the Linux module and the tests all include this file; the numbers are
 * written nowhere else.  "Rnn" are the rules of docs/uintr.md.
 *
 * Usable from C and from assembly; needs no other header.
 */
#ifndef FARBELL_UINTR_H
#define FARBELL_UINTR_H

/* Enumeration and enabling (R1, R2, R8) */
#define UINTR_CPUID_7_0_EDX_BIT         5
#define UINTR_CPUID_7_1_EDX_UIF_BIT     17
#define UINTR_CR4_BIT                   25

/* MSRs (R11) */
#define UINTR_MSR_RR                    0x985
#define UINTR_MSR_HANDLER               0x986
#define UINTR_MSR_STACKADJUST           0x987
#define UINTR_MSR_MISC                  0x988
#define UINTR_MSR_PD                    0x989
#define UINTR_MSR_TT                    0x98a

/* IA32_UINTR_STACKADJUST bit 0: load RSP instead of subtracting (R111) */
#define UINTR_STACKADJUST_LOAD          0x1

/* IA32_UINTR_MISC (R16): [31:0] highest UITT index, [39:32] UINV */
#define UINTR_MISC_UINV_SHIFT           32
#define UINTR_MISC_UINV_BITS            8
#define UINTR_MISC_WRITABLE             0x000000ffffffffff

/* IA32_UINTR_TT (R18): bit 0 enables SENDUIPI, [3:1] reserved */
#define UINTR_TT_ENABLE                 0x1
#define UINTR_TT_RESERVED               0xe

/* IA32_UINTR_PD (R17) */
#define UINTR_PD_RESERVED               0x3f

/* User-interrupt target table entry, 16 bytes (R24) */
#define UITTE_SIZE                      16
#define UITTE_SHIFT                     4
#define UITTE_V                         0x1
#define UITTE_UV_SHIFT                  8
#define UITTE_UV_BITS                   8
#define UITTE_LOW_RESERVED              0xffffffffffff00fe
#define UITTE_UPID_RESERVED             0x3f

/* User posted-interrupt descriptor: 16 bytes used of a 64-byte block (R25) */
#define UPID_ALIGN                      64
#define UPID_ON                         0x1
#define UPID_SN                         0x2
#define UPID_NV_SHIFT                   16
#define UPID_NV_BITS                    8
#define UPID_NDST_SHIFT                 32
#define UPID_NDST_BITS                  32
#define UPID_LOW_RESERVED               0xff00fffc
#define UPID_PIR_OFFSET                 8
/* xAPIC mode keeps the 8-bit APIC ID in NDST[15:8] (R56) */
#define UPID_NDST_XAPIC_SHIFT           8

#define UINTR_VECTORS                   64

/* What delivery pushes, from the new RSP upwards (R112) */
#define UINTR_FRAME_VECTOR              0
#define UINTR_FRAME_RIP                 8
#define UINTR_FRAME_RFLAGS              16
#define UINTR_FRAME_RSP                 24
#define UINTR_FRAME_SIZE                32
#define UINTR_FRAME_ALIGN               16

/* RFLAGS bits that UIRET loads (R130); bit 1 is UIF with CPUID.(7,1):EDX[17] */
#define UINTR_UIRET_RFLAGS              0x254dd5
#define UINTR_UIRET_IMAGE_UIF           0x2

/* XSAVE state component 14 (R4, R140) */
#define UINTR_XSTATE_BIT                14
#define UINTR_XSTATE_SIZE               48
#define UINTR_XSTATE_HANDLER            0
#define UINTR_XSTATE_STACKADJUST        8
#define UINTR_XSTATE_MISC               16
#define UINTR_XSTATE_PD                 24
#define UINTR_XSTATE_RR                 32
#define UINTR_XSTATE_TT                 40
#define UINTR_XSTATE_MISC_UIF_BIT       63

#endif
