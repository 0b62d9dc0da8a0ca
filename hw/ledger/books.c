/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The books of a UPID: who is found by its address, and what adds up. */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/lockable.h"
#include "qemu/memalign.h"
#include "ledger.h"

static const uint64_t *pir_of(const LedgerUpid *u)
{
    return (uint64_t *)((char *)u->host + UPID_PIR_OFFSET);
}

uint64_t ledger_pir(const LedgerUpid *u)
{
    return u->host ? le64_to_cpu(qatomic_read(pir_of(u))) : 0;
}

uint64_t ledger_progress(const LedgerUpid *u)
{
    return qatomic_read(&u->sender.sent) + qatomic_read(&u->receiver.takes) +
           qatomic_read(&u->stores);
}

bool ledger_under_way(const LedgerUpid *u)
{
    return qatomic_read(&u->sender.sent) != qatomic_read(&u->receiver.seen);
}

LedgerUpid *ledger_new_upid(UintrLedger *l, void *host)
{
    LedgerUpid *u = qemu_memalign(64, sizeof(*u));

    memset(u, 0, sizeof(*u));
    u->host = host;
    u->number = l->by_number->len;
    g_ptr_array_add(l->by_number, u);
    return u;
}

/* What is in PIR when a UPID is first seen was there before the books. */
static LedgerUpid *find(UintrLedger *l, void *host)
{
    LedgerUpid *u;
    QEMU_LOCK_GUARD(&l->lock);

    u = g_hash_table_lookup(l->upids, host);
    if (!u) {
        u = ledger_new_upid(l, host);
        g_hash_table_insert(l->upids, host, u);
    }
    return u;
}

LedgerUpid *ledger_upid(UintrLedger *l, LedgerCpu *c, void *host)
{
    LedgerUpid **slot = &c->near[(uintptr_t)host / 64 % ARRAY_SIZE(c->near)];
    LedgerUpid *near = qatomic_read(slot);

    if (!host) {
        return l->none;
    }
    if (!near || near->host != host) {
        near = find(l, host);
        qatomic_set(slot, near);
    }
    return near;
}

static LedgerCause stored_by(const LedgerUpid *u)
{
    return u->last_store.seen && u->last_store.cpu < 0 ? LEDGER_BY_DEVICE :
           LEDGER_BY_STORE;
}

/* PIR by the books: a bit is there that was set once more than cleared. */
static int64_t booked(const LedgerUpid *u, int vector)
{
    return qatomic_read(&u->sender.posted[vector]) -
           qatomic_read(&u->sender.coalesced[vector]) -
           qatomic_read(&u->receiver.taken[vector]) +
           u->stored_in[vector] - u->stored_out[vector];
}

void ledger_settle(LedgerUpid *u, uint64_t pir)
{
    for (int vector = 0; vector < UINTR_VECTORS; vector++) {
        int64_t change = (int64_t)(pir >> vector & 1) - booked(u, vector);

        if (change > 0) {
            u->stored_in[vector] += change;
            u->causes_injected[stored_by(u)] += change;
        } else {
            u->stored_out[vector] -= change;
            u->causes_discarded[stored_by(u)] -= change;
        }
    }
    u->expected = pir;
}

void ledger_lose(LedgerUpid *u)
{
    uint64_t pir = ledger_pir(u);

    ledger_settle(u, pir);
    for (int vector = 0; vector < UINTR_VECTORS; vector++) {
        if (pir >> vector & 1) {
            u->stored_out[vector]++;
            u->causes_discarded[LEDGER_BY_REMOVAL]++;
        }
    }
    u->expected = 0;
    u->host = NULL;
}

void ledger_inject(LedgerUpid *u, int vector, LedgerCause cause)
{
    qatomic_inc(&u->receiver.injected[vector]);
    qatomic_inc(&u->causes_injected[cause]);
}

void ledger_discard(LedgerUpid *u, int vector, LedgerCause cause)
{
    qatomic_inc(&u->receiver.discarded[vector]);
    qatomic_inc(&u->causes_discarded[cause]);
}

static unsigned in_images(UintrLedger *l, LedgerUpid *u, int vector)
{
    unsigned count = 0;
    GHashTableIter iter;
    LedgerImage *image;

    g_hash_table_iter_init(&iter, l->images);
    while (g_hash_table_iter_next(&iter, NULL, (void **)&image)) {
        count += !image->copied && image->rr >> vector & 1 &&
                 image->owner[vector] == u;
    }
    return count;
}

static unsigned in_cpus(UintrLedger *l, LedgerUpid *u, int vector)
{
    unsigned count = 0;

    for (int i = 0; i < LEDGER_CPUS; i++) {
        count += (l->cpu[i].rr & ~l->cpu[i].ghosts) >> vector & 1 &&
                 l->cpu[i].owner[vector] == u;
    }
    return count;
}

LedgerLine ledger_line(UintrLedger *l, LedgerUpid *u, int vector)
{
    return (LedgerLine) {
        .posted = u->sender.posted[vector],
        .injected = u->receiver.injected[vector] + u->stored_in[vector],
        .delivered = u->receiver.delivered[vector],
        .coalesced = u->sender.coalesced[vector] +
                     u->receiver.coalesced[vector],
        .pending = (ledger_pir(u) >> vector & 1) + in_cpus(l, u, vector) +
                   in_images(l, u, vector),
        .discarded = u->receiver.discarded[vector] + u->stored_out[vector],
    };
}

bool ledger_adds_up(const LedgerLine *line)
{
    return line->posted + line->injected == line->delivered +
           line->coalesced + line->pending + line->discarded;
}
