/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Three vectors of a UPID, while somebody outside of the guest changes its
 * memory or the whole machine (docs/ledger.md, L11): 9 was posted and waits in
 * PIR, 5 in UIRR, 10 is posted behind it.  Twice the payload says READY and
 * waits for an NMI.  Run by tests/ledger/test-outside.
 */
#include "device.h"
#include "recv.h"

const char *const test_group = "/ledger/outside";

#define IN_UIRR         5
#define IN_PIR          9
#define LATER           10
#define APIC_LVT_LINT1  0x360
#define LVT_NMI         0x400

static struct uitte table[3] __attribute__((aligned(64)));
static volatile int nmis;

static void on_nmi(struct frame *f __attribute__((unused)))
{
    nmis++;
}

static void wait_for_host(int phase)
{
    int seen = nmis;

    printf("READY %d UPID 0x%lx\n", phase, (uint64_t)recv_upid);
    while (nmis == seen) {
        cpu_relax();
    }
}

static void begin(void)
{
    trap_handle(VEC_NMI, on_nmi);
    apic_write(APIC_LVT_LINT1, LVT_NMI);
    recv_begin();
    table[0] = uitte(IN_UIRR, recv_upid);
    table[1] = uitte(IN_PIR, recv_upid);
    table[2] = uitte(LATER, recv_upid);
    uintr_sender(table, 3);
}

static void test_outside(void)
{
    begin();
    senduipi(0);
    irq_window();
    CHECK_EQ(recv_rr(), BIT(IN_UIRR));
    recv_upid->low |= UPID_SN;
    senduipi(1);
    wait_for_host(1);
    senduipi(2);
    wrmsr(UINTR_MSR_RR, 0);
    wait_for_host(2);
}

static void post_and_take(uint64_t times)
{
    while (times--) {
        senduipi(0);
        irq_window();
    }
}

/* The host looks at the emulator's memory behind a tenth of them. */
static void test_many(void)
{
    uint64_t times = arg_number("n", 10);

    begin();
    post_and_take(times / 10);
    wait_for_host(1);
    post_and_take(times - times / 10);
    wait_for_host(2);
}

const struct test tests[] = {
    { "outside", test_outside },
    { "many", test_many },
    {}
};
