/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * More than the ledger keeps: of UPIDs, and of stalls.  Run by
 * tests/ledger/test-bounds, which looks at what it keeps.
 */
#include "recv.h"

const char *const test_group = "/ledger/bounds";

#define V               9
#define MORE_UPIDS      16400   /* 16384 have books */
#define MORE_STALLS     1010    /* 1000 are kept */
#define A_STALL         20000   /* TSC: longer than stall-after */

static struct uitte table[1] __attribute__((aligned(64)));

static void post_to(struct upid *upid)
{
    table[0] = uitte(V, upid);
    senduipi(0);
}

/* The last ones' vectors arrive all the same. */
static void test_upids(void)
{
    struct upid *upids = pages_alloc(MORE_UPIDS * 64 / PAGE_SIZE + 1);
    struct upid *last = &upids[MORE_UPIDS - 1];

    recv_begin();
    uintr_sender(table, 1);
    for (int i = 0; i < MORE_UPIDS; i++) {
        upids[i].low = UPID_SN;
        post_to(&upids[i]);
        CHECK_EQ(upids[i].pir, BIT(V));
        upids[i].pir = 0;
    }
    last->low = upid_low(NV, apic_id(), 0);
    wrmsr(UINTR_MSR_PD, (uint64_t)last);
    post_to(last);
    irq_window();
    CHECK_EQ(last->pir, 0);
    CHECK_EQ(rdmsr(UINTR_MSR_RR), BIT(V));
    wrmsr(UINTR_MSR_RR, 0);
}

static void test_stalls(void)
{
    recv_begin();
    uintr_sender(table, 1);
    for (int i = 0; i < MORE_STALLS; i++) {
        recv_upid->low |= UPID_SN;
        post_to(recv_upid);
        delay(A_STALL);
        recv_upid->pir = 0;
    }
    recv_upid->low &= ~UPID_SN;
    recv_upid->low |= UPID_ON;          /* and so this post is lost */
    post_to(recv_upid);
    delay(A_STALL);
}

const struct test tests[] = {
    { "upids", test_upids },
    { "stalls", test_stalls },
    {}
};
