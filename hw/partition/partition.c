/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uintr-partition: CPUs, memory, ports and devices of one machine that make a
 * machine of their own.
 *
 * QEMU interface (docs/partitions.md):
 *  + properties "cpus", "memory", "mmio", "shared", "control", "ports",
 *    "devices", "vectors-in", "vectors-out", "payload", "load", "entry",
 *    "bits", "start", "reset-with-machine", "stop-on-violation": set at
 *    creation;
 *    "payload", the vectors and "stop-on-violation" at any time
 *  + write-only properties "reset" and "stop": true restarts or stops it
 *  + read-only properties "state", "starts", "violations", "intrusions"
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "hw/qdev-core.h"
#include "migration/vmstate.h"
#include "qom/object_interfaces.h"
#include "system/cpus.h"
#include "system/runstate.h"
#include "target/i386/uintr/partition.h"
#include "partition.h"

bool x86_partitioned;
PartitionList partitions = QLIST_HEAD_INITIALIZER(partitions);
static UintrPartition *owners[PARTITION_MAX_CPUS];

UintrPartition *partition_of(CPUState *cs)
{
    return x86_partitioned && cs && cs->cpu_index < PARTITION_MAX_CPUS ?
           owners[cs->cpu_index] : NULL;
}

const char *partition_name(UintrPartition *p)
{
    return p ? object_get_canonical_path_component(OBJECT(p)) : "first";
}

bool x86_partition_hides(CPUState *cs)
{
    return partition_of(cs);
}

/* It resets its CPUs itself; but a snapshot is loaded into fresh ones. */
bool x86_partition_keeps(CPUState *cs)
{
    return partition_of(cs) && !runstate_check(RUN_STATE_RESTORE_VM);
}

bool x86_partition_divides(CPUState *one, CPUState *other)
{
    return partition_of(one) != partition_of(other);
}

/* ---- Properties ---- */

#define GETTER(name, field)                                                 \
    static char *get_##name(Object *obj, Error **errp)                      \
    {                                                                       \
        return g_strdup(UINTR_PARTITION(obj)->field);                       \
    }

static bool may_change(UintrPartition *p, const char *name, Error **errp)
{
    if (p->complete) {
        error_setg(errp, "%s cannot change: say it when the partition is "
                   "created", name);
    }
    return !p->complete;
}

#define STRING(name, field)                                                 \
    GETTER(name, field)                                                     \
    static void set_##name(Object *obj, const char *value, Error **errp)    \
    {                                                                       \
        UintrPartition *p = UINTR_PARTITION(obj);                           \
                                                                            \
        if (may_change(p, #name, errp)) {                                   \
            g_free(p->field);                                               \
            p->field = g_strdup(value);                                     \
        }                                                                   \
    }
STRING(cpus, cpus_text)
STRING(memory, text[WINDOW_MEMORY])
STRING(mmio, text[WINDOW_MMIO])
STRING(shared, text[WINDOW_SHARED])
STRING(control, text[WINDOW_CONTROL])
STRING(ports, text[WINDOW_PORTS])
STRING(devices, devices_text)
#undef STRING

#define NUMBER(option, type)                                                \
    static void get_##option(Object *obj, Visitor *v, const char *name,     \
                             void *opaque, Error **errp)                    \
    {                                                                       \
        visit_type_##type(v, name, &UINTR_PARTITION(obj)->option, errp);    \
    }                                                                       \
    static void set_##option(Object *obj, Visitor *v, const char *name,     \
                             void *opaque, Error **errp)                    \
    {                                                                       \
        UintrPartition *p = UINTR_PARTITION(obj);                           \
                                                                            \
        if (may_change(p, name, errp)) {                                    \
            visit_type_##type(v, name, &p->option, errp);                   \
        }                                                                   \
    }
NUMBER(load, uint64)
NUMBER(entry, uint64)
NUMBER(bits, uint8)
NUMBER(start, bool)
#undef NUMBER

/* The policy may change while it runs. */
#define VECTORS(name, option, field, map)                                   \
    GETTER(name, field)                                                     \
    static void set_##name(Object *obj, const char *value, Error **errp)    \
    {                                                                       \
        UintrPartition *p = UINTR_PARTITION(obj);                           \
        DECLARE_BITMAP(vectors, PARTITION_VECTORS);                         \
                                                                            \
        if (partition_parse_vectors(option, value, vectors, errp)) {        \
            bitmap_copy(p->map, vectors, PARTITION_VECTORS);                \
            g_free(p->field);                                               \
            p->field = g_strdup(value);                                     \
        }                                                                   \
    }
VECTORS(vectors_in, "vectors-in", vectors_in_text, vectors_in)
VECTORS(vectors_out, "vectors-out", vectors_out_text, vectors_out)
#undef VECTORS

#define BOOL(name, field)                                                   \
    static bool get_##name(Object *obj, Error **errp)                       \
    {                                                                       \
        return UINTR_PARTITION(obj)->field;                                 \
    }                                                                       \
    static void set_##name(Object *obj, bool value, Error **errp)           \
    {                                                                       \
        UINTR_PARTITION(obj)->field = value;                                \
    }
BOOL(reset_with_machine, reset_with_machine)
BOOL(stop_on_violation, stop_on_violation)
#undef BOOL

GETTER(payload, payload_file)
#undef GETTER

/* At run time: what the next restart loads. */
static void set_payload(Object *obj, const char *value, Error **errp)
{
    UintrPartition *p = UINTR_PARTITION(obj);

    if (p->complete) {
        partition_read_payload(p, value, errp);
    } else {
        g_free(p->payload_file);
        p->payload_file = g_strdup(value);
    }
}

/* Restart or stop it, from the monitor. */
static void act(UintrPartition *p, bool restart, Error **errp)
{
    if (!phase_check(PHASE_MACHINE_READY)) {
        error_setg(errp, "partition %s has no CPUs yet: wait until the machine "
                   "is there", partition_name(p));
        return;
    }
    if (restart && !p->payload) {
        error_setg(errp, "partition %s has nothing to start: set payload first",
                   partition_name(p));
        return;
    }
    pause_all_vcpus();
    if (restart) {
        partition_restart(p);
    } else {
        partition_stop(p, PARTITION_STOPPED);
    }
    resume_all_vcpus();
}

static void set_reset(Object *obj, bool value, Error **errp)
{
    if (value) {
        act(UINTR_PARTITION(obj), true, errp);
    }
}

static void set_stop(Object *obj, bool value, Error **errp)
{
    if (value) {
        act(UINTR_PARTITION(obj), false, errp);
    }
}

/* ---- Life ---- */

static bool has_control(void *opaque)
{
    return UINTR_PARTITION(opaque)->windows[WINDOW_CONTROL].count;
}

static const VMStateDescription vmstate_control = {
    .name = "uintr-partition/control",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = has_control,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(control.image, UintrPartition),
        VMSTATE_UINT64(control.size, UintrPartition),
        VMSTATE_UINT64(control.entry, UintrPartition),
        VMSTATE_UINT32(control.status, UintrPartition),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_partition = {
    .name = "uintr-partition",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(state, UintrPartition),
        VMSTATE_UINT64(starts, UintrPartition),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription *const []) {
        &vmstate_control,
        NULL
    },
};

static bool check_moment(UintrPartition *p, Error **errp)
{
    if (phase_check(PHASE_MACHINE_INITIALIZED)) {
        error_setg(errp, "a machine is divided when it is made: give "
                   "-object uintr-partition on the command line");
        return false;
    }
    if (p->start && !p->payload_file) {
        error_setg(errp, "payload is missing: name an image, or set "
                   "start=off and name it later");
        return false;
    }
    return true;
}

static void claim_cpus(UintrPartition *p)
{
    for (unsigned cpu = 0; cpu < PARTITION_MAX_CPUS; cpu++) {
        if (test_bit(cpu, p->cpus)) {
            owners[cpu] = p;
        }
    }
}

static void partition_complete(UserCreatable *uc, Error **errp)
{
    UintrPartition *p = UINTR_PARTITION(uc);

    if (!check_moment(p, errp) || !partition_parse(p, errp) ||
        (p->payload_file &&
         !partition_read_payload(p, p->payload_file, errp))) {
        return;
    }
    p->complete = true;
    claim_cpus(p);
    partition_make_view(p);
    QLIST_INSERT_HEAD(&partitions, p, next);
    vmstate_register_any(NULL, &vmstate_partition, p);
    if (!x86_partitioned) {
        x86_partitioned = true;
        partition_watch_machine();
    }
}

/* CPUs have address spaces over it. */
static bool partition_can_be_deleted(UserCreatable *uc)
{
    return !UINTR_PARTITION(uc)->complete;
}

static void partition_init(Object *obj)
{
    UintrPartition *p = UINTR_PARTITION(obj);

    p->load = p->entry = UINT64_MAX;
    p->bits = 64;
    p->start = true;
    object_property_add_uint64_ptr(obj, "starts", &p->starts,
                                   OBJ_PROP_FLAG_READ);
}

static void partition_finalize(Object *obj)
{
    UintrPartition *p = UINTR_PARTITION(obj);

    for (int kind = 0; kind < WINDOW__MAX; kind++) {
        g_free(p->text[kind]);
        g_free(p->windows[kind].list);
    }
    g_free(p->cpus_text);
    g_free(p->devices_text);
    g_strfreev(p->devices);
    g_free(p->vectors_in_text);
    g_free(p->vectors_out_text);
    g_free(p->payload_file);
    g_clear_pointer(&p->payload, g_bytes_unref);
}

static void partition_class_init(ObjectClass *oc, void *data)
{
    UserCreatableClass *ucc = USER_CREATABLE_CLASS(oc);

    ucc->complete = partition_complete;
    ucc->can_be_deleted = partition_can_be_deleted;
    object_class_property_add_str(oc, "cpus", get_cpus, set_cpus);
    object_class_property_add_str(oc, "memory", get_memory, set_memory);
    object_class_property_add_str(oc, "mmio", get_mmio, set_mmio);
    object_class_property_add_str(oc, "shared", get_shared, set_shared);
    object_class_property_add_str(oc, "control", get_control, set_control);
    object_class_property_add_str(oc, "ports", get_ports, set_ports);
    object_class_property_add_str(oc, "devices", get_devices, set_devices);
    object_class_property_add_str(oc, "vectors-in", get_vectors_in,
                                  set_vectors_in);
    object_class_property_add_str(oc, "vectors-out", get_vectors_out,
                                  set_vectors_out);
    object_class_property_add_str(oc, "payload", get_payload, set_payload);
    object_class_property_add(oc, "load", "uint64", get_load, set_load, NULL,
                              NULL);
    object_class_property_add(oc, "entry", "uint64", get_entry, set_entry,
                              NULL, NULL);
    object_class_property_add(oc, "bits", "uint8", get_bits, set_bits, NULL,
                              NULL);
    object_class_property_add(oc, "start", "bool", get_start, set_start, NULL,
                              NULL);
    object_class_property_add_bool(oc, "reset-with-machine",
                                   get_reset_with_machine,
                                   set_reset_with_machine);
    object_class_property_add_bool(oc, "stop-on-violation",
                                   get_stop_on_violation,
                                   set_stop_on_violation);
    object_class_property_add_bool(oc, "reset", NULL, set_reset);
    object_class_property_add_bool(oc, "stop", NULL, set_stop);
    partition_inspect_class_init(oc);
}

static const TypeInfo partition_info = {
    .name = TYPE_UINTR_PARTITION,
    .parent = TYPE_OBJECT,
    .instance_size = sizeof(UintrPartition),
    .instance_init = partition_init,
    .instance_finalize = partition_finalize,
    .class_init = partition_class_init,
    .interfaces = (InterfaceInfo[]) {
        { TYPE_USER_CREATABLE },
        { }
    },
};

static void partition_register_types(void)
{
    type_register_static(&partition_info);
}

type_init(partition_register_types)
