/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Points and decisions, told to people and to scripts. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "qobject/qjson.h"
#include "qapi/qobject-output-visitor.h"
#include "qapi/visitor.h"
#include "qemu/error-report.h"
#include "schedule.h"

#define MOST_DECISIONS 100000       /* told; a schedule may make more */

static const char *const kind_names[] = {
    [UINTR_POINT_SLICE] = "slice",
    [UINTR_POINT_POST] = "post",
    [UINTR_POINT_NOTIFY] = "notify",
    [UINTR_POINT_STORE] = "store",
    [UINTR_POINT_CLUI] = "clui",
    [UINTR_POINT_STUI] = "stui",
    [UINTR_POINT_UIRET] = "uiret",
    [UINTR_POINT_XSAVES] = "xsaves",
    [UINTR_POINT_XRSTORS] = "xrstors",
    [UINTR_POINT_CR3] = "cr3",
    [UINTR_POINT_IRET] = "iret",
    [UINTR_POINT_PORT] = "port",
    [UINTR_POINT_DOORBELL] = "doorbell",
    [UINTR_POINT_RESET] = "reset",
};

static const char *const action_names[] = {
    [SCHEDULE_WAIT] = "wait",
    [SCHEDULE_DELAY] = "delay",
    [SCHEDULE_SHORT] = "short",
    [SCHEDULE_LOWER] = "lower",
};

void schedule_note(UintrSchedule *s, const ScheduleDecision *decision)
{
    if (s->decisions->len < MOST_DECISIONS) {
        g_array_append_val(s->decisions, *decision);
    }
}

static QDict *points_of(UintrSchedule *s)
{
    QDict *points = qdict_new();

    for (int kind = 0; kind < UINTR_POINT__MAX; kind++) {
        qdict_put_int(points, kind_names[kind], s->counts[kind]);
    }
    return points;
}

static QDict *told(const ScheduleDecision *d)
{
    QDict *told = qdict_new();

    qdict_put_int(told, "point", d->point);
    qdict_put_str(told, "kind", kind_names[d->kind]);
    qdict_put_str(told, "action", action_names[d->action]);
    qdict_put_int(told, "instructions", d->insns);
    qdict_put_int(told, "cpu", d->cpu);
    qdict_put_int(told, "rip", d->rip);
    return told;
}

static QList *decisions_of(UintrSchedule *s)
{
    QList *list = qlist_new();

    for (unsigned i = 0; i < s->decisions->len; i++) {
        qlist_append(list, told(&g_array_index(s->decisions,
                                               ScheduleDecision, i)));
    }
    return list;
}

/* At the end of QEMU: CPUs have been stopped. */
void schedule_report(UintrSchedule *s)
{
    g_autoptr(QDict) report = qdict_new();
    g_autoptr(GString) text = NULL;
    g_autoptr(GError) error = NULL;

    qdict_put(report, "points", points_of(s));
    qdict_put(report, "decisions", decisions_of(s));
    text = qobject_to_json(QOBJECT(report));
    g_string_append_c(text, '\n');
    if (!g_file_set_contents(s->report, text->str, text->len, &error)) {
        error_report("uintr-schedule: no report: %s", error->message);
    }
}

static void get_covered(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    UintrSchedule *s = UINTR_SCHEDULE(obj);

    if (!visit_start_struct(v, name, NULL, 0, errp)) {
        return;
    }
    for (int kind = 0; kind < UINTR_POINT__MAX; kind++) {
        visit_type_uint64(v, kind_names[kind], &s->counts[kind], &error_abort);
    }
    visit_end_struct(v, NULL);
}

void schedule_report_class_init(ObjectClass *oc)
{
    object_class_property_add(oc, "covered", "struct", get_covered, NULL,
                              NULL, NULL);
}
