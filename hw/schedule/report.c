/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Points and decisions, told to people and to scripts. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/timer.h"
#include "hw/uintr/runs/runs.h"
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

static void tell_points(const UintrSchedule *s, GString *text)
{
    const char *comma = "";

    g_string_append(text, "{\"points\": {");
    for (int kind = 0; kind < UINTR_POINT__MAX; kind++) {
        g_string_append_printf(text, "%s\"%s\": %" PRIu64, comma,
                               kind_names[kind], s->counts[kind]);
        comma = ", ";
    }
    g_string_append(text, "}");
}

static void tell_decision(const ScheduleDecision *d, GString *text)
{
    g_string_append_printf(text, "{\"point\": %" PRIu64 ", \"kind\": \"%s\", "
                           "\"action\": \"%s\", \"instructions\": %" PRId64
                           ", \"cpu\": %d, \"rip\": %" PRIu64 "}",
                           d->point, kind_names[d->kind],
                           action_names[d->action], d->insns, d->cpu, d->rip);
}

/*
 * At the end of a run: CPUs have been stopped.  JSON, by hand: it is long, and
 * there are many runs.  Whoever asks for the points reads the first line.
 */
void schedule_report(UintrSchedule *s)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *before = ",\n\"decisions\": [\n";

    tell_points(s, text);
    for (unsigned i = 0; i < s->decisions->len; i++) {
        g_string_append(text, before);
        tell_decision(&g_array_index(s->decisions, ScheduleDecision, i), text);
        before = ",\n";
    }
    g_string_append(text, s->decisions->len ? "]}\n" :
                    ",\n\"decisions\": []}\n");
    runs_write_report("uintr-schedule", s->report, text);
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

static void get_time(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    visit_type_int(v, name, &now, errp);
}

void schedule_report_class_init(ObjectClass *oc)
{
    object_class_property_add(oc, "time", "int", get_time, NULL, NULL, NULL);
    object_class_property_add(oc, "covered", "struct", get_covered, NULL,
                              NULL, NULL);
}
