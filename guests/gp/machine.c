/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GP: the first partition, from the reset vector on. */
#include "machine.h"
#include "memmap.h"

const struct machine machine = {
    .whole = true,
    .console = 0xe9,
    .free_end = GP_FRAMES,
    .first_slot = 4,
    .end_slot = 5,
    .bars = 0x90000000,
};
