/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A payload in RT's place: scripts/layouts/forward.cfg. */
#include "machine.h"

const struct machine machine = {
    .whole = false,
    .args = "partition-args ",  /* for who writes words into the file */
    .console = 0x2e9,
    .free_end = 0x46000000,
    .first_slot = 5,
    .end_slot = 6,
    .bars = 0xd0000000,
};
