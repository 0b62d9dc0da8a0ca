/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When things arrive: to the nanosecond of the virtual clock, in order, in
 * both directions at the same time (MB14, MB15, MB17, MB21, MB34, MB43).
 * FARBELL_SEED and FARBELL_STEPS draw other histories, FARBELL_TIMING_RUNS=N
 * does all N times.
 */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "mailbox-rig.h"
#include "farbell/uintr.h"

#define L 1000                  /* ns from a to b */
#define L_BACK 700
#define LATENCIES ",latency-ns=1000", ",latency-ns=700"

static void step(Pair *p, int64_t ns)
{
    qtest_clock_step(p->rig.qts, ns);
}

/* MB25: no effect, and a place in the configuration */
static void test_marks(void)
{
    Pair p;
    uint64_t at;
    g_autofree char *said = NULL;
    int old = log_start();

    pair_open(&p, "", " -d guest_errors");
    at = shm(&p.a, MBOX_CFG_MARK_OFFSET, 0);
    qtest_writeq(p.rig.qts, at + MBOX_MARK(7), ~0ull);
    qtest_writel(p.rig.qts, at + MBOX_MARK(255), 1);
    g_assert_cmphex(mem64(&p.a, at + MBOX_MARK(7)), ==, 0);
    endpoint_reset(&p.a);                       /* before DRIVER_OK, too */
    qtest_writeq(p.rig.qts, at + MBOX_MARK(1), 1);
    qtest_writeq(p.rig.qts, at + MBOX_MARK(256), 1);
    qtest_writel(p.rig.qts, at + MBOX_MARK(1) + 4, 1);
    said = log_end(old);
    g_assert_nonnull(strstr(said, "mark 256"));
    g_assert_nonnull(strstr(said, "mark at 0xc"));
    endpoint_start(&p.a, ALL_QUEUES);
    g_assert_cmpint(ring(&p.b, 0), ==, MBOX_RING_REFUSED);
    pair_close(&p);
}

/* ---- A drawn history ---- */

#define DOORBELLS 4
#define BUFFERS 3               /* more than fit are not sent */
#define NEVER UINT64_MAX

/* One direction, and what must have come of it */
typedef struct Way {
    Endpoint *from, *to;
    uint64_t latency;
    uint64_t due[BUFFERS], report[BUFFERS], buffer[BUFFERS];
    unsigned sent, seen;        /* messages, of those that fit */
    uint64_t rings[DOORBELLS];  /* when the one in flight arrives, or NEVER */
    uint64_t pending;
} Way;

typedef struct History {
    Pair p;
    Way way[2];
    uint64_t now, state;
} History;

static uint64_t draw(History *h, uint64_t n)
{
    h->state = h->state * 6364136223846793005 + 1442695040888963407;
    return (h->state >> 33) % n;
}

static void way_start(Way *w, Endpoint *from, Endpoint *to, uint64_t latency)
{
    *w = (Way) { .from = from, .to = to, .latency = latency };
    for (int d = 0; d < DOORBELLS; d++) {
        w->rings[d] = NEVER;
    }
    set64(to, MBOX_REG_ENABLE, (1 << DOORBELLS) - 1);
    for (int i = 0; i < BUFFERS; i++) {
        w->buffer[i] = offer_buffer(to, 8);
    }
}

/* MB21: one that is in flight takes the others with it. */
static void draw_ring(History *h, Way *w)
{
    unsigned d = draw(h, DOORBELLS);

    g_assert_cmpint(ring(w->from, d), ==, MBOX_RING_IN_FLIGHT);
    if (w->rings[d] == NEVER) {
        w->rings[d] = h->now + w->latency;
    }
}

static void draw_message(History *h, Way *w)
{
    if (w->sent < BUFFERS) {
        w->due[w->sent] = h->now + w->latency;
        w->report[w->sent] = send_message(w->from, 8, w->sent + 1);
        w->sent++;
    }
}

static void draw_clear(History *h, Way *w)
{
    unsigned d = draw(h, DOORBELLS);

    set64(w->to, MBOX_REG_PENDING, 1 << d);
    w->pending &= ~(1ull << d);
}

/* What is due at that moment, or the next one after it */
static uint64_t next_due(const Way *w, uint64_t next)
{
    for (unsigned i = w->seen; i < w->sent; i++) {
        next = MIN(next, w->due[i]);
    }
    for (int d = 0; d < DOORBELLS; d++) {
        next = MIN(next, w->rings[d]);
    }
    return next;
}

static void arrive(History *h, Way *w)
{
    for (int d = 0; d < DOORBELLS; d++) {
        if (w->rings[d] <= h->now) {
            w->rings[d] = NEVER;
            w->pending |= 1ull << d;
        }
    }
    while (w->seen < w->sent && w->due[w->seen] <= h->now) {
        w->seen++;
    }
}

/* Exactly what is due has come, in order, and has been reported. */
static void check(Way *w)
{
    g_assert_cmphex(reg64(w->to, MBOX_REG_PENDING), ==, w->pending);
    g_assert_cmpint(counter(w->to, MBOX_COUNT_RX_MESSAGES), ==, w->seen);
    for (unsigned i = 0; i < w->sent; i++) {
        g_assert_cmphex(report_status(w->from, w->report[i]), ==,
                        i < w->seen ? MBOX_STATUS_DELIVERED : NO_REPORT_YET);
        g_assert_cmphex(mem64(w->to, w->buffer[i] + MBOX_RX_HEADER_SIZE), ==,
                        i < w->seen ? 0x5a5a5a5a5a5a5a00 | (i + 1) : 0);
    }
}

static void pass(History *h, uint64_t ns)
{
    step(&h->p, ns);
    h->now += ns;
    for (int i = 0; i < 2; i++) {
        arrive(h, &h->way[i]);
        check(&h->way[i]);
    }
}

/* To the last nanosecond before something arrives, and over it. */
static void pass_time(History *h)
{
    uint64_t next = next_due(&h->way[1], next_due(&h->way[0], NEVER));
    uint64_t left = next == NEVER ? draw(h, 500) + 1 : next - h->now;

    if (draw(h, 2)) {
        pass(h, draw(h, 300) + 1);
    } else {
        if (left > 1) {
            pass(h, left - 1);
        }
        pass(h, 1);
    }
}

static void one_life(History *h, unsigned steps)
{
    pair_open(&h->p, LATENCIES);
    h->now = 0;
    way_start(&h->way[0], &h->p.a, &h->p.b, L);
    way_start(&h->way[1], &h->p.b, &h->p.a, L_BACK);
    while (steps--) {
        Way *w = &h->way[draw(h, 2)];

        switch (draw(h, 5)) {
        case 0:
            draw_message(h, w);
            break;
        case 1:
            draw_clear(h, w);
            break;
        case 2:
            draw_ring(h, w);
            break;
        default:
            pass_time(h);
        }
    }
    pair_close(&h->p);
}

/* MB14, MB17, MB21: everything at its own time, nothing before */
static void test_histories(void)
{
    History h = { .state = rig_number("FARBELL_SEED", 1) };
    unsigned steps = rig_number("FARBELL_STEPS", 600);

    for (unsigned done = 0; done < steps; done += 60) {
        one_life(&h, 60);
    }
}

/* ---- Moments that matter ---- */

/* MB21: who rings until the last nanosecond shares; then it is a new one. */
static void test_coalescing_window(void)
{
    Pair p;

    pair_open(&p, LATENCIES);
    set64(&p.b, MBOX_REG_ENABLE, 1);
    ring(&p.a, 0);
    step(&p, L - 1);
    ring(&p.a, 0);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 0);
    step(&p, 1);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG_INTERRUPTS), ==, 1);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_RING_COALESCED), ==, 1);
    set64(&p.b, MBOX_REG_PENDING, 1);
    ring(&p.a, 0);
    step(&p, L - 1);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 0);
    step(&p, 1);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 1);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RUNG_INTERRUPTS), ==, 2);
    pair_close(&p);
}

#define NV 0x61

static uint64_t bind_queue(Pair *p)
{
    uint64_t upid = guest_alloc(&p->rig.alloc, 2 * UPID_ALIGN);

    upid = ROUND_UP(upid, UPID_ALIGN);
    qtest_writeq(p->rig.qts, upid, NV << UPID_NV_SHIFT);
    qtest_writeq(p->rig.qts, upid + UPID_PIR_OFFSET, 0);
    set64(&p->b, MBOX_REG_BIND_ADDRESS, upid);
    set32(&p->b, MBOX_REG_BIND_CONTROL, MBOX_BIND_ENABLE);
    return upid;
}

/* The UPID, to the nanosecond: before it is as it was. */
static void post_at(Pair *p, uint64_t upid, unsigned notified)
{
    uint64_t before = mem64(&p->b, upid);

    offer_buffer(&p->b, 8);
    send_message(&p->a, 8, 1);
    step(p, L - 1);
    g_assert_cmphex(mem64(&p->b, upid + UPID_PIR_OFFSET), ==, 0);
    g_assert_cmphex(mem64(&p->b, upid), ==, before);
    step(p, 1);
    g_assert_cmphex(mem64(&p->b, upid + UPID_PIR_OFFSET), ==, 1);
    g_assert_cmphex(mem64(&p->b, upid) & UPID_ON, ==, UPID_ON);
    g_assert_cmpint(counter(&p->b, MBOX_COUNT_POSTED), ==, notified);
    qtest_writeq(p->rig.qts, upid + UPID_PIR_OFFSET, 0);
}

/* MB34: while ON is set nobody is told; when it is clear the next post does. */
static void test_renotification(void)
{
    Pair p;
    uint64_t upid;

    pair_open(&p, LATENCIES);
    upid = bind_queue(&p);
    post_at(&p, upid, 1);
    post_at(&p, upid, 1);                       /* ON is set still */
    qtest_writeq(p.rig.qts, upid, NV << UPID_NV_SHIFT);
    post_at(&p, upid, 2);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_POST_COALESCED), ==, 1);
    pair_close(&p);
}

/* MB15, MB17: held back, then at once; who was not due yet comes in time. */
static void test_release(void)
{
    Pair p;
    uint64_t first, second;

    pair_open(&p, LATENCIES);
    first = send_message(&p.a, 8, 1);
    step(&p, 900);
    second = send_message(&p.a, 8, 2);
    step(&p, L - 900 + 200);                    /* the first is 200 late */
    g_assert_cmphex(report_status(&p.a, first), ==, NO_REPORT_YET);
    offer_buffer(&p.b, 8);
    offer_buffer(&p.b, 8);
    step(&p, 1);
    g_assert_cmpint(report_status(&p.a, first), ==, MBOX_STATUS_DELIVERED);
    step(&p, 900 - 200 - 2);
    g_assert_cmphex(report_status(&p.a, second), ==, NO_REPORT_YET);
    step(&p, 1);
    g_assert_cmpint(report_status(&p.a, second), ==, MBOX_STATUS_DELIVERED);
    g_assert_cmpint(counter(&p.a, MBOX_COUNT_TX_WAITS), ==, 1);
    pair_close(&p);
}

/* MB43: nothing of the life before comes, and the new one has its own time. */
static void test_reset_in_flight(Endpoint *(*who)(Pair *))
{
    Pair p;
    uint64_t report;

    pair_open(&p, LATENCIES);
    set64(&p.b, MBOX_REG_ENABLE, 1);
    offer_buffer(&p.b, 8);
    send_message(&p.a, 8, 1);
    ring(&p.a, 0);
    step(&p, L - 1);
    endpoint_reset(who(&p));
    step(&p, 1);
    endpoint_start(who(&p), ALL_QUEUES);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RX_MESSAGES), ==, 0);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 0);
    set64(&p.b, MBOX_REG_ENABLE, 1);
    offer_buffer(&p.b, 8);
    report = send_message(&p.a, 8, 2);
    step(&p, L - 1);
    g_assert_cmphex(report_status(&p.a, report), ==, NO_REPORT_YET);
    step(&p, 1);
    g_assert_cmpint(report_status(&p.a, report), ==, MBOX_STATUS_DELIVERED);
    g_assert_cmpint(counter(&p.b, MBOX_COUNT_RX_MESSAGES), ==, 1);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 0);
    pair_close(&p);
}

/* MB43: the new life listens before the old one's ring would arrive. */
static void test_reset_before_arrival(void)
{
    Pair p;

    pair_open(&p, LATENCIES);
    set64(&p.b, MBOX_REG_ENABLE, 1);
    ring(&p.a, 0);
    step(&p, L / 2);
    endpoint_reset(&p.b);
    endpoint_start(&p.b, ALL_QUEUES);
    set64(&p.b, MBOX_REG_ENABLE, 1);
    g_assert_cmpint(reg32(&p.a, MBOX_REG_RING_STATUS), ==,
                    MBOX_RING_REFUSED);
    g_assert_cmpint(ring(&p.a, 0), ==, MBOX_RING_IN_FLIGHT);
    step(&p, L - 1);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 0);
    step(&p, 1);
    g_assert_cmphex(reg64(&p.b, MBOX_REG_PENDING), ==, 1);
    pair_close(&p);
}

static Endpoint *sender(Pair *p)
{
    return &p->a;
}

static Endpoint *receiver(Pair *p)
{
    return &p->b;
}

static void test_sender_reset(void)
{
    test_reset_in_flight(sender);
}

static void test_receiver_reset(void)
{
    test_reset_in_flight(receiver);
}

static const struct {
    const char *name;
    void (*fn)(void);
} tests[] = {
    { "MB25-marks", test_marks },
    { "MB17-histories", test_histories },
    { "MB21-coalescing-window", test_coalescing_window },
    { "MB34-renotification", test_renotification },
    { "MB15-release", test_release },
    { "MB43-sender-reset", test_sender_reset },
    { "MB43-receiver-reset", test_receiver_reset },
    { "MB43-reset-before-arrival", test_reset_before_arrival },
};

static void add_run(unsigned run)
{
    g_autofree char *suffix = run ? g_strdup_printf("/%u", run) : g_strdup("");

    for (int i = 0; i < ARRAY_SIZE(tests); i++) {
        g_autofree char *path = g_strdup_printf("/mailbox/timing/%s%s",
                                                tests[i].name, suffix);

        qtest_add_func(path, tests[i].fn);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned run = 0; run < rig_number("FARBELL_TIMING_RUNS", 1); run++) {
        add_run(run);
    }
    return g_test_run();
}
