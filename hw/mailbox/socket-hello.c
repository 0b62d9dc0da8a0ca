/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handshake: who is there, and is it a peer (MB53)? */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "target/i386/uintr/inject.h"
#include "socket.h"

void mailbox_greet(MailboxSocket *s)
{
    VirtIOMailbox *m = s->m;
    int fds[MAILBOX_MAX_FDS];
    unsigned n = mailbox_own_fds(s, fds);
    MailboxHello hello = {
        .magic = cpu_to_le32(MBOX_MAGIC),
        .version = cpu_to_le32(MAILBOX_PROTOCOL_VERSION),
        .side = cpu_to_le32(m->side),
        .max_message = cpu_to_le32(m->geometry.max_message),
        .common_size = cpu_to_le32(m->geometry.common_size),
        .output_size = cpu_to_le32(m->geometry.output_size),
        .upid_size = cpu_to_le32(m->geometry.upid_size),
        .apic_first = cpu_to_le32(m->apic_first),
        .apic_count = cpu_to_le32(m->apic_count),
        .ready = cpu_to_le32(m->ready),
        .state_word = cpu_to_le32(m->r.state_word),
        .generation = cpu_to_le32(m->generation),
    };

    mailbox_put_frame(s, FRAME_HELLO, MAILBOX_PROTOCOL_VERSION, 0,
                      sizeof(hello));
    g_byte_array_append(s->out, (uint8_t *)&hello, sizeof(hello));
    qemu_chr_fe_set_msgfds(&m->chr, fds, n);
    mailbox_flush_out(s);
}

static bool check_same(const char *what, uint32_t peers, uint32_t own,
                       Error **errp)
{
    if (le32_to_cpu(peers) != own) {
        error_setg(errp, "its %s is %u, here it is %u: they must be the same",
                   what, le32_to_cpu(peers), own);
        return false;
    }
    return true;
}

/* MB53 */
static bool check_hello(VirtIOMailbox *m, const MailboxHello *hello,
                        Error **errp)
{
    const MailboxGeometry *g = &m->geometry;
    uint32_t count = le32_to_cpu(hello->apic_count);

    if (le32_to_cpu(hello->magic) != MBOX_MAGIC) {
        error_setg(errp, "it is no mailbox");
        return false;
    }
    if (le32_to_cpu(hello->side) != !m->side) {
        error_setg(errp, "both have side=%u: one of them must have side=%u",
                   m->side, !m->side);
        return false;
    }
    if (count > MAILBOX_MAX_CPUS) {
        error_setg(errp, "it has %u APIC IDs, %u are allowed", count,
                   MAILBOX_MAX_CPUS);
        return false;
    }
    return check_same("version", hello->version, MAILBOX_PROTOCOL_VERSION,
                      errp) &&
           check_same("max-message", hello->max_message, g->max_message,
                      errp) &&
           check_same("common-size", hello->common_size, g->common_size,
                      errp) &&
           check_same("output-size", hello->output_size, g->output_size,
                      errp) &&
           check_same("upid-size", hello->upid_size, g->upid_size, errp);
}

/* The peer's CPUs must not be mistaken for those of this side. */
static bool check_window(VirtIOMailbox *m, uint32_t first, uint32_t count,
                         Error **errp)
{
    if (count && m->apic_count && first < m->apic_first + m->apic_count &&
        m->apic_first < (uint64_t)first + count) {
        error_setg(errp, "its APIC IDs %u to %u are also ours: choose another "
                   "apic-first= at one end", first, first + count - 1);
        return false;
    }
    /* Or SENDUIPI of this machine's own CPUs would go to the peer (MB53). */
    for (uint32_t i = 0; i < count; i++) {
        if (x86_uintr_has_apic(first + i)) {
            error_setg(errp, "its APIC ID %u is that of a CPU here: choose "
                       "another apic-first= there", first + i);
            return false;
        }
    }
    return true;
}

static bool attach_peer(MailboxSocket *s, const MailboxHello *hello,
                        Error **errp)
{
    VirtIOMailbox *m = s->m;
    int fds[MAILBOX_MAX_FDS + 10];
    int n = qemu_chr_fe_get_msgfds(&m->chr, fds, ARRAY_SIZE(fds));

    if (!mailbox_map_peer(s, fds, MAX(n, 0), errp)) {
        m->peer = (MailboxPeer) { };
        return false;
    }
    m->peer.ops = &mailbox_socket_ops;
    m->peer.ready = le32_to_cpu(hello->ready) & 1;
    m->peer.state_word = le32_to_cpu(hello->state_word);
    m->peer.apic_first = le32_to_cpu(hello->apic_first);
    m->peer.apic_count = le32_to_cpu(hello->apic_count);
    s->peer_generation = le32_to_cpu(hello->generation);
    if (!mailbox_attach(m, errp)) {
        m->peer = (MailboxPeer) { };
        mailbox_unmap_peer(s);
        return false;
    }
    return true;
}

void mailbox_take_hello(MailboxSocket *s, const uint8_t *content)
{
    VirtIOMailbox *m = s->m;
    MailboxHello hello;
    Error *err = NULL;

    memcpy(&hello, content, sizeof(hello));
    if (!check_hello(m, &hello, &err) ||
        !check_window(m, le32_to_cpu(hello.apic_first),
                      le32_to_cpu(hello.apic_count), &err) ||
        !attach_peer(s, &hello, &err)) {
        mailbox_lose(s, "%s", error_get_pretty(err));
        error_free(err);
        return;
    }
    s->greeted = true;
    s->state_due = true;        /* it may have changed since our hello */
    mailbox_take_signals(m);
}
