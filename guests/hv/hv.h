/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hypervisor that divides a machine and then keeps out of the way: memory
 * and ports by tables, interrupts and local APICs passed through, one guest's
 * CPU on one CPU (docs/hypervisor.md).
 */
#ifndef HV_H
#define HV_H

#include "lib.h"
#include "memmap.h"
#include "svm_layout.h"
#include "vmcb.h"

struct vcpu {
    struct vmcb *vmcb;
    void *host_vmcb;                    /* what VMSAVE saves, of the host */
    uint64_t rbx, rcx, rdx, rsi, rdi, rbp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    struct guest *guest;
    unsigned id;                        /* of the CPU, and its local APIC's */
};

_Static_assert(offsetof(struct vcpu, vmcb) == GUEST_VMCB, "vmrun.S");
_Static_assert(offsetof(struct vcpu, host_vmcb) == GUEST_HOST_VMCB, "vmrun.S");
_Static_assert(offsetof(struct vcpu, rbx) == GUEST_REGS, "vmrun.S");

#define WINDOW_READ_ONLY 1
#define WINDOW_STARTER  2               /* gone when the starter is */

struct window {
    uint64_t base, size, host;
    unsigned flags;
};

struct ports {
    uint16_t first, last;
};

struct guest {
    const char *name;
    unsigned cpus;                      /* a bit for each */
    const struct window *windows;       /* the last one has no size */
    const struct ports *ports;          /* the last one is 0 */
    uint64_t *nested;                   /* root of its tables */
    uint8_t *iopm;
    volatile bool present;              /* its image is kept: it can begin */
    volatile bool stopped;
};

/* ---- guests.c: who they are and what they have ---- */

extern struct guest gp, rt;
struct guest *guest_of(unsigned cpu);

/* ---- windows.c: nested tables and port maps ---- */

void windows_build(struct guest *guest);
/* What the starter alone had is nobody's. */
void windows_drop_starter(struct guest *guest);

/* ---- vcpu.c: how a CPU of a guest begins ---- */

struct caller {
    uint64_t rbx, rbp, r12, r13, r14, r15, rip;
};

void vcpu_here(struct vcpu *v, const struct caller *caller);
void vcpu_reset(struct vcpu *v);
void vcpu_sipi(struct vcpu *v, unsigned vector);
/* At an image's entry: in long mode, or in protected mode without paging. */
struct start {
    uint64_t entry;
    unsigned bits;
};

void vcpu_partition(struct vcpu *v, struct start start);

/* ---- image.c ---- */

/* Keep a copy of an ELF image; false if it is none that fits. */
bool image_keep(uint64_t from);
/* Load what was kept, into RT's memory: where and how it begins. */
struct start image_load(void);

/* ---- cpus.c: the CPUs of the machine ---- */

/* INIT, and with a SIPI after it a new beginning in the start pages. */
void cpu_init(unsigned id);
void cpu_start(unsigned id);
void cpu_halt(void) __attribute__((noreturn));
void cpu_run(struct vcpu *v) __attribute__((noreturn));

/* ---- intercept.c ---- */

/* True: it goes on.  False: its guest is to be stopped. */
bool intercept(struct vcpu *v);

/* ---- console.c: port 0x3e9 ---- */

struct word {
    const char *name;
    uint64_t value;
};

/* One line: the guest's name, what happened, and numbers in hexadecimal. */
void say(const char *guest, const char *what, const struct word *words, int n);

/* ---- start.S, and what it calls ---- */

void hv_begin(const struct caller *caller) __attribute__((noreturn));
void hv_arrive(unsigned id, unsigned vector) __attribute__((noreturn));
void hv_fault(const uint64_t *stack) __attribute__((noreturn));
void hv_load_tables(const void *gdtr, const void *idtr, const void *root);
void svm_enter(struct vcpu *v);

/* ---- between the starter and the hypervisor ---- */

enum { CALL_START_RT, CALL_BECOME_GP };

static inline uint64_t hv_call(uint64_t call, uint64_t argument)
{
    asm volatile("vmmcall" : "+a"(call) : "D"(argument) : "memory");
    return call;
}

#endif
