/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mailbox as a virtio device: life, reset, migration (docs/mailbox.md). */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "migration/vmstate.h"
#include "system/runstate.h"
#include "../trace.h"
#include "mailbox.h"

#define MAX_MESSAGE (1 << 20)

void mailbox_guest_error(VirtIOMailbox *m, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    qemu_log_mask(LOG_GUEST_ERROR, "%s: %s\n", mailbox_name(m), text);
}

/* ---- Life ---- */

/* MB40: a driver is there from DRIVER_OK to reset, or until it fails. */
static void set_ready(VirtIOMailbox *m, bool ready)
{
    if (m->ready == ready) {
        return;
    }
    m->ready = ready;
    m->told_link = mailbox_link(m);     /* a new driver reads the register */
    mailbox_tell(m, false);
    if (ready) {
        mailbox_take_signals(m);
    }
}

/* The core has not stored it yet, and what we tell may look at it. */
static void mailbox_set_status(VirtIODevice *vdev, uint8_t status)
{
    vdev->status = status;
    set_ready(VIRTIO_MAILBOX(vdev), (status & VIRTIO_CONFIG_S_DRIVER_OK) &&
              !(status & VIRTIO_CONFIG_S_FAILED));
}

static void forget_signals(VirtIOMailbox *m)
{
    qatomic_set(&m->signals->pending, 0);
    qatomic_set(&m->signals->rung, 0);
    qatomic_set(&m->signals->notified, 0);
    memset(m->signals->notify, 0, sizeof(m->signals->notify));
}

/* MB43 */
static void mailbox_reset(VirtIODevice *vdev)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(vdev);

    mailbox_tx_drop_all(m);
    mailbox_air_drop(m);
    m->rx_dirty = false;
    m->ready = false;
    m->events_lost = 0;
    m->generation++;
    mailbox_registers_reset(m);
    forget_signals(m);
    mailbox_update_state_page(m);
    trace_mailbox_reset(mailbox_name(m), m->generation);
    mailbox_tell(m, true);
}

static void vm_changed(void *opaque, bool running, RunState state)
{
    VirtIOMailbox *m = opaque;

    m->running = running;
    if (running) {
        mailbox_take_signals(m);
        mailbox_pump(m);
        if (m->peer.ops) {
            m->peer.ops->room(m);
        }
    }
}

/* What needs a popped element to be the last one is not offered. */
static uint64_t mailbox_get_features(VirtIODevice *vdev, uint64_t features,
                                     Error **errp)
{
    virtio_clear_feature(&features, VIRTIO_F_RING_PACKED);
    virtio_clear_feature(&features, VIRTIO_F_IN_ORDER);
    virtio_add_feature(&features, MBOX_F_EVENTS);
    virtio_add_feature(&features, MBOX_F_POST);
    virtio_add_feature(&features, MBOX_F_ROUTE);
    return features;
}

static void handle_events(VirtIODevice *vdev, VirtQueue *vq)
{
}

/* ---- Configuration ---- */

static bool check_ids(VirtIOMailbox *m, Error **errp)
{
    if (m->apic_count > MAILBOX_MAX_CPUS) {
        error_setg(errp, "apic-count=%u: choose at most %u", m->apic_count,
                   MAILBOX_MAX_CPUS);
        return false;
    }
    if (m->allow_first < MAILBOX_FIRST_LEGAL_VECTOR ||
        m->allow_last >= MAILBOX_VECTORS || m->allow_first > m->allow_last) {
        error_setg(errp, "allow-first=%u,allow-last=%u: choose a range "
                   "within %u to %u", m->allow_first, m->allow_last,
                   MAILBOX_FIRST_LEGAL_VECTOR, MAILBOX_VECTORS - 1);
        return false;
    }
    return true;
}

static bool check_queues(VirtIOMailbox *m, Error **errp)
{
    if (m->queue_size < 2 || m->queue_size > VIRTQUEUE_MAX_SIZE ||
        !is_power_of_2(m->queue_size)) {
        error_setg(errp, "queue-size=%u: choose a power of two from 2 to %u",
                   m->queue_size, VIRTQUEUE_MAX_SIZE);
        return false;
    }
    if (!m->geometry.max_message || m->geometry.max_message > MAX_MESSAGE) {
        error_setg(errp, "max-message=%u: choose 1 to %u bytes",
                   m->geometry.max_message, MAX_MESSAGE);
        return false;
    }
    return true;
}

/* The one that names its peer is side 1, the one that is named is side 0. */
static bool check_form(VirtIOMailbox *m, Error **errp)
{
    bool has_chardev = qemu_chr_fe_backend_connected(&m->chr);

    if (m->peer_device && has_chardev) {
        error_setg(errp, "peer= and chardev= exclude each other: the peer is "
                   "in this process or in another one");
        return false;
    }
    if (has_chardev && m->side >= MBOX_SIDES) {
        error_setg(errp, "chardev= needs side=0 at one end of the socket and "
                   "side=1 at the other");
        return false;
    }
    if (!has_chardev && m->side != UINT32_MAX) {
        error_setg(errp, "side= goes with chardev= only: with peer= it follows "
                   "from who names whom");
        return false;
    }
    if (!has_chardev) {
        m->side = m->peer_device ? 1 : 0;
    }
    return true;
}

static VirtIOMailbox *find_peer(VirtIOMailbox *m, Error **errp)
{
    VirtIOMailbox *other = mailbox_of_pci(m->peer_device);

    if (!other) {
        error_setg(errp, "peer= names a device that is no mailbox: name a "
                   TYPE_VIRTIO_MAILBOX_PCI);
    }
    return other;
}

static bool connect_peer(VirtIOMailbox *m, Error **errp)
{
    VirtIOMailbox *other;

    if (!m->peer_device) {
        return true;
    }
    other = find_peer(m, errp);
    return other && mailbox_local_connect(m, other, errp);
}

static void add_queues(VirtIOMailbox *m)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(m);

    virtio_init(vdev, MBOX_VIRTIO_ID, MBOX_CFG_SIZE);
    m->tx = virtio_add_queue(vdev, m->queue_size, mailbox_handle_tx);
    m->rx = virtio_add_queue(vdev, m->queue_size, mailbox_handle_rx);
    m->events = virtio_add_queue(vdev, m->queue_size, handle_events);
}

static void remove_queues(VirtIOMailbox *m)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(m);

    for (int i = 0; i < MBOX_QUEUES; i++) {
        virtio_del_queue(vdev, i);
    }
    virtio_cleanup(vdev);
}

static void start(VirtIOMailbox *m)
{
    QTAILQ_INIT(&m->flights);
    QTAILQ_INIT(&m->air);
    m->flight_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, mailbox_flight_timer,
                                   m);
    m->air_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, mailbox_air_timer, m);
    m->running = runstate_is_running();
    m->vm_change = qemu_add_vm_change_state_handler(vm_changed, m);
    for (int i = 0; i < MBOX_DOORBELLS; i++) {
        m->r.ring_msix[i] = MBOX_MSIX_NONE;
    }
}

static void stop(VirtIOMailbox *m)
{
    mailbox_detach(m);
    qemu_del_vm_change_state_handler(m->vm_change);
    mailbox_tx_drop_all(m);
    mailbox_air_drop(m);
    timer_free(m->flight_timer);
    timer_free(m->air_timer);
    mailbox_socket_cleanup(m);
}

static void mailbox_realize(DeviceState *dev, Error **errp)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(dev);

    if (!check_form(m, errp) || !check_ids(m, errp) ||
        !check_queues(m, errp) || !mailbox_memory_check(m, errp)) {
        return;
    }
    if (!mailbox_socket_init(m, errp) || !mailbox_memory_init(m, errp)) {
        mailbox_socket_cleanup(m);
        return;
    }
    add_queues(m);
    start(m);
    if (!connect_peer(m, errp)) {
        stop(m);
        remove_queues(m);
        return;
    }
    mailbox_socket_start(m);
}

/* Endpoints are not hot-pluggable, so this is the end of the process. */
static void mailbox_unrealize(DeviceState *dev)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(dev);
    VirtIOMailbox *local = m->local;

    if (local) {
        mailbox_detach(local);
        local->local = NULL;
    }
    stop(m);
    remove_queues(m);
}

/* ---- Migration ---- */

static int mailbox_pre_save(void *opaque)
{
    VirtIOMailbox *m = opaque;
    MailboxFlight *flight;
    uint32_t n = 0;

    m->signals_pending = qatomic_read(&m->signals->pending);
    QTAILQ_FOREACH(flight, &m->flights, next) {
        n++;
    }
    g_free(m->saved_due);
    m->saved_due = g_new(uint64_t, n);
    m->saved_flights = 0;
    QTAILQ_FOREACH(flight, &m->flights, next) {
        m->saved_due[m->saved_flights++] = flight->due;
    }
    return 0;
}

static int mailbox_pre_load(void *opaque)
{
    VirtIOMailbox *m = opaque;

    mailbox_tx_drop_all(m);
    mailbox_air_drop(m);
    for (int i = 0; i < MBOX_DOORBELLS; i++) {
        mailbox_set_ring_msix(m, i, MBOX_MSIX_NONE);
    }
    return 0;
}

/* MB47: they were the last ones popped, so they are popped again. */
static int restore_flights(VirtIOMailbox *m)
{
    if (m->saved_flights > m->queue_size ||
        !virtqueue_rewind(m->tx, m->saved_flights)) {
        return -EINVAL;
    }
    m->sequence -= m->saved_flights;
    for (uint32_t i = 0; i < m->saved_flights; i++) {
        mailbox_tx_pop(m, m->saved_due[i]);
    }
    if (m->saved_flights) {
        timer_mod(m->flight_timer, m->saved_due[0]);
    }
    return 0;
}

/* A register file that nobody could have written is not believed. */
static bool registers_are_sane(VirtIOMailbox *m)
{
    MailboxSignal *signal;

    QTAILQ_FOREACH(signal, &m->air, next) {
        if (signal->doorbell >= MBOX_DOORBELLS ||
            signal->cpu >= MAILBOX_MAX_CPUS) {
            return false;
        }
    }
    return !mailbox_is_bound(m) || m->r.bind_vector < 64;
}

/* Runs when virtio's own state, the queues included, is complete. */
static int mailbox_post_load(VirtIODevice *vdev)
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

static const VMStateDescription vmstate_mailbox_device = {
    .name = "virtio-uintr-mailbox-device",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = mailbox_pre_save,
    .pre_load = mailbox_pre_load,
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
        VMSTATE_VARRAY_UINT32_ALLOC(saved_due, VirtIOMailbox, saved_flights, 1,
                                    vmstate_info_uint64, uint64_t),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_mailbox = {
    .name = "virtio-uintr-mailbox",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_VIRTIO_DEVICE,
        VMSTATE_END_OF_LIST()
    },
};

/* ---- Type ---- */

static const Property mailbox_properties[] = {
    DEFINE_PROP_LINK("peer", VirtIOMailbox, peer_device,
                     TYPE_VIRTIO_MAILBOX_PCI, PCIDevice *),
    DEFINE_PROP_CHR("chardev", VirtIOMailbox, chr),
    DEFINE_PROP_UINT32("side", VirtIOMailbox, side, UINT32_MAX),
    DEFINE_PROP_UINT64("latency-ns", VirtIOMailbox, latency_ns, 0),
    DEFINE_PROP_UINT32("max-message", VirtIOMailbox, geometry.max_message,
                       65536),
    DEFINE_PROP_UINT16("queue-size", VirtIOMailbox, queue_size, 256),
    DEFINE_PROP_SIZE32("common-size", VirtIOMailbox, geometry.common_size,
                       0x10000),
    DEFINE_PROP_SIZE32("output-size", VirtIOMailbox, geometry.output_size,
                       0x10000),
    DEFINE_PROP_SIZE32("upid-size", VirtIOMailbox, geometry.upid_size, 0x1000),
    DEFINE_PROP_UINT64("upid-window-addr", VirtIOMailbox, upid_window_addr,
                       UINT64_MAX),
    DEFINE_PROP_UINT32("apic-first", VirtIOMailbox, apic_first, 0),
    DEFINE_PROP_UINT32("apic-count", VirtIOMailbox, apic_count, 0),
    DEFINE_PROP_UINT32("apic-local", VirtIOMailbox, apic_local, 0),
    DEFINE_PROP_UINT32("allow-first", VirtIOMailbox, allow_first, 32),
    DEFINE_PROP_UINT32("allow-last", VirtIOMailbox, allow_last, 255),
    DEFINE_PROP_UINT32("peer-timeout-ms", VirtIOMailbox, peer_timeout_ms, 0),
};

static void mailbox_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    VirtioDeviceClass *vdc = VIRTIO_DEVICE_CLASS(oc);

    device_class_set_props(dc, mailbox_properties);
    dc->vmsd = &vmstate_mailbox;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    vdc->realize = mailbox_realize;
    vdc->unrealize = mailbox_unrealize;
    vdc->get_features = mailbox_get_features;
    vdc->get_config = mailbox_get_config;
    vdc->set_status = mailbox_set_status;
    vdc->reset = mailbox_reset;
    vdc->vmsd = &vmstate_mailbox_device;
    vdc->post_load = mailbox_post_load;
}

static const TypeInfo mailbox_info = {
    .name = TYPE_VIRTIO_MAILBOX,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VirtIOMailbox),
    .class_init = mailbox_class_init,
};

static void mailbox_register_types(void)
{
    type_register_static(&mailbox_info);
}

type_init(mailbox_register_types)
