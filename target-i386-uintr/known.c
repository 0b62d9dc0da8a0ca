/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which UPIDs are known, in snapshots: a store to one is a point of a
 * schedule, so a run that goes on from a snapshot must know the same ones.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/rcu.h"
#include "exec/cpu-common.h"
#include "exec/ramlist.h"
#include "migration/vmstate.h"
#include "internal.h"
#include "schedule.h"

typedef struct KnownUpid {
    uint8_t block[256];             /* the name of one of RAM */
    uint64_t offset, linear;
} KnownUpid;

typedef struct KnownUpids {
    int32_t count;
    KnownUpid *upid;
} KnownUpids;

static KnownUpids in_snapshot;

static void list(uint64_t linear, void *host, void *opaque)
{
    KnownUpids *all = opaque;
    KnownUpid *known = &all->upid[all->count++];
    ram_addr_t offset;
    RAMBlock *block = qemu_ram_block_from_host(host, false, &offset);

    pstrcpy((char *)known->block, sizeof(known->block),
            qemu_ram_get_idstr(block));
    known->offset = offset;
    known->linear = linear;
}

static int known_pre_save(void *opaque)
{
    KnownUpids *all = opaque;
    RCU_READ_LOCK_GUARD();

    g_free(all->upid);
    all->upid = g_new0(KnownUpid, uintr_known_upids());
    all->count = 0;
    uintr_for_each_known_upid(list, all);
    return 0;
}

static int known_pre_load(void *opaque)
{
    KnownUpids *all = opaque;

    g_free(all->upid);
    all->upid = NULL;
    return 0;
}

static bool count_is_possible(void *opaque, int version_id)
{
    KnownUpids *all = opaque;

    return all->count >= 0 && all->count <= MOST_UPIDS;
}

static int known_post_load(void *opaque, int version_id)
{
    KnownUpids *all = opaque;

    uintr_forget_upids();
    for (int i = 0; i < all->count; i++) {
        KnownUpid *known = &all->upid[i];
        RAMBlock *block;

        known->block[sizeof(known->block) - 1] = '\0';
        block = qemu_ram_block_by_name((char *)known->block);
        if (!block || known->offset % UPID_ALIGN ||
            known->offset >= qemu_ram_get_used_length(block)) {
            return -EINVAL;
        }
        uintr_watch_upid(known->linear,
                         qemu_ram_get_host_addr(block) + known->offset);
    }
    return 0;
}

static const VMStateDescription vmstate_known_upid = {
    .name = "uintr-known-upids/upid",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_BUFFER(block, KnownUpid),
        VMSTATE_UINT64(offset, KnownUpid),
        VMSTATE_UINT64(linear, KnownUpid),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_known_upids = {
    .name = "uintr-known-upids",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = known_pre_save,
    .pre_load = known_pre_load,
    .post_load = known_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_INT32(count, KnownUpids),
        VMSTATE_VALIDATE("count is possible", count_is_possible),
        VMSTATE_STRUCT_VARRAY_ALLOC(upid, KnownUpids, count, 1,
                                    vmstate_known_upid, KnownUpid),
        VMSTATE_END_OF_LIST()
    },
};

void uintr_save_known_upids(void)
{
    static bool saved;

    if (!saved) {
        saved = true;
        vmstate_register(NULL, 0, &vmstate_known_upids, &in_snapshot);
    }
}
