/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A snapshot holds all of it, messages on their way included (MB47). */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "migration/vmstate.h"
#include "farbell/uintr.h"
#include "mailbox.h"

static int pre_save(void *opaque)
{
    VirtIOMailbox *m = opaque;
    MailboxFlight *flight;
    uint32_t n = 0;

    m->signals_pending = qatomic_read(&m->signals->pending);
    QTAILQ_FOREACH(flight, &m->flights, next) {
        n++;
    }
    flight = QTAILQ_FIRST(&m->flights);
    m->first_waited = flight && flight->waited;
    g_free(m->saved_due);
    m->saved_due = g_new(uint64_t, n);
    m->saved_flights = 0;
    QTAILQ_FOREACH(flight, &m->flights, next) {
        m->saved_due[m->saved_flights++] = flight->due;
    }
    return 0;
}

static int pre_load(void *opaque)
{
    VirtIOMailbox *m = opaque;

    mailbox_tx_drop_all(m);
    mailbox_air_drop(m);
    g_free(m->saved_due);
    m->saved_due = NULL;
    for (int i = 0; i < MBOX_DOORBELLS; i++) {
        mailbox_set_ring_msix(m, i, MBOX_MSIX_NONE);
    }
    return 0;
}

/* MB47: they were the last ones popped, so they are popped again. */
static int restore_flights(VirtIOMailbox *m)
{
    MailboxFlight *first;

    if (!virtqueue_rewind(m->tx, m->saved_flights)) {
        return -EINVAL;
    }
    m->sequence -= m->saved_flights;
    for (uint32_t i = 0; i < m->saved_flights; i++) {
        mailbox_tx_pop(m, m->saved_due[i]);
    }
    first = QTAILQ_FIRST(&m->flights);
    if (first) {
        first->waited = m->first_waited;
        timer_mod(m->flight_timer, first->due);
    }
    return 0;
}

static bool flights_fit(void *opaque, int version)
{
    VirtIOMailbox *m = opaque;

    return m->saved_flights <= VIRTQUEUE_MAX_SIZE;
}

/* A timer knows no later moment. */
static bool moments_are_sane(const VirtIOMailbox *m)
{
    MailboxSignal *signal;

    for (uint32_t i = 0; i < m->saved_flights; i++) {
        if (m->saved_due[i] > INT64_MAX) {
            return false;
        }
    }
    QTAILQ_FOREACH(signal, &m->air, next) {
        if (signal->due > INT64_MAX || signal->doorbell >= MBOX_DOORBELLS ||
            signal->cpu >= MAILBOX_MAX_CPUS) {
            return false;
        }
    }
    return true;
}

/* A register file that nobody could have written is not believed. */
static bool registers_are_sane(VirtIOMailbox *m)
{
    mailbox_bound_allow_list(m);
    return moments_are_sane(m) &&
           (!mailbox_is_bound(m) ||
            (m->r.bind_vector < 64 &&
             !(m->r.bind_address & UINTR_PD_RESERVED)));
}

/* Runs when virtio's own state, the queues included, is complete. */
int mailbox_post_load(VirtIODevice *vdev)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(vdev);
    uint32_t msix[MBOX_DOORBELLS];

    memcpy(msix, m->r.ring_msix, sizeof(msix));
    for (int i = 0; i < MBOX_DOORBELLS; i++) {
        m->r.ring_msix[i] = MBOX_MSIX_NONE;
        mailbox_set_ring_msix(m, i, msix[i]);
    }
    if (!registers_are_sane(m)) {
        return -EINVAL;
    }
    m->ready = (vdev->status & VIRTIO_CONFIG_S_DRIVER_OK) &&
               !(vdev->status & VIRTIO_CONFIG_S_FAILED);
    qatomic_set(&m->signals->pending, m->signals_pending);
    if (m->local) {
        m->local->peer.ready = m->ready;
        m->local->peer.state_word = m->r.state_word;
    }
    mailbox_publish_doorbells(m);
    mailbox_air_arm(m);
    return restore_flights(m);
}

static const VMStateDescription vmstate_signal = {
    .name = "virtio-uintr-mailbox/signal",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(due, MailboxSignal),
        VMSTATE_UINT8(doorbell, MailboxSignal),
        VMSTATE_BOOL(is_notification, MailboxSignal),
        VMSTATE_UINT8(cpu, MailboxSignal),
        VMSTATE_UINT8(vector, MailboxSignal),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_registers = {
    .name = "virtio-uintr-mailbox/registers",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(state_word, MailboxRegisters),
        VMSTATE_UINT64(enable, MailboxRegisters),
        VMSTATE_UINT64(one_shot, MailboxRegisters),
        VMSTATE_UINT64(latched, MailboxRegisters),
        VMSTATE_UINT64(allow_dest, MailboxRegisters),
        VMSTATE_UINT64_ARRAY(allow_vector, MailboxRegisters,
                             MAILBOX_VECTORS / 64),
        VMSTATE_UINT64(bind_address, MailboxRegisters),
        VMSTATE_UINT32(bind_vector, MailboxRegisters),
        VMSTATE_UINT32(bind_control, MailboxRegisters),
        VMSTATE_UINT32(bind_status, MailboxRegisters),
        VMSTATE_UINT32_ARRAY(ring_status, MailboxRegisters, MBOX_DOORBELLS),
        VMSTATE_UINT32_ARRAY(ring_msix, MailboxRegisters, MBOX_DOORBELLS),
        VMSTATE_END_OF_LIST()
    },
};

const VMStateDescription mailbox_vmstate_device = {
    .name = "virtio-uintr-mailbox-device",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = pre_save,
    .pre_load = pre_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(r, VirtIOMailbox, 1, vmstate_registers,
                       MailboxRegisters),
        VMSTATE_UINT32(generation, VirtIOMailbox),
        VMSTATE_UINT32(peer_generation, VirtIOMailbox),
        VMSTATE_UINT32(told_link, VirtIOMailbox),
        VMSTATE_UINT32(events_lost, VirtIOMailbox),
        VMSTATE_UINT64_ARRAY(counters, VirtIOMailbox, MBOX_COUNTERS),
        VMSTATE_UINT64(sequence, VirtIOMailbox),
        VMSTATE_UINT64(signals_pending, VirtIOMailbox),
        VMSTATE_QTAILQ_V(air, VirtIOMailbox, 1, vmstate_signal, MailboxSignal,
                         next),
        VMSTATE_UINT32(saved_flights, VirtIOMailbox),
        VMSTATE_VALIDATE("messages on their way", flights_fit),
        VMSTATE_VARRAY_UINT32_ALLOC(saved_due, VirtIOMailbox, saved_flights, 1,
                                    vmstate_info_uint64, uint64_t),
        VMSTATE_BOOL(first_waited, VirtIOMailbox),
        VMSTATE_END_OF_LIST()
    },
};

const VMStateDescription mailbox_vmstate = {
    .name = "virtio-uintr-mailbox",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_VIRTIO_DEVICE,
        VMSTATE_END_OF_LIST()
    },
};
