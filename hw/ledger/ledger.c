/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uintr-ledger: books of all user interrupts of this machine.
 *
 * QEMU interface (docs/ledger.md):
 *  + property "history": entries kept for each CPU
 *  + property "report": a file for both when QEMU ends
 *  + read-only properties "books" and "events"
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/memalign.h"
#include "qemu/module.h"
#include "qom/object_interfaces.h"
#include "qapi/visitor.h"
#include "system/system.h"
#include "system/tcg.h"
#include "exec/cpu-common.h"
#include "ledger.h"

#define DEFAULT_HISTORY 1024
#define MOST_HISTORY (1 << 20)

UintrLedger *uintr_ledger;

static void get_history(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    visit_type_uint32(v, name, &UINTR_LEDGER(obj)->history, errp);
}

static void set_history(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    UintrLedger *l = UINTR_LEDGER(obj);
    uint32_t value;

    if (!visit_type_uint32(v, name, &value, errp)) {
        return;
    }
    if (value < 1 || value > MOST_HISTORY || l == uintr_ledger) {
        error_setg(errp, "history is from 1 to %d, and cannot change later",
                   MOST_HISTORY);
        return;
    }
    l->history = value;
}

static char *get_report(Object *obj, Error **errp)
{
    return g_strdup(UINTR_LEDGER(obj)->report);
}

static void set_report(Object *obj, const char *value, Error **errp)
{
    UintrLedger *l = UINTR_LEDGER(obj);

    g_free(l->report);
    l->report = *value ? g_strdup(value) : NULL;
}

/* The machine has been stopped by then. */
static void close_books(UintrLedger *l)
{
    if (l == uintr_ledger) {
        uintr_observe(NULL);
        uintr_ledger = NULL;
        qemu_remove_exit_notifier(&l->at_exit);
        if (l->report) {
            ledger_report(l);
        }
    }
}

/* QEMU ends in an error. */
static void at_exit(Notifier *notifier, void *data)
{
    close_books(container_of(notifier, UintrLedger, at_exit));
}

static void open_books(UintrLedger *l)
{
    qemu_mutex_init(&l->lock);
    l->upids = g_hash_table_new(NULL, NULL);
    l->images = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    l->by_number = g_ptr_array_new_with_free_func(qemu_vfree);
    l->none = ledger_new_upid(l, NULL);
    for (int i = 0; i < ARRAY_SIZE(l->cpu); i++) {
        l->cpu[i].entries = g_new0(LedgerEntry, l->history);
    }
}

/* The accelerator is known only now. */
static void machine_done(Notifier *notifier, void *data)
{
    UintrLedger *l = container_of(notifier, UintrLedger, machine_done);

    if (!tcg_enabled()) {
        warn_report("uintr-ledger listens to TCG: without -accel tcg its "
                    "books stay empty");
    }
    l->exact = !qemu_tcg_mttcg_enabled();
    uintr_observe(&ledger_observer);
}

static void ledger_complete(UserCreatable *uc, Error **errp)
{
    UintrLedger *l = UINTR_LEDGER(uc);

    if (uintr_ledger) {
        error_setg(errp, "there is a uintr-ledger already: one keeps the "
                   "books of the whole machine");
        return;
    }
    open_books(l);
    uintr_ledger = l;
    l->at_exit.notify = at_exit;
    qemu_add_exit_notifier(&l->at_exit);
    l->machine_done.notify = machine_done;
    qemu_add_machine_init_done_notifier(&l->machine_done);
}

/* CPUs may be in an event just now: the books stay. */
static bool ledger_can_be_deleted(UserCreatable *uc)
{
    return false;
}

static void ledger_init(Object *obj)
{
    UINTR_LEDGER(obj)->history = DEFAULT_HISTORY;
}

/* QEMU ends as it should; a second ledger was refused. */
static void ledger_finalize(Object *obj)
{
    UintrLedger *l = UINTR_LEDGER(obj);

    close_books(l);
    g_free(l->report);
}

static void ledger_class_init(ObjectClass *oc, void *data)
{
    UserCreatableClass *ucc = USER_CREATABLE_CLASS(oc);

    ucc->complete = ledger_complete;
    ucc->can_be_deleted = ledger_can_be_deleted;
    object_class_property_add(oc, "history", "uint32", get_history,
                              set_history, NULL, NULL);
    object_class_property_add_str(oc, "report", get_report, set_report);
    ledger_inspect_class_init(oc);
}

static const TypeInfo ledger_info = {
    .name = TYPE_UINTR_LEDGER,
    .parent = TYPE_OBJECT,
    .instance_size = sizeof(UintrLedger),
    .instance_init = ledger_init,
    .instance_finalize = ledger_finalize,
    .class_init = ledger_class_init,
    .interfaces = (InterfaceInfo[]) { { TYPE_USER_CREATABLE }, { } },
};

static void register_types(void)
{
    type_register_static(&ledger_info);
}

type_init(register_types)
