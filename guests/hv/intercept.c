/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is intercepted, and what the guest sees of it.  Everything else, wild
 * addresses and triple faults among it, stops the guest.
 */
#include "hv.h"

#define MSR_BYTES       2
#define VMMCALL_BYTES   3
#define EFER_KNOWN      0x4901          /* FFXSR, NXE, LME, SCE */
#define EFER_LMA        0x400
#define IO_IN           BIT(0)
#define IO_STRING       BIT(2)
#define IO_BYTE         BIT(4)
#define IO_WORD         BIT(5)
#define POWER           0x604
#define POWER_OFF       BIT(13)

static bool inject(struct vcpu *v, unsigned vector, uint32_t more)
{
    v->vmcb->event_inject = EVENTINJ_VALID | EVENTINJ_EXCEPTION | more | vector;
    v->vmcb->event_error = 0;
    return true;
}

static bool undefined(struct vcpu *v)
{
    return inject(v, VEC_UD, 0);
}

static bool protection(struct vcpu *v)
{
    return inject(v, VEC_GP, EVENTINJ_ERROR);
}

/* ---- ports: as where nobody is ---- */

static uint64_t all_ones(uint64_t rax, uint64_t info)
{
    return info & IO_BYTE ? rax | 0xff : info & IO_WORD ? rax | 0xffff :
           0xffffffff;
}

static bool port(struct vcpu *v)
{
    uint64_t info = v->vmcb->exit_info_1;

    if (info & IO_STRING) {
        return false;
    }
    if (info & IO_IN) {
        v->vmcb->rax = all_ones(v->vmcb->rax, info);
    } else if (info >> 16 == POWER && v->vmcb->rax & POWER_OFF) {
        return false;
    }
    v->vmcb->rip = v->vmcb->exit_info_2;
    return true;
}

/* ---- MSRs ---- */

static bool read_efer(struct vcpu *v)
{
    v->vmcb->rax = v->vmcb->efer & ~EFER_SVME;
    v->rdx = 0;
    v->vmcb->rip += MSR_BYTES;
    return true;
}

/* VMRUN wants SVME to be set in a guest, too; that guest has none. */
static bool write_efer(struct vcpu *v, uint64_t value)
{
    if (value & ~(uint64_t)(EFER_KNOWN | EFER_LMA)) {
        return protection(v);
    }
    v->vmcb->efer = (value & EFER_KNOWN) | (v->vmcb->efer & EFER_LMA) |
                    EFER_SVME;
    v->vmcb->rip += MSR_BYTES;
    return true;
}

/* The local APIC stays where and what it is. */
static bool write_apic_base(struct vcpu *v, uint64_t value)
{
    if (value != rdmsr(MSR_APIC_BASE)) {
        return protection(v);
    }
    v->vmcb->rip += MSR_BYTES;
    return true;
}

static bool msr(struct vcpu *v)
{
    bool write = v->vmcb->exit_info_1;
    uint64_t value = (uint32_t)v->vmcb->rax | v->rdx << 32;

    switch ((uint32_t)v->rcx) {
    case MSR_EFER:
        return write ? write_efer(v, value) : read_efer(v);
    case MSR_APIC_BASE:
        return write_apic_base(v, value);
    default:
        return protection(v);
    }
}

/* ---- what the starter asks for ---- */

static bool in_starters_memory(uint64_t at)
{
    return at >= LOW_MEMORY && at <= HV_STARTER - (HV_RT_IMAGE_END -
                                                   HV_RT_IMAGE);
}

static bool start_rt(uint64_t image)
{
    if (!image_keep(image)) {
        return false;
    }
    rt.present = true;
    for (unsigned id = 0; id < HV_CPUS; id++) {
        if (rt.cpus >> id & 1) {
            cpu_start(id);
        }
    }
    return true;
}

static void become_gp(struct vcpu *v, uint64_t rom)
{
    memcpy((void *)HV_GP_ROM, (const void *)rom, GP_ROM_SIZE);
    windows_drop_starter(&gp);
    gp.present = true;
    vcpu_reset(v);
}

/* Nobody but the starter has a word to say here. */
static bool starter_call(struct vcpu *v)
{
    if (gp.present || v->guest != &gp || v->vmcb->cpl ||
        !in_starters_memory(v->rdi)) {
        return undefined(v);
    }
    if (v->vmcb->rax == CALL_BECOME_GP) {
        become_gp(v, v->rdi);
        return true;
    }
    v->vmcb->rax = start_rt(v->rdi);
    v->vmcb->rip += VMMCALL_BYTES;
    return true;
}

bool intercept(struct vcpu *v)
{
    switch (v->vmcb->exit_code) {
    case VMEXIT_IOIO:
        return port(v);
    case VMEXIT_MSR:
        return msr(v);
    case VMEXIT_VMMCALL:
        return starter_call(v);
    case VMEXIT_INVLPGA:
    case VMEXIT_VMRUN:
    case VMEXIT_VMLOAD ... VMEXIT_SKINIT:
        return undefined(v);
    default:
        return false;
    }
}
