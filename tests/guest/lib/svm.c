/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "svm.h"

#define NESTED_SIZE     0x4000000ull    /* RAM of the machine: 64 MiB */
#define APIC_PAGE       0xfee00000ull
#define PTE_ADDRESS     0x000ffffffffff000ull
#define PTE_ALL         (PTE_P | PTE_W | PTE_U)
#define CODE_SEGMENT    0xa9b
#define DATA_SEGMENT    0xc93
#define CPUID_BYTES     2
#define VMMCALL_BYTES   3
#define DR6_RESET       0xffff0ff0
#define DR7_RESET       0x400

struct guest guests[GUESTS_MAX];
void *guest_window;

void svm_enter(struct guest *guest);

/* ---- nested tables ---- */

/* The host maps what the guests see elsewhere at the same address. */
static uint64_t *nested_entry(struct guest *guest, uint64_t gpa)
{
    uint64_t *table = guest->nested;

    for (int shift = 39; shift > 12; shift -= 9) {
        uint64_t *entry = &table[gpa >> shift & 511];

        if (!(*entry & PTE_P)) {
            *entry = (uint64_t)page_alloc() | PTE_ALL;
        }
        table = (uint64_t *)(*entry & PTE_ADDRESS);
    }
    return &table[gpa >> 12 & 511];
}

static void nested_map(struct guest *guest, uint64_t gpa, const void *page)
{
    *nested_entry(guest, gpa) = (uint64_t)page | PTE_ALL;
}

uint64_t nested_change(struct guest *guest, uint64_t gpa, uint64_t clear,
                       uint64_t set)
{
    uint64_t *entry = nested_entry(guest, gpa), old = *entry;

    *entry = (old & ~clear) | set;
    return old;
}

void nested_restore(struct guest *guest, uint64_t gpa, uint64_t entry)
{
    *nested_entry(guest, gpa) = entry;
}

static void hide_private_pages(struct guest *guest, const struct guest *other)
{
    for (int i = 0; i < GUEST_PRIVATE_PAGES; i++) {
        nested_change(guest, (uint64_t)other->private_pages + i * PAGE_SIZE,
                      PTE_P, 0);
    }
}

static void map_guest(struct guest *guest)
{
    for (uint64_t gpa = 0; gpa < NESTED_SIZE; gpa += PAGE_SIZE) {
        nested_map(guest, gpa, (void *)gpa);
    }
    nested_map(guest, APIC_PAGE, (void *)APIC_PAGE);
    for (int i = 0; i < 2; i++) {
        nested_map(guest, GUEST_WINDOW + i * PAGE_SIZE,
                   guest_window + i * PAGE_SIZE);
    }
    for (int i = 0; i < GUEST_PRIVATE_PAGES; i++) {
        nested_map(guest, GUEST_PRIVATE + i * PAGE_SIZE,
                   guest->private_pages + i * PAGE_SIZE);
    }
}

/* ---- the host ---- */

void svm_enable(void)
{
    static void *save_area[MAX_CPUS];
    int cpu = this_cpu()->index;

    if (!(cpuid(0x80000001, 0).ecx & BIT(2)) ||
        !(cpuid(0x8000000a, 0).edx & BIT(0))) {
        fatal("no SVM with nested paging");
    }
    if (!save_area[cpu]) {
        save_area[cpu] = page_alloc();
    }
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, (uint64_t)save_area[cpu]);
    write_cr4(CR4_PAE);
}

void svm_disable(void)
{
    write_cr4(CR4_PAE | CR4_OSFXSR);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}

/* ---- a guest ---- */

static void allocate(struct guest *guest)
{
    guest->vmcb = page_alloc();
    guest->host_vmcb = page_alloc();
    guest->msrpm = pages_alloc(2);
    guest->nested = page_alloc();
    guest->private_pages = pages_alloc(GUEST_PRIVATE_PAGES);
}

static void allocate_all(void)
{
    guest_window = pages_alloc(2);
    for (int i = 0; i < GUESTS_MAX; i++) {
        allocate(&guests[i]);
        map_guest(&guests[i]);
    }
    hide_private_pages(&guests[0], &guests[1]);
    hide_private_pages(&guests[1], &guests[0]);
}

static void set_controls(struct guest *guest)
{
    struct vmcb *vmcb = guest->vmcb;

    memset(vmcb, 0, sizeof(*vmcb));
    memset(guest->msrpm, 0, 2 * PAGE_SIZE);
    vmcb->intercepts = INTERCEPT_NMI | INTERCEPT_CPUID | INTERCEPT_MSR |
                       INTERCEPT_SHUTDOWN;
    vmcb->intercepts2 = INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL;
    vmcb->msrpm = (uint64_t)guest->msrpm;
    vmcb->asid = 1 + guest->number;
    vmcb->nested_control = 1;
    vmcb->nested_cr3 = (uint64_t)guest->nested;
}

static struct vmcb_segment flat(uint16_t selector, uint16_t attributes)
{
    return (struct vmcb_segment) { selector, attributes, ~0u, 0 };
}

static void guest_main(struct guest *guest, uint64_t argument)
{
    struct cpu *cpu = &cpus[GUEST_CPU(guest->number)];

    cpu->self = cpu;
    cpu->index = GUEST_CPU(guest->number);
    cpu->running = NULL;
    cpu_setup(cpu);
    cpu->apic_id = apic_id();
    guest->fn(argument);
    hypercall(HYPERCALL_END);
}

static void set_state(struct guest *guest, uint64_t argument)
{
    struct vmcb *vmcb = guest->vmcb;

    vmcb->cs = flat(SEL_KCODE, CODE_SEGMENT);
    vmcb->ss = vmcb->ds = vmcb->es = flat(SEL_KDATA, DATA_SEGMENT);
    vmcb->fs = vmcb->gs = vmcb->es;
    vmcb->efer = rdmsr(MSR_EFER) | EFER_SVME;
    vmcb->cr0 = read_cr0();
    vmcb->cr3 = read_cr3();
    vmcb->cr4 = CR4_PAE | CR4_OSFXSR;
    vmcb->dr6 = DR6_RESET;
    vmcb->dr7 = DR7_RESET;
    vmcb->rflags = RFLAGS_FIXED;
    vmcb->rip = (uint64_t)guest_main;
    vmcb->rsp = (uint64_t)stack_top(GUEST_CPU(guest->number), STACK_MAIN) - 8;
    guest->rdi = (uint64_t)guest;
    guest->rsi = argument;
}

struct guest *svm_guest(int n, void (*fn)(uint64_t), uint64_t argument)
{
    struct guest *guest = &guests[n];

    if (!guest_window) {
        allocate_all();
    }
    memset(guest_window + n * PAGE_SIZE, 0, PAGE_SIZE);
    memset(guest->private_pages, 0, GUEST_PRIVATE_PAGES * PAGE_SIZE);
    guest->number = n;
    guest->cpuids = 0;
    guest->fn = fn;
    set_controls(guest);
    set_state(guest, argument);
    return guest;
}

static void emulate_cpuid(struct guest *guest)
{
    struct cpuid r = cpuid(guest->vmcb->rax, guest->rcx);

    guest->vmcb->rax = r.eax;
    guest->rbx = r.ebx;
    guest->rcx = r.ecx;
    guest->rdx = r.edx;
    guest->vmcb->rip += CPUID_BYTES;
    guest->cpuids++;
}

uint64_t svm_run(struct guest *guest)
{
    for (;;) {
        svm_enter(guest);
        switch (guest->vmcb->exit_code) {
        case VMEXIT_CPUID:
            emulate_cpuid(guest);
            break;
        case VMEXIT_VMMCALL:
            guest->vmcb->rip += VMMCALL_BYTES;
            return VMEXIT_VMMCALL;
        default:
            return guest->vmcb->exit_code;
        }
    }
}

void svm_intercept_msr(struct guest *guest, uint32_t msr, bool read,
                       bool write)
{
    uint8_t *byte = &guest->msrpm[msr / 4];
    int shift = msr % 4 * 2;

    *byte = (*byte & ~(3 << shift)) | (read | write << 1) << shift;
}
