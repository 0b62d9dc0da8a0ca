/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each of two partitions has a disk and aims its DMA and its MSI-X at the
 * other one; both run this payload and go from step to step together.  What
 * is refused the script counts.
 */
#include "blk.h"
#include "machine.h"

const char *const test_group = "/partition/disk";

#define OWN_VECTOR      0x71
#define REFUSED         0x42            /* in nobody's list */
#define MESSAGES        0xfee00000ull   /* those to APIC ID 0 */
#define OWN_SECTOR      1
#define LOOT_SECTOR     2
#define SECRET(side)    (0x7365637265740000 + (side))
#define WORDS           (BLK_SECTOR / 8)

/* A page of the machine's memory that both see. */
static struct meeting {
    volatile uint32_t step[2];
    volatile uint64_t secret[2], rings[2];
    volatile uint32_t apic_id[2];
} *const meeting = (void *)0x800000;

static struct blk disk;
static uint64_t secret[WORDS] __attribute__((aligned(PAGE_SIZE)));
static uint64_t buffer[WORDS] __attribute__((aligned(PAGE_SIZE)));
static uint8_t other_rings[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static int side;

static void step(void)
{
    meeting->step[side]++;
    CHECK(WAIT_FOR(meeting->step[!side] >= meeting->step[side]));
}

static void check_secret(void)
{
    for (int i = 0; i < WORDS; i++) {
        CHECK_EQ(secret[i], SECRET(side));
    }
}

static void fill(uint64_t *to, uint64_t value)
{
    for (int i = 0; i < WORDS; i++) {
        to[i] = value;
    }
}

static void test_start(void)
{
    side = !machine.whole;
    fill(secret, SECRET(side));
    meeting->secret[side] = (uint64_t)secret;
    meeting->rings[side] = (uint64_t)other_rings;
    meeting->apic_id[side] = apic_id();
    pci_init();
    printf("# AIMS 0x%lx 0x%lx\n", (uint64_t)secret, (uint64_t)other_rings);
    CHECK(blk_find(&disk, 0));
    CHECK(blk_start(&disk, (uint64_t)&disk.rings));
    step();
}

static void test_own(void)
{
    fill(buffer, OWN_VECTOR);
    CHECK_EQ(blk_write(&disk, OWN_SECTOR, (uint64_t)buffer), BLK_OK);
    fill(buffer, 0);
    CHECK_EQ(blk_read(&disk, OWN_SECTOR, (uint64_t)buffer), BLK_OK);
    CHECK_EQ(buffer[0], OWN_VECTOR);
    CHECK_EQ(buffer[WORDS - 1], OWN_VECTOR);
    step();
}

/* P11: the device stores nothing there. */
static void test_read_into_other(void)
{
    CHECK_EQ(blk_read(&disk, OWN_SECTOR, meeting->secret[!side]), BLK_OK);
    step();
    check_secret();
    step();
}

/* P11: what it finds there are all ones. */
static void test_write_from_other(void)
{
    CHECK_EQ(blk_write(&disk, LOOT_SECTOR, meeting->secret[!side]), BLK_OK);
    CHECK_EQ(blk_read(&disk, LOOT_SECTOR, (uint64_t)buffer), BLK_OK);
    for (int i = 0; i < WORDS; i++) {
        CHECK_EQ(buffer[i], ~0ull);
    }
    step();
}

/* A queue that lies there is broken, and nothing there has changed. */
static void test_queue_in_other(void)
{
    CHECK(blk_start(&disk, meeting->rings[!side]));
    blk_notify(&disk);
    CHECK(WAIT_FOR(virtio_needs_reset(&disk.v)));
    step();
    for (unsigned i = 0; i < sizeof(other_rings); i++) {
        CHECK_EQ(other_rings[i], 0);
    }
    CHECK(blk_start(&disk, (uint64_t)&disk.rings));
    step();
}

static void read_with_msix(uint32_t dest, int vector)
{
    pci_msix(&disk.v.pci, 1, dest, vector);
    virtio_queue_msix(&disk.v, 0, 1);
    CHECK_EQ(blk_read(&disk, OWN_SECTOR, (uint64_t)buffer), BLK_OK);
    irq_window();
}

/* The lists are about others. */
static void test_own_msix(void)
{
    trap_handle(OWN_VECTOR, irq_count);
    read_with_msix(apic_id(), OWN_VECTOR);
    CHECK(WAIT_FOR((irq_window(), irq_counts[OWN_VECTOR] == 1)));
    step();
}

static void test_other_msix(void)
{
    trap_handle(REFUSED, irq_count);
    step();
    read_with_msix(meeting->apic_id[!side], REFUSED);
    step();
    irq_window();
    CHECK_EQ(irq_counts[REFUSED], 0);
    step();
}

/* To all: it reaches its own. */
static void test_broadcast_msix(void)
{
    read_with_msix(0xff, REFUSED);
    CHECK(WAIT_FOR((irq_window(), irq_counts[REFUSED] == 1)));
    step();
    irq_window();
    CHECK_EQ(irq_counts[REFUSED], 1);
    step();
}

/* P7: data of a sector, stored where messages become interrupts */
static void test_plain_message(void)
{
    trap_handle(REFUSED, irq_count);
    trap_handle(OWN_VECTOR, irq_count);
    pci_msix(&disk.v.pci, 1, apic_id(), OWN_VECTOR);
    step();
    if (side) {
        fill(buffer, REFUSED);
        CHECK_EQ(blk_write(&disk, OWN_SECTOR, (uint64_t)buffer), BLK_OK);
        CHECK_EQ(blk_read(&disk, OWN_SECTOR, MESSAGES), BLK_OK);
    }
    step();
    irq_window();
    CHECK_EQ(irq_counts[REFUSED], 0);
    step();
}

const struct test tests[] = {
    { "start", test_start },
    { "own-memory", test_own },
    { "read-into-other", test_read_into_other },
    { "write-from-other", test_write_from_other },
    { "queue-in-other", test_queue_in_other },
    { "own-msix", test_own_msix },
    { "other-msix", test_other_msix },
    { "broadcast-msix", test_broadcast_msix },
    { "plain-message", test_plain_message },
    {}
};
