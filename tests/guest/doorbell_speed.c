/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a link between two processes: how long does a doorbell take
 * there and back, how long a message alone, and one of a batch?
 * Args: device=mailbox or ivshmem, side=, n= round trips, messages=.
 */
#include "mailbox.h"

const char *const test_group = "/bench/doorbell";

#define VECTOR          0x70
#define BATCH           32
#define IVSHMEM_VENDOR  0x1af4
#define IVSHMEM_DEVICE  0x1110
#define IVSHMEM_ID      0x08
#define IVSHMEM_RING    0x0c

static struct mbox m;
static struct pci ivshmem;
static uint64_t side, trips, messages, ivshmem_regs;
static volatile uint64_t *shared;
static volatile uint32_t rung;

static void count_ring(struct frame *f)
{
    (void)f;
    rung++;
    apic_eoi();
}

static void ring_mailbox(void)
{
    mbox_write(&m, MBOX_REG_DOORBELL, 0);
}

static void ring_ivshmem(void)
{
    *(volatile uint32_t *)(ivshmem_regs + IVSHMEM_RING) = !side << 16;
}

static void set_up_mailbox(void)
{
    CHECK(mbox_find(&m, 0) && mbox_start(&m));
    while (mbox_read(&m, MBOX_REG_LINK) != MBOX_LINK_UP) {
        cpu_relax();
    }
    pci_msix(&m.v.pci, 4, apic_id(), VECTOR);
    mbox_write(&m, MBOX_REG_RING_MSIX, 4);
    mbox_write64(&m, MBOX_REG_ENABLE, 1);
    shared = (volatile uint64_t *)
        (m.shm + mbox_config(&m, MBOX_CFG_COMMON_OFFSET));
}

static void set_up_ivshmem(void)
{
    CHECK(pci_find(&ivshmem, IVSHMEM_VENDOR, IVSHMEM_DEVICE, 0));
    pci_enable(&ivshmem);
    ivshmem_regs = pci_bar(&ivshmem, 0);
    shared = (volatile uint64_t *)pci_bar(&ivshmem, 2);
    pci_msix(&ivshmem, 0, apic_id(), VECTOR);
    side = *(volatile uint32_t *)(ivshmem_regs + IVSHMEM_ID);
}

static void meet(void)
{
    shared[side] = 1;
    while (!shared[!side]) {
        cpu_relax();
    }
}

static uint64_t trip_time(void (*ring)(void))
{
    uint64_t start = rdtsc();

    sti();
    for (uint64_t i = 0; i < trips; i++) {
        if (side == 0) {
            ring();
        }
        while (rung <= i) {
            cpu_relax();
        }
        if (side == 1) {
            ring();
        }
    }
    cli();
    return rdtsc() - start;
}

static void test_round_trip(void)
{
    bool is_mailbox = !arg_is("device", "ivshmem");
    uint64_t ticks;

    pci_init();
    trap_handle(VECTOR, count_ring);
    if (is_mailbox) {
        set_up_mailbox();
    } else {
        set_up_ivshmem();
    }
    meet();
    ticks = trip_time(is_mailbox ? ring_mailbox : ring_ivshmem);
    if (side == 0) {
        printf("RESULT trip %lu\n", (unsigned long)(ticks / trips));
    }
}

static void receive_all(uint64_t n)
{
    uint8_t in[MBOX_BUFFER];

    for (uint64_t i = 0; i < n; ) {
        if (mbox_receive(&m, in)) {
            i++;
        } else {
            cpu_relax();
        }
    }
}

/* Messages of 64 bytes, @batch to a notification and to a wake-up */
static void exchange(const char *what, uint64_t n, uint32_t batch)
{
    uint8_t text[64] = "message";
    uint64_t start = rdtsc();

    if (side == 1) {
        receive_all(n);
        return;
    }
    for (uint64_t i = 0; i < n; i += batch) {
        CHECK_EQ(mbox_send_batch(&m, text, sizeof(text), batch), batch);
    }
    printf("RESULT %s %lu\n", what, (unsigned long)((rdtsc() - start) / n));
}

static void test_messages(void)
{
    if (arg_is("device", "ivshmem")) {
        skip("ivshmem has no messages");
    }
    exchange("single", messages / BATCH, 1);
    exchange("message", messages, BATCH);
}

void payload_start(void)
{
    side = arg_number("side", 0);
    trips = arg_number("n", 10000);
    messages = arg_number("messages", 8000) / BATCH * BATCH;
}

const struct test tests[] = {
    { "round-trip", test_round_trip },
    { "messages", test_messages },
    {}
};
