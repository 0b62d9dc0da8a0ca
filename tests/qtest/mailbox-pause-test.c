/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine that stops, a snapshot, a reset: what the mailbox keeps and what
 * it forgets.
 */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/pci-pc.h"
#include "qobject/qdict.h"
#include "mailbox-rig.h"

static void tell(Rig *rig, const char *command)
{
    qobject_unref(qtest_qmp(rig->qts, "{'execute': %s}", command));
}

/* MB60: in one process */
static void test_stopped(void)
{
    Pair p;
    uint64_t report, buffer;

    pair_open(&p, "", "");
    set64(&p.b, MBOX_REG_ENABLE, 1);
    buffer = offer_buffer(&p.b, 8);
    tell(&p.rig, "stop");
    report = send_message(&p.a, 8, 1);
    g_assert_cmpint(ring(&p.a, 0), ==, MBOX_RING_POSTED);
    g_assert_cmpint(report_status(&p.a, report), ==, NO_REPORT_YET);
    g_assert_cmpint(mem32(&p.b, buffer + MBOX_RX_LENGTH), ==, 0);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 1);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG), ==, 0);
    tell(&p.rig, "cont");
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG), ==, 1);
    pair_close(&p);
}

/* MB60: between two, of which one stops */
static void test_stopped_receiver(void)
{
    TwoSides p;
    uint64_t report;

    sides_open(&p);
    set64(&p.e[1], MBOX_REG_ENABLE, 1);
    offer_buffer(&p.e[1], 8);
    tell(&p.rig[1], "stop");
    report = send_message(&p.e[0], 8, 1);
    g_assert_cmpint(ring(&p.e[0], 0), ==, MBOX_RING_POSTED);
    g_usleep(50000);
    g_assert_cmpint(report_status(&p.e[0], report), ==, NO_REPORT_YET);
    g_assert_cmpint(counter(&p.e[1], MBOX_COUNT_RUNG), ==, 0);
    g_assert_cmpint(reg32(&p.e[0], MBOX_REG_LINK), ==, MBOX_LINK_UP);
    tell(&p.rig[1], "cont");
    wait_for_used(&p.e[0], MBOX_QUEUE_TX);
    g_assert_cmpint(report_status(&p.e[0], report), ==, MBOX_STATUS_DELIVERED);
    WAIT_UNTIL(counter(&p.e[1], MBOX_COUNT_RUNG) == 1);
    sides_close(&p);
}

/* MB43: a ring on its way, and events that were lost, are the old driver's. */
static void test_reset_forgets(void)
{
    Pair p;
    uint64_t event;

    pair_open(&p, ",latency-ns=500", "");
    set64(&p.b, MBOX_REG_ENABLE, 1);
    ring(&p.a, 0);
    set32(&p.b, MBOX_REG_STATE_WORD, 1);        /* a has no buffer */
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_EVENTS_LOST), ==, 1);
    endpoint_reset(&p.a);
    endpoint_start(&p.a, ALL_QUEUES);
    qtest_clock_step(p.rig.qts, 1000);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 0);
    g_assert_cmpint(reg32(&p.a, MBOX_REG_RING_STATUS), ==, MBOX_RING_NONE);
    event = offer_event(&p.a);
    set32(&p.b, MBOX_REG_STATE_WORD, 2);
    g_assert_cmpint(mem32(&p.a, event + MBOX_EVENT_ARGUMENT), ==, 2);
    g_assert_cmpint(mem32(&p.a, event + MBOX_EVENT_LOST), ==, 0);
    pair_close(&p);
}

/* MB18, MB45: event buffers that are too short, or not there */
static void test_bad_event_buffers(void)
{
    Pair p;
    QVirtQueue *vq;
    uint64_t at;
    uint32_t length, head;

    pair_open(&p, "", "");
    vq = p.a.queue[MBOX_QUEUE_EVENTS];
    at = guest_alloc(&p.rig.alloc, MBOX_EVENT_SIZE);
    qtest_memset(p.rig.qts, at, 0xee, MBOX_EVENT_SIZE);
    head = qvirtqueue_add(p.rig.qts, vq, at, MBOX_EVENT_SIZE - 1, true, false);
    qvirtqueue_kick(p.rig.qts, &p.a.dev->vdev, vq, head);
    set32(&p.b, MBOX_REG_STATE_WORD, 1);
    g_assert_true(used(&p.a, MBOX_QUEUE_EVENTS, &length));
    g_assert_cmpint(length, ==, 0);
    g_assert_cmphex(mem32(&p.a, at), ==, 0xeeeeeeee);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_EVENTS_LOST), ==, 1);
    head = qvirtqueue_add(p.rig.qts, vq, 0xffff800000001000, MBOX_EVENT_SIZE,
                          true, false);
    qvirtqueue_kick(p.rig.qts, &p.a.dev->vdev, vq, head);
    at = offer_event(&p.a);                     /* the next one is good */
    set32(&p.b, MBOX_REG_STATE_WORD, 2);
    g_assert_true(used(&p.a, MBOX_QUEUE_EVENTS, &length));
    g_assert_cmpint(length, ==, 0);
    g_assert_true(used(&p.a, MBOX_QUEUE_EVENTS, &length));
    g_assert_cmpint(length, ==, MBOX_EVENT_SIZE);
    g_assert_cmpint(mem32(&p.a, at + MBOX_EVENT_LOST), ==, 1);
    pair_close(&p);
}

/* ---- Snapshots ---- */

/* The pair goes on where it was, in another process. */
static void move(Pair *p, Rig *after, const char *a)
{
    g_autofree char *path = NULL, *uri = NULL, *options = NULL;
    int fd = g_file_open_tmp("mailbox-XXXXXX", &path, NULL);

    close(fd);
    uri = g_strdup_printf("file:%s", path);
    qobject_unref(qtest_qmp(p->rig.qts, "{'execute': 'migrate', 'arguments': "
                            "{'uri': %s}}", uri));
    g_assert_true(wait_for_migration(p->rig.qts));
    options = g_strdup_printf(" -incoming %s", uri);
    rig_start_pair(after, a, options);
    g_assert_true(wait_for_migration(after->qts));
    unlink(path);
    p->a.rig = p->b.rig = after;
    p->a.dev->pdev->bus = p->b.dev->pdev->bus = after->bus;
}

static void moved_close(Pair *p, Rig *after)
{
    qpci_free_pc(after->bus);
    qtest_quit(after->qts);
    rig_stop(&p->rig);
}

/* MB47: what the driver was told of the peer, and what it was not */
static void test_snapshot_events(void)
{
    Pair p;
    Rig after;
    uint64_t event;

    pair_open(&p, "", "");
    set32(&p.b, MBOX_REG_STATE_WORD, 5);        /* a has no buffer */
    event = offer_event(&p.a);
    move(&p, &after, "");
    tell(&after, "cont");
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_EVENTS_LOST), ==, 1);
    set32(&p.b, MBOX_REG_STATE_WORD, 0);        /* as in a new process */
    g_assert_cmpint(mem32(&p.a, event + MBOX_EVENT_TYPE), ==,
                    MBOX_EVENT_TYPE_STATE);
    g_assert_cmpint(mem32(&p.a, event + MBOX_EVENT_LINK), ==, MBOX_LINK_UP);
    g_assert_cmpint(mem32(&p.a, event + MBOX_EVENT_ARGUMENT), ==, 0);
    g_assert_cmpint(mem32(&p.a, event + MBOX_EVENT_LOST), ==, 1);
    moved_close(&p, &after);
}

/* MB24, MB47: a doorbell's MSI-X entry */
static void test_snapshot_msix(void)
{
    Pair p;
    Rig after;
    uint64_t at;

    pair_open(&p, "", "");
    qpci_msix_enable(p.b.dev->pdev);
    at = guest_alloc(&p.rig.alloc, 4);
    program_msix(&p.b, 5, at, 0x1234);
    set64(&p.b, MBOX_REG_ENABLE, 1);
    set32(&p.b, MBOX_REG_RING_MSIX, 5);
    move(&p, &after, "");
    tell(&after, "cont");
    g_assert_cmphex(mem32(&p.b, at), ==, 0);
    ring(&p.a, 0);
    g_assert_cmphex(mem32(&p.b, at), ==, 0x1234);
    moved_close(&p, &after);
}

/* MB9, MB47: a message that waits has been counted. */
static void test_snapshot_counts(void)
{
    Pair p;
    Rig after;

    pair_open(&p, ",latency-ns=1000", "");
    send_message(&p.b, 8, 1);                   /* a has no buffer */
    send_message(&p.a, 8, 1);                   /* waits when it arrives */
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_TX_WAITS), ==, 1);
    move(&p, &after, ",latency-ns=1000");
    tell(&after, "cont");
    qtest_clock_set(after.qts, 999);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_TX_WAITS), ==, 1);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_TX_WAITS), ==, 0);
    qtest_clock_set(after.qts, 1000);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_TX_WAITS), ==, 1);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_TX_WAITS), ==, 1);
    moved_close(&p, &after);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    socket_path_make();
    qtest_add_func("/mailbox/pause/MB60-stopped", test_stopped);
    qtest_add_func("/mailbox/pause/MB60-stopped-receiver",
                   test_stopped_receiver);
    qtest_add_func("/mailbox/pause/MB43-reset-forgets", test_reset_forgets);
    qtest_add_func("/mailbox/pause/MB45-bad-event-buffers",
                   test_bad_event_buffers);
    qtest_add_func("/mailbox/pause/MB47-snapshot-events",
                   test_snapshot_events);
    qtest_add_func("/mailbox/pause/MB47-snapshot-msix", test_snapshot_msix);
    qtest_add_func("/mailbox/pause/MB47-snapshot-counts",
                   test_snapshot_counts);
    status = g_test_run();
    socket_path_remove();
    return status;
}
