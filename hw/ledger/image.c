/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vectors that a task takes with it: UIRR in a saved component 14.
 *
 * XSAVES leaves UIRR in the CPU as it was, so for a while the same vectors
 * are in two places; the CPU has them until its UIRR is replaced, then the
 * image has them.  One that is delivered or replaced by then is no longer in
 * the image, whatever the memory says: who restores it makes it up.  If
 * another CPU restores the image before, what is left in the first one's UIRR
 * is a ghost: nobody's vector, until that UIRR is replaced.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/lockable.h"
#include "ledger.h"

#define EACH_VECTOR(vector, rr)                                         \
    uint64_t left_ = (rr); left_ && ((vector) = ctz64(left_), true);    \
    left_ &= left_ - 1

static void drop(UintrLedger *l, LedgerImage *image)
{
    g_hash_table_remove(l->images, image->host);
}

/* The CPU's vectors are saved elsewhere now, or are no copy any more. */
static void release_copy(UintrLedger *l, LedgerCpu *c)
{
    if (c->copy) {
        drop(l, c->copy);
        c->copy = NULL;
    }
}

static void lose(UintrLedger *l, LedgerImage *image, LedgerCause cause)
{
    int vector;

    for (unsigned i = 0; i < l->rings; i++) {
        if (l->cpu[i].copy == image) {
            l->cpu[i].copy = NULL;
        }
    }
    if (!image->copied) {
        for (EACH_VECTOR(vector, image->rr)) {
            ledger_discard(image->owner[vector], vector, cause);
        }
    }
    drop(l, image);
}

static void overwrite(UintrLedger *l, void *host)
{
    LedgerImage *image = g_hash_table_lookup(l->images, host);

    if (image) {
        lose(l, image, LEDGER_BY_OVERWRITING);
    }
}

void ledger_lose_images(UintrLedger *l, const void *host, size_t size)
{
    g_autoptr(GList) images = g_hash_table_get_values(l->images);

    for (GList *i = images; i; i = i->next) {
        LedgerImage *image = i->data;

        if ((uintptr_t)image->host - (uintptr_t)host < size) {
            lose(l, image, LEDGER_BY_REMOVAL);
        }
    }
}

void ledger_save(UintrLedger *l, LedgerCpu *c, void *host)
{
    LedgerImage *image;
    QEMU_LOCK_GUARD(&l->lock);

    overwrite(l, host);
    release_copy(l, c);
    if (!(c->rr & ~c->ghosts) || !host) {
        return;
    }
    image = g_new0(LedgerImage, 1);
    image->host = host;
    image->rr = c->rr & ~c->ghosts;
    image->copied = true;
    memcpy(image->owner, c->owner, sizeof(image->owner));
    g_hash_table_insert(l->images, host, image);
    c->copy = image;
}

/* Another CPU may be about to restore that image. */
void ledger_forget_copy(UintrLedger *l, LedgerCpu *c, int vector)
{
    if (qatomic_read(&c->copy)) {
        QEMU_LOCK_GUARD(&l->lock);

        if (c->copy) {
            c->copy->rr &= ~(1ULL << vector);
        }
    }
}

/* A later delivery of the vector makes up for it. */
static void note_unread(UintrLedger *l, const LedgerCpu *c, int vector)
{
    LedgerUpid *u = c->owner[vector];

    if (u != l->none && !(c->read >> vector & 1)) {
        qatomic_or(&u->unread.vectors, 1ULL << vector);
        u->unread.time = ledger_now();
        u->unread.cpu = c - l->cpu;
    }
}

/* What UIRR held goes on in the image, stays by chance, or is gone. */
static void leave(UintrLedger *l, LedgerCpu *c, uint64_t kept,
                  LedgerCause cause)
{
    uint64_t saved = c->copy ? c->copy->rr : 0;
    int vector;

    for (EACH_VECTOR(vector, c->rr & ~saved & ~kept & ~c->ghosts)) {
        ledger_discard(c->owner[vector], vector, cause);
        if (cause == LEDGER_BY_WRMSR || cause == LEDGER_BY_XRSTORS) {
            note_unread(l, c, vector);
        }
    }
    c->rr &= ~saved & kept & ~c->ghosts;
    qatomic_set(&c->ghosts, 0);
    if (c->copy) {
        c->copy->copied = false;
        c->copy = NULL;
    }
}

/* The CPU that saved it is in its kernel, on the way to another task. */
static void turn_into_ghosts(UintrLedger *l, LedgerImage *image, uint64_t rr)
{
    for (unsigned i = 0; i < l->rings; i++) {
        if (l->cpu[i].copy == image) {
            qatomic_or(&l->cpu[i].ghosts, image->rr & rr);
            l->cpu[i].copy = NULL;
        }
    }
    image->copied = false;
}

static void enter_from_image(UintrLedger *l, LedgerCpu *c, uint64_t rr,
                             void *host)
{
    LedgerImage *image = host ? g_hash_table_lookup(l->images, host) : NULL;
    uint64_t found = image ? image->rr & rr : 0;
    int vector;

    if (found && image->copied) {
        turn_into_ghosts(l, image, rr);
    }
    for (EACH_VECTOR(vector, found)) {
        c->owner[vector] = image->owner[vector];
    }
    c->rr |= found;
    if (found) {
        image->rr &= ~found;
    }
}

static void make_up(UintrLedger *l, LedgerCpu *c, uint64_t rr,
                    LedgerCause cause)
{
    int vector;

    for (EACH_VECTOR(vector, rr & ~c->rr)) {
        c->owner[vector] = l->none;
        ledger_inject(l->none, vector, cause);
    }
    c->rr = rr;
}

void ledger_replace(UintrLedger *l, LedgerCpu *c, uint64_t rr, void *host,
                    LedgerCause cause)
{
    QEMU_LOCK_GUARD(&l->lock);

    leave(l, c, cause == LEDGER_BY_WRMSR || cause == LEDGER_BY_QUIRK ?
          rr : 0, cause);
    enter_from_image(l, c, rr, host);
    make_up(l, c, rr, cause);
}

/* Who had the first one that is gone; nobody has made one that is new. */
static LedgerUpid *owner_of(UintrLedger *l, const LedgerCpu *c, uint64_t gone)
{
    return gone ? c->owner[ctz64(gone)] : l->none;
}

/* What was lost is in no book any more, what is new was posted by nobody. */
static void find_changed(UintrLedger *l, CPUState *cs, LedgerCpu *c,
                         uint64_t rr)
{
    uint64_t gone = c->rr & ~rr & ~c->ghosts;
    LedgerUpid *u = owner_of(l, c, gone);
    uint64_t changed = c->rr ^ rr;
    int vector;

    for (EACH_VECTOR(vector, rr & ~c->rr)) {
        c->owner[vector] = l->none;
    }
    c->rr = rr;
    qatomic_and(&c->ghosts, rr);
    ledger_unseen(l, cs, u, changed);
}

void ledger_catch_up(UintrLedger *l, CPUState *cs, uint64_t rr)
{
    LedgerCpu *c = ledger_cpu(l, cs);
    bool was_reset = c->was_reset;

    c->was_reset = false;
    if (c->rr == rr) {
        return;
    }
    if (was_reset) {
        ledger_replace(l, c, rr, NULL, LEDGER_BY_RESET);
    } else {
        find_changed(l, cs, c, rr);
    }
}
