/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI configuration space, by owner.  A CPU reaches the devices of its own
 * partition, through ECAM or 0xCF8 alike.  A partition without firmware
 * assigns the base addresses itself: its device decodes memory only while
 * all of them lie in its windows, and never I/O or an expansion ROM.
 */
#include "qemu/osdep.h"
#include "cpu.h"
#include "hw/core/cpu.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_device.h"
#include "target/i386/uintr/where.h"
#include "partition.h"

typedef struct Original {
    PCIConfigReadFunc *read;
    PCIConfigWriteFunc *write;
} Original;

static GHashTable *originals;   /* PCIDevice -> Original */

static bool is_foreign(PCIDevice *dev)
{
    return current_cpu &&
           partition_of(current_cpu) != partition_of_device(dev);
}

static void refuse(PCIDevice *dev, uint32_t reg)
{
    UintrPartition *owner = partition_of_device(dev);
    CPUState *cs = current_cpu;

    partition_violation(partition_of(cs), owner, (Violation) {
        .kind = VIOLATION_CONFIG,
        .cpu = cs->cpu_index,
        .rip = uintr_rip_of(cpu_env(cs), cs->mem_io_pc),
        .address = pci_requester_id(dev) << 12 | reg,
    });
}

static uint64_t base_address(PCIDevice *dev, int bar)
{
    const uint8_t *at = dev->config + PCI_BASE_ADDRESS_0 + 4 * bar;
    uint64_t base = pci_get_long(at);

    if (base & PCI_BASE_ADDRESS_MEM_TYPE_64) {
        base |= (uint64_t)pci_get_long(at + 4) << 32;
    }
    return base & PCI_BASE_ADDRESS_MEM_MASK;
}

static bool is_inside(UintrPartition *p, PCIDevice *dev, int bar)
{
    const PCIIORegion *r = &dev->io_regions[bar];

    return !r->size || r->type & PCI_BASE_ADDRESS_SPACE_IO ||
           partition_window_has(p, WINDOW_MMIO, base_address(dev, bar),
                                r->size);
}

static bool may_decode(UintrPartition *p, PCIDevice *dev)
{
    for (int bar = 0; bar < PCI_ROM_SLOT; bar++) {
        if (!is_inside(p, dev, bar)) {
            return false;
        }
    }
    return true;
}

/* What the register would be, whatever part of it is written. */
static uint32_t would_be(PCIDevice *dev, uint32_t reg, uint32_t value, int len,
                         uint32_t wanted)
{
    uint8_t bytes[4];

    memcpy(bytes, dev->config + wanted, sizeof(bytes));
    for (int i = 0; i < len; i++) {
        if (reg + i - wanted < sizeof(bytes)) {
            bytes[reg + i - wanted] = value >> 8 * i;
        }
    }
    return ldl_le_p(bytes);
}

static bool may_write(UintrPartition *p, PCIDevice *dev, uint32_t reg,
                      uint32_t value, int len)
{
    uint16_t command = would_be(dev, reg, value, len, PCI_COMMAND);
    uint32_t rom = would_be(dev, reg, value, len, PCI_ROM_ADDRESS);
    bool decodes = pci_get_word(dev->config + PCI_COMMAND) &
                   PCI_COMMAND_MEMORY;

    if (command & PCI_COMMAND_IO || rom & PCI_ROM_ADDRESS_ENABLE) {
        return false;
    }
    if (command & PCI_COMMAND_MEMORY && !may_decode(p, dev)) {
        return false;
    }
    return !decodes || reg + len <= PCI_BASE_ADDRESS_0 ||
           reg >= PCI_BASE_ADDRESS_5 + 4;
}

static void filtered_write(PCIDevice *dev, uint32_t reg, uint32_t value,
                           int len)
{
    Original *original = g_hash_table_lookup(originals, dev);
    UintrPartition *p = partition_of_device(dev);

    if (is_foreign(dev) ||
        (p && current_cpu && !may_write(p, dev, reg, value, len))) {
        refuse(dev, reg);
        return;
    }
    original->write(dev, reg, value, len);
}

static uint32_t filtered_read(PCIDevice *dev, uint32_t reg, int len)
{
    Original *original = g_hash_table_lookup(originals, dev);

    if (is_foreign(dev)) {
        refuse(dev, reg);
        return UINT32_MAX;
    }
    return original->read(dev, reg, len);
}

static void filter_device(PCIBus *bus, PCIDevice *dev, void *opaque)
{
    Original *original = g_new(Original, 1);

    *original = (Original) { dev->config_read, dev->config_write };
    g_hash_table_insert(originals, dev, original);
    dev->config_read = filtered_read;
    dev->config_write = filtered_write;
}

static void filter_bus(PCIBus *bus, void *opaque)
{
    pci_for_each_device_under_bus(bus, filter_device, NULL);
}

void partition_filter_config(PCIBus *root)
{
    originals = g_hash_table_new(NULL, NULL);
    pci_for_each_bus(root, filter_bus, NULL);
}
