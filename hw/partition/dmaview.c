/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a partition's devices see: what its CPUs do, but for PCI configuration
 * space (ecam.c) and the page where messages become interrupts.  A device that
 * sends one signs it with its requester ID.  Data that it stores there for its
 * driver are unsigned as the chipset's messages are, for which they would be
 * taken (P7).
 */
#include "qemu/osdep.h"
#include "exec/address-spaces.h"
#include "hw/i386/apic_internal.h"
#include "hw/pci-host/q35.h"
#include "partition.h"

static MemTxResult message_write(void *opaque, hwaddr addr, uint64_t data,
                                 unsigned size, MemTxAttrs attrs)
{
    UintrPartition *p = opaque;
    uint32_t value = cpu_to_le32(data);

    if (attrs.unspecified) {
        partition_refuse_dma(p, NULL, APIC_DEFAULT_ADDRESS + addr, attrs);
        return MEMTX_OK;
    }
    return address_space_write(&p->as, APIC_DEFAULT_ADDRESS + addr, attrs,
                               &value, sizeof(value));
}

static MemTxResult message_read(void *opaque, hwaddr addr, uint64_t *data,
                                unsigned size, MemTxAttrs attrs)
{
    partition_refuse_dma(opaque, NULL, APIC_DEFAULT_ADDRESS + addr, attrs);
    *data = UINT64_MAX;
    return MEMTX_OK;
}

static const MemoryRegionOps message_ops = {
    .read_with_attrs = message_read,
    .write_with_attrs = message_write,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

void partition_make_dma_view(UintrPartition *p)
{
    memory_region_init(&p->dma_root, OBJECT(p), "dma-view", UINT64_MAX);
    memory_region_init_alias(&p->dma_all, OBJECT(p), "dma-all", &p->root, 0,
                             UINT64_MAX);
    memory_region_add_subregion_overlap(&p->dma_root, 0, &p->dma_all, 0);
    memory_region_init_io(&p->dma_apic, OBJECT(p), &message_ops, p,
                          "dma-messages", APIC_SPACE_SIZE);
    memory_region_add_subregion_overlap(&p->dma_root, APIC_DEFAULT_ADDRESS,
                                        &p->dma_apic, 1);
    partition_init_refusal(&p->dma_config, OBJECT(p), "dma-config",
                           MCH_HOST_BRIDGE_PCIEXBAR_DEFAULT,
                           MCH_HOST_BRIDGE_PCIEXBAR_MAX, false);
    p->dma_config.inside = p;
    memory_region_add_subregion_overlap(&p->dma_root,
                                        MCH_HOST_BRIDGE_PCIEXBAR_DEFAULT,
                                        &p->dma_config.mr, 1);
    address_space_init(&p->dma_as, &p->dma_root, partition_name(p));
}
