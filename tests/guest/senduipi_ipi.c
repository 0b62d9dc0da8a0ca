/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SENDUIPI: when it sends, to whom, and how (R54-R59). */
#include "send_rules.h"

const char *const test_group = "/uintr/senduipi";

#define APIC_BASE_ENABLE 0x800
#define APIC_BASE_X2    0x400
#define ESR_SEND_ILLEGAL_VECTOR BIT(5)
#define LOWEST_LEGAL    16
#define CPUS            3

static struct upid *const upid = &send_upids[0];

/* ---- R55 ---- */

static volatile uint32_t notified, posted_unseen;

/* The kernel as receiver: it clears ON itself, or hears nothing any more. */
static void count_posts(struct frame *f)
{
    (void)f;
    notified++;
    if (!(upid->low & UPID_ON) || !(upid->pir & BIT(SEND_UV))) {
        posted_unseen++;
    }
    __atomic_fetch_and(&upid->pir, ~BIT(SEND_UV), __ATOMIC_SEQ_CST);
    apic_eoi();
    __atomic_fetch_and(&upid->low, ~(uint64_t)UPID_ON, __ATOMIC_SEQ_CST);
}

static volatile bool stop;

static void receive(uint64_t unused)
{
    (void)unused;
    sti();
    while (!stop) {
        cpu_relax();
    }
    cli();
}

/* Whoever is notified finds the post, every time. */
static void test_post_is_visible(void)
{
    uint32_t posts = arg_number("n", 300);

    send_setup();
    upid_fill(upid, upid_low(NV, 1, 0), 0);
    notified = posted_unseen = 0;
    stop = false;
    trap_handle(NV, count_posts);
    smp_run(1, receive, 0);
    for (uint32_t i = 1; i <= posts; i++) {
        senduipi(0);
        if (!WAIT_FOR(notified == i && !(upid->low & UPID_ON))) {
            break;
        }
    }
    stop = true;
    smp_wait(1);
    trap_handle(NV, NULL);
    CHECK_EQ(notified, posts);
    CHECK_EQ(posted_unseen, 0);
}

/* One IPI until the receiver clears ON, then again one. */
static void test_one_ipi_while_on(void)
{
    send_setup();
    CHECK_EQ(ipis_taken(1, NV), 0);
    for (int round = 0; round < 3; round++) {
        upid_fill(upid, upid_low(NV, 1, 0), 0);
        for (int i = 0; i < 5; i++) {
            CHECK_EQ(send_user(0), SENT);
        }
        CHECK_EQ(ipis_taken(1, NV), 1);
        CHECK_EQ(send_user(0), SENT);
        CHECK_EQ(ipis_taken(1, NV), 0);
        CHECK_UPID(upid, upid_low(NV, 1, UPID_ON), BIT(SEND_UV));
    }
}

/* ---- R56, R57 ---- */

static void set_x2apic(bool x2)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) & ~(APIC_BASE_ENABLE | APIC_BASE_X2);

    wrmsr(MSR_APIC_BASE, base);
    wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    if (x2) {
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2);
    }
}

/* To CPU 1 as an xAPIC sender writes it, or as an x2APIC sender does. */
static void send_in_mode(uint64_t x2)
{
    bool before = apic_is_x2();

    set_x2apic(x2);
    upid_fill(upid, (x2 ? BIT(32) : BIT(40)) | NV << UPID_NV_SHIFT, 0);
    uintr_sender(send_table, 1);
    senduipi(0);
    set_x2apic(before);
    apic_init();
}

/* CPU 2 sends in a mode that the receiver's own APIC is not in. */
static void test_mode_of_sender(void)
{
    send_setup();
    CHECK_EQ(ipis_taken(1, NV), 0);
    for (int i = 0; i < 2; i++) {
        smp_run(2, send_in_mode, i ? apic_is_x2() : !apic_is_x2());
        smp_wait(2);
        CHECK_EQ(ipis_taken(0, NV), 0);
        CHECK_EQ(ipis_taken(1, NV), 1);
        CHECK_EQ(ipis_taken(2, NV), 0);
    }
}

/* In x2APIC mode they are part of an ID that no CPU has. */
static void test_other_bytes(void)
{
    const uint32_t noise[] = { 0xff, 0xff000000, 0x00ff0000, 0xdead00ef };

    send_setup();
    CHECK_EQ(ipis_taken(1, NV), 0);
    for (int i = 0; i < 4; i++) {
        uint64_t low = (uint64_t)(noise[i] | 1 << 8) << 32 | NV << 16;

        upid_fill(upid, low, 0);
        CHECK_EQ(send_user(0), SENT);
        CHECK_UPID(upid, low | UPID_ON, BIT(SEND_UV));
        CHECK_EQ(ipis_taken(0, NV), 0);
        CHECK_EQ(ipis_taken(1, NV), !apic_is_x2());
    }
}

static void test_self(void)
{
    send_setup();
    CHECK_EQ(send_user(0), SENT);
    CHECK(apic_requested(NV));
    CHECK_EQ(ipis_taken(1, NV), 0);
    CHECK_EQ(ipis_taken(0, NV), 1);
}

/* The vector's last interrupt was level triggered; a notification is not. */
static void test_edge(void)
{
    send_setup();
    apic_icr(apic_id(), ICR_LEVEL | ICR_ASSERT | NV);
    CHECK(WAIT_FOR(apic_requested(NV)));
    CHECK_EQ(ipis_taken(0, NV), 1);
    CHECK(apic_level_triggered(NV));
    CHECK_EQ(send_user(0), SENT);
    CHECK(WAIT_FOR(apic_requested(NV)));
    CHECK(!apic_level_triggered(NV));
    CHECK_EQ(ipis_taken(0, NV), 1);
}

#define NEW_ID 0x42

static void write_id(uint64_t id)
{
    apic_write(APIC_ID, id << 24);
}

/* In x2APIC mode the ID is read-only. */
static void change_id(uint64_t id)
{
    CHECK_EQ(run_kernel(write_id, id, 0), apic_is_x2() ? VEC_GP : VEC_EXIT);
}

static void send_to_id(uint32_t id, uint32_t arrives)
{
    upid_fill(upid, upid_low(NV, id, 0), 0);
    CHECK_EQ(send_user(0), SENT);
    CHECK_EQ(ipis_taken(2, NV), arrives);
}

/* An xAPIC ID is the guest's to change: from then on IDs must be searched. */
static void test_changed_id(void)
{
    send_setup();
    CHECK_EQ(ipis_taken(2, NV), 0);
    smp_run(2, change_id, NEW_ID);
    smp_wait(2);
    send_to_id(NEW_ID, !apic_is_x2());
    send_to_id(2, apic_is_x2());
    smp_run(2, change_id, 2);
    smp_wait(2);
    send_to_id(NEW_ID, 0);
    send_to_id(2, 1);
}

/* After that, once more what was found without a search before. */
static void test_search(void)
{
    rule_destination();
    rule_absent_id();
    rule_broadcast();
    test_self();
}

/* Each vector reaches the same vector, as an edge (no bit in TMR). */
static void test_all_notification_vectors(void)
{
    send_setup();
    for (int nv = 32; nv < 256; nv++) {
        if (nv == VEC_EXIT) {
            continue;
        }
        upid_fill(upid, upid_low(nv, apic_id(), 0), 0);
        CHECK_EQ(send_user(0), SENT);
        CHECK(apic_requested(nv));
        CHECK_EQ(apic_read(0x180 + (nv >> 5) * 0x10) >> (nv & 31) & 1, 0);
        CHECK_EQ(ipis_taken(0, nv), 1);
    }
}

/* ---- R58 ---- */

static volatile uint32_t esr_before, esr_after, esr_legal;
static volatile bool illegal_requested;

/* On a CPU of its own: the error bit stays once it is set. */
static void send_illegal(uint64_t unused)
{
    (void)unused;
    uintr_sender(send_table, 1);
    upid_fill(upid, upid_low(LOWEST_LEGAL, apic_id(), 0), 0);
    apic_write(APIC_ESR, 0);
    esr_before = apic_read(APIC_ESR);
    senduipi(0);
    apic_write(APIC_ESR, 0);
    esr_legal = apic_read(APIC_ESR);
    for (int nv = 0; nv < LOWEST_LEGAL; nv++) {
        upid_fill(upid, upid_low(nv, apic_id(), 0), 0);
        senduipi(0);
        illegal_requested |= apic_requested(nv);
        CHECK_UPID(upid, upid_low(nv, apic_id(), UPID_ON), BIT(SEND_UV));
    }
    apic_write(APIC_ESR, 0);
    esr_after = apic_read(APIC_ESR);
}

static void test_illegal_vector(void)
{
    send_setup();
    smp_run(2, send_illegal, 0);
    smp_wait(2);
    CHECK_EQ(esr_before & ESR_SEND_ILLEGAL_VECTOR, 0);
    CHECK_EQ(esr_legal & ESR_SEND_ILLEGAL_VECTOR, 0);
    CHECK_EQ(esr_after & ESR_SEND_ILLEGAL_VECTOR, ESR_SEND_ILLEGAL_VECTOR);
    CHECK(!illegal_requested);
    CHECK_EQ(ipis_taken(2, LOWEST_LEGAL), 1);
}

/* A local APIC that is switched off sends nothing; the post stays. */
static void send_without_apic(uint64_t unused)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);

    (void)unused;
    uintr_sender(send_table, 1);
    wrmsr(MSR_APIC_BASE, base & ~(APIC_BASE_ENABLE | APIC_BASE_X2));
    senduipi(0);
    set_x2apic(base & APIC_BASE_X2);
    apic_init();
}

static void test_disabled_apic(void)
{
    uint64_t low = upid_low(NV, 1, 0);

    send_setup();
    CHECK_EQ(ipis_taken(1, NV), 0);
    upid_fill(upid, low, 0);
    smp_run(2, send_without_apic, 0);
    smp_wait(2);
    CHECK_UPID(upid, low | UPID_ON, BIT(SEND_UV));
    for (int cpu = 0; cpu < CPUS; cpu++) {
        CHECK_EQ(ipis_taken(cpu, NV), 0);
    }
    upid->low = low;
    CHECK_EQ(send_user(0), SENT);
    CHECK_EQ(ipis_taken(1, NV), 1);
}

/* ---- everybody to everybody ---- */

static void send_to_all(uint64_t me)
{
    uintr_sender(send_table, SEND_ENTRIES);
    for (int cpu = 0; cpu < CPUS; cpu++) {
        senduipi(me * CPUS + cpu);
    }
}

/* One UPID for each pair, so each send is an IPI with a vector of its own. */
static void make_pairs(void)
{
    send_setup();
    for (int i = 0; i < CPUS * CPUS; i++) {
        upid_fill(&send_upids[i], upid_low(NV + i, i % CPUS, 0), 0);
        send_table[i] = uitte(i, &send_upids[i]);
    }
}

static void test_each_to_each(void)
{
    make_pairs();
    CHECK_EQ(ipis_taken(1, NV), 0);
    CHECK_EQ(ipis_taken(2, NV), 0);
    smp_run(1, send_to_all, 1);
    smp_run(2, send_to_all, 2);
    send_to_all(0);
    smp_wait(1);
    smp_wait(2);
    for (int cpu = 0; cpu < CPUS; cpu++) {
        for (int i = cpu; i < CPUS * CPUS; i += CPUS) {
            trap_handle(NV + i, irq_count);
        }
        CHECK_EQ(ipis_taken(cpu, NV + cpu), 1);
    }
    for (int i = 0; i < CPUS * CPUS; i++) {
        CHECK_EQ(irq_counts[NV + i], 1);
        CHECK_UPID(&send_upids[i], upid_low(NV + i, i % CPUS, UPID_ON), BIT(i));
        trap_handle(NV + i, NULL);
    }
}

const struct test tests[] = {
    { "R54-on-sn-truth-table", rule_on_sn, 3 },
    { "R55-one-ipi-while-on", test_one_ipi_while_on, 2 },
    { "R55-post-is-visible", test_post_is_visible, 2 },
    { "R56-destination", rule_destination, 3 },
    { "R56-mode-of-sender", test_mode_of_sender, 3 },
    { "R56-receiver-shorthand", rule_receiver_shorthand, 3 },
    { "R56-all-notification-vectors", test_all_notification_vectors },
    { "R56-each-to-each", test_each_to_each, 3 },
    { "R56-edge", test_edge },
    { "R57-other-bytes", test_other_bytes, 2 },
    { "R58-self", test_self, 2 },
    { "R58-absent-id", rule_absent_id, 3 },
    { "R58-broadcast", rule_broadcast, 3 },
    { "R58-illegal-vector", test_illegal_vector, 3 },
    { "R58-disabled-apic", test_disabled_apic, 3 },
    { "R59-icr", rule_icr, 3 },
    { "R56-changed-id", test_changed_id, 3 },
    { "R56-search", test_search, 3 },
    {}
};
