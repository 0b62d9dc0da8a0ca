/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands at a fixed place in every machine and is for nobody to take:
 * without it the first partition's firmware or chipset does not work, and
 * whoever shares it commands them.  Firmware may move the ECAM; who shows a
 * page of it to a partition shows no more than its own devices (P12).
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "exec/cpu-common.h"
#include "hw/i386/apic_internal.h"
#include "hw/i386/fw_cfg.h"
#include "hw/intc/ioapic.h"
#include "hw/isa/apm.h"
#include "hw/pci-host/q35.h"
#include "hw/southbridge/ich9.h"
#include "hw/timer/hpet.h"
#include "partition.h"

#define FLASH_SIZE (16 * MiB)       /* the most that the machine takes */
#define PM_BASE 0x600               /* where firmware puts it on a q35 */
#define FW_CFG_IO_SIZE 12

#define OF(kind) (1u << WINDOW_##kind)
#define LOADED (OF(MEMORY) | OF(CONTROL))
#define ALL (LOADED | OF(MMIO) | OF(SHARED))

static const struct {
    uint64_t base, size;
    unsigned kinds;                 /* of windows that may not lie there */
    const char *text;
} places[] = {
    { 0, 1 * MiB, ALL, "firmware runs" },
    { MCH_HOST_BRIDGE_PCIEXBAR_DEFAULT, MCH_HOST_BRIDGE_PCIEXBAR_MAX,
      LOADED | OF(MMIO), "the PCI configuration space is" },
    { IO_APIC_DEFAULT_ADDRESS, 4 * KiB, ALL, "the I/O APIC is" },
    { HPET_BASE, HPET_LEN, ALL, "the HPET is" },
    { APIC_DEFAULT_ADDRESS, APIC_SPACE_SIZE, ALL, "the local APICs are" },
    { 4 * GiB - FLASH_SIZE, FLASH_SIZE, ALL, "the firmware's flash is" },
    { 0x64, 1, OF(PORTS), "the keyboard controller's reset line is" },
    { 0x92, 1, OF(PORTS), "a reset port is" },
    { APM_CNT_IOPORT, 2, OF(PORTS), "the port that raises SMIs is" },
    { FW_CFG_IO_BASE, FW_CFG_IO_SIZE, OF(PORTS), "fw_cfg's DMA is" },
    { PM_BASE, ICH9_PMIO_SIZE, OF(PORTS), "power management is" },
    { 0xcf9, 1, OF(PORTS), "the reset control is" },
};

bool partition_check_place(const char *option, const char *text,
                           WindowKind kind, uint64_t base, uint64_t size,
                           Error **errp)
{
    for (int i = 0; i < ARRAY_SIZE(places); i++) {
        if (places[i].kinds >> kind & 1 &&
            ranges_overlap(base, size, places[i].base, places[i].size)) {
            error_setg(errp, "%s=%s: %s at 0x%" PRIx64 " to 0x%" PRIx64
                       ": choose a place outside", option, text,
                       places[i].text, places[i].base,
                       places[i].base + places[i].size - 1);
            return false;
        }
    }
    return true;
}
