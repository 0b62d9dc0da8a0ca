/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine.h"

const struct machine machine = {
    .whole = true,
    .console = 0xe9,
    .free_end = 0x3000000,
    .first_slot = 0,
    .end_slot = 32,
    .bars = 0xc0000000,
};
