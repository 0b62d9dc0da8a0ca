/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile RT: it writes anything into all that GP reads of it, and rings.
 * Meanwhile another process of RT is served as if nothing were.  Args: n=
 * rounds, seed=.
 */
#include "rt_lite.h"
#include "scribbling.h"

const char *const test_group = "/forward/scribble";

#define O_CREAT     0100
#define O_RDWR      02
#define LOOK_EVERY  10

static struct process good, bad;

static void spoil(uint64_t where, uint32_t bytes)
{
    scribble((volatile uint32_t *)where, bytes, SCRIBBLE_NO_ZEROES);
}

/* A queue of version 1 or 2 that looks like one */
static void pretend_old(uint64_t page, uint16_t capacity)
{
    *(volatile uint32_t *)(page + SCF_META_MAGIC) = SCF_MAGIC;
    *(volatile uint16_t *)(page + SCF_META_CAPACITY) = capacity;
}

static void write_anything(void)
{
    switch (draw(5)) {
    case 0:
        spoil((uint64_t)bad.scf.own, sizeof(struct scf_head));
        break;
    case 1:
        spoil((uint64_t)bad.scf.own, SCF3_BUFFERS);
        break;
    case 2:
        spoil(bad.target.upid, 16);
        break;
    case 3:
        pretend_old(SCF2_QUEUES + SCF_PAGE_SIZE * 2, SCF2_CAPACITY);
        spoil(SCF2_QUEUES + SCF_PAGE_SIZE * 2, SCF_PAGE_SIZE);
        break;
    default:
        bad.scf.own->head.made++;
    }
    scf_notify(&bad.scf, SCF3_MODE_IRQ);
}

static void check_good(long fd, uint64_t round)
{
    uint64_t back = 0;

    run_as(&good);
    CHECK_EQ(ask(8, fd, 0, 0), 0);
    CHECK_EQ(ask(1, fd, (uint64_t)&round, 8), 8);
    CHECK_EQ(ask(8, fd, 0, 0), 0);
    CHECK_EQ(ask(0, fd, (uint64_t)&back, 8), 8);
    CHECK_EQ(back, round);
}

/* F23-F26, F45: the others are served, from the first round to the last. */
static void test_scribble(void)
{
    static const char name[] = "good";
    uint64_t n = arg_number("n", 10000);
    long fd;

    seed = arg_number("seed", 1);
    begin(&good);
    fd = ask(2, (uint64_t)name, O_CREAT | O_RDWR, 0);
    CHECK_EQ(fd, 3);
    begin(&bad);
    CHECK(bad.scf.target);
    for (uint64_t round = 0; round < n; round++) {
        write_anything();
        if (round % LOOK_EVERY == 0) {
            check_good(fd, round);
        }
    }
    check_good(fd, n);
    CHECK_EQ(good.scf.resets + good.scf.violations + good.scf.strays, 0);
}

void payload_start(void)
{
    if (!scf_start()) {
        fatal("there is no mailbox");
    }
}

const struct test tests[] = {
    { "F26-others-are-served", test_scribble },
    {}
};
