/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The books as a QOM property, and as a file when QEMU ends.  CPUs stand
 * still while they are read.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qobject-output-visitor.h"
#include "qapi/visitor.h"
#include "qemu/error-report.h"
#include "qobject/qjson.h"
#include "qobject/qobject.h"
#include "system/cpus.h"
#include "system/runstate.h"
#include "system/system.h"
#include "ledger.h"

static const char *const cause_names[] = {
    [LEDGER_BY_STORE] = "store",
    [LEDGER_BY_DEVICE] = "device",
    [LEDGER_BY_WRMSR] = "wrmsr",
    [LEDGER_BY_XRSTORS] = "xrstors",
    [LEDGER_BY_OVERWRITING] = "overwritten-image",
    [LEDGER_BY_RESET] = "reset",
};

static void put(Visitor *v, const char *name, uint64_t value)
{
    visit_type_uint64(v, name, &value, &error_abort);
}

static void visit_line(Visitor *v, int vector, const LedgerLine *line)
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
    visit_end_struct(v, NULL);
}

static void visit_lines(Visitor *v, UintrLedger *l, LedgerUpid *u)
{
    static const LedgerLine nothing;

    visit_start_list(v, "vectors", NULL, 0, &error_abort);
    for (int vector = 0; vector < UINTR_VECTORS; vector++) {
        LedgerLine line = ledger_line(l, u, vector);

        if (memcmp(&line, &nothing, sizeof(line))) {
            visit_line(v, vector, &line);
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
    if (u->last_store.seen) {
        visit_store(v, &u->last_store);
    }
    visit_end_struct(v, NULL);
}

/* UPID 0 stands for vectors that belong to none. */
static void visit_books(Visitor *v, const char *name, UintrLedger *l,
                        Error **errp)
{
    if (!visit_start_list(v, name, NULL, 0, errp)) {
        return;
    }
    for (guint i = 0; i < l->by_number->len; i++) {
        LedgerUpid *u = g_ptr_array_index(l->by_number, i);

        if (u->host) {
            ledger_settle(u, ledger_pir(u));
        }
        visit_upid(v, l, u);
    }
    visit_end_list(v, NULL);
}

static void get_books(Object *obj, Visitor *v, const char *name,
                      void *opaque, Error **errp)
{
    bool running = runstate_is_running();

    if (running) {
        pause_all_vcpus();
    }
    visit_books(v, name, UINTR_LEDGER(obj), errp);
    if (running) {
        resume_all_vcpus();
    }
}

void ledger_inspect_class_init(ObjectClass *oc)
{
    object_class_property_add(oc, "books", "list", get_books, NULL, NULL,
                              NULL);
}

/* ---- The report at the end ---- */

void ledger_report(UintrLedger *l)
{
    QObject *books = NULL;
    Visitor *v = qobject_output_visitor_new(&books);
    g_autoptr(GString) text = NULL;
    g_autoptr(GError) error = NULL;

    visit_books(v, NULL, l, &error_abort);
    visit_complete(v, &books);
    visit_free(v);
    text = qobject_to_json_pretty(books, true);
    g_string_append_c(text, '\n');
    qobject_unref(books);
    if (!g_file_set_contents(l->report, text->str, text->len, &error)) {
        error_report("uintr-ledger: no report: %s", error->message);
    }
}
