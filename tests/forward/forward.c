/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of docs/forwarding.md, from RT's place, with GP beside it. */
#include "forward.h"

const char *const test_group = "/forward";

struct process p, many[SCF3_SLOTS];
char text[8192], back[8192];

void payload_start(void)
{
    if (!scf_start()) {
        fatal("there is no mailbox");
    }
}

const struct test tests[] = {
    { "F6-handshake", test_handshake },
    { "F27-copied", test_copied },
    { "F3-types", test_types },
    { "F28-wild-copies", test_wild_copies },
    { "F41-all-at-once", test_all_at_once },
    { "F27-pieces", test_pieces },
    { "F27-raw", test_raw },
    { "F28-wild-pointers", test_wild_pointers },
    { "F2-unmap", test_unmap },
    { "F4-unknown", test_unknown },
    { "F40-modes", test_modes },
    { "F40-polled", test_polled },
    { "F42-taking", test_taking },
    { "F41-falling-asleep", test_falling_asleep },
    { "F46-posted", test_posted },
    { "F44-policy", test_policy },
    { "F49-gives-way", test_gives_way },
    { "F50-awake", test_awake },
    { "F37-parked", test_parked },
    { "F37-end-of-pipe", test_end_of_pipe },
    { "F30-next-process", test_next_process },
    { "F41-many", test_many },
    { "F2-fork", test_fork },
    { "RT11-fork-waits", test_fork_waits },
    { "F20-own-half", test_own_half },
    { "F29-epochs", test_epochs },
    { "F25-forged-count", test_forged_count },
    { "F34-marks", test_marks },
    { "F45-spoilt-upid", test_spoilt_upid },
    { "F45-spoilt-reply-upid", test_spoilt_reply_upid },
    {}
};
