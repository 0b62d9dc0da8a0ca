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
#include "hw/virtio/virtio-bus.h"
#include "hw/virtio/virtio-pci.h"
#include "system/runstate.h"
#include "partition.h"

PCIBus *partition_root_bus;

typedef bool DeviceFn(UintrPartition *p, const char *id, PCIDevice *dev,
                      void *opaque);

/* For each id of the list until @fn says true; dev is null if none is it. */
static bool for_devices(UintrPartition *p, DeviceFn *fn, void *opaque)
{
    g_auto(GStrv) ids = g_strsplit(p->devices_text ? p->devices_text : "",
                                   ":", 0);

    for (char **id = ids; *id; id++) {
        g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", *id);
        Object *dev = object_resolve_path_type(path, TYPE_PCI_DEVICE, NULL);

        if (**id && fn(p, *id, (PCIDevice *)dev, opaque)) {
            return true;
        }
    }
    return false;
}

static bool has_requester_id(UintrPartition *p, const char *id, PCIDevice *dev,
                             void *opaque)
{
    return dev && pci_requester_id(dev) == *(uint32_t *)opaque;
}

UintrPartition *partition_of_device(uint32_t requester_id)
{
    UintrPartition *p;

    QLIST_FOREACH(p, &partitions, next) {
        if (for_devices(p, has_requester_id, &requester_id)) {
            return p;
        }
    }
    return NULL;
}

/* Devices sit on the root bus, whose number no guest can change. */
static AddressSpace *dma_view(PCIBus *bus, void *opaque, int devfn)
{
    UintrPartition *p = bus == partition_root_bus ?
                        partition_of_device(devfn) : NULL;

    return p ? &p->as : &address_space_memory;
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

static bool is_unfit(UintrPartition *p, const char *id, PCIDevice *dev,
                     void *opaque)
{
    Error **errp = opaque;

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
    } else {
        return !check_virtio(p, id, dev, errp);
    }
    return true;
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
    return dev && pci_get_bus(dev) == partition_root_bus &&
           !runstate_check(RUN_STATE_RESTORE_VM) &&
           partition_of_device(dev->devfn);
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

static bool reset_device(UintrPartition *p, const char *id, PCIDevice *dev,
                         void *opaque)
{
    pci_device_reset(dev);
    return false;
}

void partition_reset_devices(UintrPartition *p)
{
    for_devices(p, reset_device, NULL);
}

/* ---- The machine ---- */

/* INTx is the first partition's: nobody can switch it on again. */
static bool cut_intx(UintrPartition *p, const char *id, PCIDevice *dev,
                     void *opaque)
{
    pci_word_test_and_set_mask(dev->config + PCI_COMMAND,
                               PCI_COMMAND_INTX_DISABLE);
    pci_word_test_and_clear_mask(dev->wmask + PCI_COMMAND,
                                 PCI_COMMAND_INTX_DISABLE);
    return false;
}

void partition_confine_devices(UintrPartition *p, Error **errp)
{
    Error *err = NULL;

    if (for_devices(p, is_unfit, &err)) {
        error_propagate(errp, err);
        return;
    }
    for_devices(p, cut_intx, NULL);
}

void partition_take_bus(PCIBus *root)
{
    partition_root_bus = root;
    pci_setup_iommu(root, &dma_ops, NULL);
    filter_reset(root);
}
