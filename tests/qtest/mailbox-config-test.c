/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mailbox's options, what the machine shows of them, and virtio's. */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/fw_cfg.h"
#include "qobject/qdict.h"
#include "standard-headers/linux/pci_regs.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_ring.h"
#include "mailbox-rig.h"

#define M "-device virtio-uintr-mailbox-pci"
#define WINDOW 0x41ffe000
#define COMMON 0x46000000

/* ---- Options that cannot be ---- */

typedef struct Refusal {
    const char *name, *options, *says;
} Refusal;

static const Refusal refusals[] = {
    { "max-message", M ",max-message=0", "max-message=0: choose 1 to" },
    { "common-size", M ",common-size=5000",
      "common-size=5000: choose a power of two from 4096" },
    { "output-size", M ",output-size=512M",
      "output-size=536870912: choose a power of two from 4096" },
    { "upid-size", M ",upid-size=0", "upid-size=0: choose a power of two" },
    { "window", M ",upid-window-addr=0x1001",
      "upid-window-addr=0x1001: choose a multiple of 4096" },
    { "common", M ",common-addr=0x1001",
      "common-addr=0x1001: choose a multiple of 4096" },
    { "common-side", M ",common-side=2", "common-side=2: choose 0 or 1" },
    { "MB53-common-side", M ",id=a " M ",peer=a,common-side=1",
      "upid-size must be the same at both ends" },
    { "apic-count", M ",apic-count=65", "apic-count=65: choose at most 64" },
    { "allow-first", M ",allow-first=15",
      "allow-first=15,allow-last=255: choose a range within 16 to 255" },
    { "allow-last", M ",allow-first=50,allow-last=49",
      "allow-first=50,allow-last=49: choose a range" },
    { "side-alone", M ",side=1", "side= goes with chardev= only" },
    { "side-missing", "-chardev socket,id=c,path=%s,server=on,wait=off "
      M ",chardev=c", "chardev= needs side=0 at one end" },
    { "both-forms", "-chardev socket,id=c,path=%s,server=on,wait=off "
      M ",id=a " M ",chardev=c,side=0,peer=a",
      "peer= and chardev= exclude each other" },
    { "no-socket", "-chardev null,id=c " M ",chardev=c,side=0",
      "chardev= must be a UNIX socket" },
    { "no-mailbox", "-device edu,id=a " M ",peer=a",
      "Invalid parameter type for 'peer', expected: "
      "virtio-uintr-mailbox-pci" },
    { "third", M ",id=a " M ",id=b,peer=a " M ",peer=a",
      "that endpoint has a peer already: name another one" },
    { "chardev-peer", "-chardev socket,id=c,path=%s,server=on,wait=off "
      M ",id=a,chardev=c,side=0 " M ",peer=a", "that endpoint has chardev=" },
    { "MB53-geometry", M ",id=a " M ",peer=a,max-message=64",
      "upid-size must be the same at both ends" },
    { "MB1-device-id", M ",x-pci-device-id=0x10000",
      "x-pci-device-id=0x10000: choose 16 bits, such as 0x10f0" },
    { "MB47-replay", "-accel tcg -icount shift=1,rr=record,rrfile=/dev/null "
      "-chardev socket,id=c,path=%s,server=on,wait=off "
      M ",chardev=c,side=0", "mailbox with chardev" },
};

/* QEMU ends, and its last words name the option and the cure. */
static void test_refusal(const void *data)
{
    const Refusal *refusal = data;
    g_autofree char *options = g_strdup(refusal->options), *line = NULL;
    g_autofree char *said = NULL;
    char *path = strstr(options, "%s");
    int status;

    if (path) {
        g_autofree char *rest = g_strdup(path + 2);

        *path = 0;
        path = g_strconcat(options, socket_path, rest, NULL);
        g_free(options);
        options = path;
    }
    line = g_strdup_printf("%s -machine q35 -nodefaults -display none %s %s",
                           getenv("QTEST_QEMU_BINARY"),
                           strstr(options, "-accel") ? "" : "-accel qtest",
                           options);
    g_assert_true(g_spawn_command_line_sync(line, NULL, &said, &status, NULL));
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    if (!strstr(said, refusal->says)) {
        g_test_message("no \"%s\" in: %s", refusal->says, said);
        g_test_fail();
    }
}

/* ---- One process with both endpoints ---- */

static void pair_find(Pair *p, const char *a, const char *b)
{
    rig_start_pair(&p->rig, a, b);
    endpoint_find(&p->a, &p->rig, 4);
    endpoint_find(&p->b, &p->rig, 5);
}

static void pair_start(Pair *p, uint64_t features)
{
    p->a.features = p->b.features = features;
    endpoint_start(&p->a, ALL_QUEUES);
    endpoint_start(&p->b, ALL_QUEUES);
}

/* MB50: the one that is named is side 0; MB5: all that never changes */
static void test_configuration(void)
{
    Pair p;

    pair_find(&p, ",apic-first=0x40,apic-count=2",
              ",apic-first=0x50,apic-count=3");
    pair_start(&p, 0);
    g_assert_cmpint(cfg32(&p.a, MBOX_CFG_SIDE), ==, 0);
    g_assert_cmpint(cfg32(&p.b, MBOX_CFG_SIDE), ==, 1);
    g_assert_cmphex(cfg32(&p.a, MBOX_CFG_MAGIC), ==, MBOX_MAGIC);
    g_assert_cmpint(cfg32(&p.a, MBOX_CFG_MAX_MESSAGE), ==, 65536);
    g_assert_cmphex(cfg32(&p.a, MBOX_CFG_APIC_FIRST), ==, 0x40);
    g_assert_cmpint(cfg32(&p.a, MBOX_CFG_PEER_APIC_COUNT), ==, 3);
    g_assert_cmphex(cfg32(&p.b, MBOX_CFG_PEER_APIC_FIRST), ==, 0x40);
    g_assert_cmpint(cfg32(&p.b, MBOX_CFG_DOORBELLS), ==, 64);
    pair_close(&p);
}

/* MB4 */
static void test_queue_sizes(void)
{
    Pair p;

    pair_find(&p, "", "");
    for (int i = 0; i <= MBOX_QUEUES; i++) {
        QVirtioDevice *vdev = &p.a.dev->vdev;

        vdev->bus->queue_select(vdev, i);
        g_assert_cmpint(vdev->bus->get_queue_size(vdev), ==,
                        i < MBOX_QUEUES ? 1024 : 0);
    }
    pair_close(&p);
}

typedef struct E820Entry {
    uint64_t address, length;
    uint32_t type;
} QEMU_PACKED E820Entry;

/* MB6: reserved in the map that firmware and Linux read */
static bool is_reserved(Rig *rig, uint64_t address, uint64_t length)
{
    QFWCFG *fw_cfg = pc_fw_cfg_init(rig->qts);
    E820Entry table[32];
    size_t size = qfw_cfg_get_file(fw_cfg, "etc/e820", table, sizeof(table));
    bool found = false;

    g_assert_cmpint(size, <=, sizeof(table));
    for (size_t i = 0; i < size / sizeof(*table); i++) {
        found |= le64_to_cpu(table[i].address) == address &&
                 le64_to_cpu(table[i].length) == length &&
                 le32_to_cpu(table[i].type) == 2;
    }
    pc_fw_cfg_uninit(fw_cfg);
    return found;
}

/* MB6: one memory in the BARs of both and at the fixed address */
static void test_fixed_window(void)
{
    Pair p;

    pair_find(&p, ",upid-window-addr=0x41ffe000", "");
    pair_start(&p, 0);
    g_assert_true(is_reserved(&p.rig, WINDOW, 0x2000));
    for (int side = 0; side < 2; side++) {
        uint64_t at = WINDOW + side * 0x1000;
        uint64_t offset = MBOX_UPID_OFFSET + side * 0x1000;

        qtest_writeq(p.rig.qts, at, 0x1122334455667700 + side);
        g_assert_cmphex(mem64(&p.a, p.a.shm.addr + offset), ==,
                        0x1122334455667700 + side);
        g_assert_cmphex(mem64(&p.b, p.b.shm.addr + offset), ==,
                        0x1122334455667700 + side);
        qtest_writeq(p.rig.qts, p.b.shm.addr + offset + 8, 42 + side);
        g_assert_cmpint(mem64(&p.a, at + 8), ==, 42 + side);
    }
    pair_close(&p);
}

/* MB6: the same of the common area, with one end that has no such address */
static void test_fixed_common(void)
{
    Pair p;
    uint64_t in_bar;

    pair_find(&p, ",common-size=1M,common-addr=0x46000000", ",common-size=1M");
    pair_start(&p, 0);
    g_assert_true(is_reserved(&p.rig, COMMON, MiB));
    in_bar = p.b.shm.addr + cfg32(&p.b, MBOX_CFG_COMMON_OFFSET);
    qtest_writeq(p.rig.qts, COMMON, 0x1122334455667788);
    g_assert_cmphex(mem64(&p.b, in_bar), ==, 0x1122334455667788);
    qtest_writeq(p.rig.qts, in_bar + MiB - 8, 42);
    g_assert_cmpint(mem64(&p.a, COMMON + MiB - 8), ==, 42);
    pair_close(&p);
}

static void test_no_window(void)
{
    Pair p;

    pair_find(&p, "", "");
    g_assert_false(is_reserved(&p.rig, WINDOW, 0x2000));
    g_assert_false(is_reserved(&p.rig, COMMON, 0x10000));
    pair_close(&p);
}

/* ---- What virtio offers besides ---- */

#define OURS (1ull << VIRTIO_F_VERSION_1 | 7)

static bool queue_interrupt(Endpoint *e)
{
    QVirtioDevice *vdev = &e->dev->vdev;

    return vdev->bus->get_queue_isr_status(vdev, e->queue[0]);
}

static bool pin_is_raised(Endpoint *e)
{
    return qpci_config_readw(e->dev->pdev, PCI_STATUS) & PCI_STATUS_INTERRUPT;
}

/* MB2: INTx, until the status is read */
static void test_intx(void)
{
    Pair p;

    pair_find(&p, "", "");
    pair_start(&p, 0);
    queue_interrupt(&p.b);
    g_assert_false(pin_is_raised(&p.b));
    offer_buffer(&p.b, 8);
    send_message(&p.a, 8, 1);
    g_assert_true(pin_is_raised(&p.b));
    g_assert_true(queue_interrupt(&p.b));
    g_assert_false(pin_is_raised(&p.b));
    pair_close(&p);
}

/* MB3: with EVENT_IDX an interrupt comes when the driver wants one */
static void test_event_idx(void)
{
    Pair p;

    pair_find(&p, "", "");
    pair_start(&p, OURS | 1ull << VIRTIO_RING_F_EVENT_IDX);
    qvirtqueue_set_used_event(p.rig.qts, p.b.queue[MBOX_QUEUE_RX], 2);
    queue_interrupt(&p.b);
    for (int i = 0; i < 4; i++) {
        uint64_t report;

        offer_buffer(&p.b, 8);
        report = send_message(&p.a, 8, i);
        g_assert_cmpint(report_status(&p.a, report), ==,
                        MBOX_STATUS_DELIVERED);
        /* the first says where the device stands */
        g_assert_cmpint(queue_interrupt(&p.b), ==, i == 0 || i == 2);
    }
    pair_close(&p);
}

static uint16_t avail_event(Endpoint *e, unsigned queue)
{
    QVirtQueue *vq = e->queue[queue];

    return qtest_readw(e->rig->qts, vq->used + 4 + 8 * vq->size);
}

static bool wants_notification(Endpoint *e, unsigned queue)
{
    return !(qtest_readw(e->rig->qts, e->queue[queue]->used) &
             VRING_USED_F_NO_NOTIFY);
}

/* MB19: notifications of queue 1 while a message waits, and only then */
static void test_notifications(void)
{
    Pair p;
    uint64_t report;

    pair_find(&p, "", "");
    pair_start(&p, 0);
    for (int i = 0; i < 2; i++) {
        offer_buffer(&p.b, 8);
        send_message(&p.a, 8, i);
        g_assert_false(wants_notification(&p.b, MBOX_QUEUE_RX));
        report = send_message(&p.a, 8, i);
        g_assert_true(wants_notification(&p.b, MBOX_QUEUE_RX));
        offer_buffer(&p.b, 8);
        g_assert_cmpint(report_status(&p.a, report), ==,
                        MBOX_STATUS_DELIVERED);
        g_assert_false(wants_notification(&p.b, MBOX_QUEUE_RX));
    }
    pair_close(&p);
}

/* MB19: the same with EVENT_IDX */
static void test_notifications_idx(void)
{
    Pair p;
    uint64_t report;

    pair_find(&p, "", "");
    pair_start(&p, OURS | 1ull << VIRTIO_RING_F_EVENT_IDX);
    for (int i = 0; i < 3; i++) {
        offer_buffer(&p.b, 8);
        send_message(&p.a, 8, i);
    }
    g_assert_cmpint(avail_event(&p.b, MBOX_QUEUE_RX), <, 3);
    report = send_message(&p.a, 8, 3);
    g_assert_cmpint(avail_event(&p.b, MBOX_QUEUE_RX), ==, 3);
    offer_buffer(&p.b, 8);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    pair_close(&p);
}

/* MB3: message and report in a table of their own */
static void test_indirect(void)
{
    Pair p;
    QVRingIndirectDesc *table;
    QVirtQueue *vq;
    uint64_t text, buffer;

    pair_find(&p, "", "");
    pair_start(&p, OURS | 1ull << VIRTIO_RING_F_INDIRECT_DESC);
    buffer = offer_buffer(&p.b, 8);
    text = guest_alloc(&p.rig.alloc, 32);
    qtest_writeq(p.rig.qts, text, 0x0807060504030201);
    table = qvring_indirect_desc_setup(p.rig.qts, &p.a.dev->vdev, &p.rig.alloc,
                                       2);
    qvring_indirect_desc_add(&p.a.dev->vdev, p.rig.qts, table, text, 8, false);
    qvring_indirect_desc_add(&p.a.dev->vdev, p.rig.qts, table, text + 16, 16,
                             true);
    vq = p.a.queue[MBOX_QUEUE_TX];
    qvirtqueue_kick(p.rig.qts, &p.a.dev->vdev, vq,
                    qvirtqueue_add_indirect(p.rig.qts, vq, table));
    g_assert_cmpint(report_status(&p.a, text + 16), ==, MBOX_STATUS_DELIVERED);
    g_assert_cmphex(mem64(&p.b, buffer + MBOX_RX_HEADER_SIZE), ==,
                    0x0807060504030201);
    guest_free(&p.rig.alloc, table->desc);
    g_free(table);
    pair_close(&p);
}

/* ---- Counters and generations ---- */

/* MB9: what happened, and nothing else; MB43: a reset clears them */
static void test_counters(void)
{
    Pair p;

    pair_find(&p, "", "");
    pair_start(&p, 0);
    offer_buffer(&p.b, 8);
    send_message(&p.a, 7, 1);
    for (int i = 0; i < MBOX_COUNTERS; i++) {
        g_assert_cmpint(counter(&p.b, i), ==,
                        i == MBOX_COUNT_RX_MESSAGES ? 1 :
                        i == MBOX_COUNT_RX_BYTES ? 7 : 0);
    }
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_TX_DELIVERED), ==, 1);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_RX_MESSAGES), ==, 0);
    endpoint_reset(&p.b);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RX_BYTES), ==, 0);
    pair_close(&p);
}

static uint32_t state_of(Endpoint *e, int side, unsigned field)
{
    return mem32(e, e->shm.addr + MBOX_STATE_OFFSET +
                 side * MBOX_PAGE_SIZE + field);
}

/* MB41, MB7: as registers, and in the state table of both */
static void test_generations(void)
{
    Pair p;
    uint32_t own, peers;

    pair_find(&p, "", "");
    pair_start(&p, 0);
    own = reg32(&p.b, MBOX_REG_GENERATION);
    peers = reg32(&p.a, MBOX_REG_PEER_GENERATION);
    g_assert_cmpint(state_of(&p.a, 1, MBOX_STATE_READY), ==, 1);
    endpoint_reset(&p.b);
    g_assert_cmpint(reg32(&p.b, MBOX_REG_GENERATION), >, own);
    g_assert_cmpint(reg32(&p.a, MBOX_REG_PEER_GENERATION), >, peers);
    for (int i = 0; i < 2; i++) {
        Endpoint *e = i ? &p.b : &p.a;

        g_assert_cmpint(state_of(e, 1, MBOX_STATE_READY), ==, 0);
        g_assert_cmpint(state_of(e, 1, MBOX_STATE_GENERATION), ==,
                        reg32(&p.b, MBOX_REG_GENERATION));
        g_assert_cmpint(state_of(e, 0, MBOX_STATE_PEER_GENERATION), ==,
                        reg32(&p.a, MBOX_REG_PEER_GENERATION));
        g_assert_cmpint(state_of(e, 0, MBOX_STATE_LINK), ==,
                        MBOX_LINK_ATTACHED);
    }
    pair_close(&p);
}

static bool config_interrupt(Endpoint *e)
{
    return qpci_io_readb(e->dev->pdev, e->dev->bar,
                         e->dev->isr_cfg_offset) & 2;
}

/* MB42, MB46: no event for what was so before; then one without queue 2 */
static void test_config_interrupt(void)
{
    Pair p;

    pair_find(&p, "", "");
    endpoint_start(&p.b, ALL_QUEUES);
    config_interrupt(&p.a);
    p.a.features = OURS & ~(1ull << MBOX_F_EVENTS);
    endpoint_start(&p.a, ALL_QUEUES);
    g_assert_false(config_interrupt(&p.a));
    g_assert_cmpint(reg32(&p.a, MBOX_REG_LINK), ==, MBOX_LINK_UP);
    endpoint_reset(&p.b);
    g_assert_true(config_interrupt(&p.a));
    g_assert_cmpint(reg32(&p.a, MBOX_REG_LINK), ==, MBOX_LINK_ATTACHED);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_EVENTS), ==, 0);
    pair_close(&p);
}

/* MB40: a driver that gives up is none. */
static void test_failed_driver(void)
{
    Pair p;
    QVirtioDevice *vdev;
    uint64_t report;

    pair_find(&p, "", "");
    pair_start(&p, 0);
    vdev = &p.b.dev->vdev;
    report = send_message(&p.a, 8, 1);          /* b has no buffer */
    vdev->bus->set_status(vdev, vdev->bus->get_status(vdev) |
                          VIRTIO_CONFIG_S_FAILED);
    g_assert_cmpint(reg32(&p.a, MBOX_REG_LINK), ==, MBOX_LINK_ATTACHED);
    g_assert_cmpint(state_of(&p.a, 1, MBOX_STATE_READY), ==, 0);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_PEER_GONE);
    set64(&p.b, MBOX_REG_ENABLE, 1);
    g_assert_cmpint(reg32(&p.b, MBOX_REG_ENABLE), ==, 0);
    pair_close(&p);
}

/* MB24: a doorbell without MSI-X */
static void test_doorbell_interrupt(void)
{
    Pair p;

    pair_find(&p, "", "");
    pair_start(&p, 0);
    set64(&p.b, MBOX_REG_ENABLE, 1);
    config_interrupt(&p.b);
    g_assert_cmpint(ring(&p.a, 1), ==, MBOX_RING_REFUSED);
    g_assert_false(config_interrupt(&p.b));
    g_assert_cmpint(ring(&p.a, 0), ==, MBOX_RING_POSTED);
    g_assert_true(config_interrupt(&p.b));
    pair_close(&p);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    socket_path_make();
    for (int i = 0; i < ARRAY_SIZE(refusals); i++) {
        g_autofree char *name = g_strdup_printf("/mailbox/config/refused/%s",
                                                refusals[i].name);

        qtest_add_data_func(name, &refusals[i], test_refusal);
    }
    qtest_add_func("/mailbox/config/MB5-configuration", test_configuration);
    qtest_add_func("/mailbox/config/MB4-queue-sizes", test_queue_sizes);
    qtest_add_func("/mailbox/config/MB6-fixed-window", test_fixed_window);
    qtest_add_func("/mailbox/config/MB6-fixed-common", test_fixed_common);
    qtest_add_func("/mailbox/config/MB6-no-window", test_no_window);
    qtest_add_func("/mailbox/config/MB2-intx", test_intx);
    qtest_add_func("/mailbox/config/MB3-event-idx", test_event_idx);
    qtest_add_func("/mailbox/config/MB19-notifications", test_notifications);
    qtest_add_func("/mailbox/config/MB19-notifications-idx",
                   test_notifications_idx);
    qtest_add_func("/mailbox/config/MB3-indirect", test_indirect);
    qtest_add_func("/mailbox/config/MB9-counters", test_counters);
    qtest_add_func("/mailbox/config/MB41-generations", test_generations);
    qtest_add_func("/mailbox/config/MB46-config-interrupt",
                   test_config_interrupt);
    qtest_add_func("/mailbox/config/MB40-failed-driver", test_failed_driver);
    qtest_add_func("/mailbox/config/MB24-doorbell-interrupt",
                   test_doorbell_interrupt);
    status = g_test_run();
    socket_path_remove();
    return status;
}
