/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GP and RT in the users' memory map.  The mailbox's fixed windows are memory
 * of both; its registers and its page of ECAM are those of one device each.
 */
#include "hv.h"

#define APIC            { 0xfee00000, 0x1000, 0xfee00000 }
#define UPIDS           { 0x41ffe000, 0x2000, 0x41ffe000 }
#define COMMON          { 0x46000000, 0x4000000, 0x46000000 }

static const struct window gp_windows[] = {
    { 0, LOW_MEMORY, HV_GP_LOW },
    { LOW_MEMORY, HV_STARTER - LOW_MEMORY, LOW_MEMORY },
    { HV_STARTER, HV_MEMORY - HV_STARTER, HV_STARTER, WINDOW_STARTER },
    UPIDS, COMMON, APIC,
    { 0x50000000, 0x30000000, 0x50000000 },
    { 0x90000000, 0x20000000, 0x90000000 },     /* base addresses */
    { 0xb0020000, 0x1000, 0xb0020000 },         /* slot 4 */
    { GP_ROM, GP_ROM_SIZE, HV_GP_ROM, WINDOW_READ_ONLY },
    { 0 }
};

/* Console, end of the machine, fw_cfg without its DMA */
static const struct ports gp_ports[] = {
    { 0xe9, 0xe9 }, { 0xf4, 0xf7 }, { 0x510, 0x511 }, { 0 }
};

static const struct window rt_windows[] = {
    { 0x42000000, 0x4000000, 0x42000000 },
    UPIDS, COMMON, APIC,
    { 0xd0000000, 0x20000000, 0xd0000000 },
    { 0xb0028000, 0x1000, 0xb0028000 },         /* slot 5 */
    { RT_BOOT, RT_BOOT_SIZE, HV_RT_BOOT },
    { 0 }
};

static const struct ports rt_ports[] = {
    { 0x2e9, 0x2e9 }, { 0xf4, 0xf7 }, { 0 }
};

struct guest gp = { "GP", 3, gp_windows, gp_ports };
struct guest rt = { "RT", 4, rt_windows, rt_ports };

struct guest *guest_of(unsigned cpu)
{
    return rt.cpus >> cpu & 1 ? &rt : &gp;
}
