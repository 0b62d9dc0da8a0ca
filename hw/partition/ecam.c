/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI configuration space in memory is for CPUs.  A device's DMA to it would
 * come while any CPU runs, or none, and so who may (config.c) cannot be told.
 */
#include "qemu/osdep.h"
#include "hw/pci/pcie_host.h"
#include "partition.h"

static const MemoryRegionOps *unfiltered;

static void refuse(PCIExpressHost *host, hwaddr addr, MemTxAttrs attrs)
{
    UintrPartition *owner = PCIE_MMCFG_BUS(addr) ? NULL :
                            partition_of_requester(PCIE_MMCFG_DEVFN(addr));

    partition_refuse_dma(NULL, owner, host->base_addr + addr, attrs);
}

static MemTxResult ecam_read(void *opaque, hwaddr addr, uint64_t *data,
                             unsigned size, MemTxAttrs attrs)
{
    if (partition_is_device(attrs)) {
        refuse(opaque, addr, attrs);
        *data = UINT64_MAX;
    } else {
        *data = unfiltered->read(opaque, addr, size);
    }
    return MEMTX_OK;
}

static MemTxResult ecam_write(void *opaque, hwaddr addr, uint64_t data,
                              unsigned size, MemTxAttrs attrs)
{
    if (partition_is_device(attrs)) {
        refuse(opaque, addr, attrs);
    } else {
        unfiltered->write(opaque, addr, data, size);
    }
    return MEMTX_OK;
}

static const MemoryRegionOps ecam_ops = {
    .read_with_attrs = ecam_read,
    .write_with_attrs = ecam_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
};

void partition_filter_ecam(void)
{
    PCIExpressHost *host = PCIE_HOST_BRIDGE(
        object_resolve_path_type("", TYPE_PCIE_HOST_BRIDGE, NULL));

    unfiltered = host->mmio.ops;
    host->mmio.ops = &ecam_ops;
}
