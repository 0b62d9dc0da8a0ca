/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control block of a virtual machine: AMD manual 2, appendix B. */
#ifndef GUEST_VMCB_H
#define GUEST_VMCB_H

#include "x86.h"

#define EFER_SVME       BIT(12)
#define MSR_VM_CR       0xc0010114
#define MSR_VM_HSAVE_PA 0xc0010117

/* Intercept words, and the exit codes of what they intercept */
#define INTERCEPT_INTR  BIT(0)
#define INTERCEPT_NMI   BIT(1)
#define INTERCEPT_CPUID BIT(18)
#define INTERCEPT_HLT   BIT(24)
#define INTERCEPT_INVLPGA BIT(26)
#define INTERCEPT_IOIO  BIT(27)
#define INTERCEPT_MSR   BIT(28)
#define INTERCEPT_SHUTDOWN BIT(31)
#define INTERCEPT2_VMRUN   BIT(0)
#define INTERCEPT2_VMMCALL BIT(1)
#define INTERCEPT2_VMLOAD  BIT(2)
#define INTERCEPT2_VMSAVE  BIT(3)
#define INTERCEPT2_STGI    BIT(4)
#define INTERCEPT2_CLGI    BIT(5)
#define INTERCEPT2_SKINIT  BIT(6)

#define VMEXIT_EXCEPTION 0x40           /* + vector */
#define VMEXIT_INTR     0x60
#define VMEXIT_NMI      0x61
#define VMEXIT_CPUID    0x72
#define VMEXIT_HLT      0x78
#define VMEXIT_INVLPGA  0x7a
#define VMEXIT_IOIO     0x7b
#define VMEXIT_MSR      0x7c
#define VMEXIT_VMRUN    0x80
#define VMEXIT_VMMCALL  0x81
#define VMEXIT_VMLOAD   0x82            /* then VMSAVE, STGI, CLGI */
#define VMEXIT_SKINIT   0x86
#define VMEXIT_NPF      0x400

/* exit_info_1 of VMEXIT_NPF: that of #PF, and which walk it was */
#define NPF_W           BIT(1)
#define NPF_U           BIT(2)
#define NPF_FINAL       BIT(32)
#define NPF_TABLE       BIT(33)

#define V_IRQ           BIT(8)
#define V_INTR_PRIO     (15u << 16)
#define V_IGN_TPR       BIT(20)
#define V_INTR_MASKING  BIT(24)

#define EVENTINJ_VALID  BIT(31)
#define EVENTINJ_ERROR  BIT(11)
#define EVENTINJ_INTR   (0u << 8)
#define EVENTINJ_EXCEPTION (3u << 8)

struct vmcb_segment {
    uint16_t selector, attributes;
    uint32_t limit;
    uint64_t base;
};

struct vmcb {
    uint16_t cr_read, cr_write, dr_read, dr_write;
    uint32_t exceptions, intercepts, intercepts2;
    uint8_t reserved0[44];
    uint64_t iopm, msrpm, tsc_offset;
    uint32_t asid;
    uint8_t tlb_control, reserved1[3];
    uint32_t int_control, int_vector;
    uint64_t int_state;
    uint64_t exit_code, exit_info_1, exit_info_2;
    uint32_t exit_int_info, exit_int_error;
    uint64_t nested_control;
    uint8_t reserved2[16];
    uint32_t event_inject, event_error;
    uint64_t nested_cr3;
    uint8_t reserved3[840];
    struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved4[43], cpl, reserved5[4];
    uint64_t efer;
    uint8_t reserved6[112];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved7[88];
    uint64_t rsp;
    uint8_t reserved8[24];
    uint64_t rax;
    uint8_t reserved9[64];
    uint64_t cr2;
    uint8_t reserved10[32];
    uint64_t pat;
} __attribute__((packed));

_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "VMCB");
_Static_assert(offsetof(struct vmcb, event_inject) == 0xa8, "VMCB");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "VMCB");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "VMCB");

#endif
