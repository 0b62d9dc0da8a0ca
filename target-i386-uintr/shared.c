/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory that another process may write.
 *
 * TCG makes locked operations of a guest atomic on the host only if its own
 * vCPU threads could disturb each other: not under icount, not with one
 * thread for all vCPUs, not with a single vCPU.  A peer process disturbs
 * them all the same, and a post into a shared UPID would be lost.
 */
#include "qemu/osdep.h"
#include "system/hostmem.h"
#include "system/tcg.h"
#include "internal.h"

static int is_shared_backend(Object *obj, void *opaque)
{
    return object_dynamic_cast(obj, TYPE_MEMORY_BACKEND) &&
           object_property_get_bool(obj, "share", NULL);
}

void uintr_look_for_shared_memory(void)
{
    if (tcg_enabled() &&
        object_child_foreach(object_get_objects_root(), is_shared_backend,
                             NULL)) {
        tcg_memory_is_shared();
    }
}
