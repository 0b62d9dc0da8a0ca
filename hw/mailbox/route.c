/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SENDUIPI to a CPU of the peer: out of the router, into the link (MB30). */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "cpu.h"
#include "../trace.h"
#include "mailbox.h"

/*
 * In one process the peer's own CPUs find the same windows: only those of
 * this side may use this side's endpoint.
 */
static bool is_own_cpu(VirtIOMailbox *m, CPUState *sender)
{
    return X86_CPU(sender)->apic_id - m->apic_local < m->apic_count;
}

static void route(Object *owner, CPUState *sender, uint32_t id, uint8_t vector)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(owner);
    BQL_LOCK_GUARD();
    MAILBOX_ENTRY_GUARD(m);

    if (!m->window) {               /* released while this one waited */
        return;
    }
    if (is_own_cpu(m, sender)) {
        mailbox_notify_peer(m, id, vector);
    } else {
        mailbox_count(m, MBOX_COUNT_ROUTE_REFUSED);
        trace_mailbox_route_refused(mailbox_name(m), id, vector,
                                    "sender is not of this side");
    }
}

bool mailbox_route_claim(VirtIOMailbox *m, Error **errp)
{
    if (!m->peer.apic_count) {
        return true;
    }
    m->window = uintr_router_claim(OBJECT(m), m->peer.apic_first,
                                   m->peer.apic_count, route, errp);
    return m->window;
}

void mailbox_route_release(VirtIOMailbox *m)
{
    if (m->window) {
        uintr_router_release(m->window);
        m->window = NULL;
    }
}
