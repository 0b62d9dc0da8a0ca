/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "virtio.h"

#define CAP_TYPE                3
#define CAP_BAR                 4
#define CAP_OFFSET              8
#define CAP_MULTIPLIER          16
#define CAP_COMMON              1

#define COMMON_FEATURE_SELECT   0x00
#define COMMON_FEATURE          0x04
#define COMMON_DRIVER_SELECT    0x08
#define COMMON_DRIVER_FEATURE   0x0c
#define COMMON_STATUS           0x14
#define COMMON_QUEUE_SELECT     0x16
#define COMMON_QUEUE_SIZE       0x18
#define COMMON_QUEUE_MSIX       0x1a
#define COMMON_QUEUE_ENABLE     0x1c
#define COMMON_QUEUE_NOTIFY_OFF 0x1e
#define COMMON_QUEUE_DESC       0x20
#define COMMON_QUEUE_AVAIL      0x28
#define COMMON_QUEUE_USED       0x30

#define STATUS_ACKNOWLEDGE      1
#define STATUS_DRIVER           2
#define STATUS_DRIVER_OK        4
#define STATUS_FEATURES_OK      8
#define STATUS_NEEDS_RESET      64

#define F_VERSION_1_HIGH        1       /* bit 32 */
#define F_ACCESS_PLATFORM_HIGH  2       /* bit 33 */

static void write16(uint64_t at, uint16_t value)
{
    *(volatile uint16_t *)at = value;
}

static void write32(uint64_t at, uint32_t value)
{
    *(volatile uint32_t *)at = value;
}

static void write_address(uint64_t at, const volatile void *address)
{
    write32(at, (uint64_t)address);
    write32(at + 4, (uint64_t)address >> 32);
}

static volatile uint8_t *status(struct virtio *v)
{
    return (volatile uint8_t *)(v->common + COMMON_STATUS);
}

uint64_t virtio_structure(const struct virtio *v, int type, int *cap)
{
    for (*cap = pci_capability(&v->pci, PCI_CAP_VENDOR, 0); *cap;
         *cap = pci_capability(&v->pci, PCI_CAP_VENDOR, *cap)) {
        if (pci_read8(&v->pci, *cap + CAP_TYPE) == type) {
            return pci_bar(&v->pci, pci_read8(&v->pci, *cap + CAP_BAR)) +
                   pci_read32(&v->pci, *cap + CAP_OFFSET);
        }
    }
    return 0;
}

bool virtio_find(struct virtio *v, uint32_t device, int nth)
{
    int cap;

    if (!pci_find(&v->pci, VIRTIO_PCI_VENDOR, device, nth)) {
        return false;
    }
    pci_enable(&v->pci);
    v->common = virtio_structure(v, CAP_COMMON, &cap);
    v->device = virtio_structure(v, VIRTIO_CAP_DEVICE, &cap);
    v->notify = virtio_structure(v, VIRTIO_CAP_NOTIFY, &cap);
    v->notify_multiplier = pci_read32(&v->pci, cap + CAP_MULTIPLIER);
    return v->common && v->device && v->notify;
}

void virtio_reset(struct virtio *v)
{
    *status(v) = 0;
    while (*status(v)) {
        cpu_relax();
    }
}

static uint32_t offered_high(struct virtio *v)
{
    write32(v->common + COMMON_FEATURE_SELECT, 1);
    return *(volatile uint32_t *)(v->common + COMMON_FEATURE);
}

bool virtio_negotiate(struct virtio *v, uint32_t features)
{
    *status(v) |= STATUS_ACKNOWLEDGE;
    *status(v) |= STATUS_DRIVER;
    write32(v->common + COMMON_DRIVER_SELECT, 0);
    write32(v->common + COMMON_DRIVER_FEATURE, features);
    write32(v->common + COMMON_DRIVER_SELECT, 1);
    write32(v->common + COMMON_DRIVER_FEATURE, F_VERSION_1_HIGH |
            (offered_high(v) & F_ACCESS_PLATFORM_HIGH));
    *status(v) |= STATUS_FEATURES_OK;
    return *status(v) & STATUS_FEATURES_OK;
}

volatile uint16_t *virtio_queue(struct virtio *v, int n, uint16_t entries,
                                const volatile void *desc,
                                const volatile void *avail,
                                const volatile void *used)
{
    write16(v->common + COMMON_QUEUE_SELECT, n);
    write16(v->common + COMMON_QUEUE_SIZE, entries);
    write_address(v->common + COMMON_QUEUE_DESC, desc);
    write_address(v->common + COMMON_QUEUE_AVAIL, avail);
    write_address(v->common + COMMON_QUEUE_USED, used);
    write16(v->common + COMMON_QUEUE_ENABLE, 1);
    return (volatile uint16_t *)(v->notify + v->notify_multiplier *
        *(volatile uint16_t *)(v->common + COMMON_QUEUE_NOTIFY_OFF));
}

void virtio_start(struct virtio *v)
{
    *status(v) |= STATUS_DRIVER_OK;
}

bool virtio_needs_reset(struct virtio *v)
{
    return *status(v) & STATUS_NEEDS_RESET;
}

void virtio_queue_msix(struct virtio *v, int n, int entry)
{
    write16(v->common + COMMON_QUEUE_SELECT, n);
    write16(v->common + COMMON_QUEUE_MSIX, entry);
}
