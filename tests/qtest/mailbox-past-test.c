/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an attack once got through; each case failed before its repair. */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libqtest.h"
#include "mailbox-liar.h"
#include "qobject/qdict.h"
#include "farbell/uintr.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_pci.h"

/* MB53: SENDUIPI to CPUs of this machine would go to the peer. */
static void test_claims_cpus(void)
{
    TwoSides p;
    Liar liar;
    int old = log_start();

    side_open(&p, 0, "");
    liar_init(&liar);
    liar.hello.apic_first = 1;
    liar.hello.apic_count = 1;
    liar_greet(&liar);
    expect_hang_up(&liar);
    g_assert_cmpint(cfg32(&p.e[0], MBOX_CFG_PEER_APIC_COUNT), ==, 0);
    liar_done(&liar);
    side_close(&p, 0);
    log_expect(old, "its APIC ID 1 is that of a CPU here");
}

static unsigned count_descriptors(Endpoint *e)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd",
                                            qtest_pid(e->rig->qts));
    GDir *dir = g_dir_open(path, 0, NULL);
    unsigned n = 0;

    while (g_dir_read_name(dir)) {
        n++;
    }
    g_dir_close(dir);
    return n;
}

static void be_refused(Liar *liar)
{
    liar_greet(liar);
    expect_hang_up(liar);
    liar_done(liar);
}

/* MB54: whatever came with a hello that was refused is closed. */
static void test_descriptors(void)
{
    enum { PEERS = 20 };
    TwoSides p;
    Liar liar;
    unsigned before;

    side_open(&p, 0, "");
    liar_init(&liar);
    liar.hello.side = 0;
    be_refused(&liar);
    before = count_descriptors(&p.e[0]);
    for (int i = 0; i < PEERS; i++) {
        liar_init(&liar);                       /* not sealed */
        close(liar.fds[2]);
        liar.fds[2] = sealed_memfd(0x1000, F_SEAL_GROW);
        be_refused(&liar);
        liar_init(&liar);                       /* one too few */
        close(liar.fds[--liar.n]);
        be_refused(&liar);
        liar_init(&liar);                       /* overlapping IDs */
        liar.hello.apic_count = 1;
        be_refused(&liar);
    }
    WAIT_UNTIL(count_descriptors(&p.e[0]) <= before + 2);
    side_close(&p, 0);
}

/* MB55: a peer that always has another complaint coming */
static void test_log(void)
{
    enum { PEERS = 60 };
    g_autofree char *text = NULL;
    unsigned lines = 0;
    TwoSides p;
    int old = log_start();

    side_open(&p, 0, "");
    for (int i = 0; i < PEERS; i++) {
        Liar liar;

        liar_init(&liar);
        liar.hello.type = 100 + i;
        be_refused(&liar);
    }
    side_close(&p, 0);
    text = log_end(old);
    for (char *at = text; (at = strstr(at, "peer refused")); at++) {
        lines++;
    }
    g_assert_cmpint(lines, ==, 20);
    g_assert_nonnull(strstr(text, "the next ones are not told"));
}

/* MB35: the peer decides how many messages come, and so how many posts fail. */
static void test_post_log(void)
{
    g_autofree char *text = NULL;
    unsigned lines = 0;
    uint64_t upid;
    int old = log_start();
    Pair p;

    pair_open(&p, "", " -d guest_errors");
    upid = guest_alloc(&p.rig.alloc, 128);
    upid = ROUND_UP(upid, UPID_ALIGN);
    qtest_writeq(p.rig.qts, upid, 1 << 2);      /* reserved */
    set64(&p.b, MBOX_REG_BIND_ADDRESS, upid);
    for (int i = 0; i < 10; i++) {
        if (i % 5 == 0) {
            set32(&p.b, MBOX_REG_BIND_CONTROL, MBOX_BIND_ENABLE);
        }
        offer_buffer(&p.b, 8);
        send_message(&p.a, 8, i);
    }
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_POST_FAILED), ==, 10);
    pair_close(&p);
    text = log_end(old);
    for (char *at = text; (at = strstr(at, "is bound to a UPID")); at++) {
        lines++;
    }
    g_assert_cmpint(lines, ==, 2);
}

/* As virtio 1.2, 2.6.1: select, reset, wait, set up again. */
static void reset_queue(Endpoint *e, unsigned queue)
{
    QPCIDevice *pci = e->dev->pdev;
    unsigned common = e->dev->common_cfg_offset;

    qpci_io_writew(pci, e->dev->bar, common + VIRTIO_PCI_COMMON_Q_SELECT,
                   queue);
    qpci_io_writew(pci, e->dev->bar, common + VIRTIO_PCI_COMMON_Q_RESET, 1);
    g_assert_cmpint(qpci_io_readw(pci, e->dev->bar,
                                  common + VIRTIO_PCI_COMMON_Q_RESET), ==, 0);
    qvirtqueue_cleanup(e->dev->vdev.bus, e->queue[queue], &e->rig->alloc);
    e->queue[queue] = qvirtqueue_setup(&e->dev->vdev, &e->rig->alloc, queue);
}

/* MB43: the queue alone, with messages that wait and one that flies */
static void test_queue_reset(void)
{
    Pair p;
    uint64_t report;

    pair_open(&p, ",latency-ns=500", "");
    report = send_message(&p.a, 8, 1);
    qtest_clock_step(p.rig.qts, 500);
    send_message(&p.a, 8, 2);
    reset_queue(&p.a, MBOX_QUEUE_TX);
    offer_buffer(&p.b, 8);
    qtest_clock_step(p.rig.qts, 1000);
    g_assert_cmpint(report_status(&p.a, report), ==, NO_REPORT_YET);
    g_assert_false(used(&p.a, MBOX_QUEUE_TX, NULL));
    g_assert_false(used(&p.b, MBOX_QUEUE_RX, NULL));
    report = send_message(&p.a, 8, 3);
    qtest_clock_step(p.rig.qts, 500);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    g_assert_true(used(&p.a, MBOX_QUEUE_TX, NULL));
    g_assert_false(used(&p.a, MBOX_QUEUE_TX, NULL));
    pair_close(&p);
}

/* MB55: each report is for the oldest message that is unconfirmed. */
static void test_report_order(void)
{
    TwoSides p;
    Liar liar;
    uint64_t first, second;

    side_open(&p, 0, "");
    liar_init(&liar);
    liar_greet(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    first = send_message(&p.e[0], 8, 1);
    second = send_message(&p.e[0], 8, 2);
    liar_put_frame(&liar, 3, 0, 2, MBOX_STATUS_DELIVERED);
    expect_hang_up(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    g_assert_cmpint(report_status(&p.e[0], first), ==, MBOX_STATUS_UNKNOWN);
    g_assert_cmpint(report_status(&p.e[0], second), ==, MBOX_STATUS_UNKNOWN);
    liar_done(&liar);
    side_close(&p, 0);
}

/* MB41: a reset that the peer made between its hello and ours */
static void test_reset_between_hellos(void)
{
    TwoSides p;
    Liar liar;
    uint32_t generation;
    uint64_t report;

    side_open(&p, 0, "");
    liar_init(&liar);
    liar_greet(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    generation = reg32(&p.e[0], MBOX_REG_PEER_GENERATION);
    liar_put_frame(&liar, 4, 0, 7ull << 32 | 1, 0);     /* nothing new */
    liar_put_frame(&liar, 4, 0, 7ull << 32 | 1, 5);
    report = send_message(&p.e[0], 8, 1);
    liar_put_frame(&liar, 4, 0, 8ull << 32 | 1, 0);
    WAIT_UNTIL(reg32(&p.e[0], MBOX_REG_PEER_GENERATION) == generation + 1);
    g_assert_cmpint(report_status(&p.e[0], report), ==, MBOX_STATUS_PEER_GONE);
    g_assert_cmpint(reg32(&p.e[0], MBOX_REG_LINK), ==, MBOX_LINK_UP);
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    side_close(&p, 0);
}

/* ---- Migration streams ---- */

#define DUE 0x1234567           /* nothing else in the stream is this number */
#define VECTORS 0x0000cafe00000000

/* The stream of two endpoints, a with a message in flight and b bound */
static void make_stream(const char *path, uint64_t *upid)
{
    g_autofree char *uri = g_strdup_printf("file:%s", path);
    Pair p;

    pair_open(&p, ",latency-ns=0x1234567", "");
    *upid = ROUND_UP(guest_alloc(&p.rig.alloc, 128), UPID_ALIGN);
    set64(&p.b, MBOX_REG_BIND_ADDRESS, *upid);
    set32(&p.b, MBOX_REG_BIND_VECTOR, 9);
    set32(&p.b, MBOX_REG_BIND_CONTROL, MBOX_BIND_ENABLE);
    set64(&p.b, MBOX_REG_ALLOW_VECTOR, VECTORS);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_ALLOW_VECTOR), ==, VECTORS);
    send_message(&p.a, 8, 1);
    qobject_unref(qtest_qmp(p.rig.qts, "{'execute': 'migrate', 'arguments': "
                            "{'uri': %s}}", uri));
    g_assert_true(wait_for_migration(p.rig.qts));
    pair_close(&p);
}

/* In the stream of @path, the only @size bytes @old become @new. */
static void forge(const char *path, const void *old, const void *new,
                  size_t size)
{
    g_autofree char *stream = NULL;
    gsize length;
    char *at, *next;

    g_assert_true(g_file_get_contents(path, &stream, &length, NULL));
    at = memmem(stream, length, old, size);
    g_assert_nonnull(at);
    next = at + size;
    g_assert_null(memmem(next, stream + length - next, old, size));
    memcpy(at, new, size);
    g_assert_true(g_file_set_contents(path, stream, length, NULL));
}

static bool load(Rig *rig, const char *path)
{
    g_autofree char *uri = g_strdup_printf("file:%s", path);

    rig_start_pair(rig, ",latency-ns=0x1234567", " -incoming defer");
    qobject_unref(qtest_qmp(rig->qts, "{'execute': 'migrate-incoming', "
                            "'arguments': {'uri': %s, "
                            "'exit-on-error': false}}", uri));
    return wait_for_migration(rig->qts);
}

typedef struct Stored {
    uint64_t value;
    uint32_t next;
} QEMU_PACKED Stored;

static Stored stored(uint64_t value, uint32_t next)
{
    return (Stored) { cpu_to_be64(value), cpu_to_be32(next) };
}

/* MB33, MB47: a UPID that nobody could have bound */
static void test_stream_upid(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("mailbox-XXXXXX", &path, NULL);
    uint64_t upid;
    Stored old, new;
    Rig rig;

    close(fd);
    make_stream(path, &upid);
    g_assert_true(load(&rig, path));            /* it is good until then */
    rig_stop(&rig);
    old = stored(upid, 9);
    new = stored(upid + 8, 9);
    forge(path, &old, &new, sizeof(old));
    g_assert_false(load(&rig, path));
    rig_stop(&rig);
    old = new;
    new = stored(upid, 64);
    forge(path, &old, &new, sizeof(old));
    g_assert_false(load(&rig, path));
    rig_stop(&rig);
    unlink(path);
}

/* MB31, MB47: vectors that the command line keeps closed stay closed. */
static void test_stream_vectors(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("mailbox-XXXXXX", &path, NULL);
    uint64_t upid, old = cpu_to_be64(VECTORS);
    uint64_t new = cpu_to_be64(VECTORS | 0xffffffff);
    Endpoint b;
    Rig rig;

    close(fd);
    make_stream(path, &upid);
    forge(path, &old, &new, sizeof(old));
    g_assert_true(load(&rig, path));
    b = (Endpoint) { .rig = &rig };
    b.dev = virtio_pci_new(rig.bus, &(QPCIAddress) { QPCI_DEVFN(5, 0) });
    b.shm = qpci_iomap(b.dev->pdev, MBOX_SHM_BAR, NULL);
    qpci_device_enable(b.dev->pdev);
    g_assert_cmphex(reg64(&b, MBOX_REG_ALLOW_VECTOR), ==, VECTORS);
    g_free(b.dev->pdev);
    g_free(b.dev);
    rig_stop(&rig);
    unlink(path);
}

typedef struct Flights {
    uint32_t n;
    uint64_t due;
} QEMU_PACKED Flights;

/* MB47: more messages than a queue holds, or in the wrong century */
static void test_stream_flights(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("mailbox-XXXXXX", &path, NULL);
    const Flights good = { cpu_to_be32(1), cpu_to_be64(DUE) };
    const Flights many = { UINT32_MAX, cpu_to_be64(DUE) };
    const Flights late = { cpu_to_be32(1), UINT64_MAX };
    uint64_t upid;
    Rig rig;

    close(fd);
    make_stream(path, &upid);
    forge(path, &good, &many, sizeof(good));
    g_assert_false(load(&rig, path));
    rig_stop(&rig);
    forge(path, &many, &late, sizeof(good));
    g_assert_false(load(&rig, path));
    rig_stop(&rig);
    unlink(path);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    socket_path_make();
    qtest_add_func("/mailbox/past/MB53-claims-our-cpus", test_claims_cpus);
    qtest_add_func("/mailbox/past/MB54-descriptors", test_descriptors);
    qtest_add_func("/mailbox/past/MB55-log", test_log);
    qtest_add_func("/mailbox/past/MB35-log", test_post_log);
    qtest_add_func("/mailbox/past/MB43-queue-reset", test_queue_reset);
    qtest_add_func("/mailbox/past/MB55-report-order", test_report_order);
    qtest_add_func("/mailbox/past/MB41-reset-between-hellos",
                   test_reset_between_hellos);
    qtest_add_func("/mailbox/past/MB33-stream-upid", test_stream_upid);
    qtest_add_func("/mailbox/past/MB31-stream-vectors", test_stream_vectors);
    qtest_add_func("/mailbox/past/MB47-stream-flights", test_stream_flights);
    status = g_test_run();
    socket_path_remove();
    return status;
}
