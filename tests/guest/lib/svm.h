/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small SVM hypervisor, shaped like a partitioning one: nested paging on,
 * CPUID and NMI intercepted, interrupts and CR4 not, and its own CR4 has
 * nothing but PAE.  A guest runs the payload's own code under private nested
 * tables, as CPU number GUEST_CPU(n) of the library.
 *
 *   guest-physical          host
 *   0 .. 64 MiB             the same, less the other guests' private pages
 *   GUEST_WINDOW  2 pages   one pair of pages, shared by all guests
 *   GUEST_PRIVATE 4 pages   pages of this guest alone
 *   local APIC              the same
 */
#ifndef GUEST_SVM_H
#define GUEST_SVM_H

#include "svm_layout.h"
#include "uintr.h"

#define GUESTS_MAX      2
#define GUEST_CPU(n)    (MAX_CPUS - GUESTS_MAX + (n))

#define GUEST_PRIVATE_PAGES 4

/* Intercept words, and the exit codes of what they intercept */
#define INTERCEPT_INTR  BIT(0)
#define INTERCEPT_NMI   BIT(1)
#define INTERCEPT_CPUID BIT(18)
#define INTERCEPT_HLT   BIT(24)
#define INTERCEPT_MSR   BIT(28)
#define INTERCEPT_SHUTDOWN BIT(31)
#define INTERCEPT2_VMRUN   BIT(0)
#define INTERCEPT2_VMMCALL BIT(1)

#define VMEXIT_EXCEPTION 0x40           /* + vector */
#define VMEXIT_INTR     0x60
#define VMEXIT_NMI      0x61
#define VMEXIT_CPUID    0x72
#define VMEXIT_HLT      0x78
#define VMEXIT_MSR      0x7c
#define VMEXIT_VMMCALL  0x81
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
} __attribute__((packed));

_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "VMCB");
_Static_assert(offsetof(struct vmcb, event_inject) == 0xa8, "VMCB");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "VMCB");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB");

struct guest {
    struct vmcb *vmcb;
    void *host_vmcb;                    /* what VMSAVE saves, of the host */
    uint64_t rbx, rcx, rdx, rsi, rdi, rbp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    int number;
    uint64_t *nested;                   /* its nested tables' root */
    uint8_t *msrpm;
    void *private_pages;                /* the host's view of them */
    volatile uint32_t cpuids;           /* exits that svm_run() handled */
    void (*fn)(uint64_t);
};

_Static_assert(offsetof(struct guest, vmcb) == GUEST_VMCB, "vmrun.S");
_Static_assert(offsetof(struct guest, host_vmcb) == GUEST_HOST_VMCB, "vmrun.S");
_Static_assert(offsetof(struct guest, rbx) == GUEST_REGS, "vmrun.S");

extern struct guest guests[GUESTS_MAX];
extern void *guest_window;              /* the host's view of the window */

/* This CPU becomes a host, CR4 = PAE; and an ordinary one again. */
void svm_enable(void);
void svm_disable(void);

/* Guest n, to start with fn(argument) in ring 0.  On CPU 0 before any runs. */
struct guest *svm_guest(int n, void (*fn)(uint64_t), uint64_t argument);

/*
 * Run it until an exit that this hypervisor has no answer to; returns its
 * code.  A VMMCALL is one: the guest's word is in rdi, and RIP is after it.
 */
uint64_t svm_run(struct guest *guest);

/* Guest's side: leave for the host with a word; svm_run() comes back here. */
static inline void hypercall(uint64_t word)
{
    asm volatile("vmmcall" : : "D"(word) : "memory");
}

#define HYPERCALL_END   (~0ull)         /* fn has returned */

void svm_intercept_msr(struct guest *guest, uint32_t msr, bool read,
                       bool write);

/* Nested rights of a page, as vm_change() and vm_restore() do it. */
uint64_t nested_change(struct guest *guest, uint64_t gpa, uint64_t clear,
                       uint64_t set);
void nested_restore(struct guest *guest, uint64_t gpa, uint64_t entry);

static inline void clgi(void) { asm volatile("clgi" : : : "memory"); }
static inline void stgi(void) { asm volatile("stgi" : : : "memory"); }

#endif
