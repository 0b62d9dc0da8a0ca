/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUs of the machine.  INIT and SIPI of guests are not intercepted, as
 * their local APICs are not; but wherever a SIPI starts a CPU, there lies a
 * start page of the hypervisor, and the guest's CPU begins in the guest's own
 * page of that number.  The first CPU comes back by way of the ROM.
 */
#include "hv.h"

#define APIC            0xfee00000ull
#define EFER_LONG_NX    0xd00           /* LME, LMA, NXE */
#define PCI_ADDRESS     0xcf8
#define PCI_DATA        0xcfc
#define PCIEXBAR        0x80000060      /* of device 0 */
#define ECAM_ENABLED    0xb0000001
#define PAM             0x80000090      /* seven registers */
#define PAM_RAM         0x33333330
#define VGA_FIRST       0xa0
#define VGA_END         0xc0
#define START_PAGES     0x100
#define INIT_WAIT       200000
#define GATE            0x00008e0000000000ull
#define IDT_GATES       32
#define NMI             2

extern char hv_start_page[], hv_start_common[], hv_start_common_end[];
extern char hv_start_nmi[], hv_on_nmi[], hv_on_fault[];

static struct vcpu vcpus[HV_CPUS];
uint64_t hv_root[512] __attribute__((aligned(4096)));      /* start.S, too */
static uint64_t host_pdpt[512] __attribute__((aligned(4096)));
static uint64_t host_pd[4][512] __attribute__((aligned(4096)));
static uint64_t host_idt[IDT_GATES][2];
static uint8_t pages[HV_CPUS][3][PAGE_SIZE] __attribute__((aligned(4096)));

extern struct {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed)) hv_gdtr, hv_idtr;
extern volatile uint64_t hv_state;

/* ---- the host's own tables ---- */

static void build_host(void)
{
    hv_root[0] = (uint64_t)host_pdpt | PTE_P | PTE_W;
    for (int i = 0; i < 4; i++) {
        host_pdpt[i] = (uint64_t)host_pd[i] | PTE_P | PTE_W;
    }
    for (uint64_t i = 0; i < 2048; i++) {
        host_pd[i / 512][i % 512] = i << 21 | PTE_P | PTE_W | PTE_PS;
    }
    for (int i = 0; i < IDT_GATES; i++) {
        uint64_t at = (uint64_t)(i == NMI ? hv_on_nmi : hv_on_fault);

        host_idt[i][0] = GATE | SEL_KCODE << 16 | (at & 0xffff) |
                         (at >> 16 & 0xffff) << 48;
        host_idt[i][1] = at >> 32;
    }
    hv_idtr.limit = sizeof(host_idt) - 1;
    hv_idtr.base = (uint64_t)host_idt;
}

static void enable(unsigned id)
{
    hv_load_tables(&hv_gdtr, &hv_idtr, hv_root);
    write_cr4(CR4_PAE);
    wrmsr(MSR_EFER, EFER_LONG_NX | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, (uint64_t)pages[id][0]);
}

/* ---- start pages ---- */

static void pci_set(uint32_t reg, uint32_t value)
{
    outl(PCI_ADDRESS, reg);
    outl(PCI_DATA, value);
}

/* Memory instead of firmware's ROM: a SIPI may point there, too. */
static void start_pages(void)
{
    char *low_memory;

    asm("" : "=r"(low_memory) : "0"(0ull));     /* no null pointer here */
    pci_set(PAM, PAM_RAM);
    pci_set(PAM + 4, PAM_RAM | 3);
    pci_set(PCIEXBAR + 4, 0);
    pci_set(PCIEXBAR, ECAM_ENABLED);
    for (uint64_t page = 0; page < START_PAGES; page++) {
        if (page < VGA_FIRST || page >= VGA_END) {
            memcpy(low_memory + (page << 12), hv_start_page, START_PAGE_SIZE);
        }
    }
    memcpy(low_memory + START_COMMON, hv_start_common,
           hv_start_common_end - hv_start_common);
    *(uint32_t *)(low_memory + 4 * NMI) =
        START_COMMON + (hv_start_nmi - hv_start_common);
}

/* ---- others ---- */

static void icr(unsigned id, uint32_t low)
{
    *(volatile uint32_t *)(APIC + APIC_ICR2) = id << 24;
    *(volatile uint32_t *)(APIC + APIC_ICR) = low;
}

void cpu_init(unsigned id)
{
    icr(id, ICR_INIT | ICR_ASSERT);
    for (uint64_t end = rdtsc() + INIT_WAIT; rdtsc() < end; ) {
        cpu_relax();
    }
}

void cpu_start(unsigned id)
{
    cpu_init(id);
    icr(id, ICR_STARTUP | ICR_ASSERT | 1);
}

void cpu_halt(void)
{
    for (;;) {
        cli();
        hlt();
    }
}

/* ---- this one ---- */

static void __attribute__((noreturn)) stop(struct vcpu *v)
{
    const struct vmcb *vmcb = v->vmcb;
    const struct word words[] = {
        { "CPU", v->id }, { "exit", vmcb->exit_code },
        { "info", vmcb->exit_info_1 }, { "and", vmcb->exit_info_2 },
        { "at", vmcb->rip },
    };

    v->guest->stopped = true;
    say(v->guest->name, "stopped", words, 5);
    for (unsigned id = 0; id < HV_CPUS; id++) {
        if (id != v->id && v->guest->cpus >> id & 1) {
            cpu_init(id);
        }
    }
    cpu_halt();
}

void cpu_run(struct vcpu *v)
{
    do {
        svm_enter(v);
        v->vmcb->tlb_control = 0;
    } while (!v->guest->stopped && intercept(v));
    stop(v);
}

static struct vcpu *vcpu_of(unsigned id)
{
    struct vcpu *v = &vcpus[id];

    v->id = id;
    v->guest = guest_of(id);
    v->vmcb = (struct vmcb *)pages[id][1];
    v->host_vmcb = pages[id][2];
    return v;
}

/* On the first CPU, called by what runs there: it goes on as a guest. */
void hv_begin(const struct caller *caller)
{
    struct vcpu *v = vcpu_of(0);

    windows_build(&gp);
    windows_build(&rt);
    build_host();
    start_pages();
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    vcpu_here(v, caller);
    enable(0);
    hv_state = 1;
    say("hypervisor", "the machine is divided", NULL, 0);
    cpu_run(v);
}

/* After INIT and SIPI, or from the ROM after INIT alone. */
void hv_arrive(unsigned id, unsigned vector)
{
    struct vcpu *v = vcpu_of(id);

    enable(id);
    if (!v->guest->present || (v->guest->stopped && id == 1)) {
        cpu_halt();
    }
    v->guest->stopped = false;
    if (v->guest == &rt) {
        vcpu_partition(v, image_load());
    } else if (id == 0) {
        vcpu_reset(v);
    } else {
        vcpu_sipi(v, vector);
    }
    cpu_run(v);
}

void hv_fault(const uint64_t *stack)
{
    const struct word words[] = {
        { "stack", stack[0] }, { "then", stack[1] }, { "then", stack[2] },
    };

    say("hypervisor", "fault", words, 3);
    cpu_halt();
}
