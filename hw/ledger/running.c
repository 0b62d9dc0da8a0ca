/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which receiver does a CPU run, and how does it read NDST? */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/lockable.h"
#include "qemu/rcu.h"
#include "exec/address-spaces.h"
#include "exec/cpu-common.h"
#include "exec/memory.h"
#include "hw/core/cpu.h"
#include "hw/i386/apic_internal.h"
#include "ledger.h"

/* As a debugger looks at memory: nothing is changed, nothing faults. */
static void *host_of(CPUState *cs, uint64_t linear)
{
    MemTxAttrs attrs;
    hwaddr offset, length = sizeof(UintrUpid);
    hwaddr page = cpu_get_phys_page_attrs_debug(cs, linear & TARGET_PAGE_MASK,
                                                &attrs);
    MemoryRegion *mr;
    RCU_READ_LOCK_GUARD();

    if (page == -1) {
        return NULL;
    }
    mr = address_space_translate(
        cpu_get_address_space(cs, cpu_asidx_from_attrs(cs, attrs)),
        page | (linear & ~TARGET_PAGE_MASK), &offset, &length, false, attrs);
    return memory_region_is_ram(mr) ?
           (char *)memory_region_get_ram_ptr(mr) + offset : NULL;
}

LedgerUpid *ledger_running(UintrLedger *l, CPUState *cs)
{
    uint64_t pd = cpu_env(cs)->uintr.pd;
    void *host = pd ? host_of(cs, pd) : NULL;
    QEMU_LOCK_GUARD(&l->lock);

    return host ? g_hash_table_lookup(l->upids, host) : NULL;
}

bool ledger_in_x2apic_mode(CPUState *cs)
{
    APICCommonState *apic = (APICCommonState *)X86_CPU(cs)->apic_state;

    return apic && (apic->apicbase & MSR_IA32_APICBASE_EXTD);
}

uint32_t ledger_destination(uint32_t ndst, bool x2apic)
{
    return x2apic ? ndst : extract32(ndst, UPID_NDST_XAPIC_SHIFT, 8);
}
