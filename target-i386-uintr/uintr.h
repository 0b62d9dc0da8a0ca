/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User interrupts in TCG: what the patched files of QEMU may call.  A hook
 * is one of these calls; docs/hooks.md says where each one stands.
 */
#ifndef TARGET_I386_UINTR_H
#define TARGET_I386_UINTR_H

#include "built.h"
#include "cpu.h"
#include "farbell/uintr.h"
#include "schedule.h"

extern const VMStateDescription vmstate_x86_uintr;

#ifdef HAVE_X86_UINTR

/* Registers.  False means #GP(0), with nothing changed (R12, R19). */
bool x86_uintr_wrmsr(CPUX86State *env, uint32_t msr, uint64_t value);
bool x86_uintr_rdmsr(CPUX86State *env, uint32_t msr, uint64_t *value);

/* INIT has just reset the CPU (R161). */
void x86_uintr_init(CPUX86State *env);

/* May a user interrupt be delivered at this instruction boundary (R99)? */
bool x86_uintr_deliverable(CPUX86State *env);
void x86_uintr_deliver(CPUX86State *env);

/*
 * A maskable interrupt is about to be taken.  True if its vector was UINV:
 * then it has been acknowledged and processed, and nothing is left to do.
 */
bool x86_uintr_identify(X86CPU *cpu);

/* Vectors posted by other CPUs have just reached the local APIC. */
void x86_uintr_poll(X86CPU *cpu);

/*
 * A halted CPU may have got an interrupt.  If it is a notification, process
 * it and stay halted (R74).  True if the CPU has something else to do.
 */
bool x86_uintr_leaves_halt(X86CPU *cpu);

/* The halt that follows is that of MWAIT (R75). */
void x86_uintr_mwait(CPUX86State *env);

/*
 * Features that uintr=on brings with it, before CPUID is worked out; and those
 * of a word that TCG can do for this CPU, but offers to nobody else.
 */
bool x86_uintr_expand(X86CPU *cpu, Error **errp);
uint64_t x86_uintr_features(X86CPU *cpu, FeatureWord w);

/* CPUID.(0DH,1):EBX; @all are the components that the model has. */
uint32_t x86_uintr_xsave_size(CPUX86State *env, uint64_t all);

/* IA32_XSS.  False means #GP(0). */
bool x86_uintr_write_xss(CPUX86State *env, uint64_t value);

/* What an image or a command line for an older emulator lacks. */
void x86_uintr_advise(const char *format, ...) G_GNUC_PRINTF(1, 2);

void x86_uintr_realize(X86CPU *cpu, Error **errp);
void x86_uintr_class_init(ObjectClass *oc);
void x86_uintr_gdb_init(X86CPU *cpu);

#else

static inline bool x86_uintr_wrmsr(CPUX86State *env, uint32_t msr,
                                   uint64_t value)
{
    return false;
}

static inline bool x86_uintr_rdmsr(CPUX86State *env, uint32_t msr,
                                   uint64_t *value)
{
    return false;
}

static inline bool x86_uintr_deliverable(CPUX86State *env)
{
    return false;
}

static inline bool x86_uintr_identify(X86CPU *cpu)
{
    return false;
}

#ifndef CONFIG_USER_ONLY
static inline bool x86_uintr_leaves_halt(X86CPU *cpu)
{
    return cpu_has_work(CPU(cpu));
}
#endif

static inline bool x86_uintr_expand(X86CPU *cpu, Error **errp)
{
    return true;
}

static inline uint64_t x86_uintr_features(X86CPU *cpu, FeatureWord w)
{
    return 0;
}

static inline uint32_t x86_uintr_xsave_size(CPUX86State *env, uint64_t all)
{
    return xsave_area_size(all, true);
}

static inline bool x86_uintr_write_xss(CPUX86State *env, uint64_t value)
{
    return true;
}

static inline void x86_uintr_init(CPUX86State *env) { }
static inline void x86_uintr_poll(X86CPU *cpu) { }
static inline void x86_uintr_deliver(CPUX86State *env) { }
static inline void x86_uintr_mwait(CPUX86State *env) { }
static inline void x86_uintr_realize(X86CPU *cpu, Error **errp) { }
static inline void x86_uintr_class_init(ObjectClass *oc) { }
static inline void x86_uintr_gdb_init(X86CPU *cpu) { }

#endif

#endif
