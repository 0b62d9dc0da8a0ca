/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM that goes away: a peer's when its process ends, that of a device that
 * is unplugged.  What lay in it is read no more, and another UPID may come to
 * lie at the same address.
 *
 * A CPU may still be in the midst of a post there.  It is out of it after a
 * grace period; the memory itself is given back after that, since whoever
 * gives it back asks for the same grace period later.
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/rcu.h"
#include "exec/ramlist.h"
#include "ledger.h"

typedef struct GoneRam {
    struct rcu_head rcu;
    char *host;
    size_t size;
} GoneRam;

static gboolean upid_is_gone(gpointer host, gpointer upid, gpointer opaque)
{
    GoneRam *gone = opaque;

    if ((uintptr_t)host - (uintptr_t)gone->host >= gone->size) {
        return false;
    }
    ledger_lose(upid);
    return true;
}

static void forget(GoneRam *gone)
{
    UintrLedger *l = uintr_ledger;

    if (l && !l->closed) {
        QEMU_LOCK_GUARD(&l->lock);
        g_hash_table_foreach_remove(l->upids, upid_is_gone, gone);
        ledger_lose_images(l, gone->host, gone->size);
    }
    g_free(gone);
}

static void on_removal(RAMBlockNotifier *n, void *host, size_t size,
                       size_t max_size)
{
    GoneRam *gone = g_new(GoneRam, 1);

    *gone = (GoneRam) { .host = host, .size = max_size };
    call_rcu(gone, forget, rcu);
}

static RAMBlockNotifier notifier = { .ram_block_removed = on_removal };

void ledger_watch_ram(void)
{
    ram_block_notifier_add(&notifier);
}

void ledger_leave_ram(void)
{
    ram_block_notifier_remove(&notifier);
}
