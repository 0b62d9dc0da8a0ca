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
#include "vmcb.h"

#define GUESTS_MAX      2
#define GUEST_CPU(n)    (MAX_CPUS - GUESTS_MAX + (n))

#define GUEST_PRIVATE_PAGES 4

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
