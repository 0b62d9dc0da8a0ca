/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tests of forward.c, which are in files by their subject. */
#ifndef FORWARD_H
#define FORWARD_H

#include "rt_lite.h"

#define O_CREAT     0100
#define O_RDWR      02
#define VA          0x10000000      /* of a mirrored page */
#define FRAME       0x46010000      /* in the window */
#define FRAMES_END  0x49e00000      /* what is behind them is for queues */

extern struct process p, many[SCF3_SLOTS];
extern char text[8192], back[8192];

static inline uint64_t at(const void *what)
{
    return (uint64_t)what;
}

/* calls.c */
void test_copied(void);
void test_pieces(void);
void test_raw(void);
void test_wild_pointers(void);
void test_unmap(void);
void test_types(void);
void test_wild_copies(void);
void test_unknown(void);
void test_parked(void);
void test_fork(void);

/* notices.c */
void test_modes(void);
void test_polled(void);
void test_posted(void);
void test_policy(void);
void test_gives_way(void);
void test_awake(void);
void test_marks(void);
void test_spoilt_upid(void);
void test_spoilt_reply_upid(void);

/* phases.c */
void test_taking(void);
void test_falling_asleep(void);

/* peers.c */
struct scf_call *ask_later(struct scf_caller *c, unsigned n,
                           struct scf_request entry);
void test_handshake(void);
void test_next_process(void);
void test_many(void);
void test_all_at_once(void);
void test_end_of_pipe(void);
void test_fork_waits(void);
void test_own_half(void);
void test_epochs(void);
void test_forged_count(void);

#endif
