/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stalls: what has waited too long with nothing happening to it.
 *
 * A UPID waits while PIR or ON is set.  Notifications, takes and stores to PIR
 * are its progress; that more vectors are posted is not.  UIRR of a CPU waits
 * while it is not 0; deliveries and other values are its progress.  Only what
 * has waited through two looks without any is asked why, and only once.  RAM
 * with bits set that a UPID must not have is one no more.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "qemu/lockable.h"
#include "qapi/qapi-events-uintr.h"
#include "hw/core/cpu.h"
#include "ledger.h"

#define MOST_STALLS 1000        /* kept; of those that are over the last ones */

void ledger_begin(LedgerWait *began, int64_t now, uint64_t progress)
{
    began->since = now;
    began->progress = progress;
    began->waiting = true;
}

static void end(LedgerWait *w, int64_t now)
{
    if (w->stall) {
        w->stall->has_over = true;
        w->stall->over = now;
        w->stall = NULL;
    }
}

/* When it began is known exactly if nothing else has happened since. */
static void restart(LedgerWait *w, const LedgerWait *began, bool waiting,
                    uint64_t progress, int64_t now)
{
    bool exact = began->waiting && began->progress == progress &&
                 began->since <= now;

    end(w, now);
    w->waiting = waiting;
    w->progress = progress;
    w->since = exact ? began->since : now;
}

static bool too_long(UintrLedger *l, LedgerWait *w, const LedgerWait *began,
                     bool waiting, uint64_t progress, int64_t now)
{
    if (waiting != w->waiting || progress != w->progress || now < w->since) {
        restart(w, began, waiting, progress, now);
    }
    return waiting && !w->stall && now - w->since >= l->stall_after;
}

static bool upid_waits(const LedgerUpid *u)
{
    uint64_t low = ledger_low(u);

    return !(low & UPID_LOW_RESERVED) && (ledger_pir(u) || (low & UPID_ON));
}

/* The sender does not know of takes. */
static LedgerWait began_of(const LedgerUpid *u)
{
    LedgerWait began = u->sender.began;

    began.waiting &= u->receiver.took_at < began.since;
    began.progress += qatomic_read(&u->receiver.takes);
    return began;
}

static bool upid_too_long(UintrLedger *l, LedgerUpid *u, int64_t now)
{
    LedgerWait began = began_of(u);

    return too_long(l, &u->wait, &began, upid_waits(u), ledger_progress(u),
                    now);
}

static bool cpu_too_long(UintrLedger *l, CPUState *cs, int64_t now)
{
    LedgerCpu *c = ledger_cpu(l, cs);

    c->was_enabled |= cpu_env(cs)->cr[4] & CR4_UINTR_MASK;
    return too_long(l, &c->wait, &c->began, cpu_env(cs)->uintr.rr,
                    c->progress, now);
}

/* Twice the same: no CPU was just about to book it. */
static bool differs_still(LedgerUpid *u)
{
    uint64_t difference = u->host ? ledger_difference(u) : 0;
    bool still = difference && difference == u->differed;

    u->differed = difference;
    return still;
}

static bool is_odd_too_long(UintrLedger *l, const LedgerUpid *u, int64_t now)
{
    return (u->open & ~u->told) && now - u->odd.since >= l->stall_after;
}

static bool is_suspicious(UintrLedger *l, LedgerUpid *u, int64_t now)
{
    bool differs = differs_still(u);

    return upid_too_long(l, u, now) || is_odd_too_long(l, u, now) || differs;
}

bool ledger_suspects(UintrLedger *l, int64_t now)
{
    bool found = false;
    CPUState *cs;
    QEMU_LOCK_GUARD(&l->lock);

    for (guint i = 0; i < l->by_number->len; i++) {
        found |= is_suspicious(l, g_ptr_array_index(l->by_number, i), now);
    }
    CPU_FOREACH(cs) {
        found |= cpu_too_long(l, cs, now);
    }
    return found;
}

/* ---- telling ---- */

static UintrWhere *where(int cpu, uint64_t rip, int64_t time)
{
    UintrWhere *w = g_new(UintrWhere, 1);

    *w = (UintrWhere) { .cpu = cpu, .rip = rip, .time = time };
    return w;
}

static void add_history(UintrStall *stall, const LedgerUpid *u)
{
    const LedgerPost *post = &u->sender.last_post;
    const LedgerStore *store = &u->last_store;

    if (u->aliases) {
        stall->has_address = true;
        stall->address = u->linear[0];
    }
    if (post->made) {
        stall->post = where(post->cpu, post->rip, post->time);
    }
    if (store->seen) {
        stall->store = where(store->cpu, store->rip, store->time);
    }
}

static char *post_in_words(const UintrStall *stall)
{
    return !stall->post ? g_strdup("") :
           stall->post->cpu < 0 ? g_strdup("; posted by a device") :
           g_strdup_printf("; posted by CPU %" PRId64 " at RIP 0x%" PRIx64,
                           stall->post->cpu, stall->post->rip);
}

static char *store_in_words(const UintrStall *stall)
{
    return !stall->store ? g_strdup("") :
           stall->store->cpu < 0 ? g_strdup("; last stored to by a device") :
           g_strdup_printf("; last stored to by CPU %" PRId64 " at RIP 0x%"
                           PRIx64, stall->store->cpu, stall->store->rip);
}

static char *upid_in_words(const UintrStall *stall)
{
    return stall->has_address ?
           g_strdup_printf("UPID %" PRId64 " at 0x%" PRIx64 ", vectors 0x%"
                           PRIx64 ": ", stall->upid, stall->address,
                           stall->vectors) :
           stall->upid ? g_strdup_printf("UPID %" PRId64 ": ", stall->upid) :
           g_strdup("");
}

static void tell(UintrLedger *l, UintrStall *stall)
{
    g_autofree char *upid = upid_in_words(stall);
    g_autofree char *post = post_in_words(stall);
    g_autofree char *store = store_in_words(stall);

    WITH_QEMU_LOCK_GUARD(&l->lock) {
        g_ptr_array_add(l->stalls, stall);
    }
    warn_report("uintr: %s%s%s%s", upid, stall->message, post, store);
    qapi_event_send_uintr_stall(stall);
}

static UintrStall *new_stall(const LedgerWait *w, const LedgerUpid *u,
                             uint64_t vectors, LedgerFinding finding,
                             int64_t now)
{
    UintrStall *stall = g_new0(UintrStall, 1);

    *stall = (UintrStall) {
        .cause = finding.cause, .message = finding.message,
        .upid = u->number, .vectors = vectors, .since = w->since,
        .seen = now, .has_cpu = finding.cpu >= 0, .cpu = finding.cpu,
    };
    add_history(stall, u);
    return stall;
}

static bool forget_one_that_is_over(UintrLedger *l)
{
    QEMU_LOCK_GUARD(&l->lock);

    for (guint i = 0; i < l->stalls->len; i++) {
        if (((UintrStall *)g_ptr_array_index(l->stalls, i))->has_over) {
            g_ptr_array_remove_index(l->stalls, i);
            return true;
        }
    }
    warn_report_once("uintr: %d stalls that are not over: the ledger tells of "
                     "no more", MOST_STALLS);
    return false;
}

static bool has_room(UintrLedger *l)
{
    return l->stalls->len < MOST_STALLS || forget_one_that_is_over(l);
}

/* A second batch is over when the first one is. */
static void found(UintrLedger *l, LedgerWait *w, const LedgerUpid *u,
                  uint64_t vectors, LedgerFinding finding, int64_t now)
{
    if (w->stall) {
        w->stall->vectors |= vectors;
    }
    if (w->stall || !finding.message || !has_room(l)) {
        g_free(finding.message);
        return;
    }
    w->stall = new_stall(w, u, vectors, finding, now);
    tell(l, w->stall);
}

/* In the thread of that CPU: others may be told of at the same time. */
void ledger_bitten(UintrLedger *l, CPUState *cs, LedgerUpid *u,
                   const UintrBite *bite, int64_t now)
{
    LedgerWait nobody = { .since = now };

    found(l, &nobody, u, bite->vectors, (LedgerFinding) {
        .cause = UINTR_STALL_CAUSE_QUIRK, .cpu = cs->cpu_index,
        .message = g_strdup_printf("quirk %s: %s", bite->name, bite->what),
    }, now);
    ledger_stop(l);
}

/* What nobody has done is the emulator's doing, or comes from outside. */
static char *unseen_in_words(CPUState *cs)
{
    return cs ? g_strdup_printf("UIRR of CPU %d has changed", cs->cpu_index) :
           g_strdup("PIR has changed");
}

static void tell_unseen(UintrLedger *l, LedgerWait *w, CPUState *cs,
                        LedgerUpid *u, uint64_t vectors)
{
    g_autofree char *what = unseen_in_words(cs);
    int64_t now = ledger_write(l, current_cpu, (LedgerEntry) {
        .value = vectors, .upid = u, .kind = LEDGER_UNSEEN,
    });

    w->since = w->since ?: now;
    found(l, w, u, vectors, (LedgerFinding) {
        .cause = UINTR_STALL_CAUSE_UNSEEN, .cpu = cs ? cs->cpu_index : -1,
        .message = g_strdup_printf("%s with nobody seen to change it: a bug "
                                   "of the emulator, unless something outside "
                                   "of it writes to this memory", what),
    }, now);
}

void ledger_unseen(UintrLedger *l, CPUState *cs, LedgerUpid *u,
                   uint64_t vectors)
{
    LedgerWait nobody = {};

    tell_unseen(l, &nobody, cs, u, vectors);
    ledger_stop(l);
}

/* A device is told of behind its store: until then it may have been one. */
static void judge(UintrLedger *l, LedgerUpid *u, int64_t now, bool at_end)
{
    uint64_t fresh = u->open & ~u->told;

    if (!u->open) {
        end(&u->odd, now);
    } else if (fresh && (at_end || is_odd_too_long(l, u, now))) {
        u->told |= fresh;
        tell_unseen(l, &u->odd, NULL, u, fresh);
    }
}

void ledger_judge(UintrLedger *l, int64_t now, bool at_end)
{
    for (guint i = 0; i < l->by_number->len; i++) {
        judge(l, g_ptr_array_index(l->by_number, i), now, at_end);
    }
}

/* ---- looking ---- */

static void look_at_upid(UintrLedger *l, LedgerUpid *u, int64_t now)
{
    uint64_t pir, low;

    if (upid_too_long(l, u, now)) {
        pir = ledger_pir(u);
        low = ledger_low(u);
        found(l, &u->wait, u, pir, ledger_ask_upid(l, u, low, pir), now);
    }
}

static LedgerUpid *owner_of(UintrLedger *l, LedgerCpu *c, uint64_t rr)
{
    return c->owner[63 - clz64(rr)] ?: l->none;
}

static void look_at_cpu(UintrLedger *l, CPUState *cs, int64_t now)
{
    LedgerCpu *c = ledger_cpu(l, cs);
    uint64_t rr = cpu_env(cs)->uintr.rr;

    if (cpu_too_long(l, cs, now)) {
        found(l, &c->wait, owner_of(l, c, rr), rr, ledger_ask_cpu(l, cs), now);
    }
}

bool ledger_look(UintrLedger *l, int64_t now)
{
    guint before = l->stalls->len;
    CPUState *cs;

    ledger_settle_all(l);
    ledger_judge(l, now, false);
    for (guint i = 0; i < l->by_number->len; i++) {
        look_at_upid(l, g_ptr_array_index(l->by_number, i), now);
    }
    CPU_FOREACH(cs) {
        look_at_cpu(l, cs, now);
    }
    return l->stalls->len > before;
}

/* ---- at the end ---- */

static void still(UintrLedger *l, const LedgerWait *w, const LedgerUpid *u,
                  uint64_t vectors, LedgerFinding finding, int64_t now)
{
    if (finding.message) {
        g_ptr_array_add(l->waiting, new_stall(w, u, vectors, finding, now));
    }
}

void ledger_list_waiting(UintrLedger *l, int64_t now)
{
    CPUState *cs;

    for (guint i = 0; i < l->by_number->len; i++) {
        LedgerUpid *u = g_ptr_array_index(l->by_number, i);

        if (u->host && u->wait.waiting && !u->wait.stall) {
            still(l, &u->wait, u, ledger_pir(u),
                  ledger_ask_at_end(l, u, ledger_low(u), ledger_pir(u)), now);
        }
        if (u->unread.vectors) {
            LedgerWait lost = { .since = u->unread.time };

            still(l, &lost, u, u->unread.vectors, ledger_ask_unread(u), now);
        }
    }
    CPU_FOREACH(cs) {
        LedgerCpu *c = ledger_cpu(l, cs);
        uint64_t rr = cpu_env(cs)->uintr.rr;

        if (c->wait.waiting && !c->wait.stall) {
            still(l, &c->wait, owner_of(l, c, rr), rr, ledger_ask_cpu(l, cs),
                  now);
        }
    }
}
