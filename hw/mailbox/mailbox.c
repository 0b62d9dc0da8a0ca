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

/* What the author of a driver would otherwise look for in vain */
static void check_driver(VirtIOMailbox *m)
{
    if (!virtio_vdev_has_feature(VIRTIO_DEVICE(m), VIRTIO_F_VERSION_1)) {
        mailbox_guest_error(m, "DRIVER_OK without VIRTIO_F_VERSION_1: a "
                            "legacy driver does not fit, the device has "
                            "virtio 1.2's layout only");
    }
    mailbox_check_rings(m);
}

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
        check_driver(m);
        mailbox_take_signals(m);
    }
}

/* The core has not stored it yet, and what we tell may look at it. */
static void mailbox_set_status(VirtIODevice *vdev, uint8_t status)
{
    MAILBOX_ENTRY_GUARD(VIRTIO_MAILBOX(vdev));

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

/* The driver takes its buffers back, those on their way included. */
static void mailbox_queue_reset(VirtIODevice *vdev, uint32_t index)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(vdev);

    if (index == MBOX_QUEUE_TX) {
        mailbox_tx_drop_all(m);
    } else if (index == MBOX_QUEUE_RX) {
        m->rx_dirty = false;
    }
}

/* MB43 */
static void mailbox_reset(VirtIODevice *vdev)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(vdev);
    MAILBOX_ENTRY_GUARD(m);

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
    MAILBOX_ENTRY_GUARD(m);

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

static bool check_messages(VirtIOMailbox *m, Error **errp)
{
    if (!m->geometry.max_message || m->geometry.max_message > MAX_MESSAGE) {
        error_setg(errp, "max-message=%u: choose 1 to %u bytes",
                   m->geometry.max_message, MAX_MESSAGE);
        return false;
    }
    return true;
}

/*
 * The one that names its peer is side 1, the one that is named is side 0; if
 * that one has been replaced, it is the other way round.
 */
static uint32_t side_by_name(VirtIOMailbox *m)
{
    return m->peer_device ? !mailbox_of_pci(m->peer_device)->side : 0;
}

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
        m->side = side_by_name(m);
    }
    return true;
}

static bool connect_peer(VirtIOMailbox *m, Error **errp)
{
    return !m->peer_device ||
           mailbox_local_connect(m, mailbox_of_pci(m->peer_device), errp);
}

/* MB4: this QEMU's virtio_add_queue() takes no other size. */
static VirtQueue *add_queue(VirtIOMailbox *m, VirtIOHandleOutput handle)
{
    return virtio_add_queue(VIRTIO_DEVICE(m), VIRTQUEUE_MAX_SIZE, handle);
}

static void add_queues(VirtIOMailbox *m)
{
    virtio_init(VIRTIO_DEVICE(m), MBOX_VIRTIO_ID, MBOX_CFG_SIZE);
    m->tx = add_queue(m, mailbox_handle_tx);
    m->rx = add_queue(m, mailbox_handle_rx);
    m->events = add_queue(m, handle_events);
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
    m->more = qemu_bh_new_guarded(mailbox_more_buffers, m,
                                  &DEVICE(m)->mem_reentrancy_guard);
    m->running = runstate_is_running();
    m->vm_change = qemu_add_vm_change_state_handler(vm_changed, m);
    for (int i = 0; i < MBOX_DOORBELLS; i++) {
        m->r.ring_msix[i] = MBOX_MSIX_NONE;
    }
}

/* The driver hears no more of it, and has its buffers back. */
static void stop(VirtIOMailbox *m)
{
    m->ready = false;
    mailbox_tx_drop_all(m);
    mailbox_air_drop(m);
    mailbox_socket_stop(m);
    mailbox_detach(m);
    qemu_del_vm_change_state_handler(m->vm_change);
    timer_free(m->flight_timer);
    timer_free(m->air_timer);
    qemu_bh_delete(m->more);
}

static void mailbox_realize(DeviceState *dev, Error **errp)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(dev);

    if (!check_form(m, errp) || !check_ids(m, errp) ||
        !check_messages(m, errp) || !mailbox_memory_check(m, errp)) {
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
        mailbox_memory_cleanup(m);
        mailbox_socket_cleanup(m);
        return;
    }
    mailbox_socket_start(m);
}

/* MB48: what the peer sees of this one's memory goes first. */
static void mailbox_unrealize(DeviceState *dev)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(dev);
    MAILBOX_ENTRY_GUARD(m);

    if (m->local) {
        mailbox_local_disconnect(m);
    }
    stop(m);
    remove_queues(m);
    mailbox_memory_cleanup(m);
    mailbox_socket_cleanup(m);
}

/* ---- Type ---- */

static const Property mailbox_properties[] = {
    DEFINE_PROP_LINK("peer", VirtIOMailbox, peer_device,
                     TYPE_VIRTIO_MAILBOX_PCI, PCIDevice *),
    DEFINE_PROP_CHR("chardev", VirtIOMailbox, chr),
    DEFINE_PROP_UINT32("side", VirtIOMailbox, side, UINT32_MAX),
    DEFINE_PROP_UINT64("latency-ns", VirtIOMailbox, latency_ns, 0),
    DEFINE_PROP_UINT32("max-message", VirtIOMailbox, geometry.max_message,
                       65536),
    DEFINE_PROP_SIZE32("common-size", VirtIOMailbox, geometry.common_size,
                       0x10000),
    DEFINE_PROP_UINT32("common-side", VirtIOMailbox, geometry.common_side, 0),
    DEFINE_PROP_SIZE32("output-size", VirtIOMailbox, geometry.output_size,
                       0x10000),
    DEFINE_PROP_SIZE32("upid-size", VirtIOMailbox, geometry.upid_size, 0x1000),
    DEFINE_PROP_UINT64("upid-window-addr", VirtIOMailbox, upid_window_addr,
                       UINT64_MAX),
    DEFINE_PROP_UINT64("common-addr", VirtIOMailbox, common_addr, UINT64_MAX),
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
    dc->vmsd = &mailbox_vmstate;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    vdc->realize = mailbox_realize;
    vdc->unrealize = mailbox_unrealize;
    vdc->get_features = mailbox_get_features;
    vdc->get_config = mailbox_get_config;
    vdc->set_status = mailbox_set_status;
    vdc->reset = mailbox_reset;
    vdc->queue_reset = mailbox_queue_reset;
    vdc->vmsd = &mailbox_vmstate_device;
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
