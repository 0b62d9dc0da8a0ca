/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether, and to whom, SENDUIPI sends a notification (send_rules.h). */
#include "send_rules.h"

#define CPUS 3
#define OTHER_VECTOR 0x51
/* Delivery mode, logical, trigger, shorthand */
#define ICR_NOT_VECTOR_OR_STATUS 0xc8f00

static struct upid *const upid = &send_upids[0];

/* Exactly the CPUs in @mask, one interrupt each. */
static void check_receivers(uint32_t mask, int vector)
{
    for (int cpu = 0; cpu < CPUS; cpu++) {
        CHECK_EQ(ipis_taken(cpu, vector), mask >> cpu & 1);
    }
}

/* CPUs that were not started yet would lose what is sent to them. */
static void setup(void)
{
    send_setup();
    check_receivers(0, NV);
}

static void send_to(uint32_t ndst, uint32_t receivers)
{
    uint64_t low = (uint64_t)ndst << 32 | NV << 16;

    upid_fill(upid, low, 0);
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(upid, low | 1, BIT(SEND_UV));
    check_receivers(receivers, NV);
}

void rule_on_sn(void)
{
    setup();
    for (int state = 0; state < 4; state++) {
        uint64_t low = upid_low(NV, 1, state);

        upid_fill(upid, low, BIT(9));
        CHECK_EQ(send_user(0), SENT);
        CHECK_UPID(upid, state ? low : low | 1, BIT(9) | BIT(SEND_UV));
        check_receivers(state ? 0 : BIT(1), NV);
    }
}

/* xAPIC: NDST[15:8].  x2APIC: all of NDST. */
void rule_destination(void)
{
    setup();
    for (int cpu = 0; cpu < CPUS; cpu++) {
        send_to(apic_is_x2() ? cpu : cpu << 8, BIT(cpu));
    }
    if (apic_is_x2()) {
        send_to(1 << 8, 0);
    } else {
        send_to(1, BIT(0));
    }
}

void rule_absent_id(void)
{
    const uint32_t x2[] = { 0xfe, 0xff, 0x101, 0x10001, BIT(31), 0xfffffffe };
    const uint32_t x[] = { 0xfe00, 0x6300, 0x0800 };

    setup();
    if (apic_is_x2()) {
        for (int i = 0; i < 6; i++) {
            send_to(x2[i], 0);
        }
    } else {
        for (int i = 0; i < 3; i++) {
            send_to(x[i], 0);
        }
    }
    send_to(apic_is_x2() ? 2 : 2 << 8, BIT(2));
}

void rule_broadcast(void)
{
    setup();
    send_to(apic_is_x2() ? 0xffffffff : 0xff00, BIT(CPUS) - 1);
}

static void write_icr(uint64_t shorthand)
{
    apic_icr(0, ICR_ASSERT | shorthand | OTHER_VECTOR);
}

/* What the receiver, or the sender, last wrote to its ICR does not matter. */
void rule_receiver_shorthand(void)
{
    const struct { uint32_t bits, from_1, from_0; } shorthands[] = {
        { ICR_SELF, 2, 1 }, { ICR_ALL, 7, 7 }, { ICR_OTHERS, 5, 6 },
    };

    setup();
    for (int i = 0; i < 3; i++) {
        smp_run(1, write_icr, shorthands[i].bits);
        smp_wait(1);
        check_receivers(shorthands[i].from_1, OTHER_VECTOR);
        send_to(apic_is_x2() ? 1 : 1 << 8, BIT(1));
        write_icr(shorthands[i].bits);
        check_receivers(shorthands[i].from_0, OTHER_VECTOR);
        send_to(apic_is_x2() ? 1 : 1 << 8, BIT(1));
    }
}

void rule_icr(void)
{
    uint64_t before, after;

    setup();
    apic_icr(2, ICR_ASSERT | OTHER_VECTOR);
    CHECK_EQ(ipis_taken(2, OTHER_VECTOR), 1);
    before = apic_icr_read();
    upid_fill(upid, upid_low(NV, 1, UPID_SN), 0);
    CHECK_EQ(send_user(0), SENT);
    CHECK_EQ(apic_icr_read(), before);
    upid_fill(upid, upid_low(NV, 1, 0), 0);
    CHECK_EQ(send_user(0), SENT);
    after = apic_icr_read();
    CHECK_EQ(after & 0xff, NV);
    CHECK_EQ(after & ICR_NOT_VECTOR_OR_STATUS, 0);
    CHECK_EQ(after & ICR_ASSERT, ICR_ASSERT);
    CHECK_EQ(after >> 32, 1);
    check_receivers(BIT(1), NV);
}
