/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page of registers in the first partition's memory, by which its operating
 * system loads, starts and stops another partition (farbell/partition.h).
 * Partitions do not see it: no window of any of them may lie over it.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "exec/address-spaces.h"
#include "../trace.h"
#include "farbell/partition.h"
#include "partition.h"

QEMU_BUILD_BUG_ON(PARTITION_STOPPED != PART_STATE_STOPPED ||
                  PARTITION_RUNNING != PART_STATE_RUNNING ||
                  PARTITION_CRASHED != PART_STATE_CRASHED);

/*
 * Only from RAM: a load from a device has side effects, and one from a guard
 * would be a violation.  The order may be DMA of a device, while any CPU is
 * current.
 */
static bool copy_ram(uint64_t at, uint8_t *to, uint64_t size)
{
    AddressSpace *as = &address_space_memory;
    RCU_READ_LOCK_GUARD();

    while (size) {
        hwaddr length = size, offset;
        MemoryRegion *mr = address_space_translate(as, at, &offset, &length,
                                                   false,
                                                   MEMTXATTRS_UNSPECIFIED);

        if (!memory_access_is_direct(mr, false, MEMTXATTRS_UNSPECIFIED)) {
            return false;
        }
        memcpy(to, memory_region_get_ram_ptr(mr) + offset, length);
        at += length;
        to += length;
        size -= length;
    }
    return true;
}

static uint32_t take_image(UintrPartition *p, uint8_t *data)
{
    PartitionControl *c = &p->control;
    g_autofree char *name = g_strdup_printf("0x%" PRIx64 "+0x%" PRIx64,
                                            c->image, c->size);
    Error *err = NULL;

    if (!partition_take_payload(p, name, data, c->size, c->entry, &err)) {
        qemu_log_mask(LOG_GUEST_ERROR, "partition %s: %s\n", partition_name(p),
                      error_get_pretty(err));
        error_free(err);
        return PART_STATUS_IMAGE;
    }
    return PART_STATUS_OK;
}

static uint32_t load(UintrPartition *p)
{
    PartitionControl *c = &p->control;
    uint8_t *data;

    if (c->size > partition_memory_size(p)) {
        return PART_STATUS_IMAGE;
    }
    data = g_malloc(c->size);
    if (!copy_ram(c->image, data, c->size)) {
        g_free(data);
        return PART_STATUS_SOURCE;
    }
    return take_image(p, data);
}

static uint32_t order(UintrPartition *p, bool restart)
{
    if (restart && !p->payload) {
        return PART_STATUS_NOTHING;
    }
    partition_order(p, restart);
    return PART_STATUS_BUSY;
}

static void command(UintrPartition *p, uint32_t what)
{
    switch (what) {
    case PART_LOAD:
        p->control.status = load(p);
        break;
    case PART_START:
    case PART_STOP:
        p->control.status = order(p, what == PART_START);
        break;
    default:
        p->control.status = PART_STATUS_COMMAND;
    }
    trace_partition_control(partition_name(p), what, p->control.status);
}

/* The register that the address is in, if it can be written. */
static uint64_t *writable(PartitionControl *c, hwaddr addr)
{
    switch (addr & ~7ull) {
    case PART_REG_IMAGE:
        return &c->image;
    case PART_REG_SIZE:
        return &c->size;
    case PART_REG_ENTRY:
        return &c->entry;
    default:
        return NULL;
    }
}

static uint64_t control_read(void *opaque, hwaddr addr, unsigned size)
{
    UintrPartition *p = opaque;
    uint64_t *reg = writable(&p->control, addr);

    switch (addr) {
    case PART_REG_STATUS:
        return p->control.status;
    case PART_REG_STATE:
        return p->state;
    case PART_REG_STARTS:
    case PART_REG_STARTS + 4:
        return extract64(p->starts, addr % 8 * 8, 32);
    default:
        return reg ? extract64(*reg, addr % 8 * 8, 32) : 0;
    }
}

static void control_write(void *opaque, hwaddr addr, uint64_t data,
                          unsigned size)
{
    UintrPartition *p = opaque;
    uint64_t *reg = writable(&p->control, addr);

    if (reg) {
        *reg = deposit64(*reg, addr % 8 * 8, 32, data);
    } else if (addr == PART_REG_COMMAND) {
        command(p, data);
    } else {
        qemu_log_mask(LOG_GUEST_ERROR, "partition %s, control: no register to "
                      "write at 0x%" HWADDR_PRIx "\n", partition_name(p), addr);
    }
}

static const MemoryRegionOps control_ops = {
    .read = control_read,
    .write = control_write,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

/* With the machine, as what else belongs to the first partition. */
void partition_reset_control(UintrPartition *p)
{
    p->control = (PartitionControl) { .entry = UINT64_MAX };
}

void partition_add_control(UintrPartition *p)
{
    Windows *all = &p->windows[WINDOW_CONTROL];

    for (unsigned i = 0; i < all->count; i++) {
        Window *w = &all->list[i];

        memory_region_init_io(&w->mr, OBJECT(p), &control_ops, p,
                              "partition-control", w->size);
        memory_region_add_subregion_overlap(get_system_memory(), w->base,
                                            &w->mr, PARTITION_ABOVE_MACHINE);
    }
}
