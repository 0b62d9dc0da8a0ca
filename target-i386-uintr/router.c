/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows of global APIC IDs: see router.h. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bitmap.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qemu/rcu_queue.h"
#include "internal.h"
#include "router.h"
#include "trace.h"

#define FIRST_BROADCAST_ID 0xff

struct UintrWindow {
    struct rcu_head rcu;
    Object *owner;
    uint32_t first, count;
    UintrRouteFn *route;
    QLIST_ENTRY(UintrWindow) next;
};

/* Changed under the big lock, read by senders under RCU. */
static QLIST_HEAD(, UintrWindow) windows = QLIST_HEAD_INITIALIZER(windows);

/* IDs that were in a window once: who sends there has not been told. */
static unsigned long former[BITS_TO_LONGS(FIRST_BROADCAST_ID)];

static UintrWindow *find_overlap(uint32_t first, uint32_t count)
{
    UintrWindow *window;

    QLIST_FOREACH(window, &windows, next) {
        if (first < window->first + window->count &&
            window->first < first + count) {
            return window;
        }
    }
    return NULL;
}

static bool check_range(uint32_t first, uint32_t count, Error **errp)
{
    UintrWindow *other;

    if (!count || first >= FIRST_BROADCAST_ID ||
        count > FIRST_BROADCAST_ID - first) {
        error_setg(errp, "%u global APIC IDs from %u: choose at least one, "
                   "and all of them below %u", count, first,
                   FIRST_BROADCAST_ID);
        return false;
    }
    other = find_overlap(first, count);
    if (other) {
        error_setg(errp, "global APIC IDs %u to %u are taken: choose others",
                   other->first, other->first + other->count - 1);
        return false;
    }
    return true;
}

UintrWindow *uintr_router_claim(Object *owner, uint32_t first, uint32_t count,
                                UintrRouteFn *route, Error **errp)
{
    UintrWindow *window;

    assert(bql_locked());
    if (!check_range(first, count, errp)) {
        return NULL;
    }
    window = g_new0(UintrWindow, 1);
    window->owner = object_ref(owner);
    window->first = first;
    window->count = count;
    window->route = route;
    QLIST_INSERT_HEAD_RCU(&windows, window, next);
    return window;
}

static void free_window(UintrWindow *window)
{
    object_unref(window->owner);
    g_free(window);
}

void uintr_router_release(UintrWindow *window)
{
    assert(bql_locked());
    bitmap_set_atomic(former, window->first, window->count);
    QLIST_REMOVE_RCU(window, next);
    call_rcu(window, free_window, rcu);
}

bool uintr_route(CPUState *sender, uint32_t dest, uint8_t vector)
{
    UintrWindow *window;

    RCU_READ_LOCK_GUARD();
    QLIST_FOREACH_RCU(window, &windows, next) {
        if (dest - window->first < window->count) {
            trace_uintr_route(sender->cpu_index, dest, vector);
            window->route(window->owner, sender, dest - window->first,
                          vector);
            return true;
        }
    }
    return false;
}

bool uintr_route_was(uint32_t dest)
{
    return dest < FIRST_BROADCAST_ID && test_bit(dest, former);
}
