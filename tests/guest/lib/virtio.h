/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What drivers of modern virtio-pci devices share: virtio 1.2, section 4.1. */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "pci.h"

#define VIRTIO_PCI_VENDOR       0x1af4
#define VIRTIO_CAP_NOTIFY       2
#define VIRTIO_CAP_DEVICE       4
#define VIRTIO_CAP_SHM          8

#define VIRTIO_DESC_NEXT        1
#define VIRTIO_DESC_WRITE       2

struct virtio_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

struct virtio {
    struct pci pci;
    uint64_t common, notify, device;    /* where the structures are */
    uint32_t notify_multiplier;
};

/* The @nth function with this PCI device ID, enabled; false if none. */
bool virtio_find(struct virtio *v, uint32_t device, int nth);
/* Where the structure of that type is, or 0; @cap is its capability. */
uint64_t virtio_structure(const struct virtio *v, int type, int *cap);

void virtio_reset(struct virtio *v);
/*
 * Take @features of the low 32, VERSION_1, and ACCESS_PLATFORM if it is
 * offered, as a partition's device does.
 */
bool virtio_negotiate(struct virtio *v, uint32_t features);
/* Enable queue @n; gives the address that notifies it. */
volatile uint16_t *virtio_queue(struct virtio *v, int n, uint16_t entries,
                                const volatile void *desc,
                                const volatile void *avail,
                                const volatile void *used);
void virtio_start(struct virtio *v);            /* DRIVER_OK */
bool virtio_needs_reset(struct virtio *v);
/* MSI-X: queue @n interrupts by @entry (see pci_msix()). */
void virtio_queue_msix(struct virtio *v, int n, int entry);

#endif
