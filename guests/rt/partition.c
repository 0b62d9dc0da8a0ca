/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RT in a partition: scripts/layouts/forward.cfg. */
#include "machine.h"
#include "memmap.h"

const struct machine machine = {
    .whole = false,
    .args = "partition-args ",  /* for who writes words into the file */
    .console = 0x2e9,
    .free_end = RT_FRAMES,
    .first_slot = 5,
    .end_slot = 6,
    .bars = 0xd0000000,
};
