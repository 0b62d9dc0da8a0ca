/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RT alone in a machine, from the reset vector on: for its tests. */
#include "machine.h"
#include "memmap.h"

const struct machine machine = {
    .whole = true,
    .console = 0xe9,
    .free_end = RT_FRAMES,
    .first_slot = 0,
    .end_slot = 32,
    .bars = 0xc0000000,
};
