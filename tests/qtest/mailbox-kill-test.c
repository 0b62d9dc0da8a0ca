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

#define OPTIONS ",queue-size=16"
#define MESSAGES 6              /* two descriptors each */

static char *folder, *path;
static uint64_t state = 1;

static uint32_t draw(uint32_t n)
{
    state = state * 6364136223846793005 + 1442695040888963407;
    return (state >> 33) % n;
}

typedef struct Side {
    Rig rig;
    Endpoint e;
    uint64_t report[MESSAGES], buffer[MESSAGES];
} Side;

static void side_open(Side *s, int side)
{
    rig_start_side(&s->rig, path, side, OPTIONS);
    endpoint_open(&s->e, &s->rig, 4);
}

/* New queues, so that their few descriptors are enough for one round */
static void side_restart(Side *s)
{
    endpoint_reset(&s->e);
    endpoint_start(&s->e, ALL_QUEUES);
}

static void side_kill(Side *s)
{
    qtest_kill_qemu(s->rig.qts);
    g_free(s->e.dev->pdev);
    g_free(s->e.dev);
    alloc_destroy(&s->rig.alloc);
    qpci_free_pc(s->rig.bus);
}

static void traffic(Side *s)
{
    for (int i = 0; i < MESSAGES; i++) {
        s->buffer[i] = draw(4) ? offer_buffer(&s->e, 8) : 0;
        s->report[i] = send_message(&s->e, 8, i);
    }
}

/* How many of its messages does this driver take for delivered? */
static unsigned count_delivered(Side *s)
{
    unsigned n = 0;

    while (n < MESSAGES &&
           report_status(&s->e, s->report[n]) == MBOX_STATUS_DELIVERED) {
        n++;
    }
    return n;
}

static unsigned count_received(Side *s)
{
    unsigned n = 0;

    for (int i = 0; i < MESSAGES; i++) {
        uint64_t at = s->buffer[i];

        if (at && mem32(&s->e, at + MBOX_RX_LENGTH)) {
            g_assert_cmphex(mem32(&s->e, at + MBOX_RX_HEADER_SIZE), ==,
                            0x5a5a5a00 | n);
            n++;
        }
    }
    return n;
}

/* Delivered, then unknown, then gone: never in another order, none missing */
static void check_reports(Side *s)
{
    static const uint32_t rank[] = {
        [MBOX_STATUS_DELIVERED] = 1, [MBOX_STATUS_UNKNOWN] = 2,
        [MBOX_STATUS_PEER_GONE] = 3,
    };
    uint32_t last = 0;

    for (int i = 0; i < MESSAGES; i++) {
        uint32_t status = report_status(&s->e, s->report[i]);

        g_assert_true(used(&s->e, MBOX_QUEUE_TX, NULL));
        g_assert_cmpint(status, <, ARRAY_SIZE(rank));
        g_assert_cmpint(rank[status], >=, MAX(last, 1));
        last = rank[status];
    }
    g_assert_false(used(&s->e, MBOX_QUEUE_TX, NULL));
}

static void kill_once(Side *sides)
{
    int victim = draw(2);
    Side *dead = &sides[victim], *left = &sides[!victim];
    unsigned reported;

    traffic(left);
    traffic(dead);
    g_usleep(draw(3000));
    reported = count_delivered(dead);
    side_kill(dead);
    wait_for_link(&left->e, MBOX_LINK_DOWN);
    check_reports(left);
    g_assert_cmpint(count_received(left), >=, reported);
    side_open(dead, victim);
    side_restart(left);
    wait_for_link(&left->e, MBOX_LINK_UP);
    wait_for_link(&dead->e, MBOX_LINK_UP);
}

static void test_kills(void)
{
    Side sides[2];
    uint64_t kills = rig_number("FARBELL_KILLS", 20);

    state = rig_number("FARBELL_SEED", 1);
    side_open(&sides[0], 0);
    side_open(&sides[1], 1);
    wait_for_link(&sides[0].e, MBOX_LINK_UP);
    wait_for_link(&sides[1].e, MBOX_LINK_UP);
    for (uint64_t i = 0; i < kills; i++) {
        kill_once(sides);
    }
    for (int i = 1; i >= 0; i--) {
        endpoint_close(&sides[i].e);
        rig_stop(&sides[i].rig);
    }
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("mailbox-XXXXXX", NULL);
    path = g_build_filename(folder, "socket", NULL);
    qtest_add_func("/mailbox/socket/MB16-many-kills", test_kills);
    status = g_test_run();
    unlink(path);
    rmdir(folder);
    return status;
}
