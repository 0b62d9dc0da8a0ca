/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of the link: who is there, and since when (MB40-MB47). */
#include "qemu/osdep.h"
#include "../trace.h"
#include "mailbox.h"
#include "target/i386/uintr/schedule.h"

uint32_t mailbox_link(VirtIOMailbox *m)
{
    if (!m->peer.ops) {
        return MBOX_LINK_DOWN;
    }
    return m->peer.ready ? MBOX_LINK_UP : MBOX_LINK_ATTACHED;
}

/* MB44: one event for each change, however it came about. */
static void tell_guest_of_link(VirtIOMailbox *m)
{
    uint32_t link = mailbox_link(m);

    mailbox_update_state_page(m);
    if (link != m->told_link) {
        m->told_link = link;
        trace_mailbox_link(mailbox_name(m), link, m->peer_generation);
        mailbox_event(m, MBOX_EVENT_TYPE_LINK, link);
    }
}

static void peer_is_new(VirtIOMailbox *m)
{
    m->peer_generation++;
    mailbox_update_state_page(m);
    mailbox_event(m, MBOX_EVENT_TYPE_RESET, 0);
}

bool mailbox_attach(VirtIOMailbox *m, Error **errp)
{
    if (!mailbox_route_claim(m, errp)) {
        return false;
    }
    mailbox_memory_attach(m);
    peer_is_new(m);
    tell_guest_of_link(m);
    return true;
}

void mailbox_detach(VirtIOMailbox *m)
{
    if (!m->peer.ops) {
        return;
    }
    mailbox_route_release(m);
    mailbox_memory_detach(m);
    m->peer = (MailboxPeer) { };
    mailbox_tx_fail_all(m, MBOX_STATUS_UNKNOWN);
    tell_guest_of_link(m);
}

/*
 * A peer that was reset has confirmed before it says so what it had taken:
 * what is left was not taken (MB16).
 */
void mailbox_peer_told(VirtIOMailbox *m, bool ready, uint32_t state_word,
                       bool reset)
{
    bool new_word = state_word != m->peer.state_word;

    m->peer.ready = ready;
    m->peer.state_word = state_word;
    if (reset || !ready) {
        mailbox_tx_fail_all(m, MBOX_STATUS_PEER_GONE);
    }
    if (reset) {
        mailbox_air_refuse(m);
        peer_is_new(m);
    }
    tell_guest_of_link(m);
    if (new_word && !reset) {
        mailbox_event(m, MBOX_EVENT_TYPE_STATE, state_word);
    }
}

void mailbox_tell(VirtIOMailbox *m, bool reset)
{
    mailbox_update_state_page(m);
    if (m->peer.ops) {
        m->peer.ops->tell(m, reset);
    }
    if (reset) {
        x86_uintr_passed(UINTR_POINT_RESET);
    }
}
