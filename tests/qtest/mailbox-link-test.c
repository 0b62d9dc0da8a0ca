/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mailbox in one process: doorbells, memory, posting, life, snapshots. */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/pci-pc.h"
#include "mailbox-rig.h"
#include "farbell/uintr.h"
#include "qobject/qdict.h"
#include "standard-headers/linux/virtio_config.h"

#define UPID_WINDOW 0x1f00000
#define NV 0x61

static uint64_t state(Endpoint *e, unsigned side, unsigned offset)
{
    return shm(e, MBOX_CFG_STATE_OFFSET, side * MBOX_PAGE_SIZE + offset);
}

/* MB20, MB21, MB22 */
static void test_doorbell(void)
{
    Pair p;

    pair_open(&p, "", "");
    g_assert_cmpint(reg32(&p.a, MBOX_REG_RING_STATUS), ==, MBOX_RING_NONE);
    g_assert_cmpint(ring(&p.a, 63), ==, MBOX_RING_REFUSED);
    set64(&p.b, MBOX_REG_ENABLE, 1ull << 63 | 1);
    g_assert_cmpint(ring(&p.a, 63), ==, MBOX_RING_POSTED);
    g_assert_cmpint(ring(&p.a, 63), ==, MBOX_RING_COALESCED);
    g_assert_cmpint(ring(&p.a, 1), ==, MBOX_RING_REFUSED);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 1ull << 63);
    g_assert_cmphex(mem64(&p.b, state(&p.b, 1, MBOX_STATE_PENDING)), ==,
                    1ull << 63);
    g_assert_cmphex(mem64(&p.a, state(&p.a, 1, MBOX_STATE_PENDING)), ==,
                    1ull << 63);
    set64(&p.b, MBOX_REG_PENDING, 1);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 1ull << 63);
    set64(&p.b, MBOX_REG_PENDING, 1ull << 63);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 0);
    g_assert_cmphex(mem64(&p.b, state(&p.b, 1, MBOX_STATE_PENDING)), ==, 0);
    g_assert_cmpint(ring(&p.a, 63), ==, MBOX_RING_POSTED);
    set32(&p.a, MBOX_REG_DOORBELL, 64);         /* there is none */
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_RING_REFUSED), ==, 3);
    pair_close(&p);
}

/* MB23 */
static void test_one_shot(void)
{
    Pair p;

    pair_open(&p, "", "");
    set64(&p.b, MBOX_REG_ENABLE, 3);
    set64(&p.b, MBOX_REG_ONE_SHOT, 2);
    for (int i = 0; i < 3; i++) {
        ring(&p.a, 0);
        ring(&p.a, 1);
    }
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG), ==, 4);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG_INTERRUPTS), ==, 4);
    set64(&p.b, MBOX_REG_PENDING, 2);
    ring(&p.a, 1);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG_INTERRUPTS), ==, 5);
    pair_close(&p);
}

/* MB20: closed with its bit set, it is rung when it is opened again */
static void test_open_again(void)
{
    Pair p;

    pair_open(&p, "", "");
    set64(&p.b, MBOX_REG_ONE_SHOT, 2);
    set64(&p.b, MBOX_REG_ENABLE, 3);
    ring(&p.a, 1);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG_INTERRUPTS), ==, 1);
    set64(&p.b, MBOX_REG_ENABLE, 1);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 0);
    g_assert_cmpint(ring(&p.a, 1), ==, MBOX_RING_REFUSED);
    set64(&p.b, MBOX_REG_ENABLE, 3);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 2);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG_INTERRUPTS), ==, 2);
    set64(&p.b, MBOX_REG_ENABLE, 3);            /* open already */
    ring(&p.a, 1);                              /* still one-shot */
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG_INTERRUPTS), ==, 2);
    set64(&p.b, MBOX_REG_PENDING, 2);
    set64(&p.b, MBOX_REG_ENABLE, 0);
    set64(&p.b, MBOX_REG_ENABLE, 3);            /* nothing pending */
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG_INTERRUPTS), ==, 2);
    ring(&p.a, 1);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG_INTERRUPTS), ==, 3);
    pair_close(&p);
}

/* MB24 */
static void test_doorbell_msix(void)
{
    Pair p;
    uint64_t at;

    pair_open(&p, "", "");
    qpci_msix_enable(p.b.dev->pdev);
    at = guest_alloc(&p.rig.alloc, 4);
    qtest_writel(p.rig.qts, at, 0);
    program_msix(&p.b, 5, at, 0x1234);
    set64(&p.b, MBOX_REG_ENABLE, 1);
    ring(&p.a, 0);
    g_assert_cmphex(mem32(&p.b, at), ==, 0);    /* none */
    set32(&p.b, MBOX_REG_RING_MSIX, 8);         /* beyond the table */
    g_assert_cmphex(reg32(&p.b, MBOX_REG_RING_MSIX), ==, MBOX_MSIX_NONE);
    set32(&p.b, MBOX_REG_RING_MSIX, 5);
    g_assert_cmphex(reg32(&p.b, MBOX_REG_RING_MSIX), ==, 5);
    ring(&p.a, 0);
    g_assert_cmphex(mem32(&p.b, at), ==, 0x1234);
    pair_close(&p);
}

/* MB17, MB21: in flight, then exactly in time */
static void test_doorbell_latency(void)
{
    Pair p;

    pair_open(&p, ",latency-ns=500", "");
    set64(&p.b, MBOX_REG_ENABLE, 1);
    g_assert_cmpint(ring(&p.a, 0), ==, MBOX_RING_IN_FLIGHT);
    qtest_clock_step(p.rig.qts, 100);
    ring(&p.a, 0);                              /* arrives with the first */
    qtest_clock_step(p.rig.qts, 399);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 0);
    qtest_clock_step(p.rig.qts, 1);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 1);
    g_assert_cmpint(reg32(&p.a, MBOX_REG_RING_STATUS), ==, MBOX_RING_POSTED);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_RING_COALESCED), ==, 1);
    qtest_clock_step(p.rig.qts, 1000);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG), ==, 1);
    pair_close(&p);
}

/* MB6: who may write what */
static void test_sections(void)
{
    static const struct {
        unsigned section;
        unsigned side;
        bool a_may, b_may;
    } cases[] = {
        { MBOX_CFG_STATE_OFFSET, 0, false, false },
        { MBOX_CFG_STATE_OFFSET, 1, false, false },
        { MBOX_CFG_UPID_OFFSET, 0, true, true },
        { MBOX_CFG_UPID_OFFSET, 1, true, true },
        { MBOX_CFG_COMMON_OFFSET, 0, true, true },
        { MBOX_CFG_OUTPUT_OFFSET, 0, true, false },
        { MBOX_CFG_OUTPUT_OFFSET, 1, false, true },
    };
    Pair p;

    pair_open(&p, "", "");
    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned section = cases[i].section;
        unsigned size = section == MBOX_CFG_OUTPUT_OFFSET ? 0x10000 : 0x1000;
        unsigned at = 0xff0 + cases[i].side * size;
        uint32_t want = 0;

        qtest_writel(p.rig.qts, shm(&p.a, section, at), 0xaaaa0001);
        if (cases[i].a_may) {
            want = 0xaaaa0001;
        }
        g_assert_cmphex(mem32(&p.a, shm(&p.a, section, at)), ==, want);
        g_assert_cmphex(mem32(&p.b, shm(&p.b, section, at)), ==, want);
        qtest_writel(p.rig.qts, shm(&p.b, section, at), 0xbbbb0002);
        if (cases[i].b_may) {
            want = 0xbbbb0002;
        }
        g_assert_cmphex(mem32(&p.a, shm(&p.a, section, at)), ==, want);
        g_assert_cmphex(mem32(&p.b, shm(&p.b, section, at)), ==, want);
    }
    pair_close(&p);
}

/* MB6: nothing of a peer that is not there */
static void test_absent_sections(void)
{
    Rig rig;
    Endpoint a;
    uint64_t own, other;

    rig_start(&rig, "-device virtio-uintr-mailbox-pci,addr=04.0");
    endpoint_open(&a, &rig, 4);
    own = shm(&a, MBOX_CFG_UPID_OFFSET, 0);
    other = shm(&a, MBOX_CFG_UPID_OFFSET, 0x1000);
    qtest_writel(rig.qts, own, 1);
    qtest_writel(rig.qts, other, 1);
    g_assert_cmphex(mem32(&a, own), ==, 1);
    g_assert_cmphex(mem32(&a, other), ==, 0);
    endpoint_close(&a);
    rig_stop(&rig);
}

/* MB6: one window, two addresses */
static void test_window_alias(void)
{
    Pair p;
    uint64_t in_bar;

    pair_open(&p, ",upid-window-addr=0x1f00000", "");
    in_bar = shm(&p.a, MBOX_CFG_UPID_OFFSET, 0);
    qtest_writeq(p.rig.qts, in_bar + 0x40, 0x1122334455667788);
    qtest_writeq(p.rig.qts, UPID_WINDOW + 0x1040, 0x99aabbccddeeff00);
    g_assert_cmphex(mem64(&p.a, UPID_WINDOW + 0x40), ==, 0x1122334455667788);
    g_assert_cmphex(mem64(&p.b, shm(&p.b, MBOX_CFG_UPID_OFFSET, 0x1040)), ==,
                    0x99aabbccddeeff00);
    pair_close(&p);
}

/* A vector in IRR of the first CPU's local APIC, as the monitor shows it */
static bool is_requested(Pair *p, int cpu, unsigned vector)
{
    g_autofree char *command = g_strdup_printf("info lapic %d", cpu);
    g_autofree char *text = qtest_hmp(p->rig.qts, "%s", command);
    g_autofree char *number = g_strdup_printf(" %u", vector);
    const char *irr = strstr(text, "IRR");
    g_autofree char *line = irr ? g_strndup(irr, strcspn(irr, "\n")) : NULL;

    return line && strstr(line, number);
}

static void bind_queue(Endpoint *e, uint64_t upid, unsigned vector,
                       unsigned control)
{
    set64(e, MBOX_REG_BIND_ADDRESS, upid);
    set32(e, MBOX_REG_BIND_VECTOR, vector);
    set32(e, MBOX_REG_BIND_CONTROL, control);
}

static uint64_t make_upid(Pair *p, uint32_t ndst, unsigned nv, unsigned flags)
{
    uint64_t upid = guest_alloc(&p->rig.alloc, 2 * UPID_ALIGN);

    upid = (upid + UPID_ALIGN - 1) & -(uint64_t)UPID_ALIGN;
    qtest_writeq(p->rig.qts, upid, (uint64_t)ndst << UPID_NDST_SHIFT |
                 (uint64_t)nv << UPID_NV_SHIFT | flags);
    qtest_writeq(p->rig.qts, upid + UPID_PIR_OFFSET, 0);
    return upid;
}

static void receive_one(Pair *p)
{
    offer_buffer(&p->b, 8);
    send_message(&p->a, 8, 1);
}

/* MB33, MB34: both formats of NDST */
static void test_post(void)
{
    Pair p;
    uint64_t upid;

    for (int x2 = 0; x2 < 2; x2++) {
        pair_open(&p, "", "");
        upid = make_upid(&p, x2 ? 2 : 2 << UPID_NDST_XAPIC_SHIFT | 0x10001,
                         NV, 0);                /* bits that do not count */
        bind_queue(&p.b, upid, 9,
                   MBOX_BIND_ENABLE | (x2 ? MBOX_BIND_X2APIC : 0));
        g_assert_cmpint(reg32(&p.b, MBOX_REG_BIND_STATUS), ==, MBOX_BIND_ON);
        receive_one(&p);
        g_assert_cmphex(mem64(&p.b, upid + 8), ==, 1 << 9);
        g_assert_cmphex(mem64(&p.b, upid) & 3, ==, UPID_ON);
        g_assert_cmpint(counter(&p.b, MBOX_COUNT_POSTED), ==, 1);
        g_assert_true(is_requested(&p, 2, NV));
        g_assert_false(is_requested(&p, 1, NV));
        receive_one(&p);
        g_assert_cmpint(counter(&p.b, MBOX_COUNT_POSTED), ==, 1);
        g_assert_cmpint(counter(&p.b, MBOX_COUNT_POST_COALESCED), ==, 1);
        pair_close(&p);
    }
}

/* MB34: SN keeps the notification away, not the post */
static void test_post_suppressed(void)
{
    Pair p;
    uint64_t upid;

    pair_open(&p, "", "");
    upid = make_upid(&p, 0, NV, UPID_SN);
    bind_queue(&p.b, upid, 63, MBOX_BIND_ENABLE);
    receive_one(&p);
    g_assert_cmphex(mem64(&p.b, upid + 8), ==, 1ull << 63);
    g_assert_cmphex(mem64(&p.b, upid) & 3, ==, UPID_SN);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_POST_COALESCED), ==, 1);
    pair_close(&p);
}

/* MB33: what cannot be bound */
static void test_bind_errors(void)
{
    Pair p;
    uint64_t upid;

    pair_open(&p, "", "");
    upid = make_upid(&p, 0, NV, 0);
    bind_queue(&p.b, upid + 8, 0, MBOX_BIND_ENABLE);
    g_assert_cmpint(reg32(&p.b, MBOX_REG_BIND_STATUS), ==,
                    MBOX_BIND_BAD_ADDRESS);
    bind_queue(&p.b, p.b.shm.addr, 0, MBOX_BIND_ENABLE);      /* registers */
    g_assert_cmpint(reg32(&p.b, MBOX_REG_BIND_STATUS), ==,
                    MBOX_BIND_BAD_ADDRESS);
    bind_queue(&p.b, 0xffff800000000000, 0, MBOX_BIND_ENABLE);
    g_assert_cmpint(reg32(&p.b, MBOX_REG_BIND_STATUS), ==,
                    MBOX_BIND_BAD_ADDRESS);
    bind_queue(&p.b, upid, 64, MBOX_BIND_ENABLE);
    g_assert_cmpint(reg32(&p.b, MBOX_REG_BIND_STATUS), ==,
                    MBOX_BIND_BAD_VECTOR);
    g_assert_cmpint(reg32(&p.b, MBOX_REG_BIND_CONTROL), ==, 0);
    bind_queue(&p.b, upid, 1, MBOX_BIND_ENABLE);
    set64(&p.b, MBOX_REG_BIND_ADDRESS, 0);              /* while bound */
    set32(&p.b, MBOX_REG_BIND_VECTOR, 2);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_BIND_ADDRESS), ==, upid);
    g_assert_cmpint(reg32(&p.b, MBOX_REG_BIND_VECTOR), ==, 1);
    pair_close(&p);
}

/* MB3, MB33: without the feature there is no binding */
static void test_bind_without_feature(void)
{
    Pair p;

    rig_start_pair(&p.rig, "", "");
    endpoint_open(&p.a, &p.rig, 4);
    endpoint_find(&p.b, &p.rig, 5);
    p.b.features = 1ull << VIRTIO_F_VERSION_1;
    endpoint_start(&p.b, ALL_QUEUES);
    bind_queue(&p.b, make_upid(&p, 0, NV, 0), 0, MBOX_BIND_ENABLE);
    g_assert_cmpint(reg32(&p.b, MBOX_REG_BIND_STATUS), ==,
                    MBOX_BIND_NO_FEATURE);
    offer_event(&p.b);
    set32(&p.a, MBOX_REG_STATE_WORD, 1);
    g_assert_false(used(&p.b, MBOX_QUEUE_EVENTS, NULL));
    pair_close(&p);
}

/* MB36: the same UPID serves the device's posts and the peer's SENDUIPI. */
static void test_post_by_global_id(void)
{
    Pair p;
    uint64_t upid;

    pair_open(&p, "", ",apic-first=0x50,apic-count=1,apic-local=2");
    upid = make_upid(&p, 0x50 << UPID_NDST_XAPIC_SHIFT, NV, 0);
    bind_queue(&p.b, upid, 1, MBOX_BIND_ENABLE);
    receive_one(&p);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_POSTED), ==, 1);
    g_assert_true(is_requested(&p, 2, NV));
    upid = make_upid(&p, 0x51 << UPID_NDST_XAPIC_SHIFT, NV, 0);
    set32(&p.b, MBOX_REG_BIND_CONTROL, 0);
    bind_queue(&p.b, upid, 1, MBOX_BIND_ENABLE);
    receive_one(&p);                            /* one beyond those of b */
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_POST_FAILED), ==, 1);
    g_assert_false(is_requested(&p, 3, NV));
    pair_close(&p);
}

/* MB35, MB36: a post that fails does not lose the message */
static void test_post_fails(void)
{
    Pair p;
    uint64_t upid;

    pair_open(&p, "", ",apic-first=0x50,apic-count=1,apic-local=2");
    upid = make_upid(&p, 1 << UPID_NDST_XAPIC_SHIFT, NV, 0);
    bind_queue(&p.b, upid, 1, MBOX_BIND_ENABLE);
    receive_one(&p);                            /* not a CPU of b */
    g_assert_true(used(&p.b, MBOX_QUEUE_RX, NULL));
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_POST_FAILED), ==, 1);
    g_assert_false(is_requested(&p, 1, NV));
    qtest_writeq(p.rig.qts, upid, 1 << 2);      /* reserved bit */
    receive_one(&p);
    g_assert_true(used(&p.b, MBOX_QUEUE_RX, NULL));
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_POST_FAILED), ==, 2);
    g_assert_cmphex(mem64(&p.b, upid), ==, 1 << 2);
    upid = make_upid(&p, 3 << UPID_NDST_XAPIC_SHIFT, NV, 0);
    set32(&p.b, MBOX_REG_BIND_CONTROL, 0);
    bind_queue(&p.b, upid, 1, MBOX_BIND_ENABLE);
    receive_one(&p);                            /* one beyond those of b */
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_POST_FAILED), ==, 3);
    g_assert_false(is_requested(&p, 3, NV));
    upid = make_upid(&p, 2 << UPID_NDST_XAPIC_SHIFT, 15, 0);
    set32(&p.b, MBOX_REG_BIND_CONTROL, 0);
    bind_queue(&p.b, upid, 1, MBOX_BIND_ENABLE);
    receive_one(&p);                            /* no vector for an APIC */
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_POST_FAILED), ==, 4);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RX_MESSAGES), ==, 4);
    pair_close(&p);
}

static void check_event(Endpoint *e, uint64_t at, uint32_t type, uint32_t link,
                        uint32_t argument, uint32_t lost)
{
    g_assert_true(used(e, MBOX_QUEUE_EVENTS, NULL));
    g_assert_cmpint(mem32(e, at + MBOX_EVENT_TYPE), ==, type);
    g_assert_cmpint(mem32(e, at + MBOX_EVENT_LINK), ==, link);
    g_assert_cmpint(mem32(e, at + MBOX_EVENT_ARGUMENT), ==, argument);
    g_assert_cmpint(mem32(e, at + MBOX_EVENT_LOST), ==, lost);
}

/* MB40-MB44: the life of the peer as events and as registers */
static void test_life(void)
{
    Pair p;
    uint64_t event[4];
    uint32_t generation;

    pair_open(&p, "", "");
    for (int i = 0; i < ARRAY_SIZE(event); i++) {
        event[i] = offer_event(&p.a);
    }
    generation = reg32(&p.a, MBOX_REG_PEER_GENERATION);
    qtest_clock_step(p.rig.qts, 123);
    set32(&p.b, MBOX_REG_STATE_WORD, 0xcafe);
    check_event(&p.a, event[0], MBOX_EVENT_TYPE_STATE, MBOX_LINK_UP, 0xcafe,
                0);
    g_assert_cmpint(mem64(&p.a, event[0] + MBOX_EVENT_TIME), ==, 123);
    g_assert_cmphex(mem32(&p.a, state(&p.a, 1, MBOX_STATE_WORD)), ==, 0xcafe);
    set32(&p.b, MBOX_REG_STATE_WORD, 0xcafe);   /* no change */
    endpoint_reset(&p.b);
    check_event(&p.a, event[1], MBOX_EVENT_TYPE_LINK, MBOX_LINK_ATTACHED,
                MBOX_LINK_ATTACHED, 0);
    check_event(&p.a, event[2], MBOX_EVENT_TYPE_RESET, MBOX_LINK_ATTACHED, 0,
                0);
    g_assert_cmpint(reg32(&p.a, MBOX_REG_PEER_GENERATION), ==, generation + 1);
    g_assert_cmpint(mem32(&p.a, event[2] + MBOX_EVENT_GENERATION), ==,
                    generation + 1);
    g_assert_cmphex(mem32(&p.a, state(&p.a, 1, MBOX_STATE_WORD)), ==, 0);
    g_assert_cmphex(mem32(&p.a, state(&p.a, 1, MBOX_STATE_READY)), ==, 0);
    endpoint_start(&p.b, ALL_QUEUES);
    check_event(&p.a, event[3], MBOX_EVENT_TYPE_LINK, MBOX_LINK_UP,
                MBOX_LINK_UP, 0);
    g_assert_cmpint(reg32(&p.a, MBOX_REG_LINK), ==, MBOX_LINK_UP);
    g_assert_cmpint(mem32(&p.a, state(&p.a, 1, MBOX_STATE_READY)), ==, 1);
    pair_close(&p);
}

/* MB45: events without a buffer are counted, and the next one says so */
static void test_lost_events(void)
{
    Pair p;
    uint64_t event;

    pair_open(&p, "", "");
    set32(&p.b, MBOX_REG_STATE_WORD, 1);
    set32(&p.b, MBOX_REG_STATE_WORD, 2);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_EVENTS_LOST), ==, 2);
    event = offer_event(&p.a);
    set32(&p.b, MBOX_REG_STATE_WORD, 3);
    check_event(&p.a, event, MBOX_EVENT_TYPE_STATE, MBOX_LINK_UP, 3, 2);
    event = offer_event(&p.a);
    set32(&p.b, MBOX_REG_STATE_WORD, 4);
    check_event(&p.a, event, MBOX_EVENT_TYPE_STATE, MBOX_LINK_UP, 4, 0);
    pair_close(&p);
}

/* MB43: the whole machine; both endpoints come back as new */
static void test_machine_reset(void)
{
    Pair p;
    uint32_t generation;

    pair_open(&p, "", "");
    set64(&p.b, MBOX_REG_ENABLE, 1);
    ring(&p.a, 0);
    generation = reg32(&p.a, MBOX_REG_GENERATION);
    qtest_system_reset(p.rig.qts);
    endpoint_close(&p.a);
    endpoint_close(&p.b);
    endpoint_open(&p.a, &p.rig, 4);
    endpoint_open(&p.b, &p.rig, 5);
    g_assert_cmpint(reg32(&p.a, MBOX_REG_GENERATION), >, generation);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 0);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_ENABLE), ==, 0);
    offer_buffer(&p.b, 8);
    g_assert_cmpint(report_status(&p.a, send_message(&p.a, 8, 1)), ==,
                    MBOX_STATUS_DELIVERED);
    pair_close(&p);
}

static void migrate_to_file(QTestState *qts, const char *path)
{
    g_autofree char *uri = g_strdup_printf("file:%s", path);

    qobject_unref(qtest_qmp(qts, "{'execute': 'migrate', 'arguments': "
                            "{'uri': %s}}", uri));
    g_assert_true(wait_for_migration(qts));
}

/* The driver goes on where it was, in another process */
static void move_endpoint(Endpoint *e, Rig *rig)
{
    e->rig = rig;
    e->dev->pdev->bus = rig->bus;
}

/* MB47: a message, a doorbell and a pending bit on their way */
static void test_snapshot(void)
{
    Pair p;
    Rig after;
    uint64_t report, waiting;
    g_autofree char *path = NULL, *options = NULL;
    int fd = g_file_open_tmp("mailbox-XXXXXX", &path, NULL);

    close(fd);
    pair_open(&p, ",latency-ns=1000", "");
    set64(&p.b, MBOX_REG_ENABLE, 7);
    set64(&p.a, MBOX_REG_ENABLE, 7);
    ring(&p.b, 2);                              /* pending at a */
    waiting = send_message(&p.b, 8, 9);         /* a has no buffer */
    offer_buffer(&p.b, 8);
    report = send_message(&p.a, 8, 1);
    ring(&p.a, 1);
    qtest_clock_step(p.rig.qts, 400);
    migrate_to_file(p.rig.qts, path);

    options = g_strdup_printf(
        "-smp 4 -device virtio-uintr-mailbox-pci,id=a,addr=04.0,"
        "latency-ns=1000 -device virtio-uintr-mailbox-pci,id=b,addr=05.0,"
        "peer=a -incoming file:%s", path);
    rig_start(&after, options);
    g_assert_true(wait_for_migration(after.qts));
    qobject_unref(qtest_qmp(after.qts, "{'execute': 'cont'}"));
    move_endpoint(&p.a, &after);
    move_endpoint(&p.b, &after);
    g_assert_cmphex(reg64(&p.a, MBOX_REG_PENDING), ==, 4);
    g_assert_cmpint(report_status(&p.a, report), ==, 0xffffffff);
    qtest_clock_set(after.qts, 999);
    g_assert_cmpint(report_status(&p.a, report), ==, 0xffffffff);
    g_assert_cmpint(reg32(&p.a, MBOX_REG_RING_STATUS + 4), ==,
                    MBOX_RING_IN_FLIGHT);
    qtest_clock_set(after.qts, 1000);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    g_assert_cmpint(mem64(&p.a, report + MBOX_TX_SEQUENCE), ==, 1);
    g_assert_cmpint(reg32(&p.a, MBOX_REG_RING_STATUS + 4), ==,
                    MBOX_RING_POSTED);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 2);
    g_assert_cmpint(report_status(&p.b, waiting), ==, 0xffffffff);
    p.a.rig->alloc = p.rig.alloc;
    offer_buffer(&p.a, 8);
    g_assert_cmpint(report_status(&p.b, waiting), ==, MBOX_STATUS_DELIVERED);
    p.rig.alloc = after.alloc;
    qpci_free_pc(after.bus);
    qtest_quit(after.qts);
    rig_stop(&p.rig);
    unlink(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/mailbox/MB20-doorbell", test_doorbell);
    qtest_add_func("/mailbox/MB23-one-shot", test_one_shot);
    qtest_add_func("/mailbox/MB20-open-again", test_open_again);
    qtest_add_func("/mailbox/MB24-msix", test_doorbell_msix);
    qtest_add_func("/mailbox/MB17-doorbell-latency", test_doorbell_latency);
    qtest_add_func("/mailbox/MB6-sections", test_sections);
    qtest_add_func("/mailbox/MB6-absent", test_absent_sections);
    qtest_add_func("/mailbox/MB6-window-alias", test_window_alias);
    qtest_add_func("/mailbox/MB34-post", test_post);
    qtest_add_func("/mailbox/MB34-suppressed", test_post_suppressed);
    qtest_add_func("/mailbox/MB33-bind-errors", test_bind_errors);
    qtest_add_func("/mailbox/MB33-no-feature", test_bind_without_feature);
    qtest_add_func("/mailbox/MB35-post-fails", test_post_fails);
    qtest_add_func("/mailbox/MB36-global-id", test_post_by_global_id);
    qtest_add_func("/mailbox/MB44-life", test_life);
    qtest_add_func("/mailbox/MB45-lost-events", test_lost_events);
    qtest_add_func("/mailbox/MB43-machine-reset", test_machine_reset);
    qtest_add_func("/mailbox/MB47-snapshot", test_snapshot);
    return g_test_run();
}
