/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A peer in the same process: everything is a call, an entry of its (MB50). */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "mailbox.h"

static MailboxVerdict local_send(VirtIOMailbox *m,
                                 const MailboxMessage *message,
                                 uint32_t *status)
{
    MAILBOX_ENTRY_GUARD(m->local);

    return mailbox_receive(m->local, message, status);
}

static void local_flush(VirtIOMailbox *m)
{
    MAILBOX_ENTRY_GUARD(m->local);

    mailbox_rx_flush(m->local);
}

static void local_kick(VirtIOMailbox *m)
{
    MAILBOX_ENTRY_GUARD(m->local);

    mailbox_take_signals(m->local);
}

static void local_tell(VirtIOMailbox *m, bool reset)
{
    MAILBOX_ENTRY_GUARD(m->local);

    mailbox_peer_told(m->local, m->ready, m->r.state_word, reset);
}

static void local_room(VirtIOMailbox *m)
{
    MAILBOX_ENTRY_GUARD(m->local);

    mailbox_pump(m->local);
}

static const MailboxPeerOps local_ops = {
    .send = local_send,
    .flush = local_flush,
    .kick = local_kick,
    .tell = local_tell,
    .room = local_room,
};

static void introduce(VirtIOMailbox *m, VirtIOMailbox *other)
{
    m->local = other;
    m->peer = (MailboxPeer) {
        .ops = &local_ops,
        .ready = other->ready,
        .state_word = other->r.state_word,
        .apic_first = other->apic_first,
        .apic_count = other->apic_count,
        .signals = other->signals,
    };
    for (int i = 0; i < MAILBOX_SECTIONS; i++) {
        m->peer.sections[i] = mailbox_section_is_readonly(i) ?
                              &other->own_readonly[i] : &other->own[i];
    }
}

static bool check_pair(VirtIOMailbox *m, VirtIOMailbox *other, Error **errp)
{
    if (other == m || other->local) {
        error_setg(errp, "peer=%s: that endpoint %s: name another one",
                   mailbox_name(other), other == m ? "is this one" :
                   "has a peer already");
        return false;
    }
    if (other->socket) {
        error_setg(errp, "peer=%s: that endpoint has chardev=, its peer is in "
                   "another process", mailbox_name(other));
        return false;
    }
    if (memcmp(&m->geometry, &other->geometry, sizeof(m->geometry))) {
        error_setg(errp, "peer=%s: max-message, common-size, common-side, "
                   "output-size and upid-size must be the same at both ends",
                   mailbox_name(other));
        return false;
    }
    return true;
}

bool mailbox_local_connect(VirtIOMailbox *m, VirtIOMailbox *other, Error **errp)
{
    MAILBOX_ENTRY_GUARD(other);

    if (!check_pair(m, other, errp)) {
        return false;
    }
    introduce(m, other);
    introduce(other, m);
    if (!mailbox_attach(m, errp)) {
        m->peer = other->peer = (MailboxPeer) { };
        m->local = other->local = NULL;
        return false;
    }
    if (!mailbox_attach(other, errp)) {
        other->peer = (MailboxPeer) { };
        mailbox_detach(m);
        m->local = other->local = NULL;
        return false;
    }
    return true;
}

/* A link property keeps what it names: the other side names nobody now. */
void mailbox_local_disconnect(VirtIOMailbox *m)
{
    VirtIOMailbox *other = m->local;
    MAILBOX_ENTRY_GUARD(other);

    mailbox_detach(other);
    m->local = other->local = NULL;
    if (other->peer_device) {
        object_unref(OBJECT(other->peer_device));
        other->peer_device = NULL;
    }
}
