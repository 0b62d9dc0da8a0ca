/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who becomes a peer, when, and what it then finds. */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include "qemu/atomic.h"
#include "libqtest.h"
#include "mailbox-liar.h"

/* MB53: the peer's CPUs would be ours. */
static void test_our_window(void)
{
    TwoSides p;
    Liar liar;
    int old = log_start();

    side_open(&p, 0, ",apic-first=0x40,apic-count=2");
    liar_init(&liar);
    liar.hello.apic_first = 0x41;
    liar.hello.apic_count = 2;
    liar_greet(&liar);
    expect_hang_up(&liar);
    liar_done(&liar);
    liar_init(&liar);
    liar.hello.apic_first = 0x42;               /* just beside it */
    liar.hello.apic_count = 2;
    liar_greet(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    side_close(&p, 0);
    log_expect(old, "its APIC IDs 65 to 66 are also ours");
}

/* MB5, MB30: a window is free again when its owner has gone. */
static void test_window_again(void)
{
    TwoSides p;

    side_open(&p, 0, ",apic-first=0x40,apic-count=1");
    for (int i = 0; i < 2; i++) {
        side_open(&p, 1, ",apic-first=0x50,apic-count=1");
        wait_for_link(&p.e[0], MBOX_LINK_UP);
        wait_for_link(&p.e[1], MBOX_LINK_UP);
        g_assert_cmphex(cfg32(&p.e[0], MBOX_CFG_PEER_APIC_FIRST), ==, 0x50);
        side_kill(&p, 1);
        wait_for_link(&p.e[0], MBOX_LINK_DOWN);
        g_assert_cmpint(cfg32(&p.e[0], MBOX_CFG_PEER_APIC_COUNT), ==, 0);
    }
    side_close(&p, 0);
}

/* MB57: the limit holds for one that never says hello. */
static void test_silent(void)
{
    TwoSides p;
    Liar liar;

    side_open(&p, 0, ",peer-timeout-ms=100");
    liar_init(&liar);
    liar_connect(&liar);
    expect_hang_up(&liar);
    liar_done(&liar);
    side_close(&p, 0);
}

/* MB58: whoever comes while there is a peer waits until that has gone. */
static void test_third(void)
{
    TwoSides p;
    Liar liar;
    char byte;

    sides_open(&p);
    liar_init(&liar);
    liar_greet(&liar);
    g_usleep(50000);
    g_assert_cmpint(recv(liar.socket, &byte, 1, MSG_DONTWAIT), <, 0);
    g_assert_cmpint(reg32(&p.e[1], MBOX_REG_LINK), ==, MBOX_LINK_UP);
    side_kill(&p, 1);
    WAIT_UNTIL(recv(liar.socket, &byte, 1, MSG_DONTWAIT) == 1);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    side_close(&p, 0);
}

/* MB55: the same complaint, once */
static void test_same_complaint(void)
{
    g_autofree char *text = NULL;
    unsigned lines = 0;
    TwoSides p;
    int old = log_start();

    side_open(&p, 0, "");
    for (int i = 0; i < 3; i++) {
        Liar liar;

        liar_init(&liar);
        liar.hello.side = 0;
        liar_greet(&liar);
        expect_hang_up(&liar);
        liar_done(&liar);
    }
    side_close(&p, 0);
    text = log_end(old);
    for (char *at = text; (at = strstr(at, "both have side=0")); at++) {
        lines++;
    }
    g_assert_cmpint(lines, ==, 1);
}

typedef struct Frame {
    uint32_t type, length;
    uint64_t a, b;
} QEMU_PACKED Frame;

/* What changed since our hello is told to who is late with its own. */
static void test_late_hello(void)
{
    struct timeval limit = { .tv_sec = 10 };
    TwoSides p;
    Liar liar;
    Hello hello;
    Frame frame;

    side_open(&p, 0, "");
    liar_init(&liar);
    liar_connect(&liar);
    setsockopt(liar.socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    g_assert_cmpint(recv(liar.socket, &hello, sizeof(hello), MSG_WAITALL), ==,
                    sizeof(hello));
    g_assert_cmpint(hello.state_word, ==, 0);
    set32(&p.e[0], MBOX_REG_STATE_WORD, 0x77);
    liar_send(&liar, &liar.hello, sizeof(liar.hello), liar.n);
    g_assert_cmpint(recv(liar.socket, &frame, sizeof(frame), MSG_WAITALL), ==,
                    sizeof(frame));
    g_assert_cmpint(frame.type, ==, 4);
    g_assert_cmphex(frame.b, ==, 0x77);
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    side_close(&p, 0);
}

/* MB16: what was sent to the driver before is not for this one. */
static void test_earlier_driver(void)
{
    TwoSides p;
    Liar liar;
    uint64_t buffer;
    uint32_t generation;

    side_open(&p, 0, "");
    liar_init(&liar);
    liar_greet(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    buffer = offer_buffer(&p.e[0], 8);
    generation = reg32(&p.e[0], MBOX_REG_GENERATION);
    liar_put_frame(&liar, 2, 8, 1, generation - 1);
    liar_send(&liar, "earlier", 8, 0);
    liar_put_frame(&liar, 2, 8, 2, generation);
    liar_send(&liar, "message", 8, 0);
    wait_for_used(&p.e[0], MBOX_QUEUE_RX);
    g_assert_cmpint(mem64(&p.e[0], buffer + MBOX_RX_SEQUENCE), ==, 2);
    g_assert_cmpint(counter(&p.e[0], MBOX_COUNT_RX_MESSAGES), ==, 1);
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    side_close(&p, 0);
}

/* MB22: a ring whose pending bit was lost has it when its interrupt comes. */
static void test_pending_bit(void)
{
    int fds[HONEST_FDS];
    uint64_t *signals;
    TwoSides p;
    Liar liar;

    side_open(&p, 0, "");
    set64(&p.e[0], MBOX_REG_ENABLE, 2);
    liar_init(&liar);
    liar_greet(&liar);
    liar_take_fds(&liar, fds);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    signals = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, fds[4],
                   0);
    g_assert_true(signals != MAP_FAILED);
    qatomic_set(&signals[1], 3);                /* rung; 0 is not enabled */
    g_assert_cmpint(write(fds[5], "", 1), ==, 1);
    WAIT_UNTIL(counter(&p.e[0], MBOX_COUNT_RUNG_INTERRUPTS) == 1);
    g_assert_cmphex(reg64(&p.e[0], MBOX_REG_PENDING), ==, 2);
    munmap(signals, 0x1000);
    liar_close_fds(fds);
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    side_close(&p, 0);
}

/* MB43: the sender's driver begins again while its peer is stopped. */
static void test_reset_while_stopped(void)
{
    TwoSides p;
    uint64_t old, new;
    uint32_t generation;

    sides_open(&p);
    generation = reg32(&p.e[1], MBOX_REG_PEER_GENERATION);
    offer_buffer(&p.e[1], 8);
    offer_buffer(&p.e[1], 8);
    kill(qtest_pid(p.rig[1].qts), SIGSTOP);
    old = send_message(&p.e[0], 8, 1);
    endpoint_reset(&p.e[0]);
    endpoint_start(&p.e[0], ALL_QUEUES);
    new = send_message(&p.e[0], 8, 2);
    kill(qtest_pid(p.rig[1].qts), SIGCONT);
    wait_for_used(&p.e[0], MBOX_QUEUE_TX);
    g_assert_cmpint(report_status(&p.e[0], new), ==, MBOX_STATUS_DELIVERED);
    g_assert_cmpint(report_status(&p.e[0], old), ==, NO_REPORT_YET);
    g_assert_false(used(&p.e[0], MBOX_QUEUE_TX, NULL));
    WAIT_UNTIL(reg32(&p.e[1], MBOX_REG_PEER_GENERATION) == generation + 1);
    wait_for_link(&p.e[1], MBOX_LINK_UP);
    sides_close(&p);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    socket_path_make();
    qtest_add_func("/mailbox/peers/MB53-our-window", test_our_window);
    qtest_add_func("/mailbox/peers/MB30-window-again", test_window_again);
    qtest_add_func("/mailbox/peers/MB57-silent", test_silent);
    qtest_add_func("/mailbox/peers/MB58-third", test_third);
    qtest_add_func("/mailbox/peers/MB55-same-complaint", test_same_complaint);
    qtest_add_func("/mailbox/peers/MB44-late-hello", test_late_hello);
    qtest_add_func("/mailbox/peers/MB16-earlier-driver", test_earlier_driver);
    qtest_add_func("/mailbox/peers/MB22-pending-bit", test_pending_bit);
    qtest_add_func("/mailbox/peers/MB43-reset-while-stopped",
                   test_reset_while_stopped);
    status = g_test_run();
    socket_path_remove();
    return status;
}
