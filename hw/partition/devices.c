/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI devices of partitions: which they are, what cannot be one, that their
 * DMA goes where their owner's CPUs could, and that they are reset with their
 * owner and with nobody else.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "exec/address-spaces.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pcie.h"
#include "hw/virtio/virtio-bus.h"
#include "hw/virtio/virtio-pci.h"
#include "system/runstate.h"
#include "partition.h"

PCIBus *partition_root_bus;

/* Of the root bus, by slot and function; from when the machine is there. */
static UintrPartition *owners[PCI_DEVFN_MAX];

/* Who names the device, for as long as there is no table. */
static UintrPartition *named_by(PCIDevice *dev)
{
    UintrPartition *p;

    QLIST_FOREACH(p, &partitions, next) {
        if (DEVICE(dev)->id &&
            g_strv_contains((const char *const *)p->devices,
                            DEVICE(dev)->id)) {
            return p;
        }
    }
    return NULL;
}

UintrPartition *partition_of_requester(uint32_t id)
{
    return id < ARRAY_SIZE(owners) ? owners[id] : NULL;
}

UintrPartition *partition_of_device(PCIDevice *dev)
{
    return pci_get_bus(dev) == partition_root_bus ? owners[dev->devfn] : NULL;
}

/* Asked while devices are made, and of each once more when all are there. */
static AddressSpace *dma_view(PCIBus *bus, void *opaque, int devfn)
{
    UintrPartition *p = bus == partition_root_bus ?
                        named_by(bus->devices[devfn]) : NULL;

    return p ? &p->dma_as : &address_space_memory;
}

static const PCIIOMMUOps dma_ops = { .get_address_space = dma_view };

static bool check_virtio(UintrPartition *p, const char *id, PCIDevice *dev,
                         Error **errp)
{
    VirtIODevice *vdev;

    if (!object_dynamic_cast(OBJECT(dev), TYPE_VIRTIO_PCI)) {
        return true;
    }
    vdev = virtio_bus_get_device(&VIRTIO_PCI(dev)->bus);
    if (!virtio_host_has_feature(vdev, VIRTIO_F_IOMMU_PLATFORM)) {
        error_setg(errp, "partition %s, devices: %s would reach all memory: "
                   "create it with iommu_platform=on,disable-legacy=on",
                   partition_name(p), id);
        return false;
    }
    return true;
}

static void find_twin(PCIBus *bus, void *opaque)
{
    PCIDevice **found = opaque, *dev = *found;

    if (bus != partition_root_bus && bus->devices[dev->devfn]) {
        *found = bus->devices[dev->devfn];
    }
}

/*
 * Messages carry bus, slot and function, and the number of a bus behind a
 * bridge is the guest's to choose: it could make it that of the root bus.
 */
static bool has_twin(PCIDevice *dev)
{
    PCIDevice *found = dev;

    pci_for_each_bus(partition_root_bus, find_twin, &found);
    return found != dev;
}

/* They come when the guest says so, and with addresses of their own. */
static bool has_virtual_functions(PCIDevice *dev)
{
    return pci_is_express(dev) &&
           pcie_find_capability(dev, PCI_EXT_CAP_ID_SRIOV);
}

/* They answer at addresses that stand in none of their registers. */
static bool is_legacy(PCIDevice *dev)
{
    uint16_t class = pci_get_word(dev->config + PCI_CLASS_DEVICE);

    return class == PCI_CLASS_DISPLAY_VGA || class == PCI_CLASS_STORAGE_IDE;
}

static bool check_device(UintrPartition *p, const char *id, PCIDevice *dev,
                         Error **errp)
{
    if (!dev) {
        error_setg(errp, "partition %s, devices: there is no PCI device %s: "
                   "create it with id=%s", partition_name(p), id, id);
    } else if (pci_get_bus(dev) != partition_root_bus) {
        error_setg(errp, "partition %s, devices: %s cannot be confined behind "
                   "a bridge: create it with bus=pcie.0", partition_name(p),
                   id);
    } else if (object_dynamic_cast(OBJECT(dev), TYPE_PCI_BRIDGE)) {
        error_setg(errp, "partition %s, devices: %s is a bridge: name the "
                   "device instead, with bus=pcie.0", partition_name(p), id);
    } else if (has_twin(dev)) {
        error_setg(errp, "partition %s, devices: %s could be mistaken for a "
                   "device behind a bridge, which has the same slot: choose "
                   "another addr", partition_name(p), id);
    } else if (has_virtual_functions(dev)) {
        error_setg(errp, "partition %s, devices: %s has virtual functions, "
                   "which nobody confines: choose a device without SR-IOV",
                   partition_name(p), id);
    } else if (is_legacy(dev)) {
        error_setg(errp, "partition %s, devices: %s answers at fixed "
                   "addresses of a PC as well: choose one that is no VGA and "
                   "no IDE", partition_name(p), id);
    } else if (!partition_knows_kind(dev)) {
        error_setg(errp, "partition %s, devices: nobody has seen to it that "
                   "%s, %s, can be confined: choose a kind that "
                   "docs/partitions.md lists, without vhost",
                   partition_name(p), id, object_get_typename(OBJECT(dev)));
    } else if (owners[dev->devfn]) {
        error_setg(errp, "partition %s, devices: %s belongs to partition %s: "
                   "name it once", partition_name(p), id,
                   partition_name(owners[dev->devfn]));
    } else {
        return check_virtio(p, id, dev, errp);
    }
    return false;
}

/* ---- Reset ---- */

typedef struct EachChild {
    ResettableChildCallback cb;
    void *opaque;
    ResetType type;
} EachChild;

static ResettableClass of_bus;      /* what the root bus does otherwise */

/* A snapshot is loaded into fresh devices. */
static bool is_kept(PCIDevice *dev)
{
    return dev && !runstate_check(RUN_STATE_RESTORE_VM) &&
           partition_of_device(dev);
}

static void reset_child(Object *child, void *opaque, ResetType type)
{
    EachChild *each = opaque;

    if (!is_kept((PCIDevice *)object_dynamic_cast(child, TYPE_PCI_DEVICE))) {
        each->cb(child, each->opaque, type);
    }
}

static void reset_children(Object *bus, ResettableChildCallback cb,
                           void *opaque, ResetType type)
{
    EachChild each = { cb, opaque, type };

    of_bus.child_foreach(bus, reset_child, &each, type);
}

/* The bus resets the configuration of all that it finds. */
static void reset_hold(Object *obj, ResetType type)
{
    PCIBus *bus = PCI_BUS(obj);
    PCIDevice *kept[ARRAY_SIZE(bus->devices)] = { };

    for (int i = 0; i < ARRAY_SIZE(kept); i++) {
        if (is_kept(bus->devices[i])) {
            kept[i] = bus->devices[i];
            bus->devices[i] = NULL;
        }
    }
    of_bus.phases.hold(obj, type);
    for (int i = 0; i < ARRAY_SIZE(kept); i++) {
        bus->devices[i] = kept[i] ? kept[i] : bus->devices[i];
    }
}

static void filter_reset(PCIBus *root)
{
    ResettableClass *rc = RESETTABLE_CLASS(object_get_class(OBJECT(root)));

    of_bus = *rc;
    rc->child_foreach = reset_children;
    rc->phases.hold = reset_hold;
}

void partition_reset_devices(UintrPartition *p)
{
    for (int devfn = 0; devfn < ARRAY_SIZE(owners); devfn++) {
        if (owners[devfn] == p) {
            pci_device_reset(partition_root_bus->devices[devfn]);
        }
    }
}

/* ---- The machine ---- */

/* INTx is the first partition's: nobody can switch it on again. */
static void cut_intx(PCIDevice *dev)
{
    pci_word_test_and_set_mask(dev->config + PCI_COMMAND,
                               PCI_COMMAND_INTX_DISABLE);
    pci_word_test_and_clear_mask(dev->wmask + PCI_COMMAND,
                                 PCI_COMMAND_INTX_DISABLE);
}

/* Base addresses go to its view, and nobody else's can be in it. */
static void keep_bars(UintrPartition *p, PCIDevice *dev)
{
    for (int bar = 0; bar < PCI_NUM_REGIONS; bar++) {
        PCIIORegion *r = &dev->io_regions[bar];

        assert(!r->size || r->addr == PCI_BAR_UNMAPPED);
        r->address_space = &p->bars;
    }
}

static bool confine_device(UintrPartition *p, const char *id, Error **errp)
{
    PCIDevice *dev = (PCIDevice *)object_dynamic_cast(
        object_resolve_path_component(machine_get_container("peripheral"), id),
        TYPE_PCI_DEVICE);

    if (!check_device(p, id, dev, errp)) {
        return false;
    }
    owners[dev->devfn] = p;
    keep_bars(p, dev);
    cut_intx(dev);
    return true;
}

void partition_confine_devices(UintrPartition *p, Error **errp)
{
    for (char **id = p->devices; *id; id++) {
        if (!confine_device(p, *id, errp)) {
            return;
        }
    }
}

void partition_take_bus(PCIBus *root)
{
    partition_root_bus = root;
    pci_setup_iommu(root, &dma_ops, NULL);
    filter_reset(root);
}
