/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Physical memory under the hypervisor, and numbers that assembly and C must
 * agree on.  Guests see the users' map at its own addresses, one to one, but
 * for three private pieces that the hypervisor keeps elsewhere for them.
 *
 *   0x00000000  1 MiB    start pages: every page that a SIPI can name
 *   0x39000000  16 MiB   the system that starts the hypervisor
 *   0x3a000000           the hypervisor (the users' address), then
 *   0x3c000000  16 MiB   RT's image, from which each of its lives begins
 *   0x3d000000  1 MiB    GP's ROM
 *   0x3d100000  1 MiB    what GP sees as the lowest 1 MiB
 *   0x3d200000  32 KiB   what RT sees as its boot page (P20)
 *   0x41ffe000           the UPID window, and on: docs/forwarding.md, F1
 */
#ifndef HV_MEMMAP_H
#define HV_MEMMAP_H

#define HV_STARTER      0x39000000
#define HV_MEMORY       0x3a000000
#define HV_RT_IMAGE     0x3c000000
#define HV_RT_IMAGE_END 0x3d000000
#define HV_GP_ROM       0x3d000000
#define HV_GP_LOW       0x3d100000
#define HV_RT_BOOT      0x3d200000

/* Where the starter finds what "-device loader" has put there. */
#define STARTER_RT_IMAGE 0x30000000
#define STARTER_GP_ROM  0x31000000

#define LOW_MEMORY      0x100000
#define GP_ROM_SIZE     0x80000
#define GP_ROM          (0x100000000 - GP_ROM_SIZE)
#define RT_BOOT         0xffff8000
#define RT_BOOT_SIZE    0x8000

/* A start page begins with one of these; the rest is in the first page. */
#define START_PAGE_SIZE 8
#define START_COMMON    0x500

#define HV_CPUS         3
#define HV_STACK_SIZE   0x4000

/* At HV_MEMORY; what follows the magic is an address. */
#define HV_MAGIC        0x31766820      /* "\x20hv1" */
#define HV_ENTRY        8
#define HV_STATE        16

#endif
