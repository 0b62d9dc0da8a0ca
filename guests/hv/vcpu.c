/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The four ways in which a guest's CPU begins: where its code stands already,
 * at the reset vector, in a start page, and at the entry of a partition (P20).
 * What is intercepted is the same for all.
 */
#include "hv.h"

#define ATTRIBUTES_CODE64 0xa9b
#define ATTRIBUTES_CODE32 0xc9b
#define ATTRIBUTES_DATA 0xc93
#define ATTRIBUTES_CODE16 0x9b
#define ATTRIBUTES_DATA16 0x93
#define ATTRIBUTES_LDT  0x82
#define ATTRIBUTES_TSS  0x8b
#define PAT_RESET       0x0007040600070406
#define DR6_RESET       0xffff0ff0
#define DR7_RESET       0x400
#define CR0_RESET       0x60000010
#define CR0_LONG        0x80000011      /* PG, ET, PE */
#define CR0_PROTECTED   0x00000011      /* ET, PE */
#define EFER_LONG       0x500           /* LME, LMA */
#define RESET_BASE      0xffff0000
#define RESET_IP        0xfff0
#define MSRPM_PAGES     2

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static uint8_t msrpm[MSRPM_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));

/* The bits of the map are in three parts, of 8192 MSRs each. */
static void refuse_msr(uint32_t msr, bool read)
{
    uint32_t part = msr < 0xc0000000 ? 0 : msr < 0xc0010000 ? 1 : 2;
    uint32_t at = part * 8192 + (msr & 0x1fff);

    msrpm[at / 4] |= (read | 2) << at % 4 * 2;
}

static void set_controls(struct vcpu *v)
{
    struct vmcb *vmcb = v->vmcb;

    refuse_msr(MSR_APIC_BASE, false);
    refuse_msr(MSR_EFER, true);
    refuse_msr(MSR_VM_CR, true);
    refuse_msr(MSR_VM_HSAVE_PA, true);
    memset(vmcb, 0, sizeof(*vmcb));
    vmcb->intercepts = INTERCEPT_IOIO | INTERCEPT_MSR | INTERCEPT_SHUTDOWN |
                       INTERCEPT_INVLPGA;
    vmcb->intercepts2 = INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL |
                        INTERCEPT2_VMLOAD | INTERCEPT2_VMSAVE |
                        INTERCEPT2_STGI | INTERCEPT2_CLGI | INTERCEPT2_SKINIT;
    vmcb->iopm = (uint64_t)v->guest->iopm;
    vmcb->msrpm = (uint64_t)msrpm;
    vmcb->asid = 1 + v->id;
    vmcb->tlb_control = 1;
    vmcb->nested_control = 1;
    vmcb->nested_cr3 = (uint64_t)v->guest->nested;
    vmcb->pat = PAT_RESET;
    vmcb->dr6 = DR6_RESET;
    vmcb->dr7 = DR7_RESET;
    vmcb->rflags = RFLAGS_FIXED;
    vmcb->efer = EFER_SVME;
    memset(&v->rbx, 0, offsetof(struct vcpu, guest) -
                       offsetof(struct vcpu, rbx));
}

/* ---- where it stands ---- */

/* LAR has the attributes of a descriptor at 8..15 and 20..23. */
static struct vmcb_segment current_segment(uint16_t selector)
{
    uint32_t rights = 0, limit = 0;

    asm("lar %1, %0" : "+r"(rights) : "r"((uint32_t)selector));
    asm("lsl %1, %0" : "+r"(limit) : "r"((uint32_t)selector));
    return (struct vmcb_segment) {
        selector, (rights >> 8 & 0xff) | (rights >> 12 & 0xf00), limit, 0
    };
}

#define CURRENT(name)                                                       \
    ({                                                                      \
        uint16_t selector_;                                                 \
        asm("mov %%" #name ", %0" : "=r"(selector_));                       \
        current_segment(selector_);                                         \
    })

static void save_tables(struct vmcb *vmcb)
{
    struct table_pointer gdtr, idtr;

    asm("sgdt %0; sidt %1" : "=m"(gdtr), "=m"(idtr));
    vmcb->gdtr = (struct vmcb_segment) { 0, 0, gdtr.limit, gdtr.base };
    vmcb->idtr = (struct vmcb_segment) { 0, 0, idtr.limit, idtr.base };
}

void vcpu_here(struct vcpu *v, const struct caller *caller)
{
    struct vmcb *vmcb = v->vmcb;

    set_controls(v);
    vmcb->cs = CURRENT(cs);
    vmcb->ss = CURRENT(ss);
    vmcb->ds = CURRENT(ds);
    vmcb->es = CURRENT(es);
    save_tables(vmcb);
    asm volatile("vmsave %0" : : "a"(vmcb) : "memory");
    vmcb->efer = rdmsr(MSR_EFER);
    vmcb->cr0 = read_cr0();
    vmcb->cr3 = read_cr3();
    vmcb->cr4 = read_cr4();
    vmcb->rflags = read_rflags();
    vmcb->rip = caller->rip;
    vmcb->rsp = (uint64_t)(caller + 1);
    v->rbx = caller->rbx;
    v->rbp = caller->rbp;
    v->r12 = caller->r12;
    v->r13 = caller->r13;
    v->r14 = caller->r14;
    v->r15 = caller->r15;
}

/* ---- from the beginning ---- */

void vcpu_reset(struct vcpu *v)
{
    const struct vmcb_segment data = { 0, ATTRIBUTES_DATA16, 0xffff, 0 };
    struct vmcb *vmcb = v->vmcb;

    set_controls(v);
    vmcb->es = vmcb->ss = vmcb->ds = vmcb->fs = vmcb->gs = data;
    vmcb->cs = (struct vmcb_segment) { 0xf000, ATTRIBUTES_CODE16, 0xffff,
                                       RESET_BASE };
    vmcb->gdtr = vmcb->idtr = (struct vmcb_segment) { 0, 0, 0xffff, 0 };
    vmcb->ldtr = (struct vmcb_segment) { 0, ATTRIBUTES_LDT, 0xffff, 0 };
    vmcb->tr = (struct vmcb_segment) { 0, ATTRIBUTES_TSS, 0xffff, 0 };
    vmcb->cr0 = CR0_RESET;
    vmcb->rip = RESET_IP;
}

void vcpu_sipi(struct vcpu *v, unsigned vector)
{
    vcpu_reset(v);
    v->vmcb->cs.selector = vector << 8;
    v->vmcb->cs.base = vector << 12;
    v->vmcb->rip = 0;
}

/* ---- at the entry of a partition ---- */

#define BOOT_PDPT       (RT_BOOT + 0x1000)
#define BOOT_PD         (RT_BOOT + 0x2000)
#define BOOT_GDT        (RT_BOOT + 0x6000)
#define BOOT_ENTRIES    2048
#define CODE64          0x00af9b000000ffff
#define CODE32          0x00cf9b000000ffff
#define DATA            0x00cf93000000ffff

static uint64_t *boot_at(uint64_t gpa)
{
    return (uint64_t *)(HV_RT_BOOT + gpa - RT_BOOT);
}

static void write_boot_page(void)
{
    memset(boot_at(RT_BOOT), 0, RT_BOOT_SIZE);
    *boot_at(RT_BOOT) = BOOT_PDPT | PTE_P | PTE_W;
    for (uint64_t i = 0; i < 4; i++) {
        boot_at(BOOT_PDPT)[i] = (BOOT_PD + i * PAGE_SIZE) | PTE_P | PTE_W;
    }
    for (uint64_t i = 0; i < BOOT_ENTRIES; i++) {
        boot_at(BOOT_PD)[i] = i << 21 | PTE_P | PTE_W | PTE_PS;
    }
    boot_at(BOOT_GDT)[SEL_KCODE32 / 8] = CODE32;
    boot_at(BOOT_GDT)[SEL_KCODE / 8] = CODE64;
    boot_at(BOOT_GDT)[SEL_KDATA / 8] = DATA;
}

static void set_mode(struct vmcb *vmcb, unsigned bits)
{
    if (bits == 32) {
        vmcb->cs = (struct vmcb_segment) { SEL_KCODE32, ATTRIBUTES_CODE32,
                                           ~0u, 0 };
        vmcb->cr0 = CR0_PROTECTED;
        return;
    }
    vmcb->cs = (struct vmcb_segment) { SEL_KCODE, ATTRIBUTES_CODE64, ~0u, 0 };
    vmcb->cr0 = CR0_LONG;
    vmcb->cr3 = RT_BOOT;
    vmcb->cr4 = CR4_PAE;
    vmcb->efer = EFER_LONG | EFER_SVME;
}

void vcpu_partition(struct vcpu *v, struct start start)
{
    const struct vmcb_segment data = { SEL_KDATA, ATTRIBUTES_DATA, ~0u, 0 };
    struct vmcb *vmcb = v->vmcb;

    write_boot_page();
    vcpu_reset(v);
    set_mode(vmcb, start.bits);
    vmcb->es = vmcb->ss = vmcb->ds = vmcb->fs = vmcb->gs = data;
    vmcb->gdtr = (struct vmcb_segment) { 0, 0, SEL_KDATA + 7, BOOT_GDT };
    vmcb->idtr.limit = 0;
    vmcb->rip = start.entry;
    vmcb->rsp = RT_BOOT + RT_BOOT_SIZE;
    v->rdi = rt.windows[0].base;
    v->rsi = rt.windows[0].size;
}
