/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uintr-schedule: another order of events for each seed.
 *
 * QEMU interface (docs/schedule.md):
 *  + property "seed": of all decisions
 *  + property "mode": random or pct
 *  + properties "depth" and "points": of pct's change points
 *  + property "only": the decisions that are left
 *  + properties "console" and "input": a chardev, and what is typed there
 *  + property "slow-console": instructions for each byte of a serial port
 *  + properties "starved" and "starved-for": a CPU with few turns
 *  + property "report": a file for points and decisions when QEMU ends
 *  + read-only property "covered": points by their kind
 */
#include "qemu/osdep.h"
#include "accel/tcg/tcg-accel-ops-rr.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/config-file.h"
#include "qemu/option.h"
#include "hw/boards.h"
#include "hw/qdev-core.h"
#include "qom/object_interfaces.h"
#include "system/cpu-timers.h"
#include "migration/vmstate.h"
#include "system/system.h"
#include "hw/uintr/runs/runs.h"
#include "schedule.h"

#define DEFAULT_DEPTH 3
#define DEFAULT_AMONG 4096
#define MOST_DEPTH 64
#define DEFAULT_STARVED_FOR 16384

UintrSchedule *uintr_schedule;

/* ---- Snapshots: they go on with the same decisions ---- */

static int post_load(void *opaque, int version_id)
{
    schedule_arm_timers(opaque);
    return 0;
}

static bool types(void *opaque)
{
    return ((UintrSchedule *)opaque)->input;
}

static int console_post_load(void *opaque, int version_id)
{
    UintrSchedule *s = opaque;

    if (s->typed > strlen(s->input)) {
        return -EINVAL;
    }
    schedule_arm_console(s);
    return 0;
}

static const VMStateDescription vmstate_console = {
    .name = "uintr-schedule/console",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = types,
    .post_load = console_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(typed, UintrSchedule),
        VMSTATE_INT64(next_byte, UintrSchedule),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_cpu = {
    .name = "uintr-schedule/cpu",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_INT64(until, ScheduleCpu),
        VMSTATE_INT64(asked, ScheduleCpu),
        VMSTATE_INT64(priority, ScheduleCpu),
        VMSTATE_UINT64(left_rip, ScheduleCpu),
        VMSTATE_UINT8(left_kind, ScheduleCpu),
        VMSTATE_BOOL(left, ScheduleCpu),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_delayed = {
    .name = "uintr-schedule/delayed",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_INT64(due, ScheduleDelayed),
        VMSTATE_UINT32(dest, ScheduleDelayed),
        VMSTATE_UINT8(vector, ScheduleDelayed),
        VMSTATE_INT32(sender, ScheduleDelayed),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_schedule = {
    .name = TYPE_UINTR_SCHEDULE,
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(point, UintrSchedule),
        VMSTATE_INT64(lowest, UintrSchedule),
        VMSTATE_INT64(last_slice, UintrSchedule),
        VMSTATE_INT32(ran, UintrSchedule),
        VMSTATE_INT32(lesser, UintrSchedule),
        VMSTATE_STRUCT_ARRAY(cpu, UintrSchedule, SCHEDULE_CPUS, 1,
                             vmstate_cpu, ScheduleCpu),
        VMSTATE_STRUCT_ARRAY(delayed, UintrSchedule, SCHEDULE_DELAYED, 1,
                             vmstate_delayed, ScheduleDelayed),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription * const []) {
        &vmstate_console,
        NULL
    },
};

/* ---- Properties ---- */

static char *get_mode(Object *obj, Error **errp)
{
    return g_strdup(UINTR_SCHEDULE(obj)->pct ? "pct" : "random");
}

static void set_mode(Object *obj, const char *value, Error **errp)
{
    if (strcmp(value, "pct") && strcmp(value, "random")) {
        error_setg(errp, "mode=%s is unknown: use random or pct", value);
        return;
    }
    UINTR_SCHEDULE(obj)->pct = !strcmp(value, "pct");
}

static char *get_only(Object *obj, Error **errp)
{
    return g_strdup(UINTR_SCHEDULE(obj)->only);
}

static void set_only(Object *obj, const char *value, Error **errp)
{
    g_free(UINTR_SCHEDULE(obj)->only);
    UINTR_SCHEDULE(obj)->only = *value ? g_strdup(value) : NULL;
}

static char *get_report(Object *obj, Error **errp)
{
    return g_strdup(UINTR_SCHEDULE(obj)->report);
}

static void set_report(Object *obj, const char *value, Error **errp)
{
    g_free(UINTR_SCHEDULE(obj)->report);
    UINTR_SCHEDULE(obj)->report = *value ? g_strdup(value) : NULL;
}

static char *get_console(Object *obj, Error **errp)
{
    return g_strdup(UINTR_SCHEDULE(obj)->console);
}

static void set_console(Object *obj, const char *value, Error **errp)
{
    g_free(UINTR_SCHEDULE(obj)->console);
    UINTR_SCHEDULE(obj)->console = g_strdup(value);
}

static char *get_input(Object *obj, Error **errp)
{
    return g_strdup(UINTR_SCHEDULE(obj)->input);
}

/* As typed: with Enter behind it. */
static void set_input(Object *obj, const char *value, Error **errp)
{
    g_free(UINTR_SCHEDULE(obj)->input);
    UINTR_SCHEDULE(obj)->input = g_strconcat(value, "\r", NULL);
}

static void get_starved(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    visit_type_int32(v, name, &UINTR_SCHEDULE(obj)->starved, errp);
}

static void set_starved(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    visit_type_int32(v, name, &UINTR_SCHEDULE(obj)->starved, errp);
}

/* ---- Life ---- */

static void end_schedule(UintrSchedule *s)
{
    if (s == uintr_schedule) {
        uintr_set_scheduler(NULL);
        rr_decide_turn = NULL;
        uintr_schedule = NULL;
        qemu_remove_exit_notifier(&s->at_exit);
        if (s->report) {
            schedule_report(s);
        }
    }
}

static void at_exit(Notifier *notifier, void *data)
{
    end_schedule(container_of(notifier, UintrSchedule, at_exit));
}

/* One of many, each with properties of its own. */
static void run_begins_or_ends(Notifier *notifier, void *data)
{
    UintrSchedule *s = container_of(notifier, UintrSchedule, run);

    if (*(RunStep *)data == RUN_BEGINS) {
        memset(s->counts, 0, sizeof(s->counts));
        g_array_set_size(s->decisions, 0);
        schedule_draw(s, &error_fatal);
    } else if (s->report) {
        schedule_report(s);
    }
}

static void machine_done(Notifier *notifier, void *data)
{
    UintrSchedule *s = container_of(notifier, UintrSchedule, machine_done);

    if (current_machine->smp.max_cpus > SCHEDULE_CPUS) {
        error_setg(&error_fatal, "a uintr-schedule decides for at most %d "
                   "CPUs: give -smp fewer", SCHEDULE_CPUS);
    }
    schedule_make_timers(s);
    vmstate_register(NULL, 0, &vmstate_schedule, s);
    schedule_open_console(s, &error_fatal);
    uintr_save_known_upids();
    uintr_set_scheduler(&schedule_scheduler);
    rr_decide_turn = schedule_turn;
}

/* Objects come before the accelerator is asked for. */
static bool is_deterministic(void)
{
    QemuOpts *opts = qemu_opts_find(qemu_find_opts("icount"), NULL);

    return opts && !qemu_opt_get_bool(opts, "sleep", true);
}

static bool check(UintrSchedule *s, Error **errp)
{
    if (uintr_schedule) {
        error_setg(errp, "there is a uintr-schedule already: one decides for "
                   "the whole machine");
    } else if (phase_check(PHASE_MACHINE_INITIALIZED)) {
        error_setg(errp, "a uintr-schedule decides from the start on: create "
                   "it on the command line");
    } else if (!is_deterministic()) {
        error_setg(errp, "a uintr-schedule needs time that the host does not "
                   "make: add -icount shift=4,sleep=off");
    } else if (s->depth > MOST_DEPTH || !s->among) {
        error_setg(errp, "depth is at most %d, points at least 1", MOST_DEPTH);
    } else {
        return true;
    }
    return false;
}

static void schedule_complete(UserCreatable *uc, Error **errp)
{
    UintrSchedule *s = UINTR_SCHEDULE(uc);

    if (!check(s, errp) || !schedule_draw(s, errp)) {
        return;
    }
    uintr_schedule = s;
    s->at_exit.notify = at_exit;
    qemu_add_exit_notifier(&s->at_exit);
    s->machine_done.notify = machine_done;
    qemu_add_machine_init_done_notifier(&s->machine_done);
    s->run.notify = run_begins_or_ends;
    runs_add_notifier(&s->run);
}

/* CPUs may be at a point just now. */
static bool schedule_can_be_deleted(UserCreatable *uc)
{
    return false;
}

static void schedule_init(Object *obj)
{
    UintrSchedule *s = UINTR_SCHEDULE(obj);

    s->depth = DEFAULT_DEPTH;
    s->among = DEFAULT_AMONG;
    s->starved = -1;
    s->starved_for = DEFAULT_STARVED_FOR;
    s->decisions = g_array_new(false, false, sizeof(ScheduleDecision));
    object_property_add_uint64_ptr(obj, "seed", &s->seed,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_uint32_ptr(obj, "depth", &s->depth,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_uint32_ptr(obj, "points", &s->among,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_uint32_ptr(obj, "slow-console", &s->slow_console,
                                   OBJ_PROP_FLAG_READWRITE);
    object_property_add_uint32_ptr(obj, "starved-for", &s->starved_for,
                                   OBJ_PROP_FLAG_READWRITE);
}

static void schedule_finalize(Object *obj)
{
    UintrSchedule *s = UINTR_SCHEDULE(obj);

    end_schedule(s);
    g_array_free(s->decisions, true);
    g_free(s->only);
    g_free(s->report);
    g_free(s->console);
    g_free(s->input);
}

static void schedule_class_init(ObjectClass *oc, void *data)
{
    UserCreatableClass *ucc = USER_CREATABLE_CLASS(oc);

    ucc->complete = schedule_complete;
    ucc->can_be_deleted = schedule_can_be_deleted;
    object_class_property_add_str(oc, "mode", get_mode, set_mode);
    object_class_property_add_str(oc, "only", get_only, set_only);
    object_class_property_add_str(oc, "report", get_report, set_report);
    object_class_property_add_str(oc, "console", get_console, set_console);
    object_class_property_add_str(oc, "input", get_input, set_input);
    object_class_property_add(oc, "starved", "int32", get_starved, set_starved,
                              NULL, NULL);
    schedule_report_class_init(oc);
}

static const TypeInfo schedule_info = {
    .name = TYPE_UINTR_SCHEDULE,
    .parent = TYPE_OBJECT,
    .instance_size = sizeof(UintrSchedule),
    .instance_init = schedule_init,
    .instance_finalize = schedule_finalize,
    .class_init = schedule_class_init,
    .interfaces = (InterfaceInfo[]) { { TYPE_USER_CREATABLE }, { } },
};

static void register_types(void)
{
    type_register_static(&schedule_info);
}

type_init(register_types)
