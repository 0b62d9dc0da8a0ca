/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Points where it matters which CPU comes first, told to one scheduler: the
 * object uintr-schedule.  Without it each of these is a load and a branch.
 */
#ifndef TARGET_I386_UINTR_SCHEDULE_H
#define TARGET_I386_UINTR_SCHEDULE_H

#include "built.h"
#include "cpu.h"

typedef enum UintrPointKind {
    UINTR_POINT_SLICE,          /* a turn begins */
    UINTR_POINT_POST,           /* before SENDUIPI */
    UINTR_POINT_NOTIFY,         /* the post is done, its IPI is not sent */
    UINTR_POINT_STORE,          /* before a store to a known UPID */
    UINTR_POINT_CLUI,           /* before each of these instructions */
    UINTR_POINT_STUI,
    UINTR_POINT_UIRET,
    UINTR_POINT_XSAVES,
    UINTR_POINT_XRSTORS,
    UINTR_POINT_CR3,            /* before a write */
    UINTR_POINT_IRET,           /* to ring 3 */
    UINTR_POINT_PORT,           /* before IN or OUT */
    UINTR_POINT_DOORBELL,       /* of a mailbox, after it was rung */
    UINTR_POINT_RESET,          /* the peer was told of a reset */
    UINTR_POINT__MAX,
} UintrPointKind;

typedef struct UintrScheduler {
    /*
     * Before an instruction has changed anything; @ra is where its helper
     * was called.  May leave the CPU loop: then the instruction begins again.
     */
    void (*before)(CPUX86State *env, UintrPointKind kind, uintptr_t ra);
    /* Something has happened; the CPU leaves at the end of the block. */
    void (*after)(UintrPointKind kind);
    /* True if it sends this interrupt later by itself. */
    bool (*delay)(CPUState *sender, uint32_t dest, uint8_t vector);
} UintrScheduler;

#ifdef HAVE_X86_UINTR

extern const UintrScheduler *uintr_scheduler;

static inline void x86_uintr_point(CPUX86State *env, UintrPointKind kind,
                                   uintptr_t ra)
{
    const UintrScheduler *scheduler = uintr_scheduler;

    if (unlikely(scheduler)) {
        scheduler->before(env, kind, ra);
    }
}

static inline void x86_uintr_passed(UintrPointKind kind)
{
    const UintrScheduler *scheduler = uintr_scheduler;

    if (unlikely(scheduler)) {
        scheduler->after(kind);
    }
}

/* One at a time, before any CPU runs; null ends it. */
void uintr_set_scheduler(const UintrScheduler *scheduler);

/* Which stores are points goes into snapshots from now on. */
void uintr_save_known_upids(void);

/* What the scheduler delayed; big lock held. */
void uintr_send_delayed(CPUState *sender, uint32_t dest, uint8_t vector);

#else

static inline void x86_uintr_point(CPUX86State *env, UintrPointKind kind,
                                   uintptr_t ra)
{
}

static inline void x86_uintr_passed(UintrPointKind kind) { }

#endif

#endif
