/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drivers that do everything wrong: the device survives, the peer does not
 * notice, and the log says what was wrong.
 */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/pci-pc.h"
#include "mailbox-rig.h"
#include "farbell/uintr.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_pci.h"
#include "standard-headers/linux/virtio_ring.h"

#define NOWHERE 0xffff800000001000

static void expect_link_works(Pair *p)
{
    uint64_t report;

    offer_buffer(&p->b, 8);
    report = send_message(&p->a, 8, 1);
    g_assert_cmpint(report_status(&p->a, report), ==, MBOX_STATUS_DELIVERED);
}

/* ---- Descriptor chains ---- */

typedef struct Desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
} Desc;

#define RAM 0x200000
#define RING UINT64_MAX         /* the queue's own descriptor table */
#define W VRING_DESC_F_WRITE
#define N VRING_DESC_F_NEXT
#define I VRING_DESC_F_INDIRECT

typedef struct Chain {
    const char *name;
    Desc desc[4];
    uint16_t head;
    const char *stops;          /* virtio forbids it: NEEDS_RESET; the log */
} Chain;

#define IN_CHAIN ": queue 0, descriptor chain 0, address "
#define AT_RAM IN_CHAIN "0x200000"

static const Chain chains[] = {
    { "zero-length", { { RAM, 0, 0, 0 } }, 0,
      "virtio: zero sized buffers are not allowed" AT_RAM },
    { "loop", { { RAM, 8, N, 1 }, { RAM, 8, N, 0 } }, 0,
      "Looped descriptor" AT_RAM },
    { "next-is-itself", { { RAM, 8, N, 0 } }, 0, "Looped descriptor" AT_RAM },
    { "next-beyond-table", { { RAM, 8, N, 9999 } }, 0,
      "Desc next is 9999" AT_RAM },
    { "head-beyond-table", { { RAM, 8, 0, 0 } }, 9999,
      "Guest says index 9999 is available in queue 0" },
    { "readable-after-writable",
      { { RAM, 16, W | N, 1 }, { RAM, 8, 0, 0 } }, 0,
      "Incorrect order for descriptors" AT_RAM },
    { "indirect-of-odd-size", { { RAM, 17, I, 0 } }, 0,
      "Invalid size for indirect buffer table" AT_RAM },
    { "indirect-empty", { { RAM, 0, I, 0 } }, 0,
      "Invalid size for indirect buffer table" AT_RAM },
    { "indirect-nowhere", { { NOWHERE, 16, I, 0 } }, 0,
      "virtio: zero sized buffers are not allowed" IN_CHAIN "0x0" },
    { "length-lies", { { RAM, 8, N, 1 }, { RAM, UINT32_MAX, W, 0 } }, 0,
      "virtio: bogus descriptor or out of resources" },
    { "text-lies",
      { { RAM, UINT32_MAX, N, 1 }, { RAM, 16, W, 0 } }, 0,
      "virtio: bogus descriptor or out of resources" },
    { "nowhere", { { NOWHERE, 8, N, 1 }, { RAM, 16, W, 0 } } },
    { "report-nowhere", { { RAM, 8, N, 1 }, { NOWHERE, 16, W, 0 } } },
    { "wraps-around", { { UINT64_MAX - 7, 64, N, 1 }, { RAM, 16, W, 0 } } },
    { "in-apic", { { RAM, 8, N, 1 }, { 0xfee00000, 64, W, 0 } } },
    { "in-rom", { { RAM, 8, N, 1 }, { 0xffff0000, 64, W, 0 } } },
    { "in-own-ring", { { RAM, 8, N, 1 }, { RING, 64, W, 0 } } },
};

static void write_desc(Pair *p, QVirtQueue *vq, int i, const Desc *d)
{
    uint64_t at = vq->desc + 16 * i;

    qtest_writeq(p->rig.qts, at, d->addr == RING ? vq->desc : d->addr);
    qtest_writel(p->rig.qts, at + 8, d->len);
    qtest_writew(p->rig.qts, at + 12, d->flags);
    qtest_writew(p->rig.qts, at + 14, d->next);
}

static void offer_chain(Pair *p, Endpoint *e, int queue, const Chain *chain)
{
    QVirtQueue *vq = e->queue[queue];

    for (int i = 0; i < ARRAY_SIZE(chain->desc); i++) {
        write_desc(p, vq, i, &chain->desc[i]);
    }
    qvirtqueue_kick(p->rig.qts, &e->dev->vdev, vq, chain->head);
}

static bool needs_reset(Endpoint *e)
{
    return e->dev->vdev.bus->get_status(&e->dev->vdev) &
           VIRTIO_CONFIG_S_NEEDS_RESET;
}

static void restart(Endpoint *e)
{
    endpoint_reset(e);
    endpoint_start(e, ALL_QUEUES);
}

static void expect_said(int old, const char *text)
{
    g_autofree char *line = g_strdup_printf("virtio-uintr-mailbox (a): %s",
                                            text);

    log_expect(old, line);
}

/* MB13, MB18: on each queue; the device works again after a reset */
static void test_chain(const void *data)
{
    const Chain *chain = data;
    int old = log_start();
    Pair p;

    pair_open(&p, "", "");
    offer_chain(&p, &p.a, MBOX_QUEUE_TX, chain);
    g_assert_cmpint(needs_reset(&p.a), ==, chain->stops != NULL);
    g_assert_false(needs_reset(&p.b));
    restart(&p.a);
    offer_chain(&p, &p.b, MBOX_QUEUE_RX, chain);
    send_message(&p.a, 8, 1);
    restart(&p.b);
    offer_chain(&p, &p.b, MBOX_QUEUE_EVENTS, chain);
    set32(&p.a, MBOX_REG_STATE_WORD, 1);
    restart(&p.b);
    restart(&p.a);
    expect_link_works(&p);
    pair_close(&p);
    if (chain->stops) {
        expect_said(old, chain->stops);
    } else {
        g_free(log_end(old));
    }
}

/* ---- What the log says ---- */

/* The second piece finds QEMU's bounce buffer taken: the classic message. */
static void test_bogus_descriptor(void)
{
    static const Chain twice = {
        .desc = { { NOWHERE, 4096, N, 1 }, { NOWHERE, 4096, N, 2 },
                  { RAM, 16, W, 0 } },
    };
    int old = log_start();
    Pair p;

    pair_open(&p, "", " -d guest_errors");
    offer_chain(&p, &p.a, MBOX_QUEUE_TX, &twice);
    g_assert_true(needs_reset(&p.a));
    pair_close(&p);
    expect_said(old, "virtio: bogus descriptor or out of resources, 4096 "
                "bytes left (is the address a guest-physical one?)" IN_CHAIN
                "0xffff800000001000");
}

/* MB18 */
static void test_virtual_address(void)
{
    static const Chain once = {
        .desc = { { NOWHERE, 64, N, 1 }, { RAM, 16, W, 0 } },
    };
    int old = log_start();
    Pair p;

    pair_open(&p, "", " -d guest_errors");
    offer_chain(&p, &p.a, MBOX_QUEUE_TX, &once);
    pair_close(&p);
    log_expect(old, "a: queue 0, descriptor chain 0: buffer at "
               "0xffff800000001000, 64 bytes, is not RAM");
}

static void test_queue_not_enabled(void)
{
    int old = log_start();
    Pair p;

    pair_open(&p, "", " -d guest_errors");
    endpoint_reset(&p.a);
    endpoint_start(&p.a, 1 << MBOX_QUEUE_TX);
    qpci_io_writew(p.a.dev->pdev, p.a.dev->bar, p.a.dev->notify_cfg_offset +
                   MBOX_QUEUE_RX * p.a.dev->notify_off_multiplier,
                   MBOX_QUEUE_RX);
    pair_close(&p);
    expect_said(old, "queue 1 notified, but it is not set up");
}

static void test_wrong_notify_offset(void)
{
    int old = log_start();
    Pair p;

    pair_open(&p, "", " -d guest_errors");
    qpci_io_writew(p.a.dev->pdev, p.a.dev->bar, p.a.dev->notify_cfg_offset,
                   MBOX_QUEUE_RX);
    pair_close(&p);
    expect_said(old, "queue 1 written to the notification address of queue 0");
}

/* MB18: rings at addresses that are virtual, told before the first notice */
static void test_ring_address(void)
{
    int old = log_start();
    Pair p;
    unsigned common;

    rig_start_pair(&p.rig, "", " -d guest_errors");
    endpoint_open(&p.b, &p.rig, 5);
    endpoint_find(&p.a, &p.rig, 4);
    common = p.a.dev->common_cfg_offset;
    endpoint_set_up(&p.a, ALL_QUEUES);
    p.a.dev->vdev.bus->queue_select(&p.a.dev->vdev, MBOX_QUEUE_EVENTS);
    qpci_io_writel(p.a.dev->pdev, p.a.dev->bar,
                   common + VIRTIO_PCI_COMMON_Q_USEDLO, (uint32_t)NOWHERE);
    qpci_io_writel(p.a.dev->pdev, p.a.dev->bar,
                   common + VIRTIO_PCI_COMMON_Q_USEDHI, NOWHERE >> 32);
    qpci_io_writew(p.a.dev->pdev, p.a.dev->bar,
                   common + VIRTIO_PCI_COMMON_Q_ENABLE, 1);
    qvirtio_set_driver_ok(&p.a.dev->vdev);
    pair_close(&p);
    log_expect(old, "a: queue 2: used ring at 0xffff800000001000, 8196 bytes, "
               "is not writable RAM in the device's view");
}

/* MB1: the steps of a driver that knows the legacy interface only */
static void test_legacy_driver(void)
{
    int old = log_start();
    Pair p;

    rig_start_pair(&p.rig, "", " -d guest_errors");
    endpoint_open(&p.b, &p.rig, 5);
    endpoint_find(&p.a, &p.rig, 4);
    qvirtio_set_acknowledge(&p.a.dev->vdev);
    qvirtio_set_driver(&p.a.dev->vdev);
    p.a.dev->vdev.bus->set_status(&p.a.dev->vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE |
                                  VIRTIO_CONFIG_S_DRIVER |
                                  VIRTIO_CONFIG_S_DRIVER_OK);
    pair_close(&p);
    log_expect(old, "a: DRIVER_OK without VIRTIO_F_VERSION_1");
}

static void test_register_log(void)
{
    int old = log_start();
    Pair p;

    pair_open(&p, "", " -d guest_errors");
    set32(&p.a, MBOX_REG_LINK, 1);
    pair_close(&p);
    log_expect(old, "a: write of 0x1 to register 0x008, which is read-only");
}

/* MB32: the local APIC is told which device it hears from, 05.0 */
static void test_requester(void)
{
    int old = log_start();
    Pair p;
    uint64_t upid;

    pair_open(&p, "", " -trace uintr_interrupt");
    upid = guest_alloc(&p.rig.alloc, 64);
    qtest_writeq(p.rig.qts, upid, 0x60ull << UPID_NV_SHIFT);
    qtest_writeq(p.rig.qts, upid + 8, 0);
    set64(&p.b, MBOX_REG_BIND_ADDRESS, upid);
    set32(&p.b, MBOX_REG_BIND_CONTROL, MBOX_BIND_ENABLE);
    offer_buffer(&p.b, 8);
    send_message(&p.a, 8, 1);
    pair_close(&p);
    log_expect(old, "from device 0x28 mode 0 vector 0x60");
}

/* ---- Anything at all ---- */

typedef struct Chaos {
    Pair p;
    uint64_t state;
} Chaos;

static uint32_t draw(Chaos *c, uint32_t n)
{
    uint64_t z = c->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % n;
}

static uint64_t draw_address(Chaos *c)
{
    switch (draw(c, 6)) {
    case 0:
        return NOWHERE + draw(c, 8192);
    case 1:
        return c->p.a.shm.addr + draw(c, 0x40000);
    case 2:
        return c->p.b.shm.addr + draw(c, 0x40000);
    case 3:
        return 0xfee00000 + draw(c, 4096);
    default:
        return RAM + draw(c, 0x10000);
    }
}

static void draw_chain(Chaos *c, Endpoint *e, int queue)
{
    QVirtQueue *vq = e->queue[queue];

    for (int i = 0; i < 4; i++) {
        Desc d = {
            .addr = draw_address(c), .len = draw(c, 5) ? draw(c, 200) :
            draw(c, UINT32_MAX), .flags = draw(c, 8), .next = draw(c, 5),
        };

        write_desc(&c->p, vq, i, &d);
    }
    qvirtqueue_kick(c->p.rig.qts, &e->dev->vdev, vq, draw(c, 50) ? draw(c, 4) :
                    draw(c, 65536));
}

static void one_input(Chaos *c)
{
    Endpoint *e = draw(c, 2) ? &c->p.a : &c->p.b;
    QPCIDevice *pci = e->dev->pdev;

    switch (draw(c, 9)) {
    case 0:
        set32(e, draw(c, 0x1000) & ~3, draw(c, UINT32_MAX));
        break;
    case 1:
        set64(e, draw(c, 0x80) & ~7, (uint64_t)draw(c, UINT32_MAX) << 32 |
              draw(c, UINT32_MAX));
        break;
    case 2:
        reg32(e, draw(c, 0x1000) & ~3);
        break;
    case 3:
        set32(e, MBOX_REG_DOORBELL, draw(c, 70));
        break;
    case 4:
        qtest_writel(c->p.rig.qts, draw_address(c) & ~3, draw(c, UINT32_MAX));
        break;
    case 5:
        qpci_io_writew(pci, e->dev->bar, draw(c, 0x3010) & ~1,
                       draw(c, 0x10000));
        break;
    case 6:
        qtest_clock_step(c->p.rig.qts, 1 + draw(c, 2000));
        break;
    default:
        draw_chain(c, e, draw(c, 3));
    }
}

/* FARBELL_FUZZ says how many inputs; all follow from FARBELL_SEED. */
static void test_chaos(void)
{
    Chaos c = { .state = rig_number("FARBELL_SEED", 1) };
    uint64_t inputs = rig_number("FARBELL_FUZZ", 2000);
    int old = log_start();

    /* QEMU has a line for each broken chain; nobody reads thousands */
    pair_open(&c.p, ",latency-ns=500,apic-first=0x40,apic-count=2",
              ",apic-first=0x50,apic-count=2,apic-local=2");
    for (uint64_t i = 0; i < inputs; i++) {
        one_input(&c);
        if (i % 100 == 99) {
            restart(&c.p.a);
            restart(&c.p.b);
        }
    }
    restart(&c.p.a);
    restart(&c.p.b);
    offer_buffer(&c.p.a, 8);
    g_assert_cmpint(report_status(&c.p.b, send_message(&c.p.b, 8, 1)), ==,
                    MBOX_STATUS_DELIVERED);
    pair_close(&c.p);
    g_free(log_end(old));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (int i = 0; i < ARRAY_SIZE(chains); i++) {
        g_autofree char *name = g_strdup_printf("/mailbox/MB18-chain/%s",
                                                chains[i].name);

        qtest_add_data_func(name, &chains[i], test_chain);
    }
    qtest_add_func("/mailbox/log/bogus-descriptor", test_bogus_descriptor);
    qtest_add_func("/mailbox/log/virtual-address", test_virtual_address);
    qtest_add_func("/mailbox/log/queue-not-enabled", test_queue_not_enabled);
    qtest_add_func("/mailbox/log/wrong-notify-offset",
                   test_wrong_notify_offset);
    qtest_add_func("/mailbox/log/MB18-ring-address", test_ring_address);
    qtest_add_func("/mailbox/log/MB1-legacy-driver", test_legacy_driver);
    qtest_add_func("/mailbox/log/register", test_register_log);
    qtest_add_func("/mailbox/log/MB32-requester", test_requester);
    qtest_add_func("/mailbox/chaos", test_chaos);
    return g_test_run();
}
