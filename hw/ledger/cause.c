/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a posted user interrupt does not arrive, as a sentence that says what
 * to do about it.  The causes are asked for in order, what is certain and
 * special first.  CPUs stand still.
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "hw/core/cpu.h"
#include "target/i386/uintr/uintr.h"
#include "ledger.h"

#define IN(cause, cpu, ...) \
    ((LedgerFinding) { cause, g_strdup_printf(__VA_ARGS__), cpu })

typedef struct Case {
    UintrLedger *l;
    LedgerUpid *u;
    uint64_t low, pir;
    CPUState *receiver;         /* whose PD names it, or null */
    uint32_t dest;              /* where its notification goes, or went */
    CPUState *target;           /* that CPU, or null */
    CPUState *other;            /* the same in the other mode's format */
    bool x2apic;                /* the sender's mode */
} Case;

typedef LedgerFinding AskFn(const Case *c);

static CPUState *receiver_of(UintrLedger *l, LedgerUpid *u)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        if (cpu_env(cs)->uintr.uinv && ledger_running(l, cs) == u) {
            return cs;
        }
    }
    return NULL;
}

static Case case_of(UintrLedger *l, LedgerUpid *u, uint64_t low, uint64_t pir)
{
    const LedgerPost *sent = &u->sender.last_sent;
    uint32_t ndst = ledger_under_way(l, u) ? sent->ndst :
                    extract64(low, UPID_NDST_SHIFT, UPID_NDST_BITS);
    bool x2apic = sent->made ? sent->x2apic : ledger_in_x2apic_mode(first_cpu);

    return (Case) {
        .l = l, .u = u, .low = low, .pir = pir,
        .receiver = receiver_of(l, u), .x2apic = x2apic,
        .dest = ledger_destination(ndst, x2apic),
        .target = cpu_by_arch_id(ledger_destination(ndst, x2apic)),
        .other = cpu_by_arch_id(ledger_destination(ndst, !x2apic)),
    };
}

static LedgerCpu *books(const Case *c, CPUState *cs)
{
    return ledger_cpu(c->l, cs);
}

static bool since_sent(const Case *c, int64_t time)
{
    return time && time >= c->u->sender.last_sent.time;
}

static LedgerFinding nothing(void)
{
    return (LedgerFinding) {};
}

/* ---- what the UPID itself says ---- */

/* After the end of everything: no switch will follow. */
static char *where_it_should_run(const Case *c)
{
    return c->target ?
        g_strdup_printf("; CPU %d, which NDST names, is at RIP 0x%" PRIx64,
                        c->target->cpu_index, cpu_env(c->target)->eip) :
        g_strdup("");
}

static LedgerFinding ask_switched_off(const Case *c)
{
    g_autofree char *where = where_it_should_run(c);

    return IN(UINTR_STALL_CAUSE_SWITCHED_OFF,
              c->target ? c->target->cpu_index : -1,
              "SN is set and no CPU runs the receiver: switch it in again, or "
              "do not post to one that is gone (look at UITT and index)%s",
              where);
}

static LedgerFinding ask_sn(const Case *c)
{
    if (!(c->low & UPID_SN) || !c->receiver) {
        return nothing();
    }
    return IN(UINTR_STALL_CAUSE_SN_SET, c->receiver->cpu_index,
              "SN is set while CPU %d runs the receiver: clear SN when the "
              "task is switched in, then send vector 0x%x to yourself if PIR "
              "is not empty", c->receiver->cpu_index,
              cpu_env(c->receiver)->uintr.uinv);
}

/* Older than the receiver: of the one that had this memory before. */
static LedgerFinding ask_reused(const Case *c)
{
    bool on = c->low & UPID_ON;
    const LedgerPost *post = on ? &c->u->sender.last_sent :
                             &c->u->sender.last_post;

    if (!c->receiver || !post->made || (on && !ledger_under_way(c->l, c->u)) ||
        c->u->attached <= post->time) {
        return nothing();
    }
    return IN(UINTR_STALL_CAUSE_REUSED, c->receiver->cpu_index,
              "ON or PIR were set before CPU %d got this UPID in "
              "IA32_UINTR_PD: clear a UPID when it is allocated, or look at "
              "PIR when its task is switched in", c->receiver->cpu_index);
}

static LedgerFinding ask_not_notified(const Case *c)
{
    if (c->low & (UPID_ON | UPID_SN)) {
        return nothing();
    }
    return IN(UINTR_STALL_CAUSE_NOT_NOTIFIED,
              c->receiver ? c->receiver->cpu_index : -1,
              "PIR is not empty, and neither ON nor SN is set: whoever clears "
              "SN or ON by hand must look at PIR afterwards and send the "
              "notification vector");
}

/* ---- what became of the notification ---- */

static LedgerFinding format_finding(const Case *c)
{
    return IN(UINTR_STALL_CAUSE_NDST_FORMAT, c->other->cpu_index,
              "NDST means APIC ID %u to a sender in %s mode, but CPU %d in "
              "the other mode's format: NDST is %s", c->dest,
              c->x2apic ? "x2APIC" : "xAPIC", c->other->cpu_index,
              c->x2apic ? "the 32-bit ID in x2APIC mode" :
              "the ID << 8 in xAPIC mode");
}

static bool is_format(const Case *c)
{
    return c->other && (c->receiver ? c->other == c->receiver : !c->target) &&
           c->other != c->target;
}

static LedgerFinding ask_lost(const Case *c)
{
    const LedgerPost *sent = &c->u->sender.last_sent;

    if (!ledger_under_way(c->l, c->u) || !sent->is_lost) {
        return nothing();
    }
    if (sent->loss == UINTR_LOSS_PEER_GONE) {
        return IN(UINTR_STALL_CAUSE_PEER_GONE, sent->cpu,
                  "the notification was for global APIC ID %u of a peer that "
                  "is not there: look at the link's state before you post, "
                  "and start the peer", c->dest);
    }
    if (sent->loss == UINTR_LOSS_NO_APIC && is_format(c)) {
        return format_finding(c);
    }
    return IN(UINTR_STALL_CAUSE_LOST, sent->cpu,
              "the notification with NV 0x%x to APIC ID %u went nowhere (%s): "
              "correct NV and NDST, and enable the sender's APIC", sent->nv,
              c->dest, uintr_loss_names[sent->loss]);
}

static LedgerFinding ask_stale(const Case *c)
{
    if (!ledger_under_way(c->l, c->u) || !c->receiver || !c->target ||
        c->target == c->receiver) {
        return nothing();
    }
    if (is_format(c)) {
        return format_finding(c);
    }
    return IN(UINTR_STALL_CAUSE_STALE_NDST, c->target->cpu_index,
              "the notification went to CPU %d, but CPU %d runs the receiver: "
              "set NDST before SN is cleared when the task is switched in, "
              "and look at PIR then", c->target->cpu_index,
              c->receiver->cpu_index);
}

/* Another task's UPID was looked at in its place, and this one is nowhere. */
static LedgerFinding ask_stolen(const Case *c)
{
    LedgerCpu *at = c->target ? books(c, c->target) : NULL;

    if (!ledger_under_way(c->l, c->u) || !at || !at->took ||
        at->took == c->u || !since_sent(c, at->took_at)) {
        return nothing();
    }
    return IN(UINTR_STALL_CAUSE_STALE_NDST, c->target->cpu_index,
              "CPU %d took the notification for UPID %u, which it runs now: "
              "set SN when the receiver is switched away, and NDST when it "
              "is switched in", c->target->cpu_index, at->took->number);
}

static bool waits_in_apic(const Case *c, const char **why)
{
    return c->target &&
           uintr_waits_in_apic(cpu_env(c->target),
                               extract64(c->low, UPID_NV_SHIFT, UPID_NV_BITS),
                               why);
}

/* The CPU has had no turn since: under icount, or on a host with much to do. */
static bool is_due(const Case *c)
{
    const char *why;

    return waits_in_apic(c, &why) && !why;
}

static LedgerFinding ask_held_back(const Case *c)
{
    bool sends = !(c->low & UPID_SN) || ledger_under_way(c->l, c->u);
    const char *why;

    if (!sends || !waits_in_apic(c, &why)) {
        return nothing();
    }
    return IN(UINTR_STALL_CAUSE_HELD_BACK, c->target->cpu_index,
              "CPU %d: %s", c->target->cpu_index, why);
}

static LedgerFinding cr4_finding(LedgerCpu *at, int cpu)
{
    return at->was_enabled ?
        IN(UINTR_STALL_CAUSE_CR4_OFF, cpu,
           "CR4.UINTR of CPU %d was 0 when the notification came: keep it "
           "set, in the kernel and on each CPU", cpu) :
        IN(UINTR_STALL_CAUSE_CR4_NEVER_SET, cpu,
           "CR4.UINTR of CPU %d has never been 1: set bit 25 of CR4 on each "
           "CPU before you use user interrupts", cpu);
}

static LedgerFinding irq_finding(const Case *c, const LedgerIrq *irq, int cpu)
{
    if (!irq->enabled) {
        return cr4_finding(books(c, c->target), cpu);
    }
    if (irq->blank) {
        return IN(UINTR_STALL_CAUSE_STATE_LOST, cpu,
                  "the IDT took the notification on CPU %d, where all of the "
                  "user-interrupt MSRs are 0: restore them before the "
                  "receiver runs (XRSTORS with bit 14, IA32_XSS bit 14), or "
                  "set SN before it is switched away, and look at PIR when "
                  "it is switched in", cpu);
    }
    return IN(UINTR_STALL_CAUSE_UINV_MISMATCH, cpu,
              "the IDT took the notification 0x%x on CPU %d, where UINV was "
              "0x%x: set UINV to NV when the task is switched in, and look at "
              "PIR; a kernel that receives by its own handler must clear ON",
              c->u->sender.last_sent.nv, cpu, irq->uinv);
}

static LedgerFinding ask_irq(const Case *c)
{
    const LedgerIrq *irq = c->target ?
        &books(c, c->target)->idt[c->u->sender.last_sent.nv] : NULL;

    return ledger_under_way(c->l, c->u) && irq && since_sent(c, irq->time) ?
           irq_finding(c, irq, c->target->cpu_index) : nothing();
}

static LedgerFinding ask_dropped(const Case *c)
{
    LedgerCpu *at = c->target ? books(c, c->target) : NULL;

    if (!ledger_under_way(c->l, c->u) || !at ||
        !since_sent(c, at->dropped_at)) {
        return nothing();
    }
    return IN(UINTR_STALL_CAUSE_DROPPED, c->target->cpu_index,
              "CPU %d acknowledged the notification and did not look at the "
              "UPID (%s): send its vector again", c->target->cpu_index,
              at->dropped_why);
}

/* Whatever else: somebody has set ON and will not notify. */
static LedgerFinding ask_on(const Case *c)
{
    if (!(c->low & UPID_ON)) {
        return nothing();
    }
    return IN(UINTR_STALL_CAUSE_ON_SET,
              c->receiver ? c->receiver->cpu_index : -1,
              "ON is set and no notification is under way, so nobody will "
              "send one: whoever takes PIR by hand must clear ON before, and "
              "nobody else may set it");
}

static LedgerFinding ask(const Case *c, AskFn *const *questions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        LedgerFinding finding = questions[i](c);

        if (finding.message) {
            return finding;
        }
    }
    return nothing();
}

/*
 * What became of the notification comes before what the UPID says: SN may be
 * set behind one that went astray.
 */
LedgerFinding ledger_ask_upid(UintrLedger *l, LedgerUpid *u, uint64_t low,
                              uint64_t pir)
{
    static AskFn *const in_order[] = {
        ask_reused, ask_lost, ask_stale, ask_held_back, ask_irq, ask_dropped,
        ask_stolen, ask_sn, ask_not_notified, ask_on,
    };
    Case c = case_of(l, u, low, pir);

    if (((low & UPID_SN) && !c.receiver) || is_due(&c)) {
        return nothing();       /* a task that is switched away may wait */
    }
    return ask(&c, in_order, ARRAY_SIZE(in_order));
}

LedgerFinding ledger_ask_at_end(UintrLedger *l, LedgerUpid *u, uint64_t low,
                                uint64_t pir)
{
    static AskFn *const of_one_that_is_off[] = {
        ask_held_back, ask_switched_off,
    };
    Case c = case_of(l, u, low, pir);

    return (low & UPID_SN) && !c.receiver ?
           ask(&c, of_one_that_is_off, ARRAY_SIZE(of_one_that_is_off)) :
           ledger_ask_upid(l, u, low, pir);
}

/* ---- vectors in UIRR ---- */

static LedgerFinding ask_uif(LedgerCpu *c, int cpu)
{
    const LedgerHandler *last =
        &c->inside[MIN(MAX(c->depth, 1), LEDGER_NESTED) - 1];

    return c->depth ?
        IN(UINTR_STALL_CAUSE_NO_UIRET, cpu,
           "CPU %d entered the handler at 0x%" PRIx64 " for vector %u at "
           "%" PRId64 " ns and has not executed UIRET since: return from it, "
           "or STUI", cpu, last->address, last->vector, last->entered) :
        IN(UINTR_STALL_CAUSE_UIF_CLEAR, cpu,
           "UIF of CPU %d is 0 and no handler runs: execute STUI, or restore "
           "UIF with the task's state", cpu);
}

LedgerFinding ledger_ask_unread(const LedgerUpid *u)
{
    return IN(UINTR_STALL_CAUSE_UNREAD, u->unread.cpu,
              "CPU %d has taken the vectors into UIRR behind the last look at "
              "it, and UIRR was overwritten: clear UINV before UIRR is saved "
              "when a task is switched off, or at its end", u->unread.cpu);
}

LedgerFinding ledger_ask_cpu(UintrLedger *l, CPUState *cs)
{
    CPUX86State *env = cpu_env(cs);
    LedgerCpu *c = ledger_cpu(l, cs);
    int cpu = cs->cpu_index;

    if (!(env->cr[4] & CR4_UINTR_MASK)) {
        return cr4_finding(c, cpu);
    }
    if (!env->uintr.uif) {
        return ask_uif(c, cpu);
    }
    if (x86_uintr_deliverable(env)) {
        return nothing();       /* as is_due() */
    }
    return IN(UINTR_STALL_CAUSE_NOT_IN_USER_MODE, cpu,
              "CPU %d has the vectors in UIRR, but has not been in 64-bit "
              "code at CPL 3 since: let the kernel return to the task, or "
              "save its state with XSAVES", cpu);
}
