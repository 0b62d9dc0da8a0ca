/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uintr-ledger: books of all user interrupts of this machine.
 *
 * QEMU interface (docs/ledger.md):
 *  + property "history": entries kept for each CPU
 *  + property "report": a file for all of them when QEMU ends
 *  + property "stall-after": ns of virtual time, 0 for never
 *  + property "stop-on-stall": for a debugger
 *  + read-only properties "books", "events" and "stalls"
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/memalign.h"
#include "qemu/module.h"
#include "qom/object_interfaces.h"
#include "qapi/visitor.h"
#include "hw/boards.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "system/system.h"
#include "system/tcg.h"
#include "exec/cpu-common.h"
#include "hw/core/cpu.h"
#include "hw/uintr/runs/runs.h"
#include "ledger.h"

#define DEFAULT_HISTORY 1024
#define MOST_HISTORY (1 << 20)
#define DEFAULT_STALL_AFTER (10 * SCALE_MS)

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

static void get_stall_after(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    visit_type_uint64(v, name, &UINTR_LEDGER(obj)->stall_after, errp);
}

static void set_stall_after(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    UintrLedger *l = UINTR_LEDGER(obj);
    uint64_t value;

    if (!visit_type_uint64(v, name, &value, errp)) {
        return;
    }
    if (value > INT64_MAX / 4 || l == uintr_ledger) {
        error_setg(errp, "stall-after is in nanoseconds, 0 for never, and "
                   "cannot change later");
        return;
    }
    l->stall_after = value;
}

static bool get_stop_on_stall(Object *obj, Error **errp)
{
    return UINTR_LEDGER(obj)->stop_on_stall;
}

static void set_stop_on_stall(Object *obj, bool value, Error **errp)
{
    UINTR_LEDGER(obj)->stop_on_stall = value;
}

/*
 * The machine has been stopped by then, unless the books are in flux: then a
 * CPU may be in the midst of an event, which goes by uintr_ledger.
 */
static void close_books(UintrLedger *l)
{
    if (l != uintr_ledger || l->closed) {
        return;
    }
    l->closed = true;
    ledger_stop_clock(l);
    ledger_leave_ram();
    uintr_observe(NULL);
    qemu_remove_exit_notifier(&l->at_exit);
    if (l->report) {
        ledger_report(l);
    }
    if (!l->in_flux) {
        uintr_ledger = NULL;
    }
}

/*
 * QEMU ends in an error, in any thread.  Where CPUs have threads of their own
 * they run on, and what they are about to book cannot be waited for.
 */
static void at_exit(Notifier *notifier, void *data)
{
    UintrLedger *l = container_of(notifier, UintrLedger, at_exit);

    l->in_flux = runstate_is_running() && !(l->exact && current_cpu);
    close_books(l);
}

static void open_books(UintrLedger *l)
{
    l->upids = g_hash_table_new(NULL, NULL);
    l->images = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    l->by_number = g_ptr_array_new_with_free_func(ledger_free_upid);
    l->none = ledger_new_upid(l, NULL);
}

/* What is in its UIRR was nobody's affair before. */
static LedgerCpu new_cpu(LedgerEntry *entries)
{
    return (LedgerCpu) { .entries = entries, .was_reset = true };
}

static void forget(UintrLedger *l)
{
    g_clear_pointer(&l->upids, g_hash_table_unref);
    g_clear_pointer(&l->images, g_hash_table_unref);
    g_clear_pointer(&l->by_number, g_ptr_array_unref);
    g_ptr_array_set_size(l->stalls, 0);
    g_ptr_array_set_size(l->waiting, 0);
    for (unsigned i = 0; i < l->rings; i++) {
        l->cpu[i] = new_cpu(l->cpu[i].entries);
    }
    l->looked = 0;
}

/* One of many: each has books of its own. */
static void run_begins_or_ends(Notifier *notifier, void *data)
{
    UintrLedger *l = container_of(notifier, UintrLedger, run);

    if (*(RunStep *)data == RUN_BEGINS) {
        forget(l);
        open_books(l);
        if (l->stall_after) {
            ledger_start_clock(l);
        }
        return;
    }
    ledger_stop_clock(l);
    if (l->report) {
        ledger_report(l);
    }
}

static void make_rings(UintrLedger *l)
{
    l->rings = current_machine->smp.max_cpus + 1;
    l->cpu = qemu_memalign(64, l->rings * sizeof(*l->cpu));
    for (unsigned i = 0; i < l->rings; i++) {
        l->cpu[i] = new_cpu(g_new0(LedgerEntry, l->history));
    }
}

/* The accelerator and the number of CPUs are known only now. */
static void machine_done(Notifier *notifier, void *data)
{
    UintrLedger *l = container_of(notifier, UintrLedger, machine_done);

    if (!tcg_enabled()) {
        warn_report("uintr-ledger listens to TCG: without -accel tcg its "
                    "books stay empty");
    }
    l->exact = !qemu_tcg_mttcg_enabled();
    make_rings(l);
    ledger_start_time();
    uintr_observe(&ledger_observer);
    if (l->stall_after) {
        ledger_start_clock(l);
    }
}

static void ledger_complete(UserCreatable *uc, Error **errp)
{
    UintrLedger *l = UINTR_LEDGER(uc);

    if (uintr_ledger) {
        error_setg(errp, "there is a uintr-ledger already: one keeps the "
                   "books of the whole machine");
        return;
    }
    qemu_mutex_init(&l->lock);
    open_books(l);
    uintr_ledger = l;
    ledger_watch_ram();
    l->at_exit.notify = at_exit;
    qemu_add_exit_notifier(&l->at_exit);
    l->machine_done.notify = machine_done;
    qemu_add_machine_init_done_notifier(&l->machine_done);
    l->run.notify = run_begins_or_ends;
    runs_add_notifier(&l->run);
    qemu_register_resettable(OBJECT(l));
}

/* ---- Resets ---- */

static ResettableState *reset_state(Object *obj)
{
    return &UINTR_LEDGER(obj)->reset_state;
}

/*
 * A snapshot brings other memory, and an earlier time: what was of the time
 * that it takes back says nothing any more.
 */
static void turn_back(LedgerUpid *u)
{
    ledger_touch(u, UINT64_MAX, LEDGER_BY_RESET);
    u->last_store.seen = u->last_to_pir.seen = false;
    u->low_stored = u->attached = u->receiver.took_at = 0;
    u->unread.vectors = 0;
    u->sender.last_post = u->sender.last_sent = (LedgerPost) {};
}

static void reset_hold(Object *obj, ResetType type)
{
    UintrLedger *l = UINTR_LEDGER(obj);

    if (type != RESET_TYPE_SNAPSHOT_LOAD || l != uintr_ledger) {
        return;
    }
    for (guint i = 0; i < l->by_number->len; i++) {
        turn_back(g_ptr_array_index(l->by_number, i));
    }
    for (unsigned i = 0; i < l->rings; i++) {
        l->cpu[i].next = l->cpu[i].written = 0;
    }
    ledger_turn_clock_back(l);
}

/* CPUs may be in an event just now: the books stay. */
static bool ledger_can_be_deleted(UserCreatable *uc)
{
    return false;
}

static void ledger_init(Object *obj)
{
    UintrLedger *l = UINTR_LEDGER(obj);

    l->history = DEFAULT_HISTORY;
    l->stall_after = DEFAULT_STALL_AFTER;
    l->stalls = g_ptr_array_new_with_free_func(
        (GDestroyNotify)qapi_free_UintrStall);
    l->waiting = g_ptr_array_new_with_free_func(
        (GDestroyNotify)qapi_free_UintrStall);
}

/* QEMU ends as it should; a second ledger was refused. */
static void ledger_finalize(Object *obj)
{
    UintrLedger *l = UINTR_LEDGER(obj);

    close_books(l);
    g_ptr_array_unref(l->stalls);
    g_ptr_array_unref(l->waiting);
    g_free(l->report);
}

static void ledger_class_init(ObjectClass *oc, void *data)
{
    UserCreatableClass *ucc = USER_CREATABLE_CLASS(oc);
    ResettableClass *rc = RESETTABLE_CLASS(oc);

    ucc->complete = ledger_complete;
    ucc->can_be_deleted = ledger_can_be_deleted;
    rc->get_state = reset_state;
    rc->phases.hold = reset_hold;
    object_class_property_add(oc, "history", "uint32", get_history,
                              set_history, NULL, NULL);
    object_class_property_add_str(oc, "report", get_report, set_report);
    object_class_property_add(oc, "stall-after", "uint64", get_stall_after,
                              set_stall_after, NULL, NULL);
    object_class_property_add_bool(oc, "stop-on-stall", get_stop_on_stall,
                                   set_stop_on_stall);
    ledger_inspect_class_init(oc);
}

static const TypeInfo ledger_info = {
    .name = TYPE_UINTR_LEDGER,
    .parent = TYPE_OBJECT,
    .instance_size = sizeof(UintrLedger),
    .instance_init = ledger_init,
    .instance_finalize = ledger_finalize,
    .class_init = ledger_class_init,
    .interfaces = (InterfaceInfo[]) {
        { TYPE_USER_CREATABLE }, { TYPE_RESETTABLE_INTERFACE }, { }
    },
};

static void register_types(void)
{
    type_register_static(&ledger_info);
}

type_init(register_types)
