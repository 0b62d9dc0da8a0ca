/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The notification IPI of SENDUIPI (R55-R59). */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/i386/apic.h"
#include "hw/i386/apic_internal.h"
#include "hw/i386/apic-msidef.h"
#include "hw/pci/msi.h"
#include "internal.h"
#include "trace.h"

#define APIC_ESR_SEND_ILLEGAL_VECTOR (1 << 5)
#define APIC_FIRST_LEGAL_VECTOR 16
#define APIC_ICR_ASSERT (1 << 14)

/* Fixed, physical, edge; 32-bit destinations as apic.c decodes them. */
static void send_fixed(APICCommonState *apic, uint32_t dest, uint8_t vector)
{
    MSIMessage msi = {
        .address = APIC_DEFAULT_ADDRESS |
                   (uint64_t)(dest & 0xffffff00) << 32 |
                   (dest & 0xff) << MSI_ADDR_DEST_ID_SHIFT,
        .data = vector,
    };

    APIC_COMMON_GET_CLASS(apic)->send_msi(&msi);
}

/* R59: software sees the ICR as if it had written it. */
static void record_icr(APICCommonState *apic, uint32_t dest, uint8_t vector)
{
    apic->icr[0] = vector | APIC_ICR_ASSERT;
    apic->icr[1] = is_x2apic_mode(DEVICE(apic)) ? dest : dest << 24;
}

void uintr_send_notification(CPUX86State *env, uint8_t nv, uint32_t ndst)
{
    X86CPU *cpu = env_archcpu(env);
    APICCommonState *apic = APIC_COMMON(cpu->apic_state);
    uint32_t dest = is_x2apic_mode(cpu->apic_state) ?       /* R56 */
                    ndst : extract32(ndst, UPID_NDST_XAPIC_SHIFT, 8);

    BQL_LOCK_GUARD();
    if (!cpu_is_apic_enabled(cpu->apic_state)) {
        trace_uintr_ipi_lost(CPU(cpu)->cpu_index, "local APIC disabled");
        return;
    }
    record_icr(apic, dest, nv);
    if (nv < APIC_FIRST_LEGAL_VECTOR) {                     /* R58 */
        apic->esr |= APIC_ESR_SEND_ILLEGAL_VECTOR;
        trace_uintr_ipi_lost(CPU(cpu)->cpu_index, "illegal vector");
        return;
    }
    send_fixed(apic, dest, nv);
}
