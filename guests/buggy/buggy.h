/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernels with a mistake in them, for scripts/hunt to find.  Each file is one
 * mistake as a developer makes it; built with -DFIXED it is correct.
 *
 * CPU 0 sends.  The others are a little kernel that has one task: it is
 * switched on to a CPU, runs in ring 3 for a slice, and is switched off again.
 */
#ifndef BUGGY_H
#define BUGGY_H

#include "uintr.h"

#ifdef FIXED
#define IS_FIXED true
#else
#define IS_FIXED false
#endif

#define VECTOR          7               /* the user vector of all posts */
#define SLICE           400             /* PAUSEs in ring 3: see spins() */

struct task {
    struct upid upid;
    uint64_t rr;                        /* UIRR while it is off */
    volatile uint64_t received;         /* handler calls */
    volatile bool runs, ends;
    volatile uint64_t slices;           /* begun so far */
};

extern struct task task;

/* A sender's table with one entry, for VECTOR of this UPID. */
void sender_setup(const struct upid *upid);

/* MSRs of the task but UINV and UIRR; on each CPU that it may run on. */
void receiver_setup(struct upid *upid);

/* Steps of a switch. */
void set_uinv(int uinv);
void set_ndst(struct upid *upid, uint32_t apic_id);
void set_sn(struct upid *upid);
void clear_sn(struct upid *upid);
void notify_self(void);

/* Ring 3 for a slice, or until the task has received something. */
void run_slice(void);
/* What else the kernel does, with interrupts on. */
void other_work(void);

/* Wait for the beginning of a slice later than *last, and remember it. */
bool in_new_slice(uint64_t *last);

/* The sender is busy with something else for up to @most TSC ticks. */
void work_a_while(uint64_t *seed, uint64_t most);

/*
 * Kernels run on CPUs 1 to @cpus, each is given its number; CPU 0 posts so
 * many times, each after @before, and waits until the task has received it.
 * Then all of them end.
 */
void every_post_arrives(void (*kernel)(uint64_t cpu), int cpus, uint64_t posts,
                        void (*before)(uint64_t post));

/* True if it comes true within a time that no correct kernel needs. */
#define SOON(cond)                                                          \
    ({                                                                      \
        uint64_t end_ = rdtsc() + patience();                               \
        bool held_;                                                         \
        while (!(held_ = (cond)) && rdtsc() < end_) {                       \
            cpu_relax();                                                    \
        }                                                                   \
        held_;                                                              \
    })
uint64_t patience(void);

/* PAUSEs: many more where a thread may lose its host CPU in between. */
uint64_t spins(uint64_t icount);
/* TSC ticks, likewise. */
uint64_t tsc_ticks(uint64_t icount);

#endif
