/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mailbox between two processes. */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "mailbox-rig.h"

/* MB10, MB51: in both directions */
static void test_message(void)
{
    TwoSides p;

    sides_open(&p);
    for (int from = 0; from < 2; from++) {
        uint64_t buffer = offer_buffer(&p.e[!from], 64);
        uint64_t report = send_message(&p.e[from], 64, 0x40 + from);

        wait_for_used(&p.e[from], MBOX_QUEUE_TX);
        wait_for_used(&p.e[!from], MBOX_QUEUE_RX);
        g_assert_cmpint(report_status(&p.e[from], report), ==,
                        MBOX_STATUS_DELIVERED);
        g_assert_cmphex(mem32(&p.e[!from], buffer + MBOX_RX_HEADER_SIZE), ==,
                        0x5a5a5a40 + from);
    }
    sides_close(&p);
}

/* MB15: more than the window, and not one lost */
static void test_back_pressure(void)
{
    enum { N = 100 };
    TwoSides p;
    uint64_t report[N];

    sides_open(&p);
    for (int i = 0; i < N; i++) {
        report[i] = send_message(&p.e[0], 8, i);
    }
    g_usleep(20000);
    g_assert_false(used(&p.e[0], MBOX_QUEUE_TX, NULL));
    for (int i = 0; i < N; i++) {
        uint64_t buffer = offer_buffer(&p.e[1], 8);

        wait_for_used(&p.e[1], MBOX_QUEUE_RX);
        g_assert_cmphex(mem32(&p.e[1], buffer + MBOX_RX_HEADER_SIZE), ==,
                        0x5a5a5a00 | i);
        wait_for_used(&p.e[0], MBOX_QUEUE_TX);
        g_assert_cmpint(report_status(&p.e[0], report[i]), ==,
                        MBOX_STATUS_DELIVERED);
    }
    sides_close(&p);
}

/* MB10, MB52: too long for the buffer, as in one process */
static void test_too_long(void)
{
    TwoSides p;
    uint64_t report;

    sides_open(&p);
    offer_buffer(&p.e[1], 8);
    report = send_message(&p.e[0], 9, 1);
    wait_for_used(&p.e[0], MBOX_QUEUE_TX);
    g_assert_cmpint(report_status(&p.e[0], report), ==, MBOX_STATUS_TOO_LONG);
    g_assert_false(used(&p.e[1], MBOX_QUEUE_RX, NULL));
    sides_close(&p);
}

/* MB20-MB23 */
static void test_doorbell(void)
{
    TwoSides p;

    sides_open(&p);
    set32(&p.e[0], MBOX_REG_DOORBELL, 3);
    g_assert_cmpint(reg32(&p.e[0], MBOX_REG_RING_STATUS + 12), ==,
                    MBOX_RING_REFUSED);
    set64(&p.e[1], MBOX_REG_ENABLE, 8);
    set64(&p.e[1], MBOX_REG_ONE_SHOT, 8);
    set32(&p.e[0], MBOX_REG_DOORBELL, 3);
    g_assert_cmpint(reg32(&p.e[0], MBOX_REG_RING_STATUS + 12), ==,
                    MBOX_RING_POSTED);
    set32(&p.e[0], MBOX_REG_DOORBELL, 3);
    g_assert_cmpint(reg32(&p.e[0], MBOX_REG_RING_STATUS + 12), ==,
                    MBOX_RING_COALESCED);
    WAIT_UNTIL(counter(&p.e[1], MBOX_COUNT_RUNG_INTERRUPTS) == 1);
    g_assert_cmphex(reg64(&p.e[1], MBOX_REG_PENDING), ==, 8);
    set64(&p.e[1], MBOX_REG_PENDING, 8);
    set32(&p.e[0], MBOX_REG_DOORBELL, 3);
    g_assert_cmpint(reg32(&p.e[0], MBOX_REG_RING_STATUS + 12), ==,
                    MBOX_RING_POSTED);
    WAIT_UNTIL(counter(&p.e[1], MBOX_COUNT_RUNG_INTERRUPTS) == 2);
    sides_close(&p);
}

/* MB6: one memory, the same rights, and nothing of a peer that is gone */
static void test_sections(void)
{
    TwoSides p;
    uint64_t own, others;

    sides_open(&p);
    qtest_writel(p.rig[0].qts, shm(&p.e[0], MBOX_CFG_COMMON_OFFSET, 0), 1);
    qtest_writel(p.rig[1].qts, shm(&p.e[1], MBOX_CFG_COMMON_OFFSET, 4), 2);
    g_assert_cmpint(mem32(&p.e[1], shm(&p.e[1], MBOX_CFG_COMMON_OFFSET, 0)),
                    ==, 1);
    g_assert_cmpint(mem32(&p.e[0], shm(&p.e[0], MBOX_CFG_COMMON_OFFSET, 4)),
                    ==, 2);
    for (int side = 0; side < 2; side++) {
        own = shm(&p.e[side], MBOX_CFG_OUTPUT_OFFSET, side * 0x10000);
        others = shm(&p.e[!side], MBOX_CFG_OUTPUT_OFFSET, side * 0x10000);
        qtest_writel(p.rig[!side].qts, others, 0xbad);
        g_assert_cmphex(mem32(&p.e[side], own), ==, 0);
        qtest_writel(p.rig[side].qts, own, 0x900d + side);
        g_assert_cmphex(mem32(&p.e[!side], others), ==, 0x900d + side);
        own = shm(&p.e[side], MBOX_CFG_UPID_OFFSET, side * 0x1000);
        others = shm(&p.e[!side], MBOX_CFG_UPID_OFFSET, side * 0x1000);
        qtest_writel(p.rig[!side].qts, others, 0x700 + side);
        g_assert_cmphex(mem32(&p.e[side], own), ==, 0x700 + side);
    }
    side_kill(&p, 1);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    g_assert_cmphex(mem32(&p.e[0], shm(&p.e[0], MBOX_CFG_OUTPUT_OFFSET,
                                       0x10000)), ==, 0);
    g_assert_cmphex(mem32(&p.e[0], shm(&p.e[0], MBOX_CFG_UPID_OFFSET, 0)), ==,
                    0x700);
    side_close(&p, 0);
}

/* MB6: the common area at a fixed address at both ends, while there is one */
static void test_fixed_common(void)
{
    TwoSides p;

    for (int side = 0; side < 2; side++) {
        side_open(&p, side, ",common-addr=0x46000000");
    }
    wait_for_link(&p.e[1], MBOX_LINK_UP);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    qtest_writel(p.rig[0].qts, 0x46000000, 1);
    qtest_writel(p.rig[1].qts, 0x4600fffc, 2);
    g_assert_cmpint(mem32(&p.e[1], 0x46000000), ==, 1);
    g_assert_cmpint(mem32(&p.e[0], 0x4600fffc), ==, 2);
    side_kill(&p, 0);
    wait_for_link(&p.e[1], MBOX_LINK_DOWN);
    g_assert_cmpint(mem32(&p.e[1], 0x46000000), ==, 0);
    side_open(&p, 0, "");
    wait_for_link(&p.e[1], MBOX_LINK_UP);
    qtest_writel(p.rig[0].qts, shm(&p.e[0], MBOX_CFG_COMMON_OFFSET, 8), 3);
    g_assert_cmpint(mem32(&p.e[1], 0x46000008), ==, 3);
    sides_close(&p);
}

/* MB6: what side 1 owns is there before side 0 comes, and outlives it */
static void test_common_side(void)
{
    TwoSides p;

    side_open(&p, 1, ",common-side=1");
    qtest_writel(p.rig[1].qts, shm(&p.e[1], MBOX_CFG_COMMON_OFFSET, 0), 1);
    for (int life = 0; life < 2; life++) {
        side_open(&p, 0, ",common-side=1");
        wait_for_link(&p.e[1], MBOX_LINK_UP);
        wait_for_link(&p.e[0], MBOX_LINK_UP);
        g_assert_cmpint(mem32(&p.e[0], shm(&p.e[0], MBOX_CFG_COMMON_OFFSET,
                                           0)), ==, 1 + life);
        qtest_writel(p.rig[0].qts, shm(&p.e[0], MBOX_CFG_COMMON_OFFSET, 0),
                     2 + life);
        side_kill(&p, 0);
        wait_for_link(&p.e[1], MBOX_LINK_DOWN);
        g_assert_cmpint(mem32(&p.e[1], shm(&p.e[1], MBOX_CFG_COMMON_OFFSET,
                                           0)), ==, 2 + life);
    }
    side_close(&p, 1);
}

/* MB53: nobody owns the common area, or both do. */
static void test_common_owners(void)
{
    TwoSides p;
    int old = log_start();

    side_open(&p, 0, "");
    side_open(&p, 1, ",common-side=1");
    g_usleep(50000);
    g_assert_cmpint(reg32(&p.e[0], MBOX_REG_LINK), ==, MBOX_LINK_DOWN);
    g_assert_cmpint(reg32(&p.e[1], MBOX_REG_LINK), ==, MBOX_LINK_DOWN);
    sides_close(&p);
    log_expect(old, "common-side= must be the same at both ends");
}

static void exchange(TwoSides *p, int from)
{
    uint64_t report;

    offer_buffer(&p->e[!from], 8);
    report = send_message(&p->e[from], 8, 1);
    wait_for_used(&p->e[from], MBOX_QUEUE_TX);
    g_assert_cmpint(report_status(&p->e[from], report), ==,
                    MBOX_STATUS_DELIVERED);
    wait_for_used(&p->e[!from], MBOX_QUEUE_RX);
}

/* MB16, MB58: kill -9 of either, with messages on their way; then a new one */
static void test_kill(void)
{
    for (int victim = 0; victim < 2; victim++) {
        TwoSides p;
        uint32_t generation;
        uint64_t report;
        int survivor = !victim;

        sides_open(&p);
        exchange(&p, survivor);
        generation = reg32(&p.e[survivor], MBOX_REG_PEER_GENERATION);
        report = send_message(&p.e[survivor], 8, 1);
        side_kill(&p, victim);
        wait_for_link(&p.e[survivor], MBOX_LINK_DOWN);
        g_assert_cmpint(report_status(&p.e[survivor], report), ==,
                        MBOX_STATUS_UNKNOWN);
        wait_for_used(&p.e[survivor], MBOX_QUEUE_TX);
        report = send_message(&p.e[survivor], 8, 1);
        g_assert_cmpint(report_status(&p.e[survivor], report), ==,
                        MBOX_STATUS_PEER_GONE);
        wait_for_used(&p.e[survivor], MBOX_QUEUE_TX);
        side_open(&p, victim, "");
        wait_for_link(&p.e[survivor], MBOX_LINK_UP);
        wait_for_link(&p.e[victim], MBOX_LINK_UP);
        g_assert_cmpint(reg32(&p.e[survivor], MBOX_REG_PEER_GENERATION), >,
                        generation);
        exchange(&p, survivor);
        exchange(&p, victim);
        sides_close(&p);
    }
}

/* MB16, MB43: the peer's driver resets; what it had not taken is not lost */
static void test_peer_reset(void)
{
    TwoSides p;
    uint64_t report;

    sides_open(&p);
    report = send_message(&p.e[0], 8, 1);
    g_usleep(10000);
    endpoint_reset(&p.e[1]);
    wait_for_link(&p.e[0], MBOX_LINK_ATTACHED);
    g_assert_cmpint(report_status(&p.e[0], report), ==, MBOX_STATUS_PEER_GONE);
    wait_for_used(&p.e[0], MBOX_QUEUE_TX);
    endpoint_start(&p.e[1], ALL_QUEUES);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    offer_buffer(&p.e[1], 8);
    g_usleep(10000);
    g_assert_false(used(&p.e[1], MBOX_QUEUE_RX, NULL));
    p.e[1].queue[MBOX_QUEUE_RX]->free_head = 1;
    report = send_message(&p.e[0], 8, 2);
    wait_for_used(&p.e[0], MBOX_QUEUE_TX);
    g_assert_cmpint(report_status(&p.e[0], report), ==, MBOX_STATUS_DELIVERED);
    sides_close(&p);
}

/* MB57: SIGSTOP is like a full receiver */
static void test_stopped_peer(void)
{
    TwoSides p;
    uint64_t report;

    sides_open(&p);
    offer_buffer(&p.e[1], 8);
    kill(qtest_pid(p.rig[1].qts), SIGSTOP);
    report = send_message(&p.e[0], 8, 1);
    g_usleep(50000);
    g_assert_cmpint(report_status(&p.e[0], report), ==, 0xffffffff);
    g_assert_cmpint(reg32(&p.e[0], MBOX_REG_LINK), ==, MBOX_LINK_UP);
    kill(qtest_pid(p.rig[1].qts), SIGCONT);
    wait_for_used(&p.e[0], MBOX_QUEUE_TX);
    g_assert_cmpint(report_status(&p.e[0], report), ==, MBOX_STATUS_DELIVERED);
    sides_close(&p);
}

/* MB57: unless there is a limit */
static void test_timeout(void)
{
    TwoSides p;
    uint64_t report;

    side_open(&p, 0, ",peer-timeout-ms=200");
    side_open(&p, 1, "");
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    g_usleep(500000);
    g_assert_cmpint(reg32(&p.e[0], MBOX_REG_LINK), ==, MBOX_LINK_UP);
    kill(qtest_pid(p.rig[1].qts), SIGSTOP);
    report = send_message(&p.e[0], 8, 1);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    g_assert_cmpint(report_status(&p.e[0], report), ==, MBOX_STATUS_UNKNOWN);
    kill(qtest_pid(p.rig[1].qts), SIGCONT);
    wait_for_link(&p.e[0], MBOX_LINK_UP);       /* it connects again */
    sides_close(&p);
}

/* MB47 */
static void test_migration_blocker(void)
{
    TwoSides p;
    QDict *answer;

    side_open(&p, 0, "");
    answer = qtest_qmp(p.rig[0].qts, "{'execute': 'migrate', 'arguments': "
                       "{'uri': 'exec:cat >/dev/null'}}");
    g_assert_true(qdict_haskey(answer, "error"));
    qobject_unref(answer);
    side_close(&p, 0);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    socket_path_make();
    qtest_add_func("/mailbox/socket/MB51-message", test_message);
    qtest_add_func("/mailbox/socket/MB15-back-pressure", test_back_pressure);
    qtest_add_func("/mailbox/socket/MB10-too-long", test_too_long);
    qtest_add_func("/mailbox/socket/MB20-doorbell", test_doorbell);
    qtest_add_func("/mailbox/socket/MB6-sections", test_sections);
    qtest_add_func("/mailbox/socket/MB6-fixed-common", test_fixed_common);
    qtest_add_func("/mailbox/socket/MB6-common-side", test_common_side);
    qtest_add_func("/mailbox/socket/MB53-common-owners", test_common_owners);
    qtest_add_func("/mailbox/socket/MB16-kill", test_kill);
    qtest_add_func("/mailbox/socket/MB43-peer-reset", test_peer_reset);
    qtest_add_func("/mailbox/socket/MB57-stopped-peer", test_stopped_peer);
    qtest_add_func("/mailbox/socket/MB57-timeout", test_timeout);
    qtest_add_func("/mailbox/socket/MB47-migration", test_migration_blocker);
    status = g_test_run();
    socket_path_remove();
    return status;
}
