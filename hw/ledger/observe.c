/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of user interrupts, booked. Runs in the thread of the CPU at hand. */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bitops.h"
#include "hw/core/cpu.h"
#include "target/i386/uintr/where.h"
#include "ledger.h"

static LedgerCpu *books_of(CPUX86State *env)
{
    return ledger_cpu(uintr_ledger, env_cpu(env));
}

/* When it was. */
static int64_t note(CPUX86State *env, LedgerKind kind, LedgerUpid *u,
                    int vector, uint64_t value)
{
    LedgerCpu *c = books_of(env);

    c->was_enabled |= env->cr[4] & CR4_UINTR_MASK;
    return ledger_put(uintr_ledger, c, (LedgerEntry) {
        .rip = env->eip, .value = value, .upid = u, .kind = kind,
        .vector = vector,
    });
}

/* How a UPID is known to people; more than a few names help nobody. */
static void name_it(LedgerUpid *u, uint64_t linear)
{
    unsigned known = qatomic_read(&u->aliases);

    for (unsigned i = 0; i < known; i++) {
        if (u->linear[i] == linear) {
            return;
        }
    }
    if (known < LEDGER_ALIASES) {
        u->linear[known] = linear;
        qatomic_set(&u->aliases, known + 1);
    }
}

/* While CPUs take turns, PIR as an event found it shows what others did. */
static void look(LedgerUpid *u, uint64_t pir)
{
    if (!uintr_ledger->exact || !u->host || u->has_device) {
        return;
    }
    if (pir != u->expected || u->open) {
        ledger_settle(u, pir);
    } else {
        ledger_seen(u);
    }
}

static void expect(LedgerUpid *u, uint64_t pir)
{
    if (uintr_ledger->exact) {
        u->expected = pir;
    }
}

static LedgerPost described(const UintrPost *post, int64_t now)
{
    uint64_t low = post->old.low;

    return (LedgerPost) {
        .time = now, .rip = post->cpu ? cpu_env(post->cpu)->eip : 0,
        .ndst = extract64(low, UPID_NDST_SHIFT, UPID_NDST_BITS),
        .nv = extract64(low, UPID_NV_SHIFT, UPID_NV_BITS),
        .cpu = post->cpu ? ledger_number(uintr_ledger, post->cpu) : -1,
        .made = true, .x2apic = post->x2apic,
    };
}

static void remember_post(LedgerCpu *c, LedgerUpid *u, const UintrPost *post,
                          int64_t now)
{
    u->sender.last_post = described(post, now);
    if (post->sent) {
        u->sender.last_sent = described(post, now);
        c->sent = u;
        qatomic_inc(&u->sender.sent);
    }
    if (!post->old.pir && !(post->old.low & UPID_ON)) {
        ledger_begin(&u->sender.began, now, ledger_senders_progress(u));
    }
}

/* Not RAM, or one too many: nobody keeps its books. */
static void on_post(const UintrPost *post)
{
    UintrLedger *l = uintr_ledger;
    uint64_t bit = 1ULL << post->vector;
    LedgerCpu *c = ledger_cpu(l, post->cpu);
    LedgerUpid *u = ledger_upid(l, c, post->host);
    uint64_t number;

    if (!u->host) {
        if (post->sent) {
            c->sent = NULL;
        }
        return;
    }
    name_it(u, post->linear);
    if (!post->cpu) {
        u->has_device = true;
    }
    ledger_meet(u, post->old.pir);
    look(u, post->old.pir);
    number = qatomic_fetch_inc(&u->sender.posted[post->vector]) + 1;
    if (post->old.pir & bit) {
        qatomic_inc(&u->sender.coalesced[post->vector]);
    }
    expect(u, post->old.pir | bit);
    remember_post(c, u, post, ledger_write(l, post->cpu, (LedgerEntry) {
        .rip = post->cpu ? cpu_env(post->cpu)->eip : 0, .value = post->old.low,
        .upid = u, .kind = post->sent ? LEDGER_POST_SENT : LEDGER_POST,
        .vector = post->vector, .number = number,
        .coalesced = post->old.pir & bit,
    }));
}

/* Another CPU adds to them. */
static void lay_ghost(LedgerCpu *c, int vector)
{
    if (qatomic_read(&c->ghosts) >> vector & 1) {
        qatomic_and(&c->ghosts, ~(1ULL << vector));
    }
}

/* A UPID in memory that is no RAM: its vectors are of no UPID. */
static void take_vector(LedgerCpu *c, LedgerUpid *u, int vector)
{
    if (u->host) {
        qatomic_inc(&u->receiver.taken[vector]);
    } else {
        ledger_inject(u, vector, LEDGER_BY_DEVICE);
    }
    if ((c->rr & ~c->ghosts) >> vector & 1) {
        qatomic_inc(&u->receiver.coalesced[vector]);
    } else {
        c->owner[vector] = u;
        lay_ghost(c, vector);
    }
}

static void catch_up(CPUX86State *env, uint64_t rr)
{
    ledger_catch_up(uintr_ledger, env_cpu(env), rr);
}

static void on_take(CPUX86State *env, const UintrTake *take)
{
    LedgerCpu *c = books_of(env);
    LedgerUpid *u = ledger_upid(uintr_ledger, c, take->host);

    catch_up(env, take->rr);
    name_it(u, env->uintr.pd);
    ledger_meet(u, take->pir);
    look(u, take->pir);
    for (uint64_t left = take->pir; left; left &= left - 1) {
        take_vector(c, u, ctz64(left));
    }
    expect(u, 0);
    c->read &= take->rr | ~take->pir;
    c->rr |= take->pir;
    if (uintr_ledger->exact) {
        u->receiver.seen = u->sender.sent;
    }
    qatomic_inc(&u->receiver.takes);
    c->took = u;
    c->took_at = note(env, LEDGER_TAKE, u, 0, take->pir);
    u->receiver.took_at = c->took_at;
    if (!take->rr) {
        ledger_begin(&c->began, c->took_at, c->progress);
    }
}

/* One handler may interrupt another, by STUI. */
static void enter(LedgerCpu *c, LedgerHandler handler)
{
    if (c->depth < LEDGER_NESTED) {
        c->inside[c->depth] = handler;
    }
    c->depth++;
}

/* The sender reads the same cache line. */
static void make_up_for_unread(LedgerUpid *u, int vector)
{
    if (qatomic_read(&u->unread.vectors) >> vector & 1) {
        qatomic_and(&u->unread.vectors, ~(1ULL << vector));
    }
}

static void on_deliver(CPUX86State *env, uint8_t vector)
{
    LedgerCpu *c = books_of(env);

    catch_up(env, env->uintr.rr);
    if (c->ghosts >> vector & 1) {      /* twice, then: here it is made up */
        c->owner[vector] = uintr_ledger->none;
        ledger_inject(uintr_ledger->none, vector, LEDGER_BY_XRSTORS);
        lay_ghost(c, vector);
    }
    qatomic_inc(&c->owner[vector]->receiver.delivered[vector]);
    ledger_forget_copy(uintr_ledger, c, vector);
    make_up_for_unread(c->owner[vector], vector);
    c->rr &= ~(1ULL << vector);
    c->progress++;
    enter(c, (LedgerHandler) {
        .entered = note(env, LEDGER_DELIVER, c->owner[vector], vector, c->rr),
        .address = env->uintr.handler, .vector = vector,
    });
}

static void on_uiret(CPUX86State *env)
{
    LedgerCpu *c = books_of(env);

    c->depth -= !!c->depth;
    note(env, LEDGER_UIRET, NULL, 0, env->uintr.rr);
}

static void on_replace(CPUX86State *env, uint64_t old_rr, UintrReplaced how,
                       void *image)
{
    static const struct { LedgerCause cause; LedgerKind kind; } by[] = {
        [UINTR_REPLACED_WRMSR] = { LEDGER_BY_WRMSR, LEDGER_WRMSR },
        [UINTR_REPLACED_XRSTORS] = { LEDGER_BY_XRSTORS, LEDGER_RESTORE },
        [UINTR_REPLACED_QUIRK] = { LEDGER_BY_QUIRK, LEDGER_QUIRK },
    };
    LedgerCpu *c = books_of(env);

    catch_up(env, old_rr);
    ledger_replace(uintr_ledger, c, env->uintr.rr, image, by[how].cause);
    c->read = env->uintr.rr;
    c->progress++;
    if (how == UINTR_REPLACED_XRSTORS) {
        c->depth = 0;           /* of another task, perhaps */
    }
    note(env, by[how].kind, NULL, 0, env->uintr.rr);
}

static void on_save(CPUX86State *env, void *image)
{
    LedgerCpu *c = books_of(env);

    catch_up(env, env->uintr.rr);
    ledger_save(uintr_ledger, c, image);
    note(env, LEDGER_SAVE, NULL, 0, env->uintr.rr);
}

static void on_read(CPUX86State *env)
{
    books_of(env)->read = env->uintr.rr;
}

/* INIT gives UIRR back, a snapshot another one: the next event shows it. */
static void on_reset(CPUX86State *env)
{
    LedgerCpu *c = books_of(env);

    c->was_reset = true;
    c->was_enabled = false;
    c->depth = 0;
    c->dropped_at = c->took_at = 0;
    memset(c->idt, 0, sizeof(c->idt));
}

static void on_lost(CPUState *sender, UintrLoss why)
{
    UintrLedger *l = uintr_ledger;
    LedgerUpid *u = ledger_cpu(l, sender)->sent;

    if (u) {
        u->sender.last_sent.loss = why;
        u->sender.last_sent.is_lost = true;
    }
    ledger_cpu(l, sender)->sent = NULL;
    ledger_write(l, sender, (LedgerEntry) {
        .rip = sender ? cpu_env(sender)->eip : 0, .upid = u,
        .value = why, .kind = LEDGER_LOST,
    });
}

/* None of a user interrupt's; @cpu is null for another process's mailbox. */
static void tell_signal(LedgerKind kind, CPUState *cpu, uint8_t number)
{
    ledger_write(uintr_ledger, cpu, (LedgerEntry) {
        .kind = kind, .vector = number,
        .rip = cpu ? uintr_rip_of(cpu_env(cpu), cpu->mem_io_pc) : 0,
    });
}

static void on_ipi(CPUState *from, uint8_t vector)
{
    tell_signal(LEDGER_IPI, from, vector);
}

static void on_ring(CPUState *from, uint8_t doorbell)
{
    tell_signal(LEDGER_RING, from, doorbell);
}

static void on_rung(CPUState *from, uint8_t doorbell)
{
    tell_signal(LEDGER_RUNG, from, doorbell);
}

/* What is lost behind it is another one, of a peer's perhaps. */
static void on_arrive(CPUState *from, uint32_t apic_id, uint8_t vector)
{
    ledger_cpu(uintr_ledger, from)->sent = NULL;
    ledger_write(uintr_ledger, from, (LedgerEntry) {
        .value = apic_id, .kind = LEDGER_ARRIVE, .vector = vector,
    });
}

static void on_identify(CPUX86State *env, uint8_t vector)
{
    note(env, LEDGER_IDENTIFY, NULL, vector, 0);
}

static void on_to_idt(CPUX86State *env, uint8_t vector)
{
    const CPUX86UintrState *u = &env->uintr;

    books_of(env)->idt[vector] = (LedgerIrq) {
        .uinv = u->uinv, .enabled = env->cr[4] & CR4_UINTR_MASK,
        .blank = !(u->handler | u->pd | u->uinv),
        .time = note(env, LEDGER_TO_IDT, NULL, vector, u->uinv),
    };
}

static void on_dropped(CPUX86State *env, const char *why)
{
    LedgerCpu *c = books_of(env);

    c->dropped_why = why;
    c->dropped_at = note(env, LEDGER_DROPPED, NULL, 0, 0);
}

/* It is asked for rarely, and by linear address: look it up by that. */
static void on_attach(CPUX86State *env)
{
    LedgerUpid *u = ledger_running(uintr_ledger, env_cpu(env));
    int64_t time = note(env, LEDGER_ATTACH, u, 0, env->uintr.pd);

    books_of(env)->depth = 0;   /* by hand, to another task */
    if (u) {
        u->attached = time;
    }
}

/* It reaches into PIR. */
static uint64_t bits_of_pir(const UintrStore *store)
{
    unsigned end = MIN(store->offset + store->size, sizeof(UintrUpid));
    unsigned start = MAX(store->offset, UPID_PIR_OFFSET);

    return end > start ? MAKE_64BIT_MASK((start - UPID_PIR_OFFSET) * 8,
                                         (end - start) * 8) : 0;
}

static void on_store(const UintrStore *store)
{
    UintrLedger *l = uintr_ledger;
    LedgerUpid *u = ledger_upid(l, ledger_cpu(l, store->cpu), store->host);

    ledger_meet(u, ledger_pir(u));
    u->last_store = (LedgerStore) {
        .rip = store->rip, .cpu = store->cpu ? store->cpu->cpu_index : -1,
        .offset = store->offset, .size = store->size, .seen = true,
    };
    if (store->offset + store->size > UPID_PIR_OFFSET) {
        qatomic_inc(&u->stores);
        ledger_touch(u, bits_of_pir(store),
                     store->cpu ? LEDGER_BY_STORE : LEDGER_BY_DEVICE);
    }
    u->last_store.time = ledger_write(l, store->cpu, (LedgerEntry) {
        .rip = store->rip, .upid = u, .kind = LEDGER_STORE,
        .value = ledger_low(u),
        .vector = store->offset, .size = store->size,
    });
    if (bits_of_pir(store)) {
        u->last_to_pir = u->last_store;
    }
    if (!store->offset) {
        u->low_stored = u->last_store.time;
    }
}

static void on_quirk(CPUX86State *env, const UintrBite *bite)
{
    UintrLedger *l = uintr_ledger;
    LedgerCpu *c = books_of(env);
    LedgerUpid *u = ledger_upid(l, c, bite->host);
    int64_t time = note(env, LEDGER_QUIRK, u, 0, bite->vectors);

    ledger_touch(u, bite->vectors, LEDGER_BY_QUIRK);
    if (!(c->bitten & (1u << bite->number))) {
        c->bitten |= 1u << bite->number;
        ledger_bitten(l, env_cpu(env), u, bite, time);
    }
}

static void on_mark(CPUState *cpu, uint8_t number, uint64_t value)
{
    ledger_write(uintr_ledger, cpu, (LedgerEntry) {
        .value = value, .kind = LEDGER_MARK, .vector = number,
        .rip = cpu ? uintr_rip_of(cpu_env(cpu), cpu->mem_io_pc) : 0,
    });
}

static void on_wake(CPUX86State *env)
{
    note(env, LEDGER_WAKE, NULL, 0, 0);
}

const UintrObserver ledger_observer = {
    .post = on_post,
    .lost = on_lost,
    .ipi = on_ipi,
    .ring = on_ring,
    .arrive = on_arrive,
    .rung = on_rung,
    .identify = on_identify,
    .to_idt = on_to_idt,
    .take = on_take,
    .dropped = on_dropped,
    .deliver = on_deliver,
    .uiret = on_uiret,
    .replace = on_replace,
    .save = on_save,
    .read = on_read,
    .attach = on_attach,
    .reset = on_reset,
    .wake = on_wake,
    .store = on_store,
    .quirk = on_quirk,
    .mark = on_mark,
};
