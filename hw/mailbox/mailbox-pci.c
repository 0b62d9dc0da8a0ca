/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-uintr-mailbox-pci: the mailbox on a PCI bus (MB1, MB2). */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "hw/qdev-properties.h"
#include "hw/virtio/virtio-pci.h"
#include "mailbox.h"

typedef struct VirtIOMailboxPCI {
    VirtIOPCIProxy parent_obj;
    VirtIOMailbox vdev;
    uint32_t device_id;
} VirtIOMailboxPCI;

DECLARE_INSTANCE_CHECKER(VirtIOMailboxPCI, VIRTIO_MAILBOX_PCI,
                         TYPE_VIRTIO_MAILBOX_PCI)

/* Configuration, three queues, and four for doorbells */
#define DEFAULT_VECTORS (1 + MBOX_QUEUES + 4)

VirtIOMailbox *mailbox_of_pci(PCIDevice *pci)
{
    return &VIRTIO_MAILBOX_PCI(pci)->vdev;
}

static bool check_device_id(VirtIOMailboxPCI *s, Error **errp)
{
    if (s->device_id > UINT16_MAX) {
        error_setg(errp, "x-pci-device-id=0x%x: choose 16 bits, such as 0x%x",
                   s->device_id, MBOX_PCI_DEVICE_EXPERIMENT);
        return false;
    }
    return true;
}

static void realize_parts(VirtIOPCIProxy *proxy, VirtIOMailboxPCI *s,
                          Error **errp)
{
    PCIDevice *pci = PCI_DEVICE(proxy);

    if (proxy->nvectors == DEV_NVECTORS_UNSPECIFIED) {
        proxy->nvectors = DEFAULT_VECTORS;
    }
    s->vdev.pci = pci;
    virtio_pci_force_virtio_1(proxy);
    if (!qdev_realize(DEVICE(&s->vdev), BUS(&proxy->bus), errp)) {
        return;
    }
    pci_register_bar(pci, MBOX_SHM_BAR, PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_PREFETCH |
                     PCI_BASE_ADDRESS_MEM_TYPE_64, &s->vdev.bar);
    virtio_pci_add_shm_cap(proxy, MBOX_SHM_BAR, 0,
                           memory_region_size(&s->vdev.bar), MBOX_SHM_ID);
    pci_config_set_device_id(pci->config, s->device_id);
}

/* Ten regions, and each has all views of memory made again by itself. */
static void mailbox_pci_realize(VirtIOPCIProxy *proxy, Error **errp)
{
    VirtIOMailboxPCI *s = VIRTIO_MAILBOX_PCI(proxy);

    if (!check_device_id(s, errp)) {
        return;
    }
    memory_region_transaction_begin();
    realize_parts(proxy, s, errp);
    memory_region_transaction_commit();
}

/* MB2: ioeventfd would leave the work to the main loop, and time to chance. */
static const Property mailbox_pci_properties[] = {
    DEFINE_PROP_BIT("ioeventfd", VirtIOPCIProxy, flags,
                    VIRTIO_PCI_FLAG_USE_IOEVENTFD_BIT, false),
    DEFINE_PROP_UINT32("vectors", VirtIOPCIProxy, nvectors,
                       DEV_NVECTORS_UNSPECIFIED),
    DEFINE_PROP_UINT32("x-pci-device-id", VirtIOMailboxPCI, device_id,
                       MBOX_PCI_DEVICE),
};

static void mailbox_pci_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(oc);

    VIRTIO_PCI_CLASS(oc)->realize = mailbox_pci_realize;
    pc->class_id = PCI_CLASS_COMMUNICATION_OTHER;
    dc->desc = "mailbox between two partitions";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    device_class_set_props(dc, mailbox_pci_properties);
}

static void mailbox_pci_init(Object *obj)
{
    VirtIOMailboxPCI *s = VIRTIO_MAILBOX_PCI(obj);

    virtio_instance_init_common(obj, &s->vdev, sizeof(s->vdev),
                                TYPE_VIRTIO_MAILBOX);
}

static const VirtioPCIDeviceTypeInfo mailbox_pci_info = {
    .generic_name = TYPE_VIRTIO_MAILBOX_PCI,
    .instance_size = sizeof(VirtIOMailboxPCI),
    .instance_init = mailbox_pci_init,
    .class_init = mailbox_pci_class_init,
};

static void mailbox_pci_register(void)
{
    virtio_pci_types_register(&mailbox_pci_info);
}

type_init(mailbox_pci_register)
