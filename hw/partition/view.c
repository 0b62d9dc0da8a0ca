/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a partition sees: its own RAM, the base addresses of its own devices in
 * the windows for them, the windows of the machine that it shares, the page
 * with the local APIC, and nothing else.  Its RAM and its devices lie in no
 * other view; where they would be in the machine's, a guard answers, and so
 * neither the first partition's CPUs nor its devices come near them.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "exec/address-spaces.h"
#include "hw/i386/apic_internal.h"
#include "migration/vmstate.h"
#include "target/i386/uintr/partition.h"
#include "partition.h"

#define PORTS 0x10000
#define BELOW_ALL (-1)
#define BELOW_DEVICES 0

/* Fails only for want of host memory, and then QEMU ends anyway. */
static void make_ram(UintrPartition *p, MemoryRegion *mr, const char *part,
                     uint64_t base, uint64_t size)
{
    g_autofree char *name = g_strdup_printf("uintr-partition.%s.%s",
                                            partition_name(p), part);

    memory_region_init_ram_nomigrate(mr, OBJECT(p), name, size, &error_fatal);
    vmstate_register_ram_global(mr);
    memory_region_add_subregion(&p->root, base, mr);
}

static void guard(UintrPartition *p, Window *w)
{
    partition_init_refusal(&w->guard, OBJECT(p), "partition-guard", w->base,
                           w->size, false);
    w->guard.victim = p;
    memory_region_add_subregion_overlap(get_system_memory(), w->base,
                                        &w->guard.mr, PARTITION_ABOVE_MACHINE);
}

static void make_memory(UintrPartition *p)
{
    Windows *all = &p->windows[WINDOW_MEMORY];

    for (unsigned i = 0; i < all->count; i++) {
        g_autofree char *part = g_strdup_printf("%u", i);

        make_ram(p, &all->list[i].mr, part, all->list[i].base,
                 all->list[i].size);
        guard(p, &all->list[i]);
    }
    make_ram(p, &p->boot, "boot", PARTITION_BOOT_BASE, PARTITION_BOOT_SIZE);
}

/* Of a window, where the machine has nothing: nobody's, and no violation. */
static uint64_t nobody_read(void *opaque, hwaddr addr, unsigned size)
{
    return UINT64_MAX;
}

static void nobody_write(void *opaque, hwaddr addr, uint64_t data,
                         unsigned size)
{
}

static const MemoryRegionOps nobody_ops = {
    .read = nobody_read,
    .write = nobody_write,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static void fill(UintrPartition *p, Window *w, MemoryRegion *into)
{
    memory_region_init_io(&w->nobody, OBJECT(p), &nobody_ops, NULL,
                          "partition-window-empty", w->size);
    memory_region_add_subregion_overlap(into, w->base, &w->nobody,
                                        BELOW_DEVICES);
}

static void show(UintrPartition *p, MemoryRegion *mr, MemoryRegion *into,
                 MemoryRegion *machine, uint64_t base, uint64_t size)
{
    memory_region_init_alias(mr, OBJECT(p), "partition-window", machine, base,
                             size);
    memory_region_add_subregion_overlap(into, base, mr, 1);
}

static void show_windows(UintrPartition *p, WindowKind kind, MemoryRegion *into,
                         MemoryRegion *machine)
{
    Windows *all = &p->windows[kind];

    for (unsigned i = 0; i < all->count; i++) {
        Window *w = &all->list[i];

        show(p, &w->mr, into, machine, w->base, w->size);
        fill(p, w, into);
        if (kind == WINDOW_MMIO) {
            guard(p, w);
        }
    }
}

static void make_memory_view(UintrPartition *p)
{
    memory_region_init(&p->root, OBJECT(p), "view", UINT64_MAX);
    partition_init_refusal(&p->refusal, OBJECT(p), "partition-outside", 0,
                           UINT64_MAX, false);
    p->refusal.inside = p;
    memory_region_add_subregion_overlap(&p->root, 0, &p->refusal.mr,
                                        BELOW_ALL);
    make_memory(p);
    memory_region_init(&p->bars, OBJECT(p), "partition-bars", UINT64_MAX);
    show_windows(p, WINDOW_MMIO, &p->root, &p->bars);
    show_windows(p, WINDOW_SHARED, &p->root, get_system_memory());
    show(p, &p->apic, &p->root, get_system_memory(), APIC_DEFAULT_ADDRESS,
         APIC_SPACE_SIZE);
}

static void make_port_view(UintrPartition *p)
{
    memory_region_init(&p->port_root, OBJECT(p), "ports", PORTS);
    partition_init_refusal(&p->port_refusal, OBJECT(p), "partition-no-port", 0,
                           PORTS, true);
    p->port_refusal.inside = p;
    memory_region_add_subregion_overlap(&p->port_root, 0, &p->port_refusal.mr,
                                        BELOW_ALL);
    partition_add_reset_ports(p);
    partition_add_control(p);
    show_windows(p, WINDOW_PORTS, &p->port_root, get_system_io());
}

/* In one transaction: each of the regions would have all views made again. */
void partition_make_view(UintrPartition *p)
{
    memory_region_transaction_begin();
    make_memory_view(p);
    make_port_view(p);
    memory_region_transaction_commit();

    address_space_init(&p->as, &p->root, partition_name(p));
    address_space_init(&p->port_as, &p->port_root, partition_name(p));
    partition_make_dma_view(p);
}

void x86_partition_view(CPUState *cs)
{
    UintrPartition *p = partition_of(cs);

    if (p) {
        object_unref(cs->memory);
        cs->memory = &p->root;
        object_ref(cs->memory);
    }
}

/* The address of the instruction is known here, and not in the region. */
AddressSpace *x86_partition_ports(CPUState *cs, uintptr_t ra)
{
    UintrPartition *p = partition_of(cs);

    cs->mem_io_pc = ra;
    return p ? &p->port_as : &address_space_io;
}
