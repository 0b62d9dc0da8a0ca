/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kinds of PCI devices that a partition may have (P11): those whose code
 * has been read.  All their accesses go through the device's own view, and
 * none of their registers acts on the machine as a whole.  A list of those
 * that must not would miss the next one: a balloon takes pages from the
 * machine's memory, a watchdog resets it, vhost has tables of its own.
 */
#include "qemu/osdep.h"
#include "hw/virtio/virtio-bus.h"
#include "hw/virtio/virtio-pci.h"
#include "net/vhost_net.h"
#include "hw/virtio/virtio-net.h"
#include "partition.h"

static const char *const pci_kinds[] = {
    "e1000", "e1000e", "edu", "ich9-ahci", "nvme", "qemu-xhci",
    "rtl8139",
};

static const char *const virtio_kinds[] = {
    "virtio-blk-device", "virtio-net-device", "virtio-rng-device",
    "virtio-scsi-device", "virtio-serial-device",
    "virtio-uintr-mailbox-device",
};

static bool is_one_of(Object *obj, const char *const *kinds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (object_dynamic_cast(obj, kinds[i])) {
            return true;
        }
    }
    return false;
}

static bool has_vhost(VirtIODevice *vdev)
{
    NetClientState *nc;

    if (!object_dynamic_cast(OBJECT(vdev), TYPE_VIRTIO_NET)) {
        return false;
    }
    nc = qemu_get_queue(VIRTIO_NET(vdev)->nic);
    return nc->peer && get_vhost_net(nc->peer);
}

bool partition_knows_kind(PCIDevice *dev)
{
    VirtIODevice *vdev;

    if (!object_dynamic_cast(OBJECT(dev), TYPE_VIRTIO_PCI)) {
        return is_one_of(OBJECT(dev), pci_kinds, ARRAY_SIZE(pci_kinds));
    }
    vdev = virtio_bus_get_device(&VIRTIO_PCI(dev)->bus);
    return vdev && !has_vhost(vdev) &&
           is_one_of(OBJECT(vdev), virtio_kinds, ARRAY_SIZE(virtio_kinds));
}
