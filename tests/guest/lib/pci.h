/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI on q35 without firmware: configuration through ECAM, capabilities, base
 * addresses, MSI-X.  Only bus 0.
 */
#ifndef PCI_H
#define PCI_H

#include "lib.h"

#define PCI_ID          0x00
#define PCI_COMMAND     0x04
#define PCI_COMMAND_MEM_MASTER 0x06
#define PCI_BAR(n)      (0x10 + 4 * (n))
#define PCI_CAPABILITIES 0x34
#define PCI_CAP_VENDOR  0x09
#define PCI_CAP_MSIX    0x11

struct pci {
    uint64_t config;            /* its page in the ECAM window */
};

void pci_init(void);                    /* once: opens the window */
/* The @nth function with this vendor and device, or false. */
bool pci_find(struct pci *pci, uint32_t vendor, uint32_t device, int nth);

uint8_t pci_read8(const struct pci *pci, int reg);
uint16_t pci_read16(const struct pci *pci, int reg);
uint32_t pci_read32(const struct pci *pci, int reg);
void pci_write16(const struct pci *pci, int reg, uint16_t value);
void pci_write32(const struct pci *pci, int reg, uint32_t value);

/* The next capability of this kind after @from (0: the first), or 0. */
int pci_capability(const struct pci *pci, int kind, int from);

/* Give every memory BAR an address, let the device decode and master. */
void pci_enable(const struct pci *pci);
uint64_t pci_bar(const struct pci *pci, int bar);

/* Entry @entry sends @vector to the CPU with this APIC ID (below 256). */
void pci_msix(const struct pci *pci, int entry, uint32_t apic_id, int vector);

#endif
