/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who sends an interrupt on the APIC bus.
 *
 * A message that reaches a local APIC does not say where it comes from: an
 * IPI, a device's MSI, the I/O APIC and a CPU that stores into the MSI window
 * all end as "deliver this vector to these APICs".  Whoever wants to know, or
 * to forbid, needs the source; a guest can forge everything else, its own
 * APIC ID included.
 *
 * Every delivery runs under the big lock, so the source of the one in
 * progress is a single variable.  Messages are nested: an EOI lets the I/O
 * APIC send while a CPU's write is not done yet.
 */
#ifndef TARGET_I386_UINTR_SOURCE_H
#define TARGET_I386_UINTR_SOURCE_H

#include "built.h"
#include "exec/memattrs.h"
#include "hw/i386/apic_internal.h"

typedef enum InterruptSourceKind {
    INTERRUPT_FROM_UNKNOWN,     /* a device's plain DMA, a chipset's own */
    INTERRUPT_FROM_CPU,         /* id: CPU index */
    INTERRUPT_FROM_DEVICE,      /* id: PCI requester ID */
    INTERRUPT_FROM_IOAPIC,      /* id: pin */
} InterruptSourceKind;

typedef struct InterruptSource {
    InterruptSourceKind kind;
    uint32_t id;
} InterruptSource;

#ifdef HAVE_X86_UINTR

/* Each returns the source before it, for x86_source_leave(). */
InterruptSource x86_source_enter(InterruptSourceKind kind, uint32_t id);
InterruptSource x86_source_enter_attrs(MemTxAttrs attrs);
void x86_source_leave(InterruptSource outer);

/* A message is about to reach the APICs of @bitmask, by initial APIC ID. */
void x86_admit_message(uint32_t *bitmask, uint8_t mode, uint8_t vector);
void x86_admit_ipi(APICCommonState *from, uint32_t *bitmask, uint8_t mode,
                   uint8_t vector);

#else

static inline InterruptSource x86_source_enter(InterruptSourceKind kind,
                                               uint32_t id)
{
    return (InterruptSource) { };
}

static inline InterruptSource x86_source_enter_attrs(MemTxAttrs attrs)
{
    return (InterruptSource) { };
}

static inline void x86_source_leave(InterruptSource outer) { }
static inline void x86_admit_message(uint32_t *bitmask, uint8_t mode,
                                     uint8_t vector) { }
static inline void x86_admit_ipi(APICCommonState *from, uint32_t *bitmask,
                                 uint8_t mode, uint8_t vector) { }

#endif

#endif
