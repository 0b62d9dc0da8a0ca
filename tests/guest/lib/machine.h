/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a payload may use of the machine that it runs on: all of it
 * (machine.c), or what a partition has in the layouts (partition.c).
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct machine {
    bool whole;                 /* fw_cfg, 0xCF8 and isa-debug-exit are here */
    char args[512];             /* in place of fw_cfg */
    uint16_t console;           /* port of its isa-debugcon */
    uint64_t free_end;          /* end of the RAM behind the payload */
    int first_slot, end_slot;   /* whose configuration space it may touch */
    uint64_t bars;              /* where it puts its devices */
};

extern const struct machine machine;

#endif
