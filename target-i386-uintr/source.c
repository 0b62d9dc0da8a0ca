/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who sends an interrupt on the APIC bus: see source.h. */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/core/cpu.h"
#include "observe.h"
#include "partition.h"
#include "source.h"
#include "trace.h"

static InterruptSource source;      /* under the big lock */

InterruptSource x86_source_enter(InterruptSourceKind kind, uint32_t id)
{
    InterruptSource outer = source;

    assert(bql_locked());
    source = (InterruptSource) { kind, id };
    return outer;
}

/*
 * A PCI device signs its MSI with its requester ID.  That of the host bridge
 * is 0; it sends none, and so 0 is a CPU's store into the MSI window.  The
 * I/O APIC's writes are unsigned, but then it has entered already.
 */
InterruptSource x86_source_enter_attrs(MemTxAttrs attrs)
{
    if (attrs.unspecified) {
        bool ioapic = source.kind == INTERRUPT_FROM_IOAPIC;

        return x86_source_enter(ioapic ? source.kind : INTERRUPT_FROM_UNKNOWN,
                                ioapic ? source.id : 0);
    }
    if (attrs.requester_id || !current_cpu) {
        return x86_source_enter(INTERRUPT_FROM_DEVICE, attrs.requester_id);
    }
    return x86_source_enter(INTERRUPT_FROM_CPU, current_cpu->cpu_index);
}

void x86_source_leave(InterruptSource outer)
{
    source = outer;
}

static const char *const kind_names[] = {
    [INTERRUPT_FROM_UNKNOWN] = "unknown",
    [INTERRUPT_FROM_CPU] = "cpu",
    [INTERRUPT_FROM_DEVICE] = "device",
    [INTERRUPT_FROM_IOAPIC] = "ioapic",
};

void x86_admit_message(uint32_t *bitmask, uint8_t mode, uint8_t vector)
{
    trace_uintr_interrupt(kind_names[source.kind], source.id, mode, vector,
                          bitmask[0]);
    if (x86_partitioned) {
        x86_partition_admit(source, bitmask, mode, vector);
    }
}

void x86_admit_ipi(APICCommonState *from, uint32_t *bitmask, uint8_t mode,
                   uint8_t vector)
{
    InterruptSource outer = x86_source_enter(INTERRUPT_FROM_CPU,
                                             CPU(from->cpu)->cpu_index);

    if (from->apicbase & MSR_IA32_APICBASE_EXTD) {
        CPU(from->cpu)->mem_io_pc = 0;      /* WRMSR has stored RIP */
    }
    x86_admit_message(bitmask, mode, vector);
    x86_source_leave(outer);
    UINTR_TELL(ipi, CPU(from->cpu), vector);
}
