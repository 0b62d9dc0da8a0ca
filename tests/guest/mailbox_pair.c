/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One side of a mailbox whose other side is in another process or in another
 * partition; both run this payload and go from step to step together.  Args:
 * n= increments.
 */
#include "mailbox.h"
#include "send.h"

const char *const test_group = "/mailbox/pair";

#define FIRST_ID(side) (0x40 + 0x10 * (side))
#define UV          9
#define MESSAGES    500
#define ROUNDS      200

static struct mbox m;
static uint32_t side;
static uint64_t increments;

/* In real time it takes what it takes: the runner has the limit. */
#define WAIT_LONG(cond)                                                     \
    do {                                                                    \
        while (!(cond)) {                                                   \
            cpu_relax();                                                    \
        }                                                                   \
    } while (0)

static volatile uint32_t *peers_state(int field)
{
    return (volatile uint32_t *)(m.shm + MBOX_STATE_OFFSET +
                                 !side * MBOX_PAGE_SIZE + field);
}

/* Both are here; after the last step the other one may be gone already. */
static void step(void)
{
    static uint32_t number;

    number++;
    mbox_write(&m, MBOX_REG_STATE_WORD, number);
    WAIT_LONG(*peers_state(MBOX_STATE_WORD) >= number ||
              (number > 1 && mbox_read(&m, MBOX_REG_LINK) != MBOX_LINK_UP));
}

static void test_start(void)
{
    pci_init();
    CHECK(mbox_find(&m, 0));
    CHECK(mbox_start(&m));
    side = mbox_config(&m, MBOX_CFG_SIDE);
    WAIT_LONG(mbox_read(&m, MBOX_REG_LINK) == MBOX_LINK_UP);
    CHECK_EQ(mbox_config(&m, MBOX_CFG_PEER_APIC_FIRST), FIRST_ID(!side));
    step();
}

/* MB10: there and back, in order */
static void test_messages(void)
{
    uint64_t out, in[MBOX_BUFFER / 8];
    uint32_t status;

    for (uint64_t i = 0; i < MESSAGES; i++) {
        out = i << 1 | side;
        mbox_send_start(&m, &out, sizeof(out));
        WAIT_LONG(mbox_receive(&m, in));
        CHECK_EQ(in[0], i << 1 | !side);
        WAIT_LONG((status = mbox_send_status(&m)));
        CHECK_EQ(status, MBOX_STATUS_DELIVERED);
    }
    step();
}

/* MB59: locked increments of two processes add up */
static void test_locked_sum(void)
{
    volatile uint64_t *word = (volatile uint64_t *)
        (m.shm + mbox_config(&m, MBOX_CFG_COMMON_OFFSET));

    step();
    for (uint64_t i = 0; i < increments; i++) {
        asm volatile("lock incq %0" : "+m"(*word));
    }
    step();
    CHECK_EQ(*word, 2 * increments);
    step();
}

/* MB20-MB24: a doorbell as an interrupt, there and back */
static void test_doorbells(void)
{
    trap_handle(0x70, irq_count);
    pci_msix(&m.v.pci, 4, apic_id(), 0x70);
    mbox_write(&m, MBOX_REG_RING_MSIX, 4);
    mbox_write64(&m, MBOX_REG_ENABLE, 1);
    step();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        if (side == 0) {
            CHECK_EQ(mbox_ring(&m, 0), MBOX_RING_POSTED);
        }
        WAIT_LONG((irq_window(), irq_counts[0x70] > i));
        mbox_write64(&m, MBOX_REG_PENDING, 1);
        if (side == 1) {
            CHECK_EQ(mbox_ring(&m, 0), MBOX_RING_POSTED);
        }
    }
    CHECK_EQ(irq_counts[0x70], ROUNDS);
    step();
}

static struct upid *window_upid(uint32_t of)
{
    return (struct upid *)(m.shm + mbox_config(&m, MBOX_CFG_UPID_OFFSET) +
                           of * mbox_config(&m, MBOX_CFG_UPID_SIZE));
}

static uint64_t wait_for_delivery(uint64_t before, uint64_t unused)
{
    (void)unused;
    stui();
    while (*USER(&ui_count) == before) {
        cpu_relax();
    }
    clui();
    return 0;
}

static void take_one(void)
{
    struct frame f = frame_user((const void *)wait_for_delivery, ui_count, 0);

    f.rflags |= RFLAGS_IF;
    run(&f);
    cli();
}

/* MB30: SENDUIPI into ring 3 of the other process, and back */
static void test_user_interrupts(void)
{
    struct upid *own = window_upid(side);

    upid_init(own, NV, 0);
    own->low &= 0xffffffff;
    own->low |= (uint64_t)(apic_is_x2() ? FIRST_ID(side) :
                           FIRST_ID(side) << 8) << UPID_NDST_SHIFT;
    uintr_receiver(UI_RECORD, own, NV);
    uintr_sender(send_table, 1);
    send_table[0] = uitte(UV, window_upid(!side));
    mbox_write64(&m, MBOX_REG_ALLOW_DEST, 1);
    mbox_write64(&m, MBOX_REG_ALLOW_VECTOR + NV / 64 * 8, BIT(NV % 64));
    step();
    for (int i = 0; i < ROUNDS; i++) {
        if (side == 0) {
            senduipi(0);
        }
        take_one();
        if (side == 1) {
            senduipi(0);
        }
    }
    CHECK_EQ(ui_count, ROUNDS);
    CHECK_EQ(ui_log[0].vector, UV);
    step();
    CHECK_EQ(mbox_counter(&m, MBOX_COUNT_ROUTED), ROUNDS);
    CHECK_EQ(mbox_counter(&m, MBOX_COUNT_INJECTED), ROUNDS);
    step();
}

/* MB40: side 0 stays until side 1 has gone, with its process or partition. */
static void test_end(void)
{
    if (side == 0) {
        WAIT_LONG(mbox_read(&m, MBOX_REG_LINK) != MBOX_LINK_UP);
    }
}

void payload_start(void)
{
    increments = arg_number("n", 1000000);
}

const struct test tests[] = {
    { "MB51-start", test_start },
    { "MB10-messages", test_messages },
    { "MB59-locked-sum", test_locked_sum },
    { "MB24-doorbells", test_doorbells },
    { "MB30-user-interrupts", test_user_interrupts },
    { "MB40-end", test_end },
    {}
};
