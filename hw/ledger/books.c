/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The books of a UPID: who is found by its address, and what adds up. */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "qemu/lockable.h"
#include "qemu/memalign.h"
#include "qemu/rcu.h"
#include "exec/cpu-common.h"
#include "hw/core/cpu.h"
#include "ledger.h"

static const uint64_t *pir_of(const LedgerUpid *u)
{
    return (uint64_t *)((char *)u->host + UPID_PIR_OFFSET);
}

uint64_t ledger_pir(const LedgerUpid *u)
{
    return u->host ? le64_to_cpu(qatomic_read(pir_of(u))) : 0;
}

uint64_t ledger_low(const LedgerUpid *u)
{
    return u->host ? le64_to_cpu(qatomic_read((uint64_t *)u->host)) : 0;
}

uint64_t ledger_senders_progress(const LedgerUpid *u)
{
    return qatomic_read(&u->sender.sent) + qatomic_read(&u->stores);
}

uint64_t ledger_progress(const LedgerUpid *u)
{
    return ledger_senders_progress(u) + qatomic_read(&u->receiver.takes);
}

/*
 * A take clears ON, and nothing but a notification's post sets it again,
 * unless somebody stores to it, or a peer has sent one of its own: then the
 * clocks of two threads have to do.
 */
static bool is_taken(const LedgerUpid *u)
{
    bool took = u->receiver.took_at >= u->sender.last_sent.time;

    return u->low_stored > u->sender.last_sent.time ? took :
           !(ledger_low(u) & UPID_ON) || (u->memory && took);
}

/* A kernel that receives by a handler of its own has emptied PIR. */
static bool taken_by_hand(UintrLedger *l, const LedgerUpid *u)
{
    const LedgerPost *sent = &u->sender.last_sent;
    CPUState *cs = cpu_by_arch_id(ledger_destination(sent->ndst,
                                                     sent->x2apic));
    int64_t came = cs ? ledger_cpu(l, cs)->idt[sent->nv].time : 0;

    return came && came >= sent->time && u->last_to_pir.seen &&
           u->last_to_pir.cpu == cs->cpu_index && u->last_to_pir.time >= came;
}

bool ledger_under_way(UintrLedger *l, const LedgerUpid *u)
{
    bool exact = l->exact && !u->memory;    /* a peer's CPUs take no turns */
    bool taken = exact ? u->sender.sent == u->receiver.seen : is_taken(u);

    return u->sender.last_sent.made && !taken && !taken_by_hand(l, u);
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

void ledger_free_upid(void *upid)
{
    g_free(((LedgerUpid *)upid)->memory);
    qemu_vfree(upid);
}

/* A guest may post to each line of its memory: books are 100 times as long. */
#define MOST_BOOKS 16384

static LedgerUpid *without_books(UintrLedger *l)
{
    warn_report_once("uintr: there are more than %d UPIDs: the ledger has no "
                     "books of the others", MOST_BOOKS);
    return l->none;
}

/* What is in PIR when a UPID is first seen was there before the books. */
static LedgerUpid *find(UintrLedger *l, void *host)
{
    LedgerUpid *u;
    QEMU_LOCK_GUARD(&l->lock);

    u = g_hash_table_lookup(l->upids, host);
    if (!u && g_hash_table_size(l->upids) == MOST_BOOKS) {
        return without_books(l);
    }
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

/* ---- What others do to PIR ---- */

/* The same for each process that has it: the file, and the place in it. */
static char *name_memory(const void *host)
{
    ram_addr_t offset;
    struct stat file;
    RAMBlock *block;
    RCU_READ_LOCK_GUARD();

    block = qemu_ram_block_from_host((void *)host, false, &offset);
    if (!block || !qemu_ram_is_shared(block)) {
        return NULL;
    }
    return qemu_ram_get_fd(block) < 0 || fstat(qemu_ram_get_fd(block), &file) ?
           g_strdup("") :
           g_strdup_printf("%" PRIx64 ":%" PRIx64 "+0x" RAM_ADDR_FMT,
                           (uint64_t)file.st_dev, (uint64_t)file.st_ino,
                           offset);
}

void ledger_touch(LedgerUpid *u, uint64_t bits, LedgerCause cause)
{
    qatomic_or(&u->touched[cause], bits);
}

void ledger_meet(LedgerUpid *u, uint64_t pir)
{
    if (!u->met && !qatomic_xchg(&u->met, true)) {
        u->memory = name_memory(u->host);
        ledger_touch(u, pir, u->memory ? LEDGER_BY_PEER : LEDGER_BY_STORE);
    }
}

/*
 * A look goes by what its event has found: a device may have stored since, and
 * is told of behind its store.  A quirk goes on: it bites before its post is
 * told of, and behind it.
 */
void ledger_seen(LedgerUpid *u)
{
    u->device_before = qatomic_xchg(&u->touched[LEDGER_BY_DEVICE], 0);
    for (LedgerCause cause = 0; cause < LEDGER_CAUSE__MAX; cause++) {
        if (cause != LEDGER_BY_QUIRK && cause != LEDGER_BY_DEVICE) {
            u->touched[cause] = 0;
        }
    }
}

static bool touched_by_device(const LedgerUpid *u, int vector)
{
    return (qatomic_read(&u->touched[LEDGER_BY_DEVICE]) |
            u->device_before) >> vector & 1;
}

/* Where stores cannot be seen: another process's, or too many UPIDs. */
static LedgerCause unseen_by(const LedgerUpid *u)
{
    return u->memory ? LEDGER_BY_PEER :
           uintr_upid_is_watched(u->host) ? LEDGER_BY_NOBODY : LEDGER_BY_STORE;
}

static LedgerCause changed_by(const LedgerUpid *u, int vector)
{
    for (LedgerCause cause = 0; cause < LEDGER_CAUSE__MAX; cause++) {
        if (u->touched[cause] >> vector & 1) {
            return cause;
        }
    }
    return touched_by_device(u, vector) ? LEDGER_BY_DEVICE : unseen_by(u);
}

/* PIR by the books: a bit is there that was set once more than cleared. */
static int64_t booked(const LedgerUpid *u, int vector)
{
    return qatomic_read(&u->sender.posted[vector]) -
           qatomic_read(&u->sender.coalesced[vector]) -
           qatomic_read(&u->receiver.taken[vector]) +
           u->stored_in[vector] - u->stored_out[vector] + u->unseen[vector];
}

static void book_change(LedgerUpid *u, int vector, int64_t change)
{
    LedgerCause cause = changed_by(u, vector);

    if (cause == LEDGER_BY_NOBODY) {
        u->unseen[vector] += change;
    } else if (change > 0) {
        u->stored_in[vector] += change;
        u->causes_injected[cause] += change;
        u->peer_in[vector] += cause == LEDGER_BY_PEER ? change : 0;
    } else {
        u->stored_out[vector] -= change;
        u->causes_discarded[cause] -= change;
        u->peer_out[vector] -= cause == LEDGER_BY_PEER ? change : 0;
    }
}

/* What nobody had done is a device's that has been told of by now. */
static void settle_vector(LedgerUpid *u, int vector, int64_t pir)
{
    int64_t change;

    if (touched_by_device(u, vector)) {
        u->unseen[vector] = 0;
    }
    change = pir - booked(u, vector);
    if (change) {
        book_change(u, vector, change);
    }
}

static void set_open(LedgerUpid *u, uint64_t open)
{
    u->told &= open;
    if ((open & ~u->told) && !(u->open & ~u->told)) {
        u->odd.since = ledger_now();
    }
    u->open = open;
}

void ledger_settle(LedgerUpid *u, uint64_t pir)
{
    uint64_t open = 0;

    for (int vector = 0; vector < UINTR_VECTORS; vector++) {
        settle_vector(u, vector, pir >> vector & 1);
        open |= (uint64_t)!!u->unseen[vector] << vector;
    }
    set_open(u, open);
    u->expected = pir;
    ledger_seen(u);
}

static void settle_now(UintrLedger *l, LedgerUpid *u)
{
    uint64_t pir = ledger_pir(u);

    if (!l->exact || u->has_device || u->open || pir != u->expected) {
        ledger_settle(u, pir);
    } else {
        ledger_seen(u);
    }
}

void ledger_settle_all(UintrLedger *l)
{
    CPUState *cs;

    for (guint i = 0; i < l->by_number->len; i++) {
        LedgerUpid *u = g_ptr_array_index(l->by_number, i);

        if (u->host) {
            settle_now(l, u);
        }
    }
    CPU_FOREACH(cs) {
        if (l->rings) {
            ledger_catch_up(l, cs, cpu_env(cs)->uintr.rr);
        }
    }
}

uint64_t ledger_difference(const LedgerUpid *u)
{
    uint64_t pir = ledger_pir(u), covered = 0, found = 0;

    for (LedgerCause cause = 0; cause < LEDGER_CAUSE__MAX; cause++) {
        covered |= qatomic_read(&u->touched[cause]);
    }
    for (int vector = 0; vector < UINTR_VECTORS; vector++) {
        found |= (uint64_t)(booked(u, vector) != (pir >> vector & 1)) << vector;
    }
    found &= ~covered;
    return found && unseen_by(u) == LEDGER_BY_NOBODY ? found : 0;
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

    for (unsigned i = 0; i < l->rings; i++) {
        count += (l->cpu[i].rr & ~l->cpu[i].ghosts) >> vector & 1 &&
                 l->cpu[i].owner[vector] == u;
    }
    return count;
}

uint64_t ledger_booked_pir(const UintrLedger *l, const LedgerUpid *u)
{
    return l->in_flux ? ledger_pir(u) : u->expected;
}

LedgerLine ledger_line(UintrLedger *l, LedgerUpid *u, int vector)
{
    return (LedgerLine) {
        .posted = u->sender.posted[vector],
        .injected = u->receiver.injected[vector] + u->stored_in[vector],
        .delivered = u->receiver.delivered[vector],
        .coalesced = u->sender.coalesced[vector] +
                     u->receiver.coalesced[vector],
        .pending = (ledger_booked_pir(l, u) >> vector & 1) +
                   in_cpus(l, u, vector) + in_images(l, u, vector),
        .discarded = u->receiver.discarded[vector] + u->stored_out[vector],
        .open = u->told >> vector & 1 ? 0 : u->unseen[vector],
    };
}

bool ledger_adds_up(const LedgerLine *line)
{
    return line->posted + line->injected + line->open == line->delivered +
           line->coalesced + line->pending + line->discarded;
}
