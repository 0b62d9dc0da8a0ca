/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * While an endpoint works, what it stores must not come back into it (MB49):
 * an interrupt is a store to where the guest says, and a queue may lie where
 * the device's own reports go.  QEMU looks after entries by MMIO, one device
 * at a time; this covers timers, bottom halves, sockets and calls of the peer,
 * and the register page, which is another device's than the notifications.
 */
#include "qemu/osdep.h"
#include "mailbox.h"

MailboxEntry mailbox_enter(VirtIOMailbox *m)
{
    MemReentrancyGuard *pci = &m->pci->qdev.mem_reentrancy_guard;
    MailboxEntry entry = { m, m->busy, pci->engaged_in_io };

    object_ref(OBJECT(m->pci));     /* a store may unplug it, too */
    m->busy = pci->engaged_in_io = true;
    return entry;
}

void mailbox_leave(MailboxEntry *entry)
{
    VirtIOMailbox *m = entry->m;

    m->busy = entry->was_busy;
    m->pci->qdev.mem_reentrancy_guard.engaged_in_io = entry->was_engaged;
    object_unref(OBJECT(m->pci));
}
