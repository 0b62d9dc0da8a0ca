/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mailbox between two processes, and against a process that lies. */
#include "qemu/osdep.h"
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "libqtest.h"
#include "qemu/bswap.h"
#include "qobject/qdict.h"
#include "libqos/pci-pc.h"
#include "mailbox-rig.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

static char *folder, *path;

static void wait_for_used(Endpoint *e, unsigned queue)
{
    for (int ms = 0; !used(e, queue, NULL); ms++) {
        g_assert_cmpint(ms, <, 10000);
        g_usleep(1000);
    }
}

#define WAIT_UNTIL(condition)                                               \
    for (int ms_ = 0; !(condition); ms_++) {                                \
        g_assert_cmpint(ms_, <, 10000);                                     \
        g_usleep(1000);                                                     \
    }

typedef struct Pair {
    Rig rig[2];
    Endpoint e[2];
} Pair;

static void open_side(Pair *p, int side)
{
    rig_start_side(&p->rig[side], path, side, "");
    endpoint_open(&p->e[side], &p->rig[side], 4);
}

static void pair_open(Pair *p)
{
    open_side(p, 0);
    open_side(p, 1);
    wait_for_link(&p->e[0], MBOX_LINK_UP);
    wait_for_link(&p->e[1], MBOX_LINK_UP);
}

static void close_side(Pair *p, int side)
{
    endpoint_close(&p->e[side]);
    rig_stop(&p->rig[side]);
}

static void kill_side(Pair *p, int side)
{
    qtest_kill_qemu(p->rig[side].qts);
    g_free(p->e[side].dev->pdev);
    g_free(p->e[side].dev);
    alloc_destroy(&p->rig[side].alloc);
    qpci_free_pc(p->rig[side].bus);
}

static void pair_close(Pair *p)
{
    close_side(p, 1);
    close_side(p, 0);
}

/* MB10, MB51: in both directions */
static void test_message(void)
{
    Pair p;

    pair_open(&p);
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
    pair_close(&p);
}

/* MB15: more than the window, and not one lost */
static void test_back_pressure(void)
{
    enum { N = 100 };
    Pair p;
    uint64_t report[N];

    pair_open(&p);
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
    pair_close(&p);
}

/* MB10: too long for the buffer, as in one process */
static void test_too_long(void)
{
    Pair p;
    uint64_t report;

    pair_open(&p);
    offer_buffer(&p.e[1], 8);
    report = send_message(&p.e[0], 9, 1);
    wait_for_used(&p.e[0], MBOX_QUEUE_TX);
    g_assert_cmpint(report_status(&p.e[0], report), ==, MBOX_STATUS_TOO_LONG);
    g_assert_false(used(&p.e[1], MBOX_QUEUE_RX, NULL));
    pair_close(&p);
}

/* MB20-MB23 */
static void test_doorbell(void)
{
    Pair p;

    pair_open(&p);
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
    pair_close(&p);
}

static uint64_t shm(Endpoint *e, unsigned section, unsigned offset)
{
    return e->shm.addr + cfg32(e, section) + offset;
}

/* MB6: one memory, the same rights, and nothing of a peer that is gone */
static void test_sections(void)
{
    Pair p;
    uint64_t own, others;

    pair_open(&p);
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
    kill_side(&p, 1);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    g_assert_cmphex(mem32(&p.e[0], shm(&p.e[0], MBOX_CFG_OUTPUT_OFFSET,
                                       0x10000)), ==, 0);
    g_assert_cmphex(mem32(&p.e[0], shm(&p.e[0], MBOX_CFG_UPID_OFFSET, 0)), ==,
                    0x700);
    close_side(&p, 0);
}

static void exchange(Pair *p, int from)
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
        Pair p;
        uint32_t generation;
        uint64_t report;
        int survivor = !victim;

        pair_open(&p);
        exchange(&p, survivor);
        generation = reg32(&p.e[survivor], MBOX_REG_PEER_GENERATION);
        report = send_message(&p.e[survivor], 8, 1);
        kill_side(&p, victim);
        wait_for_link(&p.e[survivor], MBOX_LINK_DOWN);
        g_assert_cmpint(report_status(&p.e[survivor], report), ==,
                        MBOX_STATUS_UNKNOWN);
        wait_for_used(&p.e[survivor], MBOX_QUEUE_TX);
        report = send_message(&p.e[survivor], 8, 1);
        g_assert_cmpint(report_status(&p.e[survivor], report), ==,
                        MBOX_STATUS_PEER_GONE);
        wait_for_used(&p.e[survivor], MBOX_QUEUE_TX);
        open_side(&p, victim);
        wait_for_link(&p.e[survivor], MBOX_LINK_UP);
        wait_for_link(&p.e[victim], MBOX_LINK_UP);
        g_assert_cmpint(reg32(&p.e[survivor], MBOX_REG_PEER_GENERATION), >,
                        generation);
        exchange(&p, survivor);
        exchange(&p, victim);
        pair_close(&p);
    }
}

/* MB16, MB43: the peer's driver resets; what it had not taken is not lost */
static void test_peer_reset(void)
{
    Pair p;
    uint64_t report;

    pair_open(&p);
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
    pair_close(&p);
}

/* MB57: SIGSTOP is like a full receiver */
static void test_stopped_peer(void)
{
    Pair p;
    uint64_t report;

    pair_open(&p);
    offer_buffer(&p.e[1], 8);
    kill(qtest_pid(p.rig[1].qts), SIGSTOP);
    report = send_message(&p.e[0], 8, 1);
    g_usleep(50000);
    g_assert_cmpint(report_status(&p.e[0], report), ==, 0xffffffff);
    g_assert_cmpint(reg32(&p.e[0], MBOX_REG_LINK), ==, MBOX_LINK_UP);
    kill(qtest_pid(p.rig[1].qts), SIGCONT);
    wait_for_used(&p.e[0], MBOX_QUEUE_TX);
    g_assert_cmpint(report_status(&p.e[0], report), ==, MBOX_STATUS_DELIVERED);
    pair_close(&p);
}

/* MB57: unless there is a limit */
static void test_timeout(void)
{
    Pair p;
    uint64_t report;

    rig_start_side(&p.rig[0], path, 0, ",peer-timeout-ms=200");
    endpoint_open(&p.e[0], &p.rig[0], 4);
    open_side(&p, 1);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    g_usleep(500000);
    g_assert_cmpint(reg32(&p.e[0], MBOX_REG_LINK), ==, MBOX_LINK_UP);
    kill(qtest_pid(p.rig[1].qts), SIGSTOP);
    report = send_message(&p.e[0], 8, 1);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    g_assert_cmpint(report_status(&p.e[0], report), ==, MBOX_STATUS_UNKNOWN);
    kill(qtest_pid(p.rig[1].qts), SIGCONT);
    wait_for_link(&p.e[0], MBOX_LINK_UP);       /* it connects again */
    pair_close(&p);
}

/* MB47 */
static void test_migration_blocker(void)
{
    Pair p;
    QDict *answer;

    open_side(&p, 0);
    answer = qtest_qmp(p.rig[0].qts, "{'execute': 'migrate', 'arguments': "
                       "{'uri': 'exec:cat >/dev/null'}}");
    g_assert_true(qdict_haskey(answer, "error"));
    qobject_unref(answer);
    close_side(&p, 0);
}

/* ---- A peer that lies: this process ---- */

typedef struct Hello {
    uint32_t type, length;
    uint64_t a, b;
    uint32_t magic, version, side, max_message, common, output, upid;
    uint32_t apic_first, apic_count, ready, state_word, generation;
} QEMU_PACKED Hello;

typedef struct Liar {
    Hello hello;
    int fds[8], n;
    int socket;
} Liar;

static int sealed_memfd(size_t size, int seals)
{
    int fd = memfd_create("liar", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    g_assert_cmpint(fcntl(fd, F_ADD_SEALS, seals), ==, 0);
    return fd;
}

/* All that an honest side 1 would send */
static void liar_init(Liar *liar)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

    *liar = (Liar) {
        .hello = {
            .type = 1, .length = 48, .a = 1, .magic = MBOX_MAGIC,
            .version = 1, .side = 1, .max_message = 65536, .common = 0x10000,
            .output = 0x10000, .upid = 0x1000, .ready = 1, .generation = 7,
        },
        .fds = {
            sealed_memfd(0x1000, seals | F_SEAL_FUTURE_WRITE),
            sealed_memfd(0x10000, seals | F_SEAL_FUTURE_WRITE),
            sealed_memfd(0x1000, seals),
            sealed_memfd(0x1000, seals),
            eventfd(0, EFD_CLOEXEC),
        },
        .n = 5,
        .socket = -1,
    };
}

static void liar_done(Liar *liar)
{
    for (int i = 0; i < liar->n; i++) {
        close(liar->fds[i]);
    }
    close(liar->socket);
}

static void liar_connect(Liar *liar)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    liar->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_strlcpy(to.sun_path, path, sizeof(to.sun_path));
    g_assert_cmpint(connect(liar->socket, (struct sockaddr *)&to, sizeof(to)),
                    ==, 0);
}

static void liar_send(Liar *liar, const void *data, size_t size, int n)
{
    char control[CMSG_SPACE(sizeof(liar->fds))] = { };
    struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (n) {
        struct cmsghdr *cmsg;

        msg.msg_control = control;
        msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(cmsg), liar->fds, n * sizeof(int));
    }
    if (sendmsg(liar->socket, &msg, MSG_NOSIGNAL) < 0) {
        g_assert_true(errno == EPIPE || errno == ECONNRESET);
    }
}

static void liar_greet(Liar *liar)
{
    liar_connect(liar);
    liar_send(liar, &liar->hello, sizeof(liar->hello), liar->n);
}

/* The other end hangs up, whatever it has sent before. */
static void expect_hang_up(Liar *liar)
{
    struct timeval limit = { .tv_sec = 10 };
    char buf[4096];
    ssize_t n;

    setsockopt(liar->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    do {
        n = recv(liar->socket, buf, sizeof(buf), 0);
    } while (n > 0);
    g_assert_true(n == 0 || errno == ECONNRESET);
}

static void expect_alive(Endpoint *e)
{
    g_assert_cmphex(reg32(e, MBOX_REG_MAGIC), ==, MBOX_MAGIC);
}

/* A liar who tells the truth is taken for a peer: so the others are judged. */
static void test_honest(void)
{
    Pair p;
    Liar liar;

    open_side(&p, 0);
    liar_init(&liar);
    liar_greet(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    close_side(&p, 0);
}

/* MB53, MB55: each byte of the handshake changed */
static void test_garbled_hello(void)
{
    static const size_t free_to_choose[] = {
        offsetof(Hello, a), 16, offsetof(Hello, ready), 12,
    };
    Pair p;

    open_side(&p, 0);
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
    close_side(&p, 0);
}

/* MB54: each descriptor missing, unsealed, of another size or kind */
static void test_bad_memory(void)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    Pair p;

    open_side(&p, 0);
    for (int i = 0; i < 5; i++) {
        for (int kind = 0; kind < 6; kind++) {
            Liar liar;
            size_t size = i == 1 ? 0x10000 : 0x1000;
            int bad;

            liar_init(&liar);
            bad = kind == 0 ? sealed_memfd(size, F_SEAL_GROW) :
                  kind == 1 ? sealed_memfd(size + 0x1000, seals) :
                  kind == 2 ? sealed_memfd(0, seals) :
                  kind == 3 ? open("/dev/null", O_RDWR) :
                  kind == 4 ? open("/dev/zero", O_RDWR) :
                  socket(AF_UNIX, SOCK_STREAM, 0);
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
    close_side(&p, 0);
}

static void put_frame(Liar *liar, uint32_t type, uint32_t length, uint64_t a,
                      uint64_t b)
{
    struct {
        uint32_t type, length;
        uint64_t a, b;
    } QEMU_PACKED frame = { type, length, a, b };

    liar_send(liar, &frame, sizeof(frame), 0);
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
    Pair p;

    open_side(&p, 0);
    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        Liar liar;

        liar_init(&liar);
        liar_greet(&liar);
        wait_for_link(&p.e[0], MBOX_LINK_UP);
        put_frame(&liar, cases[i].type, cases[i].length, cases[i].a,
                  cases[i].b);
        expect_hang_up(&liar);
        wait_for_link(&p.e[0], MBOX_LINK_DOWN);
        liar_done(&liar);
    }
    close_side(&p, 0);
}

/* MB55: a frame that stops in the middle, at every byte */
static void test_half_frames(void)
{
    Pair p;

    open_side(&p, 0);
    for (size_t i = 0; i < sizeof(Hello); i++) {
        Liar liar;

        liar_init(&liar);
        liar_connect(&liar);
        liar_send(&liar, &liar.hello, i, i ? liar.n : 0);
        liar_done(&liar);
        expect_alive(&p.e[0]);
    }
    close_side(&p, 0);
}

/* MB55: more messages than it may have under way */
static void test_too_many_messages(void)
{
    Pair p;
    Liar liar;
    char text[8] = "message";

    open_side(&p, 0);
    liar_init(&liar);
    liar_greet(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    for (int i = 0; i < 65; i++) {
        put_frame(&liar, 2, sizeof(text), i,
                  reg32(&p.e[0], MBOX_REG_GENERATION));
        liar_send(&liar, text, sizeof(text), 0);
    }
    expect_hang_up(&liar);
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    close_side(&p, 0);
}

/* MB56: a peer that never reads; the guest goes on all the time */
static void test_never_reads(void)
{
    Pair p;
    Liar liar;

    rig_start_side(&p.rig[0], path, 0, ",max-message=64");
    endpoint_open(&p.e[0], &p.rig[0], 4);
    liar_init(&liar);
    liar.hello.max_message = 64;
    liar_greet(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    for (int i = 0; i < 100000; i++) {
        put_frame(&liar, 6, 0, 0, 0);           /* pings want pongs */
        if (i % 1000 == 0) {
            set32(&p.e[0], MBOX_REG_STATE_WORD, i + 1);
            expect_alive(&p.e[0]);
        }
    }
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    liar_done(&liar);
    close_side(&p, 0);
}

/* MB31: whatever is forged in the bitmaps, the receiver's lists decide */
static void test_forged_signals(void)
{
    Pair p;
    Liar liar;
    uint64_t one = 1;
    char control[1024], buf[4096];
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    int *fds;
    uint64_t *signals;

    rig_start_side(&p.rig[0], path, 0, ",apic-first=0x40,apic-count=2");
    endpoint_open(&p.e[0], &p.rig[0], 4);
    liar_init(&liar);
    liar_greet(&liar);
    g_assert_cmpint(recvmsg(liar.socket, &msg, 0), >, 0);
    fds = (int *)CMSG_DATA(CMSG_FIRSTHDR(&msg));
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    /* The memories of side 0: state, output, upid, common, signals, event */
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
    g_assert_cmpint(write(fds[5], &one, 8), ==, 8);
    WAIT_UNTIL(counter(&p.e[0], MBOX_COUNT_INJECT_REFUSED) == 64 * 256);
    g_assert_cmpint(counter(&p.e[0], MBOX_COUNT_INJECTED), ==, 0);
    g_assert_cmpint(counter(&p.e[0], MBOX_COUNT_RUNG), ==, 0);
    g_assert_cmphex(reg64(&p.e[0], MBOX_REG_PENDING), ==, 0);
    munmap(signals, 0x1000);
    for (int i = 0; i < 6; i++) {
        close(fds[i]);
    }
    liar_done(&liar);
    wait_for_link(&p.e[0], MBOX_LINK_DOWN);
    close_side(&p, 0);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("mailbox-XXXXXX", NULL);
    path = g_build_filename(folder, "socket", NULL);
    qtest_add_func("/mailbox/socket/MB51-message", test_message);
    qtest_add_func("/mailbox/socket/MB15-back-pressure", test_back_pressure);
    qtest_add_func("/mailbox/socket/MB10-too-long", test_too_long);
    qtest_add_func("/mailbox/socket/MB20-doorbell", test_doorbell);
    qtest_add_func("/mailbox/socket/MB6-sections", test_sections);
    qtest_add_func("/mailbox/socket/MB16-kill", test_kill);
    qtest_add_func("/mailbox/socket/MB43-peer-reset", test_peer_reset);
    qtest_add_func("/mailbox/socket/MB57-stopped-peer", test_stopped_peer);
    qtest_add_func("/mailbox/socket/MB57-timeout", test_timeout);
    qtest_add_func("/mailbox/socket/MB47-migration", test_migration_blocker);
    qtest_add_func("/mailbox/hostile/honest", test_honest);
    qtest_add_func("/mailbox/hostile/MB53-garbled-hello", test_garbled_hello);
    qtest_add_func("/mailbox/hostile/MB54-bad-memory", test_bad_memory);
    qtest_add_func("/mailbox/hostile/MB55-bad-frames", test_bad_frames);
    qtest_add_func("/mailbox/hostile/MB55-half-frames", test_half_frames);
    qtest_add_func("/mailbox/hostile/MB55-too-many", test_too_many_messages);
    qtest_add_func("/mailbox/hostile/MB56-never-reads", test_never_reads);
    qtest_add_func("/mailbox/hostile/MB31-forged-signals",
                   test_forged_signals);
    status = g_test_run();
    unlink(path);
    rmdir(folder);
    return status;
}
