/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows of global APIC IDs.
 *
 * A CPU beyond this machine's local APICs, that of another partition or of
 * another process, is named by a global ID.  A SENDUIPI whose NDST falls into
 * a window goes to the window's owner; that is all that the instruction knows
 * of partitions.
 */
#ifndef TARGET_I386_UINTR_ROUTER_H
#define TARGET_I386_UINTR_ROUTER_H

#include "qom/object.h"
#include "hw/core/cpu.h"

/*
 * Runs in the sender's thread, without the big lock if vCPUs have threads of
 * their own; @id counts from the window's first.
 */
typedef void UintrRouteFn(Object *owner, CPUState *sender, uint32_t id,
                          uint8_t vector);

typedef struct UintrWindow UintrWindow;

/*
 * All IDs are below FFH, so that an xAPIC sender can name each of them and
 * broadcast never crosses; windows do not overlap.  A window keeps its owner
 * alive: release it when the owner loses its parent.  Big lock held.
 */
UintrWindow *uintr_router_claim(Object *owner, uint32_t first, uint32_t count,
                                UintrRouteFn *route, Error **errp);
void uintr_router_release(UintrWindow *window);

#endif
