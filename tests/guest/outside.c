/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Three vectors of a UPID, while somebody outside of the guest changes its
 * memory or the whole machine (docs/ledger.md, L11): 9 was posted and waits in
 * PIR, 5 in UIRR, 10 is posted behind it.  Twice the payload says READY and
 * waits for an NMI.  Devices change it where the payload asks them to.  Run by
 * tests/ledger/test-outside.
 */
#include "blk.h"
#include "device.h"
#include "recv.h"

const char *const test_group = "/ledger/outside";

#define IN_UIRR         5
#define IN_PIR          9
#define LATER           10
#define APIC_LVT_LINT1  0x360
#define LVT_NMI         0x400
#define STRANGE         20
#define SECTOR          1
#define READS           300
#define BALLOON         0x1045

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

/* ---- by another process, which has the memory and the UPID ---- */

/* Notified here, where the IDT has it: the peer may clear ON. */
static void test_peer_takes(void)
{
    begin();
    trap_handle(NV, irq_count);
    wrmsr(UINTR_MSR_MISC, misc(0, 2));
    senduipi(1);
    irq_window();
    wait_for_host(1);
}

/* Taken, and the IDT has a later one: the peer may set ON. */
static void test_peer_posts(void)
{
    begin();
    trap_handle(NV, irq_count);
    senduipi(1);
    irq_window();
    CHECK_EQ(recv_rr(), BIT(IN_PIR));
    wrmsr(UINTR_MSR_RR, 0);
    wrmsr(UINTR_MSR_MISC, misc(0, 2));
    recv_request();
    irq_window();
    wait_for_host(1);
}

/* The emulator asks the host's library for a sine, in the midst of a block. */
static void test_sine(void)
{
    begin();
    senduipi(1);
    asm volatile("fninit; fld1; fsin; fstp %st(0)");
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

/* ---- by devices ---- */

static volatile bool posts, ends;

static void post_on(uint64_t unused __attribute__((unused)))
{
    uintr_sender(table, 3);
    while (!ends) {
        senduipi(1);
        posts = true;
    }
}

/* A sector that is a UPID is read over it while it is posted to. */
static void test_disk(void)
{
    static uint64_t sector[BLK_SECTOR / 8] __attribute__((aligned(512)));
    static struct blk disk;

    begin();
    recv_upid->low |= UPID_SN;
    sector[0] = recv_upid->low;
    sector[1] = BIT(STRANGE);
    pci_init();
    CHECK(blk_find(&disk, 0) && blk_start(&disk, (uint64_t)&disk.rings));
    CHECK_EQ(blk_write(&disk, SECTOR, (uint64_t)sector), BLK_OK);
    smp_run(1, post_on, 0);
    CHECK(WAIT_FOR(posts));
    for (int i = 0; i < READS; i++) {
        CHECK_EQ(blk_read(&disk, SECTOR, (uint64_t)recv_upid), BLK_OK);
    }
    ends = true;
    smp_wait(1);
}

/* Two disks, each read by a CPU over all UPIDs that are in a sector. */
#define IN_SECTOR       (BLK_SECTOR / (int)sizeof(struct upid))

static struct blk disks[2];

static void read_over(uint64_t n)
{
    static struct upid upids[2][IN_SECTOR] __attribute__((aligned(BLK_SECTOR)));
    static struct uitte tables[2][1];
    uint64_t times = arg_number("n", 10);

    uintr_enable();
    uintr_sender(tables[n], 1);
    for (int i = 0; i < IN_SECTOR; i++) {
        upids[n][i].low = upid_low(NV, 0, UPID_SN);
        tables[n][0] = uitte(IN_PIR, &upids[n][i]);
        senduipi(0);
    }
    while (times--) {
        CHECK_EQ(blk_read(&disks[n], 0, (uint64_t)upids[n]), BLK_OK);
    }
}

static void test_disks(void)
{
    pci_init();
    for (int n = 0; n < 2; n++) {
        CHECK(blk_find(&disks[n], n) &&
              blk_start(&disks[n], (uint64_t)&disks[n].rings));
    }
    smp_run(1, read_over, 1);
    read_over(0);
    while (!smp_done(1)) {
        cpu_relax();
    }
}

/* The host may have this page: it is all zero when it is used again. */
static void give_away(const void *page)
{
    static struct blk_rings rings;
    static struct virtio balloon;
    static uint32_t number;
    volatile uint16_t *notify;

    number = (uint64_t)page / PAGE_SIZE;
    CHECK(virtio_find(&balloon, BALLOON, 0));
    virtio_reset(&balloon);
    CHECK(virtio_negotiate(&balloon, 0));
    notify = virtio_queue(&balloon, 0, BLK_ENTRIES, rings.desc, &rings.avail,
                          &rings.used);
    virtio_start(&balloon);
    rings.desc[0].addr = (uint64_t)&number;
    rings.desc[0].len = sizeof(number);
    asm volatile("mfence" : : : "memory");
    rings.avail.idx = 1;
    asm volatile("mfence" : : : "memory");
    *notify = 0;
    CHECK(WAIT_FOR(rings.used.idx == 1));
}

static void test_balloon(void)
{
    begin();
    recv_upid->low |= UPID_SN;
    senduipi(1);
    pci_init();
    give_away(recv_upid);
    CHECK_EQ(recv_upid->pir, 0);
    recv_upid->low = upid_low(NV, apic_id(), UPID_SN);
    senduipi(2);
    CHECK_EQ(recv_upid->pir, BIT(LATER));
}

const struct test tests[] = {
    { "outside", test_outside },
    { "peer-takes", test_peer_takes },
    { "peer-posts", test_peer_posts },
    { "sine", test_sine },
    { "many", test_many },
    { "disk", test_disk, 2 },
    { "disks", test_disks, 2 },
    { "balloon", test_balloon },
    {}
};
