/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Global APIC IDs (the device uintr-route): a SENDUIPI to a CPU of its window
 * arrives there as an ordinary fixed interrupt.  Args as the device has them:
 * first=, count=, target=.
 */
#include "send_rules.h"

const char *const test_group = "/uintr/route";

static uint64_t first, count, target;

/* upid_low() would ask a local APIC of that ID for its mode. */
static void name_receiver(uint64_t id, int nv)
{
    uint64_t ndst = apic_is_x2() ? id : id << UPID_NDST_XAPIC_SHIFT;

    upid_fill(&send_upids[0], ndst << UPID_NDST_SHIFT | nv << UPID_NV_SHIFT,
              0);
}

/* The CPU that took NV when @id was notified, or -1. */
static int receiver_of(uint64_t id, int nv)
{
    int taker = -1;

    name_receiver(id, nv);
    senduipi(0);
    CHECK_EQ(send_upids[0].pir, BIT(SEND_UV));
    CHECK_EQ(send_upids[0].low & UPID_ON, UPID_ON);
    for (int cpu = 0; cpu < cpu_count(); cpu++) {
        uint32_t taken = ipis_taken(cpu, nv);

        CHECK(taken <= 1 && (!taken || taker < 0));
        taker = taken ? cpu : taker;
    }
    return taker;
}

/* CPUs that were not started yet would lose what is sent to them. */
static void setup(void)
{
    send_setup();
    for (int cpu = 0; cpu < cpu_count(); cpu++) {
        ipis_taken(cpu, NV);
    }
}

static void test_each_id(void)
{
    setup();
    for (uint64_t i = 0; i < count; i++) {
        CHECK_EQ(receiver_of(first + i, NV), target + i);
    }
}

static void test_beside_window(void)
{
    setup();
    CHECK_EQ(receiver_of(first - 1, NV), -1);
    CHECK_EQ(receiver_of(first + count, NV), -1);
    CHECK_EQ(receiver_of(1, NV), 1);
}

/* Nobody may send INIT, NMI or what no local APIC takes. */
static void test_illegal_vector(void)
{
    setup();
    for (int nv = 0; nv < 16; nv += 3) {
        CHECK_EQ(receiver_of(first, nv), -1);
    }
    CHECK_EQ(receiver_of(first, 16), target);
}

/* Only SENDUIPI knows of windows: an ICR write does not. */
static void test_icr_stays_here(void)
{
    setup();
    apic_icr(first, ICR_ASSERT | NV);
    for (int cpu = 0; cpu < cpu_count(); cpu++) {
        CHECK_EQ(ipis_taken(cpu, NV), 0);
    }
}

/* A whole user interrupt, to ring 3 of the CPU that the ID names. */
static volatile bool there;

static void receive(uint64_t unused)
{

    (void)unused;
    uintr_receiver(UI_RECORD, &send_upids[0], NV);
    stui();
    there = true;
    sti();
    while (!send_upids[1].pir) {
        cpu_relax();
    }
    cli();
}

static void test_to_the_receiver(void)
{
    send_setup();
    name_receiver(first, NV);
    send_upids[1].pir = 0;
    there = false;
    smp_run(target, receive, 0);
    CHECK(WAIT_FOR(there));
    senduipi(0);
    CHECK(WAIT_FOR(!send_upids[0].pir && !(send_upids[0].low & UPID_ON)));
    send_upids[1].pir = 1;
    smp_wait(target);
}

void payload_start(void)
{
    first = arg_number("first", 0x40);
    count = arg_number("count", 2);
    target = arg_number("target", 1);
}

const struct test tests[] = {
    { "each-id-of-the-window", test_each_id, 3 },
    { "beside-the-window", test_beside_window, 2 },
    { "illegal-vector", test_illegal_vector, 2 },
    { "icr-write-stays-here", test_icr_stays_here, 2 },
    { "notification-is-processed", test_to_the_receiver, 2 },
    {}
};
