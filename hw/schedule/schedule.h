/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The schedule: seeded decisions about whose turn it is (docs/schedule.md).
 *
 * Points are numbered in the order in which the machine comes to them.  What
 * is decided at a point follows from the seed and its number alone, so that a
 * decision stays what it is when others are left out.  All of it runs in the
 * thread that executes the CPUs in turn; no clock of the host is read.
 */
#ifndef HW_UINTR_SCHEDULE_SCHEDULE_H
#define HW_UINTR_SCHEDULE_SCHEDULE_H

#include "chardev/char.h"
#include "qemu/notify.h"
#include "qemu/timer.h"
#include "qom/object.h"
#include "target/i386/uintr/schedule.h"

#define TYPE_UINTR_SCHEDULE "uintr-schedule"
OBJECT_DECLARE_SIMPLE_TYPE(UintrSchedule, UINTR_SCHEDULE)

#define SCHEDULE_CPUS 64
#define SCHEDULE_DELAYED 16

/* What may be decided at a point; docs/schedule.md has the words. */
typedef enum ScheduleAction {
    SCHEDULE_NOTHING,
    SCHEDULE_WAIT,          /* this CPU waits, others may run */
    SCHEDULE_DELAY,         /* this notification arrives later */
    SCHEDULE_SHORT,         /* this turn is a short one */
    SCHEDULE_LOWER,         /* this CPU's priority is the lowest from now on */
} ScheduleAction;

typedef struct ScheduleDecision {
    uint64_t point;
    ScheduleAction action;
    int64_t insns;          /* how long, where the action has a length */
    /* Where it was made */
    UintrPointKind kind;
    int cpu;
    uint64_t rip;
} ScheduleDecision;

typedef struct ScheduleCpu {
    int64_t until;          /* ns of virtual time: waits so long */
    int64_t asked;          /* instructions to wait, not yet begun */
    int64_t priority;
    /* An instruction that was left at its point will come again. */
    uint64_t left_rip;
    uint8_t left_kind;
    bool left;
} ScheduleCpu;

typedef struct ScheduleDelayed {
    int64_t due;            /* 0: free */
    uint32_t dest;
    uint8_t vector;
    int32_t sender;
    QEMUTimer *timer;
} ScheduleDelayed;

struct UintrSchedule {
    Object parent_obj;

    uint64_t seed;
    uint32_t depth, among;
    bool pct;
    char *only, *report;
    char *console, *input;  /* a chardev, and what is typed there */
    uint32_t slow_console;  /* instructions that a byte takes */
    int32_t starved;        /* CPU with few turns, or -1 */
    uint32_t starved_for;   /* instructions between them */
    Notifier machine_done, at_exit, run;

    /* Drawn once, from the seed */
    unsigned rate;          /* one of so many points decides */
    unsigned reach;         /* waits last up to 2^reach instructions */
    uint32_t kinds;         /* at these */
    GArray *change_points;  /* of pct */
    GArray *chosen;         /* the numbers of "only", in order */

    /* What a snapshot must bring back */
    uint64_t point;         /* how many there were */
    int64_t lowest;         /* priority in use */
    int64_t last_slice;     /* when one was a point */
    int32_t ran;            /* who had the last turn */
    int32_t lesser;         /* pct: the last lesser */
    ScheduleCpu cpu[SCHEDULE_CPUS];
    ScheduleDelayed delayed[SCHEDULE_DELAYED];
    uint32_t typed;         /* bytes of the input */
    int64_t next_byte;      /* when it arrives */

    Chardev *chardev;
    QEMUTimer *keyboard;
    uint64_t counts[UINTR_POINT__MAX];
    GArray *decisions;      /* made so far */
};

/* The one there is, or null. */
extern UintrSchedule *uintr_schedule;

/* ---- decide.c ---- */

/* False if @s->only is no list of numbers. */
bool schedule_draw(UintrSchedule *s, Error **errp);
/* Number this point, and say what is to be done there. */
ScheduleDecision schedule_decide(UintrSchedule *s, UintrPointKind kind,
                                 CPUState *cs);

/* ---- points.c ---- */

extern const UintrScheduler schedule_scheduler;

/* ---- delay.c ---- */

bool schedule_delay(UintrSchedule *s, CPUState *sender, uint32_t dest,
                    uint8_t vector, int64_t ns);
void schedule_make_timers(UintrSchedule *s);
void schedule_arm_timers(UintrSchedule *s);

/* ---- console.c ---- */

/* False if there is input and no chardev to type it at. */
bool schedule_open_console(UintrSchedule *s, Error **errp);
void schedule_arm_console(UintrSchedule *s);
/* Instructions that this IN or OUT takes, if it is one to a serial port. */
int64_t schedule_console_takes(const UintrSchedule *s, CPUX86State *env);

/* ---- turns.c ---- */

/* Is there anybody to wait for? */
bool schedule_others_awake(CPUState *cpu);
int64_t schedule_turn(CPUState **cpu, int64_t left, int64_t whole);

/* ---- report.c ---- */

void schedule_note(UintrSchedule *s, const ScheduleDecision *decision);
void schedule_report(UintrSchedule *s);
void schedule_report_class_init(ObjectClass *oc);

#endif
