/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "modes.h"

#define GATE32_DPL3     0xee00ull
#define DESC_TSS_BUSY   BIT(41)

struct tss32 {
    uint32_t link, esp0, ss0;
    uint32_t unused[23];
};

extern char fn32_paging[], fn32_protected0[], fn32_protected3[], fn32_vm86[],
    fn32_real[];
extern char modes_stubs[], modes_real[], modes_real_stubs[], modes_real_end[];
extern uint64_t modes_gdt[];
extern struct { uint16_t limit; uint32_t base; } __attribute__((packed))
    modes_idtr;
extern uint32_t modes_cr3, modes_cr4, modes_entry;
extern uint32_t modes_eax, modes_vector, modes_ip;

void outside_long_mode(const void *fn32);

const char *const mode_names[MODES] = {
    "protected mode, ring 0", "protected mode, ring 3", "virtual-8086 mode",
    "real mode",
};

static void fill_idt32(void)
{
    static uint64_t idt[256];

    for (uint64_t v = 0; v < 256; v++) {
        uint64_t stub = (uint64_t)modes_stubs + v * 16;

        idt[v] = (stub & 0xffff) | SEL_KCODE32 << 16 | GATE32_DPL3 << 32 |
                 (stub >> 16) << 48;
    }
    modes_idtr.base = (uint64_t)idt;
}

static void fill_ivt(void)
{
    uint32_t *ivt = (uint32_t *)MODES_IVT;

    memcpy((void *)MODES_REAL, modes_real, modes_real_end - modes_real);
    for (int v = 0; v < 256; v++) {
        ivt[v] = (MODES_REAL >> 4) << 16 |
                 (modes_real_stubs - modes_real + v * 8);
    }
}

static void fill_tss32(void)
{
    static struct tss32 tss;
    uint64_t base = (uint64_t)&tss;

    tss.esp0 = (uint64_t)stack_top(this_cpu()->index, STACK_RING0);
    tss.ss0 = SEL_KDATA;
    modes_gdt[SEL_TSS >> 3] = 0x0000890000000000ull | (sizeof(tss) - 1) |
                              (base & 0xffffff) << 16 |
                              (base >> 24 & 0xff) << 56;
}

/* The task register of 64-bit mode; LTR wants a descriptor that is free. */
static void reload_task_register(void)
{
    struct { uint16_t limit; uint64_t base; } __attribute__((packed)) gdtr;

    asm volatile("sgdt %0" : "=m"(gdtr));
    ((uint64_t *)gdtr.base)[SEL_TSS >> 3] &= ~DESC_TSS_BUSY;
    asm volatile("ltr %w0" : : "r"(SEL_TSS));
}

struct mode_result mode_run(enum mode mode, const void *code, size_t size)
{
    static const char *const fns[MODES] = {
        fn32_protected0, fn32_protected3, fn32_vm86, fn32_real,
    };
    static const uint8_t end[] = { 0xcd, VEC_EXIT };
    uint32_t *real = (uint32_t *)MODES_RESULT;

    memcpy((void *)MODES_CODE, code, size);
    memcpy((char *)MODES_CODE + size, end, sizeof(end));
    modes_entry = MODES_CODE;
    fill_idt32();
    fill_ivt();
    fill_tss32();
    outside_long_mode(fns[mode]);
    reload_task_register();
    if (mode == MODE_REAL) {
        return (struct mode_result) {
            .eax = real[0], .vector = real[1] & 0xff, .ip = real[2] & 0xffff,
        };
    }
    return (struct mode_result) {
        .eax = modes_eax, .vector = modes_vector,
        .ip = mode == MODE_VM86 ? modes_ip : modes_ip - MODES_CODE,
    };
}

struct frame frame_compat(int cpl, const void *code, size_t size)
{
    static const uint8_t end[] = { 0xcd, VEC_EXIT };
    static char *page;

    if (!page) {
        page = pages_alloc(2);
    }
    vm_map(COMPAT_CODE, (uint64_t)page, PTE_P | PTE_W | (cpl ? PTE_U : 0));
    vm_map(COMPAT_CODE + PAGE_SIZE, (uint64_t)page + PAGE_SIZE,
           PTE_P | PTE_W | (cpl ? PTE_U : 0));
    memcpy(page, code, size);
    memcpy(page + size, end, sizeof(end));
    return (struct frame) {
        .rip = COMPAT_CODE, .rsp = COMPAT_STACK, .rflags = RFLAGS_FIXED,
        .cs = cpl ? SEL_UCODE32 : SEL_KCODE32,
        .ss = cpl ? SEL_UDATA : SEL_KDATA,
    };
}

void vm_la57(bool on)
{
    static uint64_t *top, four_levels;

    if (!top) {
        top = page_alloc();
        four_levels = read_cr3();
        top[0] = four_levels | PTE_P | PTE_W | PTE_U;
    }
    modes_cr3 = on ? (uint64_t)top : four_levels;
    modes_cr4 = on ? read_cr4() | CR4_LA57 : read_cr4() & ~CR4_LA57;
    outside_long_mode(fn32_paging);
}
