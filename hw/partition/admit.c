/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts between partitions.  Who sends is known by the source
 * (target/i386/uintr/source.h), which no guest can forge; whom a message
 * reaches, by initial APIC ID.  A fixed vector crosses if both sides' lists
 * have it; INIT, SIPI, NMI, SMI and ExtINT never do.
 */
#include "qemu/osdep.h"
#include "cpu.h"
#include "hw/i386/apic_internal.h"
#include "hw/i386/x86.h"
#include "target/i386/uintr/partition.h"
#include "target/i386/uintr/where.h"
#include "../trace.h"
#include "partition.h"

static UintrPartition *partition_of_source(InterruptSource source)
{
    switch (source.kind) {
    case INTERRUPT_FROM_CPU:
        return partition_of(qemu_get_cpu(source.id));
    case INTERRUPT_FROM_DEVICE:
        return partition_of_requester(source.id);
    default:                /* the chipset's: the first partition's */
        return NULL;
    }
}

static bool may_cross(UintrPartition *from, UintrPartition *to, uint8_t mode,
                      uint8_t vector)
{
    return (mode == APIC_DM_FIXED || mode == APIC_DM_LOWPRI) &&
           vector >= PARTITION_FIRST_VECTOR &&
           (!from || test_bit(vector, from->vectors_out)) &&
           (!to || test_bit(vector, to->vectors_in));
}

static Violation describe(InterruptSource source, uint8_t mode, uint8_t vector)
{
    CPUState *cs = source.kind == INTERRUPT_FROM_CPU ?
                   qemu_get_cpu(source.id) : NULL;

    return (Violation) {
        .kind = VIOLATION_INTERRUPT,
        .cpu = cs ? cs->cpu_index : -1,
        .rip = !cs ? source.id :
               uintr_rip_of(cpu_env(cs), cs == current_cpu ? cs->mem_io_pc : 0),
        .address = mode << 8 | vector,
    };
}

void x86_partition_admit(InterruptSource source, uint32_t *bitmask,
                         uint8_t mode, uint8_t vector)
{
    UintrPartition *from = partition_of_source(source);
    UintrPartition *victim = NULL;
    uint32_t limit = X86_MACHINE(qdev_get_machine())->apic_id_limit;
    bool refused = false;

    for (uint32_t id = 0; id < limit; id++) {
        APICCommonState *apic;
        UintrPartition *to;

        if (!(bitmask[id / 32] >> id % 32 & 1)) {
            continue;
        }
        apic = apic_by_initial_id(id);
        to = apic ? partition_of(CPU(apic->cpu)) : NULL;
        if (to != from && !may_cross(from, to, mode, vector)) {
            bitmask[id / 32] &= ~(1u << id % 32);
            victim = to ? to : victim;
            refused = true;
        }
    }
    if (refused) {          /* once, however many it would have reached */
        partition_violation(from, victim, describe(source, mode, vector));
    }
}
