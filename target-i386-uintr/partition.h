/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What QEMU's own files ask about partitions: each is one call.  The answers
 * are those of the objects in hw/uintr/partition; CPUs that no object claims
 * are the first partition, the one with the firmware.
 */
#ifndef TARGET_I386_UINTR_PARTITION_H
#define TARGET_I386_UINTR_PARTITION_H

#include "built.h"
#include "cpu.h"
#include "hw/core/cpu.h"

#ifdef HAVE_X86_UINTR

#include "exec/address-spaces.h"
#include "schedule.h"
#include "source.h"

extern bool x86_partitioned;    /* never set again once CPUs exist */

/* Before @cs gets its address spaces: choose what memory it sees. */
void x86_partition_view(CPUState *cs);

/* Does @cs, which may be null, belong to any but the first partition? */
bool x86_partition_hides(CPUState *cs);

/* Must a reset of the machine leave @cs alone? */
bool x86_partition_keeps(CPUState *cs);

/* True if the fault was the partition's own affair. */
bool x86_partition_triple_fault(CPUState *cs);

/* Are the two CPUs of different partitions? */
bool x86_partition_divides(CPUState *one, CPUState *other);

/* Take those away from @bitmask that @source may not send this to. */
void x86_partition_admit(InterruptSource source, uint32_t *bitmask,
                         uint8_t mode, uint8_t vector);

/* For an access by the instruction that @ra belongs to. */
AddressSpace *x86_partition_ports(CPUState *cs, uintptr_t ra);

static inline AddressSpace *x86_port_space(CPUX86State *env, uintptr_t ra)
{
    x86_uintr_point(env, UINTR_POINT_PORT, ra);
    return unlikely(x86_partitioned) ? x86_partition_ports(env_cpu(env), ra) :
           &address_space_io;
}

#else

static inline bool x86_partition_hides(CPUState *cs)
{
    return false;
}

static inline bool x86_partition_keeps(CPUState *cs)
{
    return false;
}

static inline bool x86_partition_triple_fault(CPUState *cs)
{
    return false;
}

#ifndef CONFIG_USER_ONLY
#include "exec/address-spaces.h"

static inline void x86_partition_view(CPUState *cs) { }

static inline AddressSpace *x86_port_space(CPUX86State *env, uintptr_t ra)
{
    return &address_space_io;
}
#endif

#endif

#endif
