/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC of this CPU, in the mode that "apic=" asks for. */
#include "lib.h"

#define APIC_BASE_ENABLE 0x800
#define APIC_BASE_X2     0x400
#define APIC_MMIO        0xfee00000ull
#define APIC_X2_MSR      0x800
#define SVR_ENABLE       0x100
#define LVT_MASKED       0x10000
#define SVR_SPURIOUS     0xff

bool apic_is_x2(void)
{
    return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2;
}

static volatile uint32_t *mmio(uint32_t reg)
{
    return (volatile uint32_t *)(APIC_MMIO + reg);
}

uint32_t apic_read(uint32_t reg)
{
    return apic_is_x2() ? rdmsr(APIC_X2_MSR + (reg >> 4)) : *mmio(reg);
}

void apic_write(uint32_t reg, uint32_t value)
{
    if (apic_is_x2()) {
        wrmsr(APIC_X2_MSR + (reg >> 4), value);
    } else {
        *mmio(reg) = value;
    }
}

void apic_init(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    if (arg_is("apic", "x2apic")) {
        base |= APIC_BASE_X2;
    }
    wrmsr(MSR_APIC_BASE, base);
    apic_write(APIC_SVR, SVR_ENABLE | SVR_SPURIOUS);
    apic_write(APIC_TPR, 0);
    /* The first CPU's LINT0 passes on the 8259, whose timer is ticking. */
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
}

uint32_t apic_id(void)
{
    uint32_t id = apic_read(APIC_ID);

    return apic_is_x2() ? id : id >> 24;
}

void apic_icr(uint32_t dest, uint32_t low)
{
    if (apic_is_x2()) {
        wrmsr(APIC_X2_MSR + (APIC_ICR >> 4), (uint64_t)dest << 32 | low);
        return;
    }
    *mmio(APIC_ICR2) = dest << 24;
    *mmio(APIC_ICR) = low;
}

uint64_t apic_icr_read(void)
{
    if (apic_is_x2()) {
        return rdmsr(APIC_X2_MSR + (APIC_ICR >> 4));
    }
    return (uint64_t)(*mmio(APIC_ICR2) >> 24) << 32 | *mmio(APIC_ICR);
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

static bool vector_bit(uint32_t base, int vector)
{
    return apic_read(base + (vector >> 5) * 0x10) >> (vector & 31) & 1;
}

bool apic_in_service(int vector)
{
    return vector_bit(APIC_ISR, vector);
}

bool apic_level_triggered(int vector)
{
    return vector_bit(APIC_TMR, vector);
}

bool apic_requested(int vector)
{
    return vector_bit(APIC_IRR, vector);
}
