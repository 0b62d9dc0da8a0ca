/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A CPU without a local APIC: posts stay posts, delivery needs no APIC. */
#include "send.h"

const char *const test_group = "/uintr/no-apic";

static struct upid *const upid = &send_upids[0];

static void test_post(void)
{
    uint64_t low = NV << UPID_NV_SHIFT;

    CHECK(!(cpuid(1, 0).edx & BIT(9)));
    send_setup();
    upid_fill(upid, low, 0);
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(upid, low | UPID_ON, BIT(SEND_UV));
    CHECK_EQ(send_kernel(0), SENT);
    upid_fill(upid, low, 0);
    CHECK_EQ(send_kernel(0), SENT);
    CHECK_UPID(upid, low | UPID_ON, BIT(SEND_UV));
}

static void test_faults(void)
{
    send_setup();
    upid_fill(upid, BIT(7), 0);
    CHECK_EQ(send_user(0), FAULT_GP);
    CHECK_EQ(send_user(1), FAULT_GP);
    CHECK_UPID(upid, BIT(7), 0);
}

static void nothing(void)
{
}

static void test_delivery(void)
{
    struct frame f = frame_user(nothing, 0, 0);

    uintr_receiver(UI_RECORD, upid, NV);
    wrmsr(UINTR_MSR_RR, BIT(40) | BIT(3));
    stui();                     /* IF stays 0: the 8259 ticks (R100) */
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(ui_count, 2);
    CHECK_EQ(ui_log[0].vector, 40);
    CHECK_EQ(ui_log[1].vector, 3);
}

const struct test tests[] = {
    { "R58-post", test_post },
    { "R53-faults", test_faults },
    { "R99-delivery", test_delivery },
    {}
};
