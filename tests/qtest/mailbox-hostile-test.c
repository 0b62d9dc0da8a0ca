/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mailbox against guests that aim it at itself, and a peer that lies. */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include "libqtest.h"
#include "mailbox-liar.h"

/* A liar who tells the truth is taken for a peer: so the others are judged. */
static void test_honest(void)
{
    TwoSides p;
    Liar liar;

    side_open(&p, 0, "");
    liar_init(&liar);
    liar_greet(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    side_close(&p, 0);
}

/* MB53, MB55: each byte of the handshake changed */
static void test_garbled_hello(void)
{
    static const size_t free_to_choose[] = {
        offsetof(Hello, a), 16, offsetof(Hello, ready), 12,
    };
    TwoSides p;

    side_open(&p, 0, "");
    for (size_t i = 0; i < sizeof(Hello); i++) {
        Liar liar;
        bool any = false;

        for (int k = 0; k < ARRAY_SIZE(free_to_choose); k += 2) {
            any |= i >= free_to_choose[k] &&
                   i < free_to_choose[k] + free_to_choose[k + 1];
        }
        liar_init(&liar);
        ((uint8_t *)&liar.hello)[i] ^= 0x80;
        liar_greet(&liar);
        if (i >= offsetof(Hello, apic_first) &&
            i < offsetof(Hello, apic_first) + 4) {
            any = true;                         /* an empty window */
        }
        if (!any) {
            expect_hang_up(&liar);
            g_assert_cmpint(reg32(&p.e[0], MBOX_REG_LINK), ==, MBOX_LINK_DOWN);
        }
        liar_done(&liar);
        wait_for_link(&p.e[0], MBOX_LINK_DOWN);
        expect_alive(&p.e[0]);
    }
    side_close(&p, 0);
}

/* MB54: each descriptor missing, unsealed, of another size or kind */
static void test_bad_memory(void)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    TwoSides p;

    side_open(&p, 0, "");
    for (int i = 0; i < 5; i++) {
        for (int kind = 0; kind < 8; kind++) {
            Liar liar;
            size_t size = i == 1 ? 0x10000 : 0x1000;
            int bad;

            liar_init(&liar);
            bad = kind == 0 ? sealed_memfd(size, F_SEAL_GROW) :
                  kind == 1 ? sealed_memfd(size + 0x1000, seals) :
                  kind == 2 ? sealed_memfd(0, seals) :
                  kind == 3 ? open("/dev/null", O_RDWR) :
                  kind == 4 ? open("/dev/zero", O_RDWR) :
                  kind == 5 ? socket(AF_INET, SOCK_STREAM, 0) :
                  kind == 6 ? socket(AF_UNIX, SOCK_DGRAM, 0) :
                  sealed_memfd(size, F_SEAL_SHRINK | F_SEAL_GROW);
            close(liar.fds[i]);
            liar.fds[i] = bad;
            liar_greet(&liar);
            expect_hang_up(&liar);
            liar_done(&liar);
            expect_alive(&p.e[0]);
        }
    }
    for (int n = 0; n < 5; n++) {
        Liar liar;

        liar_init(&liar);
        liar_connect(&liar);
        liar_send(&liar, &liar.hello, sizeof(liar.hello), n);
        expect_hang_up(&liar);
        liar_done(&liar);
    }
    side_close(&p, 0);
}

/* MB55: frames that cannot be */
static void test_bad_frames(void)
{
    static const struct {
        uint32_t type, length;
        uint64_t a, b;
    } cases[] = {
        { 0, 0, 0, 0 }, { 8, 0, 0, 0 }, { UINT32_MAX, 0, 0, 0 },
        { 1, 48, 1, 0 },                        /* a second hello */
        { 2, 0, 1, 1 }, { 2, 65537, 1, 1 }, { 2, UINT32_MAX, 1, 1 },
        { 3, 0, 1, 1 },                         /* a report for nothing */
        { 3, 8, 1, 1 }, { 4, 1, 0, 0 }, { 5, 1, 0, 0 }, { 6, 1, 0, 0 },
        { 7, 1, 0, 0 },
    };
    TwoSides p;

    side_open(&p, 0, "");
    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        Liar liar;

        liar_init(&liar);
        liar_greet(&liar);
        wait_for_link(&p.e[0], MBOX_LINK_UP);
        liar_put_frame(&liar, cases[i].type, cases[i].length, cases[i].a,
                  cases[i].b);
        expect_hang_up(&liar);
        wait_for_link(&p.e[0], MBOX_LINK_DOWN);
        liar_done(&liar);
    }
    side_close(&p, 0);
}

/* MB55: a frame that stops in the middle, at every byte */
static void test_half_frames(void)
{
    TwoSides p;

    side_open(&p, 0, "");
    for (size_t i = 0; i < sizeof(Hello); i++) {
        Liar liar;

        liar_init(&liar);
        liar_connect(&liar);
        liar_send(&liar, &liar.hello, i, i ? liar.n : 0);
        liar_done(&liar);
        expect_alive(&p.e[0]);
    }
    side_close(&p, 0);
}

typedef struct Message {
    uint32_t type, length;
    uint64_t sequence, generation;
    char text[8];
} QEMU_PACKED Message;

/* Side 0, with a buffer, has a peer that is about to send it @message. */
static void link_up(TwoSides *p, Liar *liar, Message *message)
{
    liar_init(liar);
    liar_greet(liar);
    wait_for_link(&p->e[0], MBOX_LINK_UP);
    *message = (Message) {
        .type = 2, .length = 8, .sequence = 1, .text = "message",
        .generation = reg32(&p->e[0], MBOX_REG_GENERATION),
    };
}

/* MB55: a message that stops in the middle, at every byte, is none. */
static void test_half_messages(void)
{
    g_autofree char *text = NULL;
    TwoSides p;
    int old = log_start();

    side_open(&p, 0, "");
    offer_buffer(&p.e[0], 8);
    for (size_t i = 0; i <= sizeof(Message); i++) {
        Message message;
        Liar liar;

        link_up(&p, &liar, &message);
        liar_send(&liar, &message, i, 0);
        liar_done(&liar);
        wait_for_link(&p.e[0], MBOX_LINK_DOWN);
        g_assert_cmpint(used(&p.e[0], MBOX_QUEUE_RX, NULL), ==,
                        i == sizeof(Message));
    }
    side_close(&p, 0);
    text = log_end(old);
    g_assert_null(strstr(text, "peer refused"));
}

/* MB55: each byte of a message changed: refused, waited for, or another text */
static void test_garbled_message(void)
{
    TwoSides p;

    side_open(&p, 0, "");
    for (size_t i = 0; i < sizeof(Message); i++) {
        bool cannot_be = i < 4 || i == 6 || i == 7;     /* type, length */
        Message message;
        Liar liar;

        link_up(&p, &liar, &message);
        ((uint8_t *)&message)[i] ^= 0x80;
        liar_send(&liar, &message, sizeof(message), 0);
        if (cannot_be) {
            expect_hang_up(&liar);
        }
        liar_done(&liar);
        wait_for_link(&p.e[0], MBOX_LINK_DOWN);
        expect_alive(&p.e[0]);
    }
    side_close(&p, 0);
}

/* MB55: more messages than it may have under way */
static void test_too_many_messages(void)
{
    TwoSides p;
    Liar liar;
    char text[8] = "message";

    side_open(&p, 0, "");
    liar_init(&liar);
    liar_greet(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    for (int i = 0; i < 65; i++) {
        liar_put_frame(&liar, 2, sizeof(text), i,
                  reg32(&p.e[0], MBOX_REG_GENERATION));
        liar_send(&liar, text, sizeof(text), 0);
    }
    expect_hang_up(&liar);
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    side_close(&p, 0);
}

/* MB56: a peer that never reads; the guest goes on all the time */
static void test_never_reads(void)
{
    TwoSides p;
    Liar liar;

    side_open(&p, 0, ",max-message=64");
    liar_init(&liar);
    liar.hello.max_message = 64;
    liar_greet(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    for (int i = 0; i < 100000; i++) {
        liar_put_frame(&liar, 6, 0, 0, 0);           /* pings want pongs */
        if (i % 1000 == 0) {
            set32(&p.e[0], MBOX_REG_STATE_WORD, i + 1);
            expect_alive(&p.e[0]);
        }
    }
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    liar_done(&liar);
    side_close(&p, 0);
}

/* MB56: a doorbell that is full, and whose other copy is blocking */
static void test_full_doorbell(void)
{
    enum { RINGS = 3000 };
    uint64_t open = 1;
    TwoSides p;
    Liar liar;

    side_open(&p, 0, "");
    liar_init(&liar);
    g_assert_cmpint(pwrite(liar.fds[3], &open, 8,
                           SIGNALS_ENABLED), ==, 8);
    liar_greet(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    alarm(HANG_LIMIT);
    for (int i = 0; i < RINGS; i++) {
        ring(&p.e[0], 0);
    }
    alarm(0);
    g_assert_cmpint(counter(&p.e[0], MBOX_COUNT_RING_POSTED) +
                    counter(&p.e[0], MBOX_COUNT_RING_COALESCED), ==, RINGS);
    g_assert_cmpint(recv(liar.bell, &open, 1, MSG_DONTWAIT), ==, 1);
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    side_close(&p, 0);
}

/* MB55: a doorbell that the peer shuts down is no doorbell */
static void test_shut_doorbell(void)
{
    int fds[HONEST_FDS];
    TwoSides p;
    Liar liar;

    side_open(&p, 0, "");
    liar_init(&liar);
    liar_greet(&liar);
    liar_take_fds(&liar, fds);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    shutdown(fds[5], SHUT_RDWR);
    expect_hang_up(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    liar_close_fds(fds);
    liar_done(&liar);
    liar_init(&liar);
    liar_greet(&liar);                          /* the next one is welcome */
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    liar_done(&liar);
    side_close(&p, 0);
}

/* MB31: whatever is forged in the bitmaps, the receiver's lists decide */
static void test_forged_signals(void)
{
    TwoSides p;
    Liar liar;
    int fds[HONEST_FDS];
    uint64_t *signals;

    side_open(&p, 0, ",apic-first=0x40,apic-count=2");
    liar_init(&liar);
    liar_greet(&liar);
    liar_take_fds(&liar, fds);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    g_assert_true(mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED,
                       fds[0], 0) == MAP_FAILED);
    g_assert_true(mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED,
                       fds[1], 0) == MAP_FAILED);
    for (int i = 0; i < 5; i++) {
        g_assert_cmpint(ftruncate(fds[i], 0), !=, 0);
    }
    signals = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, fds[4],
                   0);
    g_assert_true(signals != MAP_FAILED);
    memset(signals, 0xff, 0x1000);
    g_assert_cmpint(write(fds[5], "", 1), ==, 1);
    WAIT_UNTIL(counter(&p.e[0], MBOX_COUNT_INJECT_REFUSED) == 64 * 256);
    g_assert_cmpint(counter(&p.e[0], MBOX_COUNT_INJECTED), ==, 0);
    g_assert_cmpint(counter(&p.e[0], MBOX_COUNT_RUNG), ==, 0);
    g_assert_cmphex(reg64(&p.e[0], MBOX_REG_PENDING), ==, 0);
    munmap(signals, 0x1000);
    liar_close_fds(fds);
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    side_close(&p, 0);
}

/* ---- A guest that aims the device at itself ---- */

static uint64_t notify_address(Endpoint *e, unsigned queue)
{
    QVirtQueuePCI *vq = (QVirtQueuePCI *)e->queue[queue];

    return e->dev->bar.addr + vq->notify_offset;
}

static void interrupt_at(Endpoint *e, unsigned queue, uint64_t to,
                         uint32_t data)
{
    qvirtqueue_pci_msix_setup(e->dev, (QVirtQueuePCI *)e->queue[queue],
                              &e->rig->alloc, queue + 1);
    program_msix(e, queue + 1, to, data);
}

/* Chains whose last 8 bytes, a sequence number, become the queue's length */
static void feed_itself(Endpoint *e, unsigned queue, uint64_t text,
                        uint64_t target)
{
    QTestState *qts = e->rig->qts;
    QVirtQueue *vq = e->queue[queue];
    uint64_t index = vq->avail + 2;

    if (queue == MBOX_QUEUE_TX) {
        qvirtqueue_add(qts, vq, text, 8, false, true);
        qvirtqueue_add(qts, vq, index - MBOX_TX_SEQUENCE,
                       MBOX_TX_REPORT_SIZE, true, false);
    } else {
        qvirtqueue_add(qts, vq, index - MBOX_RX_SEQUENCE,
                       MBOX_RX_HEADER_SIZE, true, true);
        qvirtqueue_add(qts, vq, target, 8, true, false);
    }
}

/* The numbers run ahead of the new queues by what was sent before. */
static void get_ahead(Pair *p)
{
    for (int i = 0; i < 4; i++) {
        offer_buffer(&p->b, 8);
        send_message(&p->a, 8, i);
    }
    endpoint_reset(&p->a);
    endpoint_reset(&p->b);
    endpoint_start(&p->a, ALL_QUEUES);
    endpoint_start(&p->b, ALL_QUEUES);
}

/* MB49: two queues that feed themselves, and an interrupt that notifies */
static void test_feeds_itself(void)
{
    Pair p;
    uint64_t text;

    pair_open(&p, "", "");
    alarm(HANG_LIMIT);
    qpci_msix_enable(p.a.dev->pdev);
    get_ahead(&p);
    text = guest_alloc(&p.rig.alloc, 64);
    interrupt_at(&p.a, MBOX_QUEUE_TX, notify_address(&p.a, MBOX_QUEUE_TX),
                 MBOX_QUEUE_TX);
    feed_itself(&p.a, MBOX_QUEUE_TX, text, 0);
    feed_itself(&p.b, MBOX_QUEUE_RX, 0, text + 32);
    qvirtqueue_kick(p.rig.qts, &p.a.dev->vdev, p.a.queue[MBOX_QUEUE_TX], 0);
    qvirtqueue_kick(p.rig.qts, &p.b.dev->vdev, p.b.queue[MBOX_QUEUE_RX], 0);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RX_MESSAGES), ==, 1);
    alarm(0);
    pair_close(&p);
}

/* MB49: a doorbell that rings the doorbell that rings it */
static void test_rings_itself(void)
{
    Pair p;

    pair_open(&p, "", " -d guest_errors");
    alarm(HANG_LIMIT);
    for (int i = 0; i < 2; i++) {
        Endpoint *e = i ? &p.b : &p.a;

        qpci_msix_enable(e->dev->pdev);
        program_msix(e, 5, e->shm.addr + MBOX_REGS_OFFSET + MBOX_REG_DOORBELL,
                     0);
        set64(e, MBOX_REG_ENABLE, 1);
        set32(e, MBOX_REG_RING_MSIX, 5);
    }
    ring(&p.a, 0);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG), ==, 1);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_RUNG), ==, 0);
    alarm(0);
    pair_close(&p);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    socket_path_make();
    qtest_add_func("/mailbox/hostile/honest", test_honest);
    qtest_add_func("/mailbox/hostile/MB53-garbled-hello", test_garbled_hello);
    qtest_add_func("/mailbox/hostile/MB54-bad-memory", test_bad_memory);
    qtest_add_func("/mailbox/hostile/MB55-bad-frames", test_bad_frames);
    qtest_add_func("/mailbox/hostile/MB55-half-frames", test_half_frames);
    qtest_add_func("/mailbox/hostile/MB55-half-messages", test_half_messages);
    qtest_add_func("/mailbox/hostile/MB55-garbled-message",
                   test_garbled_message);
    qtest_add_func("/mailbox/hostile/MB55-too-many", test_too_many_messages);
    qtest_add_func("/mailbox/hostile/MB56-never-reads", test_never_reads);
    qtest_add_func("/mailbox/hostile/MB56-full-doorbell",
                   test_full_doorbell);
    qtest_add_func("/mailbox/hostile/MB55-shut-doorbell",
                   test_shut_doorbell);
    qtest_add_func("/mailbox/hostile/MB31-forged-signals",
                   test_forged_signals);
    qtest_add_func("/mailbox/hostile/MB49-feeds-itself", test_feeds_itself);
    qtest_add_func("/mailbox/hostile/MB49-rings-itself", test_rings_itself);
    status = g_test_run();
    socket_path_remove();
    return status;
}
