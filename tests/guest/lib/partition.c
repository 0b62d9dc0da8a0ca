/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A payload in a partition of the users' map: scripts/layouts/pair.cfg. */
#include "machine.h"

const struct machine machine = {
    .whole = false,
    .args = "partition-args ",  /* for who writes words into the file */
    .console = 0x2e9,
    .free_end = 0x4a000000,
    .first_slot = 5,
    .end_slot = 6,
    .bars = 0xfa000000,
};
