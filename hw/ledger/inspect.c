/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Books and events as QOM properties, and as a file when QEMU ends.  CPUs
 * stand still while they are read.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-uintr.h"
#include "qapi/qobject-output-visitor.h"
#include "qapi/visitor.h"
#include "qemu/lockable.h"
#include "qemu/timer.h"
#include "qobject/qjson.h"
#include "qobject/qobject.h"
#include "system/cpu-timers.h"
#include "system/cpus.h"
#include "system/runstate.h"
#include "system/system.h"
#include "hw/uintr/runs/runs.h"
#include "ledger.h"

static const char *const cause_names[] = {
    [LEDGER_BY_STORE] = "store",
    [LEDGER_BY_DEVICE] = "device",
    [LEDGER_BY_WRMSR] = "wrmsr",
    [LEDGER_BY_XRSTORS] = "xrstors",
    [LEDGER_BY_OVERWRITING] = "overwritten-image",
    [LEDGER_BY_RESET] = "reset",
    [LEDGER_BY_QUIRK] = "quirk",
    [LEDGER_BY_REMOVAL] = "removal",
    [LEDGER_BY_PEER] = "peer",
};

static void put(Visitor *v, const char *name, uint64_t value)
{
    visit_type_uint64(v, name, &value, &error_abort);
}

/* What scripts/merge-ledgers must know of a UPID that two processes have. */
static void visit_shares(Visitor *v, UintrLedger *l, const LedgerUpid *u,
                         int vector)
{
    put(v, "peer-in", u->peer_in[vector]);
    put(v, "peer-out", u->peer_out[vector]);
    put(v, "in-pir", ledger_booked_pir(l, u) >> vector & 1);
}

static void visit_line(Visitor *v, UintrLedger *l, const LedgerUpid *u,
                       int vector, const LedgerLine *line)
{
    bool adds_up = ledger_adds_up(line);

    visit_start_struct(v, NULL, NULL, 0, &error_abort);
    put(v, "vector", vector);
    put(v, "posted", line->posted);
    put(v, "injected", line->injected);
    put(v, "delivered", line->delivered);
    put(v, "coalesced", line->coalesced);
    put(v, "pending", line->pending);
    put(v, "discarded", line->discarded);
    visit_type_bool(v, "adds-up", &adds_up, &error_abort);
    if (u->memory) {
        visit_shares(v, l, u, vector);
    }
    visit_end_struct(v, NULL);
}

static void visit_lines(Visitor *v, UintrLedger *l, LedgerUpid *u)
{
    static const LedgerLine nothing;

    visit_start_list(v, "vectors", NULL, 0, &error_abort);
    for (int vector = 0; vector < UINTR_VECTORS; vector++) {
        LedgerLine line = ledger_line(l, u, vector);

        if (memcmp(&line, &nothing, sizeof(line))) {
            visit_line(v, l, u, vector, &line);
        }
    }
    visit_end_list(v, NULL);
}

static void visit_causes(Visitor *v, const char *name, const uint64_t *counts)
{
    visit_start_struct(v, name, NULL, 0, &error_abort);
    for (int cause = 0; cause < LEDGER_CAUSE__MAX; cause++) {
        if (counts[cause]) {
            put(v, cause_names[cause], counts[cause]);
        }
    }
    visit_end_struct(v, NULL);
}

static void visit_addresses(Visitor *v, const LedgerUpid *u)
{
    visit_start_list(v, "addresses", NULL, 0, &error_abort);
    for (unsigned i = 0; i < u->aliases; i++) {
        put(v, NULL, u->linear[i]);
    }
    visit_end_list(v, NULL);
}

static void visit_store(Visitor *v, const LedgerStore *store)
{
    int64_t cpu = store->cpu;

    visit_start_struct(v, "last-store", NULL, 0, &error_abort);
    visit_type_int(v, "cpu", &cpu, &error_abort);
    put(v, "rip", store->rip);
    put(v, "time", store->time);
    put(v, "offset", store->offset);
    put(v, "size", store->size);
    visit_end_struct(v, NULL);
}

static void visit_upid(Visitor *v, UintrLedger *l, LedgerUpid *u)
{
    visit_start_struct(v, NULL, NULL, 0, &error_abort);
    put(v, "number", u->number);
    visit_addresses(v, u);
    visit_lines(v, l, u);
    visit_causes(v, "injected-by", u->causes_injected);
    visit_causes(v, "discarded-by", u->causes_discarded);
    if (u->host) {
        bool watched = uintr_upid_is_watched(u->host);

        visit_type_bool(v, "watched", &watched, &error_abort);
        put(v, "low", ledger_low(u));
    }
    if (u->memory && *u->memory) {
        visit_type_str(v, "memory", (char **)&u->memory, &error_abort);
    }
    if (u->last_store.seen) {
        visit_store(v, &u->last_store);
    }
    visit_end_struct(v, NULL);
}

/* UPID 0 stands for vectors that belong to none; a CPU may find another. */
static void visit_books(Visitor *v, const char *name, UintrLedger *l,
                        Error **errp)
{
    if (!visit_start_list(v, name, NULL, 0, errp)) {
        return;
    }
    if (!l->in_flux) {
        ledger_settle_all(l);
    }
    WITH_QEMU_LOCK_GUARD(&l->lock) {
        for (guint i = 0; i < l->by_number->len; i++) {
            visit_upid(v, l, g_ptr_array_index(l->by_number, i));
        }
    }
    visit_end_list(v, NULL);
}

/* ---- Events ---- */

static const char *const kind_names[] = {
    [LEDGER_POST] = "post",
    [LEDGER_POST_SENT] = "post-sent",
    [LEDGER_LOST] = "lost",
    [LEDGER_IPI] = "ipi",
    [LEDGER_RING] = "ring",
    [LEDGER_ARRIVE] = "arrive",
    [LEDGER_RUNG] = "rung",
    [LEDGER_IDENTIFY] = "identify",
    [LEDGER_TO_IDT] = "to-idt",
    [LEDGER_TAKE] = "take",
    [LEDGER_DELIVER] = "deliver",
    [LEDGER_UIRET] = "uiret",
    [LEDGER_SAVE] = "save",
    [LEDGER_RESTORE] = "restore",
    [LEDGER_WRMSR] = "wrmsr",
    [LEDGER_STORE] = "store",
    [LEDGER_DROPPED] = "dropped",
    [LEDGER_ATTACH] = "attach",
    [LEDGER_QUIRK] = "quirk",
    [LEDGER_MARK] = "mark",
    [LEDGER_WAKE] = "wake",
    [LEDGER_UNSEEN] = "unseen",
};

/* A store is told of before it is made, a device's behind it. */
static void visit_store_event(Visitor *v, bool by_cpu, const LedgerEntry *entry)
{
    put(v, "vector", 0);
    put(v, "value", entry->vector);
    put(v, "size", entry->size);
    if (by_cpu) {
        put(v, "low", entry->value);
    }
}

static void visit_post_event(Visitor *v, const LedgerEntry *entry)
{
    bool coalesced = entry->coalesced;

    put(v, "vector", entry->vector);
    put(v, "value", entry->value);
    put(v, "number", entry->number);
    visit_type_bool(v, "coalesced", &coalesced, &error_abort);
}

static void visit_value(Visitor *v, bool by_cpu, const LedgerEntry *entry)
{
    switch (entry->kind) {
    case LEDGER_STORE:
        visit_store_event(v, by_cpu, entry);
        break;
    case LEDGER_POST:
    case LEDGER_POST_SENT:
        visit_post_event(v, entry);
        break;
    default:
        put(v, "vector", entry->vector);
        put(v, "value", entry->value);
    }
}

static void visit_event(Visitor *v, int64_t number, const LedgerEntry *entry)
{
    const char *kind = kind_names[entry->kind];

    visit_start_struct(v, NULL, NULL, 0, &error_abort);
    put(v, "time", entry->time);
    visit_type_int(v, "cpu", &number, &error_abort);
    visit_type_str(v, "event", (char **)&kind, &error_abort);
    put(v, "rip", entry->rip);
    visit_value(v, number >= 0, entry);
    if (entry->upid) {
        put(v, "upid", entry->upid->number);
    }
    visit_end_struct(v, NULL);
}

/* The rings, merged in the order of time: the oldest entry not yet told. */
static int oldest(UintrLedger *l, const uint64_t *told)
{
    int found = -1;
    int64_t time = INT64_MAX;

    for (unsigned i = 0; i < l->rings; i++) {
        const LedgerCpu *c = &l->cpu[i];

        if (told[i] < c->written &&
            c->entries[told[i] % l->history].time < time) {
            time = c->entries[told[i] % l->history].time;
            found = i;
        }
    }
    return found;
}

static void visit_events(Visitor *v, const char *name, UintrLedger *l,
                         Error **errp)
{
    g_autofree uint64_t *told = g_new(uint64_t, l->rings);
    int cpu;

    if (!visit_start_list(v, name, NULL, 0, errp)) {
        return;
    }
    for (cpu = 0; cpu < l->rings; cpu++) {
        told[cpu] = l->cpu[cpu].written -
                    MIN(l->cpu[cpu].written, l->history);
    }
    while ((cpu = oldest(l, told)) >= 0) {
        visit_event(v, cpu < l->rings - 1 ? cpu : -1,
                    &l->cpu[cpu].entries[told[cpu]++ % l->history]);
    }
    visit_end_list(v, NULL);
}

static void visit_array(Visitor *v, const char *name, GPtrArray *array,
                        Error **errp)
{
    if (!visit_start_list(v, name, NULL, 0, errp)) {
        return;
    }
    for (guint i = 0; i < array->len; i++) {
        UintrStall *stall = g_ptr_array_index(array, i);

        visit_type_UintrStall(v, NULL, &stall, &error_abort);
    }
    visit_end_list(v, NULL);
}

static void visit_stalls(Visitor *v, const char *name, UintrLedger *l,
                         Error **errp)
{
    QEMU_LOCK_GUARD(&l->lock);

    visit_array(v, name, l->stalls, errp);
}

/* ---- Properties ---- */

/* Where each CPU stands at the end: two that wait for each other, say. */
static void visit_cpus(Visitor *v, const char *name)
{
    CPUState *cs;

    visit_start_list(v, name, NULL, 0, &error_abort);
    CPU_FOREACH(cs) {
        bool halted = cs->halted;
        bool x2apic = ledger_in_x2apic_mode(cs);

        visit_start_struct(v, NULL, NULL, 0, &error_abort);
        put(v, "cpu", cs->cpu_index);
        put(v, "rip", cpu_env(cs)->eip);
        visit_type_bool(v, "halted", &halted, &error_abort);
        put(v, "apic-id", X86_CPU(cs)->apic_id);
        visit_type_bool(v, "x2apic", &x2apic, &error_abort);
        visit_end_struct(v, NULL);
    }
    visit_end_list(v, NULL);
}

typedef void VisitFn(Visitor *v, const char *name, UintrLedger *l,
                     Error **errp);

static void get_list(Object *obj, Visitor *v, const char *name, void *visit,
                     Error **errp)
{
    bool running = runstate_is_running();

    if (running) {
        pause_all_vcpus();
    }
    ((VisitFn *)visit)(v, name, UINTR_LEDGER(obj), errp);
    if (running) {
        resume_all_vcpus();
    }
}

void ledger_inspect_class_init(ObjectClass *oc)
{
    object_class_property_add(oc, "books", "list", get_list, NULL, NULL,
                              visit_books);
    object_class_property_add(oc, "events", "list", get_list, NULL, NULL,
                              visit_events);
    object_class_property_add(oc, "stalls", "list", get_list, NULL, NULL,
                              visit_stalls);
}

/* ---- The report at the end ---- */

/* What nobody was seen to do by now nobody has done. */
static void close_accounts(Visitor *v, UintrLedger *l)
{
    bool running = l->in_flux;

    if (running) {
        visit_type_bool(v, "running", &running, &error_abort);
    } else {
        ledger_settle_all(l);
        ledger_judge(l, ledger_now(), true);
    }
}

void ledger_report(UintrLedger *l)
{
    QObject *report = NULL;
    Visitor *v = qobject_output_visitor_new(&report);
    g_autoptr(GString) text = NULL;

    visit_start_struct(v, NULL, NULL, 0, &error_abort);
    if (!icount_enabled()) {
        put(v, "host-start", ledger_host_start());
    }
    close_accounts(v, l);
    visit_books(v, "books", l, &error_abort);
    visit_events(v, "events", l, &error_abort);
    visit_stalls(v, "stalls", l, &error_abort);
    visit_array(v, "waiting", l->waiting, &error_abort);
    visit_cpus(v, "cpus");
    visit_end_struct(v, NULL);
    visit_complete(v, &report);
    visit_free(v);
    text = qobject_to_json_pretty(report, true);
    g_string_append_c(text, '\n');
    qobject_unref(report);
    runs_write_report("uintr-ledger", l->report, text);
}
