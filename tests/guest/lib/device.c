/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device.h"

#define PIC1_COMMAND    0x20
#define PIC1_DATA       0x21
#define PIC2_DATA       0xa1
#define PIC_INIT        0x11
#define PIC_CASCADE     0x04
#define PIC_8086        0x01
#define PIC_EOI         0x20
#define PIC_READ_IRR    0x0a
#define PIC_ONLY_IRQ0   0xfe

#define PIT_DATA        0x40
#define PIT_COMMAND     0x43
#define PIT_MODE0       0x30
#define PIT_READ_STATUS 0xe2
#define PIT_OUTPUT      0x80
#define PIT_HZ          1193182ull

#define IOAPIC_SELECT   0xfec00000ull
#define IOAPIC_WINDOW   0xfec00010ull
#define IOAPIC_RTE      0x10

#define PCI_ADDRESS     0xcf8
#define PCI_DATA        0xcfc
#define PCI_COMMAND     0x04
#define PCI_MEM_MASTER  0x06
#define PCI_BAR0        0x10
#define PCI_CAP         0x34
#define CAP_MSI         0x05
#define MSI_ENABLE      0x10000

#define EDU_ID          0x11e81234
#define EDU_BAR         0xd0000000
#define EDU_RAISE       0x60
#define EDU_ACK         0x64
#define EDU_DMA         0x80
#define EDU_BUFFER      0x40000
#define EDU_DMA_RUN     BIT(0)
#define EDU_DMA_TO_MEMORY BIT(1)

static int edu_slot;

void pic_on(uint8_t base)
{
    outb(PIC1_COMMAND, PIC_INIT);
    outb(PIC1_DATA, base);
    outb(PIC1_DATA, PIC_CASCADE);
    outb(PIC1_DATA, PIC_8086);
    outb(PIC1_DATA, PIC_ONLY_IRQ0);
    outb(PIC2_DATA, 0xff);
}

bool pic_requested(void)
{
    outb(PIC1_COMMAND, PIC_READ_IRR);
    return inb(PIC1_COMMAND) & 1;
}

void pic_eoi(void)
{
    outb(PIC1_COMMAND, PIC_EOI);
}

void pic_off(void)
{
    outb(PIC1_DATA, 0xff);
    outb(PIC2_DATA, 0xff);
}

void pit_once(uint32_t us)
{
    uint16_t count = us * PIT_HZ / 1000000 + 1;

    outb(PIT_COMMAND, PIT_MODE0);
    outb(PIT_DATA, count);
    outb(PIT_DATA, count >> 8);
}

static volatile uint32_t *ioapic(uint32_t reg)
{
    *(volatile uint32_t *)IOAPIC_SELECT = reg;
    return (volatile uint32_t *)IOAPIC_WINDOW;
}

void ioapic_route(int pin, uint32_t low)
{
    *ioapic(IOAPIC_RTE + 2 * pin) = RTE_MASKED;
    *ioapic(IOAPIC_RTE + 2 * pin + 1) = 0;
    *ioapic(IOAPIC_RTE + 2 * pin) = low;
}

uint32_t ioapic_read(int pin)
{
    return *ioapic(IOAPIC_RTE + 2 * pin);
}

static bool pit_risen(void)
{
    outb(PIT_COMMAND, PIT_READ_STATUS);
    return inb(PIT_DATA) & PIT_OUTPUT;
}

/*
 * The pin is masked while the counter is written, or what was left in it
 * might interrupt.  If the host took so long that the output has risen
 * meanwhile, that interrupt may be lost: ask for it again.
 */
void pit_interrupt(uint32_t us, uint32_t entry_low)
{
    do {
        pit_mask();
        pit_once(us);
        ioapic_route(PIT_IOAPIC_PIN, entry_low);
    } while (pit_risen());
}

void pit_mask(void)
{
    ioapic_route(PIT_IOAPIC_PIN, RTE_MASKED);
}

static uint32_t pci_read(int slot, int reg)
{
    outl(PCI_ADDRESS, 0x80000000 | slot << 11 | reg);
    return inl(PCI_DATA);
}

static void pci_write(int slot, int reg, uint32_t value)
{
    outl(PCI_ADDRESS, 0x80000000 | slot << 11 | reg);
    outl(PCI_DATA, value);
}

bool edu_find(void)
{
    for (edu_slot = 0; edu_slot < 32; edu_slot++) {
        if (pci_read(edu_slot, 0) == EDU_ID) {
            pci_write(edu_slot, PCI_BAR0, EDU_BAR);
            pci_write(edu_slot, PCI_COMMAND, PCI_MEM_MASTER);
            return true;
        }
    }
    return false;
}

static int msi_capability(void)
{
    int cap = pci_read(edu_slot, PCI_CAP) & 0xff;

    while (cap && (pci_read(edu_slot, cap) & 0xff) != CAP_MSI) {
        cap = pci_read(edu_slot, cap) >> 8 & 0xff;
    }
    return cap;
}

void edu_use_msi(uint32_t dest, int vector)
{
    int cap = msi_capability();

    pci_write(edu_slot, cap + 4, 0xfee00000 | dest << 12);
    pci_write(edu_slot, cap + 8, 0);
    pci_write(edu_slot, cap + 12, vector);
    pci_write(edu_slot, cap, pci_read(edu_slot, cap) | MSI_ENABLE);
}

void edu_use_intx(void)
{
    int cap = msi_capability();

    pci_write(edu_slot, cap, pci_read(edu_slot, cap) & ~MSI_ENABLE);
}

static volatile uint32_t *edu_register(uint32_t offset)
{
    return (volatile uint32_t *)(uint64_t)(EDU_BAR + offset);
}

void edu_raise(void)
{
    *edu_register(EDU_RAISE) = 1;
}

void edu_ack(void)
{
    *edu_register(EDU_ACK) = 1;
}

/* From the device's own buffer, which holds zeroes; it takes 100 ms. */
static void edu_dma(uint64_t from, uint64_t to, uint64_t size, uint64_t way)
{
    volatile uint64_t *dma = (volatile uint64_t *)edu_register(EDU_DMA);

    dma[0] = from;
    dma[1] = to;
    dma[2] = size;
    dma[3] = EDU_DMA_RUN | way;
    while (dma[3] & EDU_DMA_RUN) {
        cpu_relax();
    }
}

void edu_dma_from(const volatile void *from, uint64_t size)
{
    edu_dma((uint64_t)from, EDU_BUFFER, size, 0);
}

void edu_dma_to(const volatile void *to, uint64_t size)
{
    edu_dma(EDU_BUFFER, (uint64_t)to, size, EDU_DMA_TO_MEMORY);
}

volatile void *edu_registers(void)
{
    return edu_register(EDU_DMA);
}
