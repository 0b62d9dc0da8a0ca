/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kill either process in the midst of traffic, again and again: no message
 * that was reported as delivered is missing, every buffer comes back once,
 * the survivor works on (MB10, MB16, MB58).  FARBELL_KILLS says how often,
 * FARBELL_SEED when.
 */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/pci-pc.h"
#include "mailbox-rig.h"

#define MESSAGES 6              /* two descriptors each */

static uint64_t state = 1;

static uint32_t draw(uint32_t n)
{
    state = state * 6364136223846793005 + 1442695040888963407;
    return (state >> 33) % n;
}

/* What a side has under way */
typedef struct Traffic {
    uint64_t report[MESSAGES], buffer[MESSAGES];
} Traffic;

static TwoSides pair;
static Traffic traffic[2];

/* New queues, so that their few descriptors are enough for one round */
static void restart(Endpoint *e)
{
    endpoint_reset(e);
    endpoint_start(e, ALL_QUEUES);
}

static void send_some(Endpoint *e, Traffic *t)
{
    for (int i = 0; i < MESSAGES; i++) {
        t->buffer[i] = draw(4) ? offer_buffer(e, 8) : 0;
        t->report[i] = send_message(e, 8, i);
    }
}

/* How many of its messages does this driver take for delivered? */
static unsigned count_delivered(Endpoint *e, Traffic *t)
{
    unsigned n = 0;

    while (n < MESSAGES &&
           report_status(e, t->report[n]) == MBOX_STATUS_DELIVERED) {
        n++;
    }
    return n;
}

static unsigned count_received(Endpoint *e, Traffic *t)
{
    unsigned n = 0;

    for (int i = 0; i < MESSAGES; i++) {
        uint64_t at = t->buffer[i];

        if (at && mem32(e, at + MBOX_RX_LENGTH)) {
            g_assert_cmphex(mem32(e, at + MBOX_RX_HEADER_SIZE), ==,
                            0x5a5a5a00 | n);
            n++;
        }
    }
    return n;
}

/* Delivered, then unknown, then gone: never in another order, none missing */
static void check_reports(Endpoint *e, Traffic *t)
{
    static const uint32_t rank[] = {
        [MBOX_STATUS_DELIVERED] = 1, [MBOX_STATUS_UNKNOWN] = 2,
        [MBOX_STATUS_PEER_GONE] = 3,
    };
    uint32_t last = 0;

    for (int i = 0; i < MESSAGES; i++) {
        uint32_t status = report_status(e, t->report[i]);

        g_assert_true(used(e, MBOX_QUEUE_TX, NULL));
        g_assert_cmpint(status, <, ARRAY_SIZE(rank));
        g_assert_cmpint(rank[status], >=, MAX(last, 1));
        last = rank[status];
    }
    g_assert_false(used(e, MBOX_QUEUE_TX, NULL));
}

static void kill_once(int victim)
{
    int left = !victim;
    unsigned reported;

    send_some(&pair.e[left], &traffic[left]);
    send_some(&pair.e[victim], &traffic[victim]);
    g_usleep(draw(3000));
    reported = count_delivered(&pair.e[victim], &traffic[victim]);
    side_kill(&pair, victim);
    wait_for_link(&pair.e[left], MBOX_LINK_DOWN);
    check_reports(&pair.e[left], &traffic[left]);
    g_assert_cmpint(count_received(&pair.e[left], &traffic[left]), >=,
                    reported);
    side_open(&pair, victim, "");
    restart(&pair.e[left]);
    wait_for_link(&pair.e[0], MBOX_LINK_UP);
    wait_for_link(&pair.e[1], MBOX_LINK_UP);
}

static void test_kills(void)
{
    uint64_t kills = rig_number("FARBELL_KILLS", 20);

    state = rig_number("FARBELL_SEED", 1);
    side_open(&pair, 0, "");
    side_open(&pair, 1, "");
    wait_for_link(&pair.e[0], MBOX_LINK_UP);
    wait_for_link(&pair.e[1], MBOX_LINK_UP);
    for (uint64_t i = 0; i < kills; i++) {
        kill_once(draw(2));
    }
    sides_close(&pair);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    socket_path_make();
    qtest_add_func("/mailbox/socket/MB16-many-kills", test_kills);
    status = g_test_run();
    socket_path_remove();
    return status;
}
