/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt sources outside the CPU: 8259, 8254, I/O APIC, QEMU's edu card. */
#ifndef DEVICE_H
#define DEVICE_H

#include "lib.h"

/* ---- 8259: IRQ 0 only, at vector base; pic_off() masks all ---- */

void pic_on(uint8_t base);
bool pic_requested(void);               /* IRQ 0 waits */
void pic_eoi(void);
void pic_off(void);

/* ---- 8254 channel 0: its output rises once, after about us ---- */

#define PIT_IOAPIC_PIN  2
void pit_once(uint32_t us);

/* The same, through this entry of the I/O APIC; never less than one rise. */
void pit_interrupt(uint32_t us, uint32_t entry_low);
void pit_mask(void);

/* ---- I/O APIC ---- */

#define IOAPIC_PINS     24
#define RTE_REMOTE_IRR  0x4000
#define RTE_LEVEL       0x8000
#define RTE_MASKED      0x10000

/* Physical destination 0, the first CPU. */
void ioapic_route(int pin, uint32_t low);
uint32_t ioapic_read(int pin);

/*
 * ---- edu: raises INTx or MSI on command; edu_registers() is a UPID's worth
 * of registers that behave like memory ----
 */

bool edu_find(void);                    /* false: not in this machine */
void edu_use_msi(uint32_t dest, int vector);
void edu_use_intx(void);
void edu_raise(void);
void edu_ack(void);
void edu_dma_from(const volatile void *from, uint64_t size);
void edu_dma_to(const volatile void *to, uint64_t size);
volatile void *edu_registers(void);

#endif
