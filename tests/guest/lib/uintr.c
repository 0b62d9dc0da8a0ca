/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uintr.h"

volatile struct ui_entry ui_log[UI_LOG_ENTRIES];
volatile uint64_t ui_count;

uint64_t upid_low(int nv, uint32_t dest_apic_id, uint64_t bits)
{
    uint64_t ndst = apic_is_x2() ? dest_apic_id :
                    dest_apic_id << UPID_NDST_XAPIC_SHIFT;

    return bits | (uint64_t)nv << UPID_NV_SHIFT | ndst << UPID_NDST_SHIFT;
}

void upid_init(struct upid *upid, int nv, uint32_t dest_apic_id)
{
    upid->pir = 0;
    upid->low = upid_low(nv, dest_apic_id, 0);
}

struct uitte uitte(int user_vector, const struct upid *upid)
{
    return (struct uitte) {
        .low = UITTE_V | (uint64_t)user_vector << UITTE_UV_SHIFT,
        .upid = (uint64_t)upid,
    };
}

uint64_t misc(uint8_t uinv, uint32_t highest_index)
{
    return (uint64_t)uinv << UINTR_MISC_UINV_SHIFT | highest_index;
}

static bool has_uintr(void)
{
    return cpuid(7, 0).edx & BIT(UINTR_CPUID_7_0_EDX_BIT);
}

static void clear_registers(void)
{
    for (uint32_t msr = UINTR_MSR_RR; msr <= UINTR_MSR_TT; msr++) {
        wrmsr(msr, 0);
    }
}

void uintr_reset(void)
{
    ui_count = 0;
    memset((void *)ui_log, 0, sizeof(ui_log));
    memset((void *)irq_counts, 0, sizeof(irq_counts));
    if (has_uintr()) {
        write_cr4(read_cr4() | CR4_UINTR);
        clui();
        clear_registers();
        write_cr4(read_cr4() & ~CR4_UINTR);
    }
}

void uintr_enable(void)
{
    write_cr4(read_cr4() | CR4_UINTR);
}

void uintr_receiver(const void *handler, const struct upid *upid, int uinv)
{
    uintr_enable();
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)handler);
    wrmsr(UINTR_MSR_STACKADJUST, 128);
    wrmsr(UINTR_MSR_PD, (uint64_t)upid);
    wrmsr(UINTR_MSR_MISC, misc(uinv, (uint32_t)rdmsr(UINTR_MSR_MISC)));
}

void uintr_sender(const struct uitte *table, uint32_t entries)
{
    uint64_t old = rdmsr(UINTR_MSR_MISC);

    uintr_enable();
    wrmsr(UINTR_MSR_TT, (uint64_t)table | UINTR_TT_ENABLE);
    wrmsr(UINTR_MSR_MISC, misc(old >> UINTR_MISC_UINV_SHIFT, entries - 1));
}
