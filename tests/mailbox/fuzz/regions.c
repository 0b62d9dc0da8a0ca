/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory: what regions are made of and who owns them.  Views are only looked
 * at, for a place that is too small or a container that is left behind.
 */
#include "world.h"
#include <sys/mman.h>
#include "cpu.h"
#include "exec/address-spaces.h"
#include "hw/i386/e820_memory_layout.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/memfd.h"

#define MAX_REGIONS 64
#define PEER_MEMORY "uintr-mailbox-peer-memory"

static uint8_t *guest_ram;
static MemoryRegion ram_region = { .ram = true }, device_region;
static AddressSpace address_space;

/* Every region with memory of its own, and where that ends */
static struct {
    MemoryRegion *mr;
    void *at;
    size_t size;
    bool mapped;
} regions[MAX_REGIONS];

static void add_region(MemoryRegion *mr, void *at, size_t size, bool mapped)
{
    for (int i = 0; i < MAX_REGIONS; i++) {
        if (!regions[i].mr) {
            regions[i].mr = mr;
            regions[i].at = at;
            regions[i].size = size;
            regions[i].mapped = mapped;
            mr->ram = true;
            mr->size = int128_make64(size);
            return;
        }
    }
    g_assert_not_reached();
}

void regions_drop(void *owner, size_t size)
{
    uint8_t *first = owner;

    for (int i = 0; i < MAX_REGIONS; i++) {
        uint8_t *mr = (uint8_t *)regions[i].mr;

        if (!mr || mr < first || mr >= first + size) {
            continue;
        }
        if (regions[i].mapped) {
            munmap(regions[i].at, regions[i].size);
        } else {
            g_free(regions[i].at);
        }
        regions[i].mr = NULL;
    }
}

Object *object_new(const char *typename)
{
    size_t size = type_info(typename)->instance_size;
    Object *obj = g_malloc0(size);

    obj->ref = 1;
    return obj;
}

Object *object_ref(void *obj)
{
    ((Object *)obj)->ref++;
    return obj;
}

/* Of a type there is only one that lives by its references. */
void object_unref(void *obj)
{
    if (!--((Object *)obj)->ref) {
        regions_drop(obj, type_info(PEER_MEMORY)->instance_size);
        g_free(obj);
    }
}

bool memory_region_init_ram(MemoryRegion *mr, Object *owner, const char *name,
                            uint64_t size, Error **errp)
{
    add_region(mr, g_malloc0(size), size, false);
    return true;
}

bool memory_region_init_ram_from_fd(MemoryRegion *mr, Object *owner,
                                    const char *name, uint64_t size,
                                    uint32_t ram_flags, int fd,
                                    ram_addr_t offset, Error **errp)
{
    int prot = PROT_READ | (ram_flags & RAM_READONLY ? 0 : PROT_WRITE);
    void *at = mmap(NULL, size, prot, MAP_SHARED, fd, offset);

    close(fd);
    if (at == MAP_FAILED) {
        error_setg(errp, "cannot map it");
        return false;
    }
    add_region(mr, at, size, true);
    return true;
}

void memory_region_init_ram_ptr(MemoryRegion *mr, Object *owner,
                                const char *name, uint64_t size, void *ptr)
{
    mr->size = int128_make64(size);
}

void memory_region_init_io(MemoryRegion *mr, Object *owner,
                           const MemoryRegionOps *ops, void *opaque,
                           const char *name, uint64_t size)
{
    mr->ops = ops;
    mr->opaque = opaque;
    mr->size = int128_make64(size);
}

void memory_region_init(MemoryRegion *mr, Object *owner, const char *name,
                        uint64_t size)
{
    mr->size = int128_make64(size);
}

void memory_region_init_alias(MemoryRegion *mr, Object *owner,
                              const char *name, MemoryRegion *orig,
                              hwaddr offset, uint64_t size)
{
    g_assert(orig && !mr->container);
    g_assert(offset + size <= int128_get64(orig->size));
    mr->alias = orig;
    mr->size = int128_make64(size);
}

uint64_t memory_region_size(MemoryRegion *mr)
{
    return int128_get64(mr->size);
}

void *memory_region_get_ram_ptr(MemoryRegion *mr)
{
    for (int i = 0; i < MAX_REGIONS; i++) {
        if (regions[i].mr == mr) {
            return regions[i].at;
        }
    }
    g_assert_not_reached();
}

void memory_region_add_subregion(MemoryRegion *mr, hwaddr offset,
                                 MemoryRegion *subregion)
{
    g_assert(!subregion->container);
    g_assert(offset + memory_region_size(subregion) <= memory_region_size(mr));
    subregion->container = mr;
}

void memory_region_add_subregion_overlap(MemoryRegion *mr, hwaddr offset,
                                         MemoryRegion *subregion, int priority)
{
    memory_region_add_subregion(mr, offset, subregion);
}

void memory_region_del_subregion(MemoryRegion *mr, MemoryRegion *subregion)
{
    g_assert(subregion->container == mr);
    subregion->container = NULL;
}

void object_unparent(Object *obj)
{
    g_assert(!((MemoryRegion *)obj)->container);
}

void memory_region_set_readonly(MemoryRegion *mr, bool readonly)
{
}

void memory_region_set_dirty(MemoryRegion *mr, hwaddr addr, hwaddr size)
{
    g_assert(addr + size <= memory_region_size(mr));
}

void memory_region_transaction_begin(void)
{
}

void memory_region_transaction_commit(void)
{
}

bool memory_region_is_ram_device(MemoryRegion *mr)
{
    return false;
}

/* RAM at 0, and devices everywhere else */
MemoryRegion *flatview_translate(FlatView *fv, hwaddr addr, hwaddr *xlat,
                                 hwaddr *len, bool is_write, MemTxAttrs attrs)
{
    *xlat = addr;
    if (addr >= GUEST_RAM) {
        *len = MIN(*len, 4096);
        return &device_region;
    }
    *len = MIN(*len, GUEST_RAM - addr);
    return &ram_region;
}

/* Of RAM only: see is_ram() in inject.c. */
void *address_space_map(AddressSpace *as, hwaddr addr, hwaddr *plen,
                        bool is_write, MemTxAttrs attrs)
{
    g_assert(addr + *plen <= GUEST_RAM);
    return guest_ram + addr;
}

void address_space_unmap(AddressSpace *as, void *buffer, hwaddr len,
                         bool is_write, hwaddr access_len)
{
    g_assert(is_write && access_len == len);
}

void vmstate_unregister_ram(MemoryRegion *mr, DeviceState *dev)
{
}

void *qemu_map_ram_ptr(RAMBlock *block, ram_addr_t addr)
{
    return guest_ram + addr;
}

MemoryRegion *get_system_memory(void)
{
    static MemoryRegion system;

    system.size = int128_make64(UINT64_MAX);
    return &system;
}

void e820_add_entry(uint64_t address, uint64_t length, uint32_t type)
{
}

int qemu_memfd_create(const char *name, size_t size, bool hugetlb,
                      uint64_t hugetlbsize, unsigned int seals, Error **errp)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    g_assert(fd >= 0 && !ftruncate(fd, size) &&
             !fcntl(fd, F_ADD_SEALS, seals));
    return fd;
}

/* ---- Life ---- */

void regions_start(void)
{
    guest_ram = g_malloc(GUEST_RAM);
    memset(guest_ram, draw(256), GUEST_RAM);
}

void regions_check_end(void)
{
    for (int i = 0; i < MAX_REGIONS; i++) {
        g_assert(!regions[i].mr);
    }
    g_free(guest_ram);
}

AddressSpace *regions_dma(void)
{
    return &address_space;
}
