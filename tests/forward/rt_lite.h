/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A requester without a kernel, for tests that look at single calls. */
#ifndef FORWARD_RT_LITE_H
#define FORWARD_RT_LITE_H

#include "link.h"
#include "scf.h"

struct process {
    struct scf_caller scf;
    struct uitte target;
    bool mirrored;
};

extern struct process *current;
extern volatile bool killed;
extern uint64_t looked, patience;
extern uint32_t turns_awake;        /* with SCF3_POLICY_ASLEEP */
extern unsigned priority;

#define LITE_TICK   1000000         /* rt_now(): it renews credit (F48) */

void look(void);                    /* at all slots */
void run_as(struct process *p);
long ask(unsigned call, uint64_t a, uint64_t b, uint64_t c);
void begin(struct process *p);
void end(struct process *p);

#endif
