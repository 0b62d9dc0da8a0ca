/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mailbox in one process: identity, registers, messages, time. */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/pci-pc.h"
#include "mailbox-rig.h"
#include "hw/pci/pci_regs.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_pci.h"
#include "standard-headers/linux/virtio_ring.h"

/* MB1, MB3: what a driver finds */
static void test_identity(void)
{
    Pair p;
    uint64_t features;

    pair_open(&p, "", "");
    g_assert_cmphex(qpci_config_readw(p.a.dev->pdev, PCI_VENDOR_ID), ==,
                    0x1af4);
    g_assert_cmphex(qpci_config_readw(p.a.dev->pdev, PCI_DEVICE_ID), ==,
                    0x107f);
    features = qvirtio_get_features(&p.a.dev->vdev);
    g_assert_cmphex(features & 0xffffff, ==, 7);
    g_assert_false(features & 1ull << VIRTIO_F_RING_PACKED);
    g_assert_false(features & 1ull << VIRTIO_F_IN_ORDER);
    g_assert_true(features & 1ull << VIRTIO_F_VERSION_1);
    pair_close(&p);
}

/* MB1: the range that is kept for experiments */
static void test_experimental_id(void)
{
    QTestState *qts = qtest_init("-machine q35 -nodefaults -device "
                                 "virtio-uintr-mailbox-pci,addr=04.0,"
                                 "x-pci-device-id=0x10f0");
    QPCIBus *bus = qpci_new_pc(qts, NULL);
    QPCIDevice *pci = qpci_device_find(bus, QPCI_DEVFN(4, 0));

    g_assert_cmphex(qpci_config_readw(pci, PCI_DEVICE_ID), ==, 0x10f0);
    g_free(pci);
    qpci_free_pc(bus);
    qtest_quit(qts);
}

/* The numbers of docs/mailbox.md, typed again: the header cannot drift. */
static void test_pinned_numbers(void)
{
    Pair p;
    Endpoint *a = &p.a;

    pair_open(&p, ",apic-first=0x40,apic-count=2",
              ",apic-first=0x50,apic-count=3");
    g_assert_cmphex(cfg32(a, 0x00), ==, 0x424d4246);
    g_assert_cmphex(cfg32(a, 0x04), ==, 1);
    g_assert_cmphex(cfg32(a, 0x08), ==, 0);
    g_assert_cmphex(cfg32(&p.b, 0x08), ==, 1);
    g_assert_cmphex(cfg32(a, 0x0c), ==, 65536);
    g_assert_cmphex(cfg32(a, 0x10), ==, 0);
    g_assert_cmphex(cfg32(a, 0x14), ==, 0x1000);
    g_assert_cmphex(cfg32(a, 0x18), ==, 0x4000);
    g_assert_cmphex(cfg32(a, 0x1c), ==, 0x1000);
    g_assert_cmphex(cfg32(a, 0x20), ==, 0x10000);
    g_assert_cmphex(cfg32(a, 0x24), ==, 0x10000);
    g_assert_cmphex(cfg32(a, 0x28), ==, 0x20000);
    g_assert_cmphex(cfg32(a, 0x2c), ==, 0x10000);
    g_assert_cmphex(cfg32(a, 0x30), ==, 0x40);
    g_assert_cmphex(cfg32(a, 0x34), ==, 2);
    g_assert_cmphex(cfg32(a, 0x38), ==, 0x50);
    g_assert_cmphex(cfg32(a, 0x3c), ==, 3);
    g_assert_cmphex(cfg32(a, 0x40), ==, 2);
    g_assert_cmphex(cfg32(a, 0x44), ==, reg32(a, 0x0c));
    g_assert_cmphex(cfg32(a, 0x48), ==, reg32(a, 0x10));
    g_assert_cmphex(cfg32(a, 0x4c), ==, 64);
    g_assert_cmphex(reg32(a, 0x000), ==, 0x424d4246);
    g_assert_cmphex(reg32(a, 0x004), ==, 1);
    g_assert_cmphex(reg32(a, 0x008), ==, 2);
    set32(&p.b, 0x020, 1 << 5);                 /* ENABLE */
    set32(a, 0x030, 5);                         /* DOORBELL */
    g_assert_cmphex(reg32(a, 0x400 + 4 * 5), ==, 1);
    set32(a, 0x030, 5);
    g_assert_cmphex(reg32(a, 0x400 + 4 * 5), ==, 2);
    set32(a, 0x030, 6);
    g_assert_cmphex(reg32(a, 0x400 + 4 * 6), ==, 3);
    g_assert_cmphex(reg32(&p.b, 0x018), ==, 1 << 5);
    g_assert_cmphex(reg32(&p.b, 0x600 + 4 * 5), ==, 0xffff);
    g_assert_cmphex(reg64(a, 0x100 + 8 * 8), ==, 1);
    g_assert_cmphex(reg64(a, 0x100 + 8 * 9), ==, 1);
    g_assert_cmphex(reg64(a, 0x100 + 8 * 10), ==, 1);
    g_assert_cmphex(reg64(&p.b, 0x100 + 8 * 11), ==, 2);
    pair_close(&p);
}

/* MB8: every register after reset, and what reads back */
static void test_registers(void)
{
    static const unsigned plain[] = {
        MBOX_REG_ENABLE, MBOX_REG_ONE_SHOT, MBOX_REG_BIND_ADDRESS,
    };
    Pair p;

    pair_open(&p, "", "");
    for (int i = 0; i < ARRAY_SIZE(plain); i++) {
        g_assert_cmphex(reg64(&p.a, plain[i]), ==, 0);
        set64(&p.a, plain[i], 0x123456789abcdef0);
        g_assert_cmphex(reg64(&p.a, plain[i]), ==, 0x123456789abcdef0);
        set32(&p.a, plain[i] + 4, 0x0badcafe);
        g_assert_cmphex(reg64(&p.a, plain[i]), ==, 0x0badcafe9abcdef0);
    }
    g_assert_cmphex(reg32(&p.a, MBOX_REG_DOORBELL), ==, 0);
    g_assert_cmphex(reg32(&p.a, 0xffc), ==, 0);
    set32(&p.a, MBOX_REG_MAGIC, 0);
    g_assert_cmphex(reg32(&p.a, MBOX_REG_MAGIC), ==, MBOX_MAGIC);
    endpoint_reset(&p.a);
    for (int i = 0; i < ARRAY_SIZE(plain); i++) {
        g_assert_cmphex(reg64(&p.a, plain[i]), ==, 0);
    }
    pair_close(&p);
}

/* MB8: before DRIVER_OK nothing can be opened */
static void test_writes_before_driver_ok(void)
{
    Pair p;

    pair_open(&p, "", "");
    endpoint_reset(&p.a);
    set64(&p.a, MBOX_REG_ENABLE, ~0ull);
    g_assert_cmphex(reg64(&p.a, MBOX_REG_ENABLE), ==, 0);
    pair_close(&p);
}

/* MB31: the allow-lists cannot be opened beyond what the user allows */
static void test_allow_list_bounds(void)
{
    Pair p;

    pair_open(&p, ",apic-first=0x40,apic-count=3,allow-first=40,allow-last=70",
              "");
    set64(&p.a, MBOX_REG_ALLOW_DEST, ~0ull);
    g_assert_cmphex(reg64(&p.a, MBOX_REG_ALLOW_DEST), ==, 7);
    for (int i = 0; i < 4; i++) {
        set64(&p.a, MBOX_REG_ALLOW_VECTOR + 8 * i, ~0ull);
    }
    g_assert_cmphex(reg64(&p.a, MBOX_REG_ALLOW_VECTOR), ==, ~0ull << 40);
    g_assert_cmphex(reg64(&p.a, MBOX_REG_ALLOW_VECTOR + 8), ==, 0x7f);
    g_assert_cmphex(reg64(&p.a, MBOX_REG_ALLOW_VECTOR + 16), ==, 0);
    set64(&p.b, MBOX_REG_ALLOW_DEST, ~0ull);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_ALLOW_DEST), ==, 0);
    pair_close(&p);
}

/* MB10, MB11 */
static void test_message(void)
{
    Pair p;
    uint64_t buffer, report;
    uint32_t length;

    pair_open(&p, "", "");
    buffer = offer_buffer(&p.b, 100);
    report = send_message(&p.a, 64, 0x77);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    g_assert_cmpint(mem32(&p.a, report + MBOX_TX_LENGTH), ==, 64);
    g_assert_cmpint(mem64(&p.a, report + MBOX_TX_SEQUENCE), ==, 1);
    g_assert_true(used(&p.a, MBOX_QUEUE_TX, &length));
    g_assert_cmpint(length, ==, MBOX_TX_REPORT_SIZE);
    g_assert_true(used(&p.b, MBOX_QUEUE_RX, &length));
    g_assert_cmpint(length, ==, MBOX_RX_HEADER_SIZE + 64);
    g_assert_cmpint(mem32(&p.b, buffer + MBOX_RX_LENGTH), ==, 64);
    g_assert_cmpint(mem32(&p.b, buffer + MBOX_RX_GENERATION), ==,
                    reg32(&p.b, MBOX_REG_PEER_GENERATION));
    g_assert_cmpint(mem64(&p.b, buffer + MBOX_RX_SEQUENCE), ==, 1);
    g_assert_cmphex(mem32(&p.b, buffer + MBOX_RX_HEADER_SIZE), ==, 0x5a5a5a77);
    g_assert_cmphex(mem32(&p.b, buffer + MBOX_RX_HEADER_SIZE + 60), ==,
                    0x5a5a5a5a);
    g_assert_cmphex(mem32(&p.b, buffer + MBOX_RX_HEADER_SIZE + 64), ==, 0);
    g_assert_false(used(&p.a, MBOX_QUEUE_TX, NULL));
    g_assert_false(used(&p.b, MBOX_QUEUE_RX, NULL));
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_TX_DELIVERED), ==, 1);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RX_MESSAGES), ==, 1);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RX_BYTES), ==, 64);
    pair_close(&p);
}

/* MB10: and the other way round */
static void test_both_directions(void)
{
    Pair p;
    uint64_t at_a, at_b;

    pair_open(&p, "", "");
    at_a = offer_buffer(&p.a, 16);
    at_b = offer_buffer(&p.b, 16);
    send_message(&p.a, 4, 1);
    send_message(&p.b, 4, 2);
    g_assert_cmphex(mem32(&p.a, at_a + MBOX_RX_HEADER_SIZE), ==, 0x5a5a5a02);
    g_assert_cmphex(mem32(&p.b, at_b + MBOX_RX_HEADER_SIZE), ==, 0x5a5a5a01);
    pair_close(&p);
}

/* MB14, MB15: a receiver without buffers holds the sender back */
static void test_back_pressure(void)
{
    enum { N = 5 };
    Pair p;
    uint64_t report[N], buffer[N];

    pair_open(&p, "", "");
    for (int i = 0; i < N; i++) {
        report[i] = send_message(&p.a, 8, i);
    }
    g_assert_false(used(&p.a, MBOX_QUEUE_TX, NULL));
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_TX_WAITS), ==, 1);
    for (int i = 0; i < N; i++) {
        g_assert_cmpint(report_status(&p.a, report[i]), ==, 0xffffffff);
        buffer[i] = offer_buffer(&p.b, 8);
        g_assert_cmpint(report_status(&p.a, report[i]), ==,
                        MBOX_STATUS_DELIVERED);
        g_assert_cmphex(mem32(&p.b, buffer[i] + MBOX_RX_HEADER_SIZE), ==,
                        0x5a5a5a00 | i);
        g_assert_true(used(&p.a, MBOX_QUEUE_TX, NULL));
        g_assert_false(used(&p.a, MBOX_QUEUE_TX, NULL));
    }
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_TX_WAITS), ==, N);
    pair_close(&p);
}

/* MB10: the receiver's buffer stays for the next message */
static void test_too_long(void)
{
    Pair p;
    uint64_t report, buffer;

    pair_open(&p, "", "");
    buffer = offer_buffer(&p.b, 16);
    report = send_message(&p.a, 17, 1);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_TOO_LONG);
    g_assert_cmpint(mem32(&p.a, report + MBOX_TX_LENGTH), ==, 0);
    g_assert_false(used(&p.b, MBOX_QUEUE_RX, NULL));
    report = send_message(&p.a, 16, 2);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    g_assert_cmphex(mem32(&p.b, buffer + MBOX_RX_HEADER_SIZE), ==, 0x5a5a5a02);
    g_assert_cmpint(mem64(&p.b, buffer + MBOX_RX_SEQUENCE), ==, 2);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_TX_TOO_LONG), ==, 1);
    pair_close(&p);
}

/* MB12, MB13 */
static void test_malformed(void)
{
    Pair p;
    QVirtQueue *tx;
    uint64_t report, at;
    uint32_t head, length;

    pair_open(&p, ",max-message=128", ",max-message=128");
    tx = p.a.queue[MBOX_QUEUE_TX];
    offer_buffer(&p.b, 256);
    report = send_message(&p.a, 129, 1);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_REFUSED);
    g_assert_true(used(&p.a, MBOX_QUEUE_TX, &length));
    at = guest_alloc(&p.rig.alloc, 64);
    head = qvirtqueue_add(p.rig.qts, tx, at, 15, true, false);  /* no text */
    qvirtqueue_kick(p.rig.qts, &p.a.dev->vdev, tx, head);
    g_assert_true(used(&p.a, MBOX_QUEUE_TX, &length));
    g_assert_cmpint(length, ==, 15);
    head = qvirtqueue_add(p.rig.qts, tx, at, 64, false, false); /* no report */
    qvirtqueue_kick(p.rig.qts, &p.a.dev->vdev, tx, head);
    g_assert_true(used(&p.a, MBOX_QUEUE_TX, &length));
    g_assert_cmpint(length, ==, 0);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_TX_REFUSED), ==, 3);
    g_assert_false(used(&p.b, MBOX_QUEUE_RX, NULL));
    report = send_message(&p.a, 128, 1);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    pair_close(&p);
}

/* MB16: nobody there */
static void test_peer_gone(void)
{
    Pair p;
    uint64_t report;

    pair_open(&p, "", "");
    report = send_message(&p.a, 8, 1);          /* waits for a buffer */
    g_assert_cmpint(report_status(&p.a, report), ==, 0xffffffff);
    endpoint_reset(&p.b);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_PEER_GONE);
    g_assert_cmpint(reg32(&p.a, MBOX_REG_LINK), ==, MBOX_LINK_ATTACHED);
    report = send_message(&p.a, 8, 1);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_PEER_GONE);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_TX_PEER_GONE), ==, 2);
    endpoint_start(&p.b, ALL_QUEUES);
    offer_buffer(&p.b, 8);
    report = send_message(&p.a, 8, 1);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    pair_close(&p);
}

/* An endpoint that nobody named as a peer */
static void test_alone(void)
{
    Rig rig;
    Endpoint a;
    uint64_t report;

    rig_start(&rig, "-device virtio-uintr-mailbox-pci,addr=04.0");
    endpoint_open(&a, &rig, 4);
    g_assert_cmpint(reg32(&a, MBOX_REG_LINK), ==, MBOX_LINK_DOWN);
    report = send_message(&a, 8, 1);
    g_assert_cmpint(report_status(&a, report), ==, MBOX_STATUS_PEER_GONE);
    set32(&a, MBOX_REG_DOORBELL, 0);
    g_assert_cmpint(reg32(&a, MBOX_REG_RING_STATUS), ==, MBOX_RING_REFUSED);
    endpoint_close(&a);
    rig_stop(&rig);
}

/* MB17: not one nanosecond before */
static void test_latency(void)
{
    Pair p;
    uint64_t report;

    pair_open(&p, ",latency-ns=1000", "");
    offer_buffer(&p.b, 8);
    report = send_message(&p.a, 8, 1);
    qtest_clock_step(p.rig.qts, 999);
    g_assert_cmpint(report_status(&p.a, report), ==, 0xffffffff);
    g_assert_false(used(&p.b, MBOX_QUEUE_RX, NULL));
    qtest_clock_step(p.rig.qts, 1);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    g_assert_true(used(&p.b, MBOX_QUEUE_RX, NULL));
    offer_buffer(&p.a, 8);
    report = send_message(&p.b, 8, 1);          /* that end has none */
    g_assert_cmpint(report_status(&p.b, report), ==, MBOX_STATUS_DELIVERED);
    pair_close(&p);
}

/* MB14, MB17: each message at its own time */
static void test_latency_order(void)
{
    Pair p;
    uint64_t first, second;

    pair_open(&p, ",latency-ns=1000", "");
    offer_buffer(&p.b, 8);
    offer_buffer(&p.b, 8);
    first = send_message(&p.a, 8, 1);
    qtest_clock_step(p.rig.qts, 400);
    second = send_message(&p.a, 8, 2);
    qtest_clock_step(p.rig.qts, 600);
    g_assert_cmpint(report_status(&p.a, first), ==, MBOX_STATUS_DELIVERED);
    g_assert_cmpint(report_status(&p.a, second), ==, 0xffffffff);
    qtest_clock_step(p.rig.qts, 399);
    g_assert_cmpint(report_status(&p.a, second), ==, 0xffffffff);
    qtest_clock_step(p.rig.qts, 1);
    g_assert_cmpint(report_status(&p.a, second), ==, MBOX_STATUS_DELIVERED);
    pair_close(&p);
}

/* MB43: the driver's buffers are its own again */
static void test_sender_reset_in_flight(void)
{
    Pair p;
    uint64_t report;

    pair_open(&p, ",latency-ns=1000", "");
    offer_buffer(&p.b, 8);
    report = send_message(&p.a, 8, 1);
    endpoint_reset(&p.a);
    qtest_clock_step(p.rig.qts, 2000);
    g_assert_cmpint(report_status(&p.a, report), ==, 0xffffffff);
    g_assert_false(used(&p.b, MBOX_QUEUE_RX, NULL));
    endpoint_start(&p.a, ALL_QUEUES);
    report = send_message(&p.a, 8, 2);
    qtest_clock_step(p.rig.qts, 1000);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    pair_close(&p);
}

/* MB2: a vector for each queue */
static void test_msix(void)
{
    Pair p;
    QVirtioDevice *a, *b;

    rig_start_pair(&p.rig, "", "");
    endpoint_find(&p.a, &p.rig, 4);
    endpoint_find(&p.b, &p.rig, 5);
    a = &p.a.dev->vdev;
    b = &p.b.dev->vdev;
    qpci_msix_enable(p.a.dev->pdev);
    qpci_msix_enable(p.b.dev->pdev);
    endpoint_start(&p.a, ALL_QUEUES);
    endpoint_start(&p.b, ALL_QUEUES);
    for (int i = 0; i < MBOX_QUEUES; i++) {
        qvirtqueue_pci_msix_setup(p.a.dev, (QVirtQueuePCI *)p.a.queue[i],
                                  &p.rig.alloc, i + 1);
        qvirtqueue_pci_msix_setup(p.b.dev, (QVirtQueuePCI *)p.b.queue[i],
                                  &p.rig.alloc, i + 1);
    }
    offer_buffer(&p.b, 8);
    offer_event(&p.b);
    send_message(&p.a, 8, 1);
    g_assert_true(a->bus->get_queue_isr_status(a, p.a.queue[0]));
    g_assert_false(a->bus->get_queue_isr_status(a, p.a.queue[1]));
    g_assert_false(b->bus->get_queue_isr_status(b, p.b.queue[0]));
    g_assert_true(b->bus->get_queue_isr_status(b, p.b.queue[1]));
    set32(&p.a, MBOX_REG_STATE_WORD, 1);
    g_assert_true(b->bus->get_queue_isr_status(b, p.b.queue[2]));
    send_message(&p.a, 8, 2);                   /* waits for a buffer */
    g_assert_false(a->bus->get_queue_isr_status(a, p.a.queue[0]));
    endpoint_reset(&p.b);                       /* and comes back */
    g_assert_true(a->bus->get_queue_isr_status(a, p.a.queue[0]));
    pair_close(&p);
}

/* MB13: a broken chain stops that device only, until it is reset */
static void test_broken_queue(void)
{
    Pair p;
    QVirtQueue *tx;
    uint64_t report;
    uint32_t head;

    pair_open(&p, "", "");
    tx = p.a.queue[MBOX_QUEUE_TX];
    head = qvirtqueue_add(p.rig.qts, tx, 0x1000, 0, false, false);
    qvirtqueue_kick(p.rig.qts, &p.a.dev->vdev, tx, head);
    g_assert_true(p.a.dev->vdev.bus->get_status(&p.a.dev->vdev) &
                  VIRTIO_CONFIG_S_NEEDS_RESET);
    endpoint_reset(&p.a);
    endpoint_start(&p.a, ALL_QUEUES);
    offer_buffer(&p.b, 8);
    report = send_message(&p.a, 8, 1);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    pair_close(&p);
}

static uint32_t refuse_chain(Pair *p, uint64_t text, uint64_t report)
{
    QVirtQueue *tx = p->a.queue[MBOX_QUEUE_TX];
    uint32_t length, head;

    head = qvirtqueue_add(p->rig.qts, tx, text, 8, false, true);
    qvirtqueue_add(p->rig.qts, tx, report, 16, true, false);
    qvirtqueue_kick(p->rig.qts, &p->a.dev->vdev, tx, head);
    g_assert_true(used(&p->a, MBOX_QUEUE_TX, &length));
    return length;
}

/* MB18: neither devices, nor the other's output, nor nothing */
static void test_not_ram(void)
{
    Pair p;
    uint64_t report, buffer, regs, peer_output;
    uint32_t length;

    pair_open(&p, "", "");
    regs = p.a.shm.addr + MBOX_REGS_OFFSET + MBOX_REG_ENABLE;
    peer_output = p.a.shm.addr + cfg32(&p.a, MBOX_CFG_OUTPUT_OFFSET) +
                  cfg32(&p.a, MBOX_CFG_OUTPUT_SIZE);
    report = guest_alloc(&p.rig.alloc, 16);
    g_assert_cmpint(refuse_chain(&p, 0xffff800000001000, report), ==, 16);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_REFUSED);
    g_assert_cmpint(refuse_chain(&p, regs, report), ==, 16);
    g_assert_cmpint(refuse_chain(&p, report, regs), ==, 0);
    g_assert_cmphex(reg64(&p.a, MBOX_REG_ENABLE), ==, 0);
    g_assert_cmpint(refuse_chain(&p, report, peer_output), ==, 0);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_TX_REFUSED), ==, 4);
    add_receive_buffer(&p.b, regs, 64);
    add_receive_buffer(&p.b, 0xffff800000001000, 64);
    buffer = offer_buffer(&p.b, 8);
    report = send_message(&p.a, 8, 3);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    for (int i = 0; i < 2; i++) {
        g_assert_true(used(&p.b, MBOX_QUEUE_RX, &length));
        g_assert_cmpint(length, ==, 0);
    }
    g_assert_true(used(&p.b, MBOX_QUEUE_RX, &length));
    g_assert_cmpint(length, ==, MBOX_RX_HEADER_SIZE + 8);
    g_assert_cmphex(mem32(&p.b, buffer + MBOX_RX_HEADER_SIZE), ==, 0x5a5a5a03);
    pair_close(&p);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/mailbox/MB1-identity", test_identity);
    qtest_add_func("/mailbox/MB1-experimental-id", test_experimental_id);
    qtest_add_func("/mailbox/pinned-numbers", test_pinned_numbers);
    qtest_add_func("/mailbox/MB8-registers", test_registers);
    qtest_add_func("/mailbox/MB8-before-driver-ok",
                   test_writes_before_driver_ok);
    qtest_add_func("/mailbox/MB31-allow-list-bounds", test_allow_list_bounds);
    qtest_add_func("/mailbox/MB10-message", test_message);
    qtest_add_func("/mailbox/MB10-both-directions", test_both_directions);
    qtest_add_func("/mailbox/MB15-back-pressure", test_back_pressure);
    qtest_add_func("/mailbox/MB10-too-long", test_too_long);
    qtest_add_func("/mailbox/MB13-malformed", test_malformed);
    qtest_add_func("/mailbox/MB13-broken-queue", test_broken_queue);
    qtest_add_func("/mailbox/MB18-not-ram", test_not_ram);
    qtest_add_func("/mailbox/MB16-peer-gone", test_peer_gone);
    qtest_add_func("/mailbox/MB40-alone", test_alone);
    qtest_add_func("/mailbox/MB17-latency", test_latency);
    qtest_add_func("/mailbox/MB17-order", test_latency_order);
    qtest_add_func("/mailbox/MB43-sender-reset", test_sender_reset_in_flight);
    qtest_add_func("/mailbox/MB2-msix", test_msix);
    return g_test_run();
}
