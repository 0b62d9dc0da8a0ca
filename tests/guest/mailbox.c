/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mailbox with both endpoints in this machine: CPUs 0 and 1 are side 0,
 * with the global IDs 0x40 and up, CPUs 2 and 3 side 1, with 0x50 and up.
 * Args: late, the link's latency in ns, longer than it takes to send.
 */
#include "mailbox.h"
#include "recv.h"
#include "send.h"

const char *const test_group = "/mailbox/guest";

#define MSIX_VECTOR 0x70
#define SIDE1_FIRST 0x50
#define SIDE1_CPU   2
#define UV          9

static struct mbox a, b;

static void setup_without(uint32_t features)
{
    pci_init();
    a.refused = b.refused = features;
    CHECK(mbox_find(&a, 0) && mbox_find(&b, 1));
    CHECK(mbox_start(&a) && mbox_start(&b));
    CHECK_EQ(mbox_config(&a, MBOX_CFG_SIDE), 0);
    CHECK_EQ(mbox_config(&b, MBOX_CFG_SIDE), 1);
    CHECK_EQ(mbox_read(&a, MBOX_REG_LINK), MBOX_LINK_UP);
}

static void setup(void)
{
    setup_without(0);
}

/* MB10, MB11: a thousand of each length, in order, by polling */
static void test_polling(void)
{
    uint8_t out[MBOX_BUFFER], in[MBOX_BUFFER];

    setup();
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t length = i % MBOX_BUFFER + 1;

        memset(out, i, sizeof(out));
        CHECK_EQ(mbox_send(&a, out, length), MBOX_STATUS_DELIVERED);
        CHECK_EQ(mbox_receive(&b, in), length);
        CHECK(!memcmp(in, out, length));
    }
    CHECK_EQ(mbox_receive(&b, in), 0);
    CHECK_EQ(mbox_counter(&b, MBOX_COUNT_RX_MESSAGES), 1000);
}

static void hold_back(void)
{
    uint8_t in[MBOX_BUFFER];

    for (int i = 0; i < MBOX_RING; i++) {
        CHECK_EQ(mbox_send(&a, "message", 8), MBOX_STATUS_DELIVERED);
    }
    mbox_send_start(&a, "another", 8);
    CHECK_EQ(mbox_send_status(&a), 0);
    CHECK_EQ(mbox_receive(&b, in), 8);
    CHECK_EQ(mbox_send_status(&a), MBOX_STATUS_DELIVERED);
}

/* MB15: a full receiver holds the sender back */
static void test_back_pressure(void)
{
    setup();
    hold_back();
}

/* MB3, MB19: the same with flags in place of EVENT_IDX */
static void test_flags(void)
{
    setup_without(MBOX_F_EVENT_IDX);
    hold_back();
}

/* MB19: full batches one after the other; each message with its own number */
static void test_batches(void)
{
    uint8_t in[MBOX_BUFFER];

    setup();
    for (uint32_t i = 0; i < 100; i++) {
        CHECK_EQ(mbox_send_batch(&a, &i, sizeof(i), MBOX_RING), MBOX_RING);
        for (int k = 0; k < MBOX_RING; k++) {
            CHECK_EQ(mbox_receive(&b, in), sizeof(i));
            CHECK_EQ(*(uint32_t *)in, i);
        }
        CHECK_EQ(mbox_receive(&b, in), 0);
    }
}

static volatile uint32_t taken;

static void take_messages(uint64_t n)
{
    uint8_t in[MBOX_BUFFER];

    while (taken < n) {
        taken += mbox_receive(&b, in) ? 1 : 0;
        cpu_relax();
    }
}

/* MB19: more than the driver's queue holds at a time */
static void test_long_batch(void)
{
    enum { N = 5 * MBOX_RING + 1 };
    struct virtio_desc behind;

    setup();
    behind = a.queue[MBOX_QUEUE_RX].desc[0];
    taken = 0;
    smp_run(1, take_messages, N);
    CHECK_EQ(mbox_send_batch(&a, "message", 8, N), N);
    smp_wait(1);
    CHECK_EQ(taken, N);
    CHECK(!memcmp(&behind, &a.queue[MBOX_QUEUE_RX].desc[0], sizeof(behind)));
}

/* MB18: a buffer that comes back empty still has its last message in it */
static void test_empty_buffer(void)
{
    struct virtio_desc *first = &b.queue[MBOX_QUEUE_RX].desc[0];
    uint8_t in[MBOX_BUFFER];

    setup();
    for (int i = 0; i < MBOX_RING; i++) {
        CHECK_EQ(mbox_send(&a, "message", 8), MBOX_STATUS_DELIVERED);
        CHECK_EQ(mbox_receive(&b, in), 8);
    }
    first->addr = BIT(63);
    CHECK_EQ(mbox_send(&a, "other", 6), MBOX_STATUS_DELIVERED);
    first->addr = (uint64_t)b.receive[0];
    CHECK_EQ(mbox_receive(&b, in), 6);
    CHECK(!memcmp(in, "other", 6));
    CHECK_EQ(mbox_receive(&b, in), 0);
}

/* MB2: a message as an MSI-X interrupt */
static void test_msix(void)
{
    uint8_t in[MBOX_BUFFER];

    setup();
    trap_handle(MSIX_VECTOR, irq_count);
    pci_msix(&b.v.pci, 2, apic_id(), MSIX_VECTOR);
    mbox_queue_msix(&b, MBOX_QUEUE_RX, 2);
    CHECK_EQ(mbox_send(&a, "message", 8), MBOX_STATUS_DELIVERED);
    irq_window();
    CHECK_EQ(irq_counts[MSIX_VECTOR], 1);
    CHECK_EQ(mbox_receive(&b, in), 8);
}

/* MB23, MB24: a doorbell as an MSI-X interrupt */
static void test_doorbell(void)
{
    setup();
    trap_handle(MSIX_VECTOR, irq_count);
    pci_msix(&b.v.pci, 4, apic_id(), MSIX_VECTOR);
    mbox_write(&b, MBOX_REG_RING_MSIX + 4 * 7, 4);
    CHECK_EQ(mbox_ring(&a, 7), MBOX_RING_REFUSED);
    mbox_write64(&b, MBOX_REG_ENABLE, BIT(7));
    mbox_write64(&b, MBOX_REG_ONE_SHOT, BIT(7));
    CHECK_EQ(mbox_ring(&a, 7), MBOX_RING_POSTED);
    CHECK_EQ(mbox_ring(&a, 7), MBOX_RING_COALESCED);
    irq_window();
    CHECK_EQ(irq_counts[MSIX_VECTOR], 1);
    CHECK_EQ(mbox_read64(&b, MBOX_REG_PENDING), BIT(7));
    mbox_write64(&b, MBOX_REG_PENDING, BIT(7));
    CHECK_EQ(mbox_ring(&a, 7), MBOX_RING_POSTED);
    irq_window();
    CHECK_EQ(irq_counts[MSIX_VECTOR], 2);
}

/* MB21: at once, or as late as the link is, to a CPU that sleeps */
static void test_ring_arrives(void)
{
    uint32_t before = irq_counts[MSIX_VECTOR];

    setup();
    trap_handle(MSIX_VECTOR, irq_count);
    pci_msix(&b.v.pci, 4, apic_id(), MSIX_VECTOR);
    mbox_write(&b, MBOX_REG_RING_MSIX + 4 * 7, 4);
    mbox_write64(&b, MBOX_REG_ENABLE, BIT(7));
    mbox_ring(&a, 7);
    asm volatile("sti; hlt; cli" : : : "memory");
    CHECK_EQ(irq_counts[MSIX_VECTOR], before + 1);
}

/* ---- User interrupts ---- */

/* In ring 3 until the handler has run: no kernel step in between. */
static uint64_t wait_for_delivery(uint64_t before, uint64_t unused)
{
    (void)unused;
    stui();
    for (int i = 0; i < 1000000 && *USER(&ui_count) == before; i++) {
        cpu_relax();
    }
    clui();
    return 0;
}

static volatile bool ready;

static void be_receiver(uint64_t upid)
{
    struct frame f = frame_user((const void *)wait_for_delivery, ui_count, 0);

    f.rflags |= RFLAGS_IF;
    uintr_receiver(UI_RECORD, (struct upid *)upid, NV);
    ready = true;
    run(&f);
    cli();
    wrmsr(UINTR_MSR_MISC, 0);           /* NV is an interrupt again */
}

/* MB34: a message runs a ring-3 handler of CPU 2 */
static void test_posted_message(void)
{
    uint8_t in[MBOX_BUFFER];

    setup();
    ready = false;
    upid_init(&send_upids[0], NV, SIDE1_CPU);
    smp_run(SIDE1_CPU, be_receiver, (uint64_t)&send_upids[0]);
    CHECK(WAIT_FOR(ready));
    CHECK(mbox_bind(&b, &send_upids[0], UV, apic_is_x2()));
    CHECK_EQ(mbox_send(&a, "message", 8), MBOX_STATUS_DELIVERED);
    smp_wait(SIDE1_CPU);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].vector, UV);
    CHECK_EQ(mbox_receive(&b, in), 8);
    CHECK_EQ(mbox_counter(&b, MBOX_COUNT_POSTED), 1);
}

/* MB34: a kernel takes it from PIR by hand, before a CPU has used that UPID */
static void test_cleared_by_hand(void)
{
    static struct uitte table[1] __attribute__((aligned(64)));
    static struct upid upid;

    setup();
    upid_init(&upid, NV, SIDE1_CPU);
    upid.low |= UPID_SN;
    CHECK(mbox_bind(&b, &upid, UV, apic_is_x2()));
    CHECK_EQ(mbox_send(&a, "message", 8), MBOX_STATUS_DELIVERED);
    CHECK_EQ(upid.pir, BIT(UV));
    upid.pir = 0;
    table[0] = uitte(UV + 1, &upid);
    uintr_sender(table, 1);
    senduipi(0);
    CHECK_EQ(upid.pir, BIT(UV + 1));
}

/* MB35: "mov $0, %eax; ret" in a PIR, where a post of vector 8 makes it $1 */
static void test_code_in_upid(void)
{
    static struct upid code;
    uint32_t (*run_it)(void) = (void *)&code.pir;

    setup();
    upid_init(&code, NV, SIDE1_CPU);
    code.low |= UPID_SN;
    code.pir = 0x0000c300000000b8;
    CHECK(mbox_bind(&b, &code, 8, apic_is_x2()));
    CHECK_EQ(run_it(), 0);
    CHECK_EQ(mbox_send(&a, "message", 8), MBOX_STATUS_DELIVERED);
    CHECK_EQ(mbox_counter(&b, MBOX_COUNT_POST_COALESCED), 1);
    CHECK_EQ(run_it(), 1);
}

static struct upid *window_upid(struct mbox *m)
{
    return (struct upid *)(m->shm + mbox_config(m, MBOX_CFG_UPID_OFFSET) +
                           mbox_config(m, MBOX_CFG_UPID_SIZE));
}

/* The UPID lies in the window of side 1; NDST is a global ID. */
static void aim(struct upid *upid, uint32_t global_id)
{
    send_setup();
    upid->pir = 0;
    upid->low = upid_low(NV, 0, 0) & 0xffffffff;
    upid->low |= (uint64_t)(apic_is_x2() ? global_id : global_id << 8) <<
                 UPID_NDST_SHIFT;
    send_table[0] = uitte(UV, upid);
}

static void allow(struct mbox *m, int cpu, int vector)
{
    mbox_write64(m, MBOX_REG_ALLOW_DEST, BIT(cpu));
    mbox_write64(m, MBOX_REG_ALLOW_VECTOR + vector / 64 * 8, BIT(vector % 64));
}

/* MB30: SENDUIPI through the link, into ring 3 of the other side */
static void test_routed(void)
{
    struct upid *upid;

    setup();
    upid = window_upid(&b);
    allow(&b, 0, NV);
    aim(upid, SIDE1_FIRST);
    ready = false;
    smp_run(SIDE1_CPU, be_receiver, (uint64_t)upid);
    CHECK(WAIT_FOR(ready));
    senduipi(0);
    smp_wait(SIDE1_CPU);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].vector, UV);
    CHECK_EQ(upid->pir, 0);
    CHECK_EQ(upid->low & UPID_ON, 0);
    CHECK_EQ(mbox_counter(&a, MBOX_COUNT_ROUTED), 1);
    CHECK_EQ(mbox_counter(&b, MBOX_COUNT_INJECTED), 1);
}

/* MB30: each CPU of the other side by its own ID */
static void test_second_cpu(void)
{
    setup();
    ipis_taken(SIDE1_CPU, NV);
    ipis_taken(SIDE1_CPU + 1, NV);
    allow(&b, 1, NV);
    aim(window_upid(&b), SIDE1_FIRST + 1);
    senduipi(0);
    CHECK(WAIT_FOR(mbox_counter(&b, MBOX_COUNT_INJECTED) == 1));
    CHECK_EQ(ipis_taken(SIDE1_CPU, NV), 0);
    CHECK_EQ(ipis_taken(SIDE1_CPU + 1, NV), 1);
}

static void send_vector(uint32_t id, int vector)
{
    struct upid *upid = window_upid(&b);

    aim(upid, id);
    upid->low = (upid->low & ~(0xffull << 16)) | (uint64_t)vector << 16;
    senduipi(0);
}

/* MB17, MB30: on their way at the same time, and each arrives */
static void test_many_routed(void)
{
    setup();
    trap_handle(NV + 1, irq_count);
    allow(&b, 0, NV);
    mbox_write64(&b, MBOX_REG_ALLOW_DEST, 3);
    mbox_write64(&b, MBOX_REG_ALLOW_VECTOR + NV / 64 * 8, 3ull << NV % 64);
    for (int cpu = 0; cpu < 2; cpu++) {
        ipis_taken(SIDE1_CPU + cpu, NV);
    }
    for (int i = 0; i < 4; i++) {
        send_vector(SIDE1_FIRST + i / 2, NV + i % 2);
    }
    if (arg_given("late")) {
        CHECK_EQ(mbox_counter(&b, MBOX_COUNT_INJECTED), 0);
    }
    CHECK(WAIT_FOR(mbox_counter(&b, MBOX_COUNT_INJECTED) == 4));
    for (int cpu = 0; cpu < 2; cpu++) {
        uint32_t before = irq_counts[NV + 1];

        CHECK_EQ(ipis_taken(SIDE1_CPU + cpu, NV), 1);
        CHECK_EQ(irq_counts[NV + 1], before + 1);
    }
}

/* MB17, MB30: neither early nor late.  A tick of the TSC is a ns (icount). */
static void test_routed_in_time(void)
{
    uint64_t latency = arg_number("late", 0), start, passed;

    if (!latency) {
        skip("needs a link with a latency");
    }
    setup();
    ipis_taken(SIDE1_CPU, NV);
    allow(&b, 0, NV);
    aim(window_upid(&b), SIDE1_FIRST);
    start = rdtsc();
    senduipi(0);
    while (!mbox_counter(&b, MBOX_COUNT_INJECTED)) {
        continue;
    }
    passed = rdtsc() - start;
    printf("# arrived after %lu ns\n", passed);
    CHECK(passed >= latency);
    CHECK(passed < latency + 5000);
    CHECK_EQ(ipis_taken(SIDE1_CPU, NV), 1);
}

/* MB31: not the destination, not the vector, not beyond the window */
static void test_not_allowed(void)
{
    struct upid *upid;

    setup();
    upid = window_upid(&b);
    ipis_taken(SIDE1_CPU, NV);
    allow(&b, 1, NV);
    aim(upid, SIDE1_FIRST);
    senduipi(0);
    allow(&b, 0, NV + 1);
    mbox_write64(&b, MBOX_REG_ALLOW_VECTOR + 8, BIT(NV + 1 - 64));
    aim(upid, SIDE1_FIRST);
    senduipi(0);
    CHECK_EQ(upid->pir, BIT(UV));
    CHECK_EQ(ipis_taken(SIDE1_CPU, NV), 0);
    CHECK_EQ(mbox_counter(&b, MBOX_COUNT_INJECT_REFUSED), 2);
    CHECK_EQ(mbox_counter(&b, MBOX_COUNT_INJECTED), 0);
    allow(&b, 0, NV);
    aim(upid, SIDE1_FIRST + 2);
    senduipi(0);                        /* nobody has that ID */
    CHECK_EQ(mbox_counter(&a, MBOX_COUNT_ROUTED), 2);
    CHECK_EQ(ipis_taken(SIDE1_CPU, NV), 0);
    aim(upid, SIDE1_FIRST);
    senduipi(0);
    CHECK_EQ(ipis_taken(SIDE1_CPU, NV), 1);
}

#define XAPIC_ID ((volatile uint32_t *)0xfee00020)

static void change_id(uint64_t id)
{
    *XAPIC_ID = id << 24;
}

/* MB32: a CPU whose xAPIC ID now names another one gets nothing. */
static void test_changed_id(void)
{
    if (apic_is_x2()) {
        return;                         /* there it cannot be changed */
    }
    setup();
    ipis_taken(SIDE1_CPU, NV);
    ipis_taken(1, NV);
    allow(&b, 0, NV);
    aim(window_upid(&b), SIDE1_FIRST);
    smp_run(SIDE1_CPU, change_id, 1);
    smp_wait(SIDE1_CPU);
    senduipi(0);
    CHECK_EQ(mbox_counter(&b, MBOX_COUNT_INJECT_REFUSED), 1);
    smp_run(SIDE1_CPU, change_id, SIDE1_CPU);
    smp_wait(SIDE1_CPU);
    CHECK_EQ(ipis_taken(1, NV), 0);
    aim(window_upid(&b), SIDE1_FIRST);
    senduipi(0);
    CHECK_EQ(ipis_taken(SIDE1_CPU, NV), 1);
}

static void receive_here(uint64_t upid)
{
    uintr_receiver(UI_RECORD, (struct upid *)upid, NV);
}

/*
 * MB34: the message's notification has arrived, and waits for CPU 2's IF; the
 * routed one that comes behind it is for CPU 3, which there may not be.
 */
static void test_lost_behind(void)
{
    static struct upid upid;

    setup();
    upid_init(&upid, NV, SIDE1_CPU);
    smp_run(SIDE1_CPU, receive_here, (uint64_t)&upid);
    smp_wait(SIDE1_CPU);
    CHECK(mbox_bind(&b, &upid, UV, apic_is_x2()));
    CHECK_EQ(mbox_send(&a, "message", 8), MBOX_STATUS_DELIVERED);
    allow(&b, 1, NV);
    aim(window_upid(&b), SIDE1_FIRST + 1);
    senduipi(0);
    CHECK_EQ(mbox_counter(&b, MBOX_COUNT_POSTED), 1);
    CHECK_EQ(mbox_counter(&a, MBOX_COUNT_ROUTED), 1);
    delay(60000000);                    /* longer than a ledger waits */
}

/* MB30: a CPU of the other side finds the window, and may not use it */
static void send_from_there(uint64_t unused)
{
    (void)unused;
    uintr_enable();
    uintr_sender(send_table, 1);
    senduipi(0);
}

static void test_wrong_sender(void)
{
    setup();
    ipis_taken(SIDE1_CPU, NV);
    allow(&b, 0, NV);
    aim(window_upid(&b), SIDE1_FIRST);
    smp_run(3, send_from_there, 0);
    smp_wait(3);
    CHECK_EQ(ipis_taken(SIDE1_CPU, NV), 0);
    CHECK_EQ(mbox_counter(&a, MBOX_COUNT_ROUTE_REFUSED), 1);
}

/* MB44: the peer's driver goes and comes back */
static void test_events(void)
{
    uint8_t event[MBOX_EVENT_SIZE];
    uint32_t generation;

    setup();
    while (mbox_event(&a, event)) {
        cpu_relax();
    }
    generation = mbox_read(&a, MBOX_REG_PEER_GENERATION);
    mbox_reset(&b);
    CHECK(mbox_event(&a, event));
    CHECK_EQ(*(uint32_t *)(event + MBOX_EVENT_TYPE), MBOX_EVENT_TYPE_LINK);
    CHECK(mbox_event(&a, event));
    CHECK_EQ(*(uint32_t *)(event + MBOX_EVENT_TYPE), MBOX_EVENT_TYPE_RESET);
    CHECK_EQ(*(uint32_t *)(event + MBOX_EVENT_GENERATION), generation + 1);
    CHECK_EQ(mbox_send(&a, "message", 8), MBOX_STATUS_PEER_GONE);
    CHECK(mbox_start(&b));
    CHECK_EQ(mbox_send(&a, "message", 8), MBOX_STATUS_DELIVERED);
}

const struct test tests[] = {
    { "MB10-polling", test_polling },
    { "MB15-back-pressure", test_back_pressure },
    { "MB3-flags", test_flags },
    { "MB19-batches", test_batches },
    { "MB19-long-batch", test_long_batch, 2 },
    { "MB18-empty-buffer", test_empty_buffer },
    { "MB2-msix", test_msix },
    { "MB24-doorbell", test_doorbell },
    { "MB21-ring-arrives", test_ring_arrives },
    { "MB34-posted-message", test_posted_message, 3 },
    { "MB34-cleared-by-hand", test_cleared_by_hand },
    { "MB35-code-in-upid", test_code_in_upid },
    { "MB30-routed", test_routed, 3 },
    { "MB30-second-cpu", test_second_cpu, 4 },
    { "MB17-many-routed", test_many_routed, 4 },
    { "MB17-routed-in-time", test_routed_in_time, 4 },
    { "MB31-not-allowed", test_not_allowed, 3 },
    { "MB32-changed-id", test_changed_id, 3 },
    { "MB30-wrong-sender", test_wrong_sender, 4 },
    { "MB44-events", test_events },
    { "MB34-lost-behind", test_lost_behind, 3 },
    {}
};
