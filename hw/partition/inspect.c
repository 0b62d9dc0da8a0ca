/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A look inside: who owns what, and who reached for more.  As QOM properties
 * for tools, as `info partitions` for people.
 */
#include "qemu/osdep.h"
#include "monitor/hmp-target.h"
#include "monitor/monitor.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "partition.h"

static const char *const state_names[] = {
    [PARTITION_STOPPED] = "stopped",
    [PARTITION_RUNNING] = "running",
    [PARTITION_CRASHED] = "crashed",
};

static uint64_t sum(const ViolationLog *log)
{
    uint64_t all = 0;

    for (int kind = 0; kind < VIOLATION__MAX; kind++) {
        all += log->count[kind];
    }
    return all;
}

static void visit_last(Visitor *v, const Violation *last)
{
    const char *kind = violation_names[last->kind];
    int64_t cpu = last->cpu;
    uint64_t rip = last->rip, address = last->address;

    visit_start_struct(v, "last", NULL, 0, &error_abort);
    visit_type_str(v, "kind", (char **)&kind, &error_abort);
    visit_type_int(v, "cpu", &cpu, &error_abort);
    visit_type_uint64(v, "rip", &rip, &error_abort);
    visit_type_uint64(v, "address", &address, &error_abort);
    visit_end_struct(v, NULL);
}

static void visit_log(Visitor *v, const char *name, const ViolationLog *log,
                      Error **errp)
{
    if (!visit_start_struct(v, name, NULL, 0, errp)) {
        return;
    }
    for (int kind = 0; kind < VIOLATION__MAX; kind++) {
        uint64_t count = log->count[kind];

        visit_type_uint64(v, violation_names[kind], &count, &error_abort);
    }
    if (sum(log)) {
        visit_last(v, &log->last);
    }
    visit_end_struct(v, NULL);
}

static void get_violations(Object *obj, Visitor *v, const char *name,
                           void *opaque, Error **errp)
{
    visit_log(v, name, &UINTR_PARTITION(obj)->violations, errp);
}

static void get_intrusions(Object *obj, Visitor *v, const char *name,
                           void *opaque, Error **errp)
{
    visit_log(v, name, &UINTR_PARTITION(obj)->intrusions, errp);
}

static char *get_state(Object *obj, Error **errp)
{
    return g_strdup(state_names[UINTR_PARTITION(obj)->state]);
}

void partition_inspect_class_init(ObjectClass *oc)
{
    object_class_property_add_str(oc, "state", get_state, NULL);
    object_class_property_add(oc, "violations", "struct", get_violations, NULL,
                              NULL, NULL);
    object_class_property_add(oc, "intrusions", "struct", get_intrusions, NULL,
                              NULL, NULL);
}

/* ---- The monitor ---- */

static void print_log(Monitor *mon, const char *title, const ViolationLog *log)
{
    monitor_printf(mon, "  %s: %" PRIu64, title, sum(log));
    for (int kind = 0; kind < VIOLATION__MAX; kind++) {
        if (log->count[kind]) {
            monitor_printf(mon, ", %s %" PRIu64, violation_names[kind],
                           log->count[kind]);
        }
    }
    monitor_printf(mon, "\n");
    if (sum(log)) {
        monitor_printf(mon, "    last: %s by CPU %d at RIP 0x%" PRIx64
                       ", address 0x%" PRIx64 "\n",
                       violation_names[log->last.kind], log->last.cpu,
                       log->last.rip, log->last.address);
    }
}

static void print_option(Monitor *mon, const char *name, const char *value)
{
    if (value && *value) {
        monitor_printf(mon, "  %s: %s\n", name, value);
    }
}

static void print_partition(Monitor *mon, UintrPartition *p)
{
    monitor_printf(mon, "%s: %s, started %" PRIu64 " times\n",
                   partition_name(p), state_names[p->state], p->starts);
    print_option(mon, "cpus", p->cpus_text);
    print_option(mon, "memory", p->text[WINDOW_MEMORY]);
    print_option(mon, "mmio", p->text[WINDOW_MMIO]);
    print_option(mon, "shared", p->text[WINDOW_SHARED]);
    print_option(mon, "control", p->text[WINDOW_CONTROL]);
    print_option(mon, "ports", p->text[WINDOW_PORTS]);
    print_option(mon, "devices", p->devices_text);
    print_option(mon, "vectors-in", p->vectors_in_text);
    print_option(mon, "vectors-out", p->vectors_out_text);
    print_option(mon, "payload", p->payload_file);
    print_log(mon, "violations", &p->violations);
    print_log(mon, "intrusions", &p->intrusions);
}

static void print_first(Monitor *mon)
{
    CPUState *cs;

    monitor_printf(mon, "first: all that is not named below\n  cpus:");
    CPU_FOREACH(cs) {
        if (!partition_of(cs)) {
            monitor_printf(mon, " %d", cs->cpu_index);
        }
    }
    monitor_printf(mon, "\n");
}

static void hmp_info_partitions(Monitor *mon, const QDict *qdict)
{
    UintrPartition *p;

    if (QLIST_EMPTY(&partitions)) {
        monitor_printf(mon, "No partitions: give -object uintr-partition\n");
        return;
    }
    print_first(mon);
    QLIST_FOREACH(p, &partitions, next) {
        print_partition(mon, p);
    }
}

static void register_monitor(void)
{
    monitor_register_hmp("partitions", true, hmp_info_partitions);
}

type_init(register_monitor)
