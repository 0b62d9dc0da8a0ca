/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine.h"
#include "pci.h"

#define PCI_ADDRESS     0xcf8
#define PCI_DATA        0xcfc
#define Q35_PCIEXBAR    0x60
#define ECAM            0xb0000000ull
#define ECAM_ENABLE     1
#define BAR_IO          1
#define BAR_TYPE_64     4
#define BAR_FLAGS       0xfull
#define MSIX_ENABLE     0x8000

static uint64_t next_bar;

/* The one register that opens the window is reached by ports. */
static void open_window(void)
{
    outl(PCI_ADDRESS, 0x80000000 | (Q35_PCIEXBAR + 4));
    outl(PCI_DATA, 0);
    outl(PCI_ADDRESS, 0x80000000 | Q35_PCIEXBAR);
    outl(PCI_DATA, ECAM | ECAM_ENABLE);
}

static volatile void *reg_at(const struct pci *pci, int reg)
{
    return (volatile void *)(pci->config + reg);
}

static uint64_t config_of(int slot)
{
    return ECAM + ((uint64_t)slot << 15);
}

/* A partition's devices are there when the first one has opened it. */
static void wait_for_window(void)
{
    struct pci pci = { config_of(machine.first_slot) };

    while ((uint16_t)(pci_read16(&pci, PCI_ID) + 1) <= 1) {
        cpu_relax();            /* no vendor has the ID 0 or FFFFH */
    }
}

void pci_init(void)
{
    if (machine.whole) {
        open_window();
    } else {
        wait_for_window();
    }
    next_bar = machine.bars;
}

uint8_t pci_read8(const struct pci *pci, int reg)
{
    return *(volatile uint8_t *)reg_at(pci, reg);
}

uint16_t pci_read16(const struct pci *pci, int reg)
{
    return *(volatile uint16_t *)reg_at(pci, reg);
}

uint32_t pci_read32(const struct pci *pci, int reg)
{
    return *(volatile uint32_t *)reg_at(pci, reg);
}

void pci_write16(const struct pci *pci, int reg, uint16_t value)
{
    *(volatile uint16_t *)reg_at(pci, reg) = value;
}

void pci_write32(const struct pci *pci, int reg, uint32_t value)
{
    *(volatile uint32_t *)reg_at(pci, reg) = value;
}

bool pci_find(struct pci *pci, uint32_t vendor, uint32_t device, int nth)
{
    for (int slot = machine.first_slot; slot < machine.end_slot; slot++) {
        pci->config = config_of(slot);
        if (pci_read32(pci, PCI_ID) == (device << 16 | vendor) && nth-- == 0) {
            return true;
        }
    }
    return false;
}

int pci_capability(const struct pci *pci, int kind, int from)
{
    int cap = pci_read8(pci, from ? from + 1 : PCI_CAPABILITIES);

    while (cap && pci_read8(pci, cap) != kind) {
        cap = pci_read8(pci, cap + 1);
    }
    return cap;
}

static uint64_t bar_size(const struct pci *pci, int bar, bool wide)
{
    uint64_t mask;

    pci_write32(pci, PCI_BAR(bar), 0xffffffff);
    mask = 0xffffffff00000000 | pci_read32(pci, PCI_BAR(bar));
    if (wide) {
        pci_write32(pci, PCI_BAR(bar + 1), 0xffffffff);
        mask = (uint32_t)mask |
               (uint64_t)pci_read32(pci, PCI_BAR(bar + 1)) << 32;
    }
    return -(mask & ~BAR_FLAGS);
}

/* All of them below 4 GiB, where the payload's page tables reach. */
static void assign(const struct pci *pci, int bar, bool wide)
{
    uint64_t size = bar_size(pci, bar, wide);

    if ((uint32_t)size == 0) {
        return;
    }
    next_bar = (next_bar + size - 1) & -size;
    pci_write32(pci, PCI_BAR(bar), next_bar);
    if (wide) {
        pci_write32(pci, PCI_BAR(bar + 1), 0);
    }
    next_bar += size;
}

void pci_enable(const struct pci *pci)
{
    for (int bar = 0; bar < 6; bar++) {
        uint32_t flags = pci_read32(pci, PCI_BAR(bar)) & BAR_FLAGS;
        bool wide = (flags & 6) == BAR_TYPE_64;

        if (!(flags & BAR_IO)) {
            assign(pci, bar, wide);
        }
        bar += wide;
    }
    pci_write16(pci, PCI_COMMAND, PCI_COMMAND_MEM_MASTER);
}

uint64_t pci_bar(const struct pci *pci, int bar)
{
    return pci_read32(pci, PCI_BAR(bar)) & ~BAR_FLAGS;
}

void pci_msix(const struct pci *pci, int entry, uint32_t apic_id, int vector)
{
    int cap = pci_capability(pci, PCI_CAP_MSIX, 0);
    uint32_t table = pci_read32(pci, cap + 4);
    volatile uint32_t *slot = (volatile uint32_t *)
        (pci_bar(pci, table & 7) + (table & ~7u) + 16 * entry);

    pci_write16(pci, cap + 2, MSIX_ENABLE);
    slot[0] = 0xfee00000 | apic_id << 12;
    slot[1] = 0;
    slot[2] = vector;
    slot[3] = 0;
}
