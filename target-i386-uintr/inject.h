/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts that reach a local APIC from beyond the machine's own bus. */
#ifndef TARGET_I386_UINTR_INJECT_H
#define TARGET_I386_UINTR_INJECT_H

#include "hw/core/cpu.h"

/*
 * An ordinary fixed interrupt for the CPU with this initial APIC ID, sent by
 * @sender.  False for a vector below 16 and for an ID that no local APIC has.
 * Big lock held.
 */
bool x86_uintr_inject(CPUState *sender, uint32_t apic_id, uint8_t vector);

/* The same, sent by the PCI device with this requester ID. */
bool x86_uintr_inject_from_device(uint32_t requester_id, uint32_t apic_id,
                                  uint8_t vector);

bool x86_uintr_has_apic(uint32_t initial_id);

#endif
