/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Doorbells and notifications: what crosses without a message (MB20-MB27). */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/host-utils.h"
#include "qemu/timer.h"
#include "hw/pci/msix.h"
#include "../trace.h"
#include "mailbox.h"
#include "target/i386/uintr/observe.h"
#include "target/i386/uintr/schedule.h"

/* ---- The side that rings ---- */

static uint32_t leave_ring(MailboxPeer *peer, unsigned doorbell, bool *kick)
{
    uint64_t bit = 1ULL << doorbell, old;

    if (!peer->ops || !peer->ready ||
        !(qatomic_read(&peer->signals->enabled) & bit)) {
        return MBOX_RING_REFUSED;
    }
    old = qatomic_fetch_or(&peer->signals->pending, bit);
    *kick = !(old & bit) || !(qatomic_read(&peer->signals->one_shot) & bit);
    if (*kick) {
        qatomic_or(&peer->signals->rung, bit);
    }
    return old & bit ? MBOX_RING_COALESCED : MBOX_RING_POSTED;
}

/* MB21: the status is that of the moment of arrival. */
static void arrive_ring(VirtIOMailbox *m, unsigned doorbell)
{
    static const uint8_t counter_of[] = {
        [MBOX_RING_POSTED] = MBOX_COUNT_RING_POSTED,
        [MBOX_RING_COALESCED] = MBOX_COUNT_RING_COALESCED,
        [MBOX_RING_REFUSED] = MBOX_COUNT_RING_REFUSED,
    };
    bool kick = false;
    uint32_t status = leave_ring(&m->peer, doorbell, &kick);

    m->r.ring_status[doorbell] = status;
    mailbox_count(m, counter_of[status]);
    trace_mailbox_ring(mailbox_name(m), doorbell, status);
    if (kick) {
        m->peer.ops->kick(m);
    }
    x86_uintr_passed(UINTR_POINT_DOORBELL);
}

/* MB30: the IDs are the peer's; it checks again what it lets in. */
static void arrive_notification(VirtIOMailbox *m, unsigned cpu, uint8_t vector)
{
    MailboxSignals *signals = m->peer.signals;

    if (!m->peer.ops || cpu >= m->peer.apic_count) {
        mailbox_count(m, MBOX_COUNT_ROUTE_REFUSED);
        trace_mailbox_route_refused(mailbox_name(m), cpu, vector, "no link");
        return;
    }
    mailbox_count(m, MBOX_COUNT_ROUTED);
    trace_mailbox_route(mailbox_name(m), cpu, vector);
    qatomic_or(&signals->notify[cpu][vector / 64], 1ULL << vector % 64);
    qatomic_set_mb(&signals->notified, 1);
    m->peer.ops->kick(m);
}

static bool is_in_air(VirtIOMailbox *m, const MailboxSignal *like)
{
    MailboxSignal *signal;

    QTAILQ_FOREACH(signal, &m->air, next) {
        if (signal->is_notification == like->is_notification &&
            signal->doorbell == like->doorbell && signal->cpu == like->cpu &&
            signal->vector == like->vector) {
            return true;
        }
    }
    return false;
}

void mailbox_air_arm(VirtIOMailbox *m)
{
    if (!QTAILQ_EMPTY(&m->air)) {
        timer_mod(m->air_timer, QTAILQ_FIRST(&m->air)->due);
    }
}

/* False if the same is on its way: then both arrive as one. */
static bool launch(VirtIOMailbox *m, MailboxSignal like)
{
    MailboxSignal *signal;

    if (is_in_air(m, &like)) {
        return false;
    }
    signal = g_memdup2(&like, sizeof(like));
    signal->due = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + m->latency_ns;
    QTAILQ_INSERT_TAIL(&m->air, signal, next);
    mailbox_air_arm(m);
    return true;
}

void mailbox_air_timer(void *opaque)
{
    VirtIOMailbox *m = opaque;
    uint64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    MailboxSignal *signal;
    MAILBOX_ENTRY_GUARD(m);

    while ((signal = QTAILQ_FIRST(&m->air)) && signal->due <= now) {
        QTAILQ_REMOVE(&m->air, signal, next);
        if (signal->is_notification) {
            arrive_notification(m, signal->cpu, signal->vector);
        } else {
            arrive_ring(m, signal->doorbell);
        }
        g_free(signal);
    }
    mailbox_air_arm(m);
}

void mailbox_air_drop(VirtIOMailbox *m)
{
    MailboxSignal *signal, *next;

    QTAILQ_FOREACH_SAFE(signal, &m->air, next, next) {
        QTAILQ_REMOVE(&m->air, signal, next);
        g_free(signal);
    }
    timer_del(m->air_timer);
}

/* MB43: it was on its way to a life of the peer that has ended. */
void mailbox_air_refuse(VirtIOMailbox *m)
{
    MailboxSignal *signal;

    QTAILQ_FOREACH(signal, &m->air, next) {
        if (signal->is_notification) {
            mailbox_count(m, MBOX_COUNT_ROUTE_REFUSED);
            trace_mailbox_route_refused(mailbox_name(m), signal->cpu,
                                        signal->vector, "the peer was reset");
        } else {
            mailbox_count(m, MBOX_COUNT_RING_REFUSED);
            m->r.ring_status[signal->doorbell] = MBOX_RING_REFUSED;
        }
    }
    mailbox_air_drop(m);
}

static void launch_ring(VirtIOMailbox *m, unsigned doorbell)
{
    bool first = launch(m, (MailboxSignal) { .doorbell = doorbell });

    if (first) {
        m->r.ring_status[doorbell] = MBOX_RING_IN_FLIGHT;
    } else {
        mailbox_count(m, MBOX_COUNT_RING_COALESCED);
    }
}

void mailbox_ring(VirtIOMailbox *m, uint32_t doorbell)
{
    if (doorbell >= MBOX_DOORBELLS) {
        mailbox_guest_error(m, "doorbell %u rung, there are %u", doorbell,
                            MBOX_DOORBELLS);
        mailbox_count(m, MBOX_COUNT_RING_REFUSED);
        return;
    }
    UINTR_TELL(ring, current_cpu, doorbell);
    if (!m->latency_ns) {
        arrive_ring(m, doorbell);
    } else {
        launch_ring(m, doorbell);
    }
}

void mailbox_notify_peer(VirtIOMailbox *m, uint8_t cpu, uint8_t vector)
{
    if (!m->latency_ns) {
        arrive_notification(m, cpu, vector);
    } else {
        launch(m, (MailboxSignal) {
            .is_notification = true, .cpu = cpu, .vector = vector,
        });
    }
}

/* ---- The side that is rung ---- */

uint64_t mailbox_pending(VirtIOMailbox *m)
{
    return qatomic_read(&m->signals->pending) & m->r.enable;
}

void mailbox_clear_pending(VirtIOMailbox *m, uint64_t bits)
{
    qatomic_and(&m->signals->pending, ~bits);
    m->r.latched &= ~bits;
    mailbox_update_state_page(m);
}

void mailbox_publish_doorbells(VirtIOMailbox *m)
{
    qatomic_set(&m->signals->one_shot, m->r.one_shot);
    qatomic_set_mb(&m->signals->enabled, m->r.enable);
    mailbox_update_state_page(m);
}

/*
 * What is pending still, or was rung while it was closed, is rung now: its
 * one-shot interrupt may have come to somebody who was not listening.
 */
void mailbox_open_doorbells(VirtIOMailbox *m, uint64_t opened)
{
    uint64_t waiting = qatomic_read(&m->signals->pending) & opened;

    m->r.latched &= ~opened;
    if (waiting) {
        qatomic_or(&m->signals->rung, waiting);
        mailbox_take_signals(m);
    }
}

/* MB24: without MSI-X it is a change of configuration, as for any virtio. */
static void interrupt_for(VirtIOMailbox *m, unsigned doorbell)
{
    uint32_t entry = m->r.ring_msix[doorbell];

    mailbox_count(m, MBOX_COUNT_RUNG_INTERRUPTS);
    if (!msix_enabled(m->pci)) {
        virtio_notify_config(VIRTIO_DEVICE(m));
    } else if (entry < m->pci->msix_entries_nr) {
        msix_notify(m->pci, entry);
    }
}

void mailbox_set_ring_msix(VirtIOMailbox *m, unsigned doorbell, uint32_t entry)
{
    uint32_t *now = &m->r.ring_msix[doorbell];

    if (*now != MBOX_MSIX_NONE) {
        msix_vector_unuse(m->pci, *now);
    }
    *now = entry < m->pci->msix_entries_nr ? entry : MBOX_MSIX_NONE;
    if (*now != MBOX_MSIX_NONE) {
        msix_vector_use(m->pci, *now);
    }
}

/* MB23: in one-shot mode the next interrupt waits until pending is cleared. */
static void take_ring(VirtIOMailbox *m, unsigned doorbell)
{
    uint64_t bit = 1ULL << doorbell;
    bool silent = m->r.latched & m->r.one_shot & bit;

    mailbox_count(m, MBOX_COUNT_RUNG);
    m->r.latched |= bit;
    trace_mailbox_rung(mailbox_name(m), doorbell, !silent);
    if (!silent) {
        interrupt_for(m, doorbell);
        UINTR_TELL(rung, current_cpu, doorbell);
    }
}

/*
 * The guest may have cleared a pending bit before the ring that set it was
 * looked at: set it again, so that no interrupt comes without one (MB22).
 */
static void take_rings(VirtIOMailbox *m)
{
    uint64_t rung = qatomic_xchg(&m->signals->rung, 0) & m->r.enable;

    if (!rung) {
        return;
    }
    qatomic_or(&m->signals->pending, rung);
    mailbox_update_state_page(m);
    for (; rung; rung &= rung - 1) {
        take_ring(m, ctz64(rung));
    }
}

static void take_notifications_of(VirtIOMailbox *m, unsigned cpu)
{
    for (unsigned i = 0; i < MAILBOX_VECTORS / 64; i++) {
        uint64_t *word = &m->signals->notify[cpu][i];
        uint64_t bits = qatomic_read(word) ? qatomic_xchg(word, 0) : 0;

        for (; bits; bits &= bits - 1) {
            mailbox_inject(m, cpu, i * 64 + ctz64(bits));
        }
    }
}

/* A peer in this process has left none for CPUs that are not of self. */
static unsigned cpus_to_look_at(VirtIOMailbox *m)
{
    return m->local ? m->apic_count : MAILBOX_MAX_CPUS;
}

void mailbox_take_signals(VirtIOMailbox *m)
{
    if (!m->running) {
        return;
    }
    take_rings(m);
    if (qatomic_xchg(&m->signals->notified, 0)) {
        for (unsigned cpu = 0; cpu < cpus_to_look_at(m); cpu++) {
            take_notifications_of(m, cpu);
        }
    }
}
