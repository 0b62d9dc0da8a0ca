/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptor tables: a GDT and a TSS for each CPU, one IDT for all. */
#include "lib.h"

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, iomap;
} __attribute__((packed));

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_mid;
    uint32_t offset_high, reserved;
};

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

#define GATE_INTERRUPT  0x8e
#define GATE_DPL3       0x60
#define DESC_TSS        0x0000890000000000ull
#define CODE64_DPL0     0x00af9b000000ffffull
#define CODE32_DPL0     0x00cf9b000000ffffull
#define DATA_DPL0       0x00cf93000000ffffull
#define CODE64_DPL3     0x00affb000000ffffull
#define CODE32_DPL3     0x00cffb000000ffffull
#define DATA_DPL3       0x00cff3000000ffffull

static uint64_t gdts[MAX_CPUS][10];
static struct tss tsss[MAX_CPUS];
static struct gate idt[256];

extern char trap_stubs[];

static void fill_gdt(uint64_t *gdt, const struct tss *tss)
{
    uint64_t base = (uint64_t)tss;

    gdt[SEL_KCODE32 >> 3] = CODE32_DPL0;
    gdt[SEL_KCODE >> 3] = CODE64_DPL0;
    gdt[SEL_KDATA >> 3] = DATA_DPL0;
    gdt[SEL_UCODE32 >> 3] = CODE32_DPL3;
    gdt[SEL_UDATA >> 3] = DATA_DPL3;
    gdt[SEL_UCODE >> 3] = CODE64_DPL3;
    gdt[SEL_UDATA_SYSEXIT >> 3] = DATA_DPL3;
    gdt[SEL_TSS >> 3] = DESC_TSS | (sizeof(*tss) - 1) |
                        (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
    gdt[(SEL_TSS >> 3) + 1] = base >> 32;
}

/* Exceptions run on a stack of their own: a test may have ruined RSP. */
void idt_set(int vector, const void *entry)
{
    uint64_t address = (uint64_t)entry;

    idt[vector] = (struct gate) {
        .offset_low = address, .offset_mid = address >> 16,
        .offset_high = address >> 32, .selector = SEL_KCODE,
        .ist = vector < 32 || vector == VEC_EXIT ? 1 : 0,
        .type = GATE_INTERRUPT | (vector == VEC_EXIT || vector == VEC_BP ?
                                  GATE_DPL3 : 0),
    };
}

static void fill_idt(void)
{
    for (int v = 0; v < 256; v++) {
        idt_set(v, trap_stubs + v * 16);
    }
}

void idt_allow_user(int vector, bool allow)
{
    idt[vector].type = GATE_INTERRUPT | (allow ? GATE_DPL3 : 0);
}

void idt_present(int vector, bool present)
{
    idt[vector].type = (idt[vector].type & 0x7f) | (present ? 0x80 : 0);
}

void cpu_ring0_stack(void *top)
{
    tsss[this_cpu()->index].rsp[0] = (uint64_t)top;
}

void cpu_setup(struct cpu *cpu)
{
    uint64_t *gdt = gdts[cpu->index];
    struct tss *tss = &tsss[cpu->index];
    struct table_pointer gdtr = { sizeof(gdts[0]) - 1, (uint64_t)gdt };
    struct table_pointer idtr = { sizeof(idt) - 1, (uint64_t)idt };

    tss->rsp[0] = (uint64_t)stack_top(cpu->index, STACK_RING0);
    tss->ist[0] = (uint64_t)stack_top(cpu->index, STACK_IST);
    tss->iomap = sizeof(*tss);
    fill_gdt(gdt, tss);
    if (!idt[0].type) {
        fill_idt();
    }
    asm volatile("lgdt %0; lidt %1" : : "m"(gdtr), "m"(idtr));
    asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss"
                 : : "r"(SEL_KDATA));
    asm volatile("mov %0, %%fs; mov %0, %%gs" : : "r"(0));
    asm volatile("ltr %w0" : : "r"(SEL_TSS));
    wrmsr(MSR_GS_BASE, (uint64_t)cpu);
}
