/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A look inside: why is a pending user interrupt not delivered?  As a QOM
 * property for tools, as `info uintr` for people, as registers for gdb.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "exec/cpu-common.h"
#include "exec/gdbstub.h"
#include "gdbstub/helpers.h"
#include "monitor/hmp-target.h"
#include "monitor/monitor.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "internal.h"
#include "observe.h"

static bool waits_in_apic(CPUX86State *env, uint8_t vector)
{
    APICCommonState *apic = uintr_apic(env_archcpu(env));
    int word = vector >> 5, bit = vector & 31;

    return apic && ((apic->irr[word] | apic->posted[word]) & (1u << bit));
}

/* Is TPR's class, or that of an interrupt in service, the same or higher? */
static bool outranked(const APICCommonState *apic, uint8_t vector)
{
    int highest = apic->tpr >> 4;

    for (int i = 0; i < ARRAY_SIZE(apic->isr); i++) {
        if (apic->isr[i]) {
            highest = MAX(highest, (i * 32 + 31 - clz32(apic->isr[i])) >> 4);
        }
    }
    return vector >> 4 <= highest;
}

/*
 * It is there: what keeps the CPU from taking it, as any other interrupt?
 * Null if it will, as soon as it executes something.
 */
static const char *why_not_taken(CPUX86State *env, uint8_t vector)
{
    APICCommonState *apic = uintr_apic(env_archcpu(env));

    return !(apic->spurious_vec & APIC_SV_ENABLE) ?
           "a notification waits in the local APIC, which is disabled" :
           !(env->hflags2 & HF2_GIF_MASK) ?
           "a notification waits in the local APIC: GIF is 0" :
           !(env->eflags & IF_MASK) ?
           "a notification waits in the local APIC: RFLAGS.IF is 0" :
           outranked(apic, vector) ?
           "a notification waits in the local APIC, behind TPR or an "
           "interrupt in service" : NULL;
}

bool uintr_waits_in_apic(CPUX86State *env, uint8_t vector, const char **why)
{
    bool waits = waits_in_apic(env, vector);

    *why = waits ? why_not_taken(env, vector) : NULL;
    return waits;
}

/* What the receiver would find.  False if it would find no UPID. */
static bool look_at_upid(CPUX86State *env, UintrUpid *upid)
{
    uint64_t words[2] = {};
    bool found = env->uintr.pd &&
                 !cpu_memory_rw_debug(env_cpu(env), env->uintr.pd, words,
                                      sizeof(words), false);

    upid->low = le64_to_cpu(words[0]);
    upid->pir = le64_to_cpu(words[1]);
    return found;
}

static const char *why_not_processed(CPUX86State *env)
{
    UintrUpid upid;

    if (env->uintr.uinv && waits_in_apic(env, env->uintr.uinv)) {
        return why_not_taken(env, env->uintr.uinv) ?:
               "a notification is due at the next instruction boundary";
    }
    if (!look_at_upid(env, &upid)) {
        return "nothing is pending: UIRR is 0, and there is no UPID at PD";
    }
    if (!upid.pir) {
        return "nothing is pending: UIRR is 0";
    }
    return upid.low & UPID_SN ? "posted, but SN is set" :
           upid.low & UPID_ON ? "posted, and no notification is here: UINV or "
                                "NDST may be wrong, or the IDT has taken it" :
           "posted, but ON is 0: whoever set PIR did not notify";
}

static const char *why_not_delivered(CPUX86State *env)
{
    const struct { bool holds; const char *reason; } causes[] = {
        { !uintr_present(env), "no user interrupts: start with "
                               "-cpu MODEL,uintr=on" },
        { !env->uintr.rr, NULL },
        { !uintr_enabled(env), "CR4.UINTR is 0" },
        { !env->uintr.uif, "UIF is 0: CLUI, or a handler that has not "
                           "executed UIRET yet" },
        { !(env->efer & MSR_EFER_LMA), "not in IA-32e mode" },
        { (env->hflags & HF_CPL_MASK) != 3, "CPL is not 3" },
        { !(env->hflags & HF_CS64_MASK), "in compatibility mode" },
        { env->hflags & HF_INHIBIT_IRQ_MASK, "MOV SS or STI shadow" },
        { !(env->hflags2 & HF2_GIF_MASK), "GIF is 0" },
    };

    for (int i = 0; i < ARRAY_SIZE(causes); i++) {
        if (causes[i].holds) {
            return causes[i].reason ?: why_not_processed(env);
        }
    }
    return "due at the next instruction boundary";
}

/* One list for the visitor, the monitor and gdb. */
typedef struct UintrField {
    const char *name, *gdb_name;
    uint64_t (*get)(const CPUX86State *env);
} UintrField;

#define FIELD_GETTER(field)                                                 \
    static uint64_t get_##field(const CPUX86State *env)                     \
    {                                                                       \
        return env->uintr.field;                                            \
    }
FIELD_GETTER(rr)
FIELD_GETTER(uif)
FIELD_GETTER(uinv)
FIELD_GETTER(handler)
FIELD_GETTER(stackadjust)
FIELD_GETTER(pd)
FIELD_GETTER(tt)
FIELD_GETTER(uittsz)

static const UintrField fields[] = {
    { "uirr", "uirr", get_rr },
    { "uif", "uif", get_uif },
    { "uinv", "uinv", get_uinv },
    { "handler", "uihandler", get_handler },
    { "stack-adjust", "uistackadjust", get_stackadjust },
    { "pd", "upidaddr", get_pd },
    { "tt", "uittaddr", get_tt },
    { "uittsz", "uittsz", get_uittsz },
};

static void get_state(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    CPUX86State *env = &X86_CPU(obj)->env;
    char *reason = (char *)why_not_delivered(env);
    bool enabled = uintr_enabled(env);

    if (!visit_start_struct(v, name, NULL, 0, errp)) {
        return;
    }
    visit_type_bool(v, "enabled", &enabled, &error_abort);
    for (int i = 0; i < ARRAY_SIZE(fields); i++) {
        uint64_t value = fields[i].get(env);

        visit_type_uint64(v, fields[i].name, &value, &error_abort);
    }
    visit_type_str(v, "pending-reason", &reason, &error_abort);
    visit_check_struct(v, &error_abort);
    visit_end_struct(v, NULL);
}

static void print_cpu(Monitor *mon, CPUState *cs)
{
    CPUX86State *env = &X86_CPU(cs)->env;

    monitor_printf(mon, "CPU#%d%s", cs->cpu_index,
                   uintr_enabled(env) ? "" : " CR4.UINTR=0");
    for (int i = 0; i < ARRAY_SIZE(fields); i++) {
        monitor_printf(mon, " %s=0x%" PRIx64, fields[i].name,
                       fields[i].get(env));
    }
    monitor_printf(mon, "\n  %s\n", why_not_delivered(env));
}

static void hmp_info_uintr(Monitor *mon, const QDict *qdict)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        if (uintr_present(&X86_CPU(cs)->env)) {
            print_cpu(mon, cs);
        } else {
            monitor_printf(mon, "CPU#%d: %s\n", cs->cpu_index,
                           why_not_delivered(&X86_CPU(cs)->env));
        }
    }
}

void uintr_inspect_class_init(ObjectClass *oc)
{
    object_class_property_add(oc, "uintr-state", "X86UintrState",
                              get_state, NULL, NULL, NULL);
    object_class_property_set_description(oc, "uintr-state",
        "user-interrupt registers, and why nothing is delivered");
    monitor_register_hmp("uintr", true, hmp_info_uintr);
}

static int gdb_get(CPUState *cs, GByteArray *buf, int n)
{
    return n < ARRAY_SIZE(fields) ?
           gdb_get_reg64(buf, fields[n].get(cpu_env(cs))) : 0;
}

/* Read-only: a write from gdb could break what the MSRs would refuse. */
static int gdb_set(CPUState *cs, uint8_t *buf, int n)
{
    return n < ARRAY_SIZE(fields) ? sizeof(uint64_t) : 0;
}

void x86_uintr_gdb_init(X86CPU *cpu)
{
    static GDBFeature feature;
    CPUState *cs = CPU(cpu);
    GDBFeatureBuilder builder;

    if (!uintr_present(&cpu->env)) {
        return;
    }
    if (!feature.xml) {
        gdb_feature_builder_init(&builder, &feature, "org.farbell.uintr",
                                 "uintr.xml", cs->gdb_num_regs);
        for (int i = 0; i < ARRAY_SIZE(fields); i++) {
            gdb_feature_builder_append_reg(&builder, fields[i].gdb_name, 64, i,
                                           "uint64", "uintr");
        }
        gdb_feature_builder_end(&builder);
    }
    gdb_register_coprocessor(cs, gdb_get, gdb_set, &feature, 0);
}
