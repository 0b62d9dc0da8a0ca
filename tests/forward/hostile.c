/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile GP: its second CPU serves, and the first one writes anything into
 * all that GP may write of the link, rings, posts, and sends any interrupt.
 * What it would do to GP's own CPUs is left out.  Args: n= rounds, seed=;
 * flood=1: nothing but interrupts, and only while RT's word says so, or
 * flood=always; flood=reads: it only reads a register of its mailbox then.
 */
#include "gp.h"
#include "rounds.h"
#include "scribbling.h"

#define FLOOD           200
#define REST            1000000     /* ticks at most */
#define OLD_SLOT        3           /* what looks like version 2 is served so */

static struct uitte target;

/* The first slots are in use; most of a slot's meaning is in its head. */
static void scribble_slot(void)
{
    struct scf_slot *slot = &link.own[draw(4)];
    static const uint32_t sizes[] = { sizeof(struct scf_head), SCF3_BUFFERS,
                                      SCF3_SLOT_SIZE };

    scribble((uint32_t *)slot, sizes[draw(3)], SCRIBBLE_ALL);
}

/*
 * Results that are not the call's, from before RT looks until it has, and a
 * CPU that is not GP's.
 */
static void lie(void)
{
    struct scf_slot *slot = &link.own[draw(4)];

    wire_set(&link.own[0].head.running, draw(RT_LOCAL_ID + 2));
    for (uint32_t n = 0; n < FLOOD; n++) {
        slot->replies[n % SCF3_ENTRIES].result = draw(8000);
        cpu_relax();
    }
}

/* RT's UPIDs and GP's; no notification is to go to a CPU of GP. */
static void scribble_upid(void)
{
    volatile uint64_t *upid = (uint64_t *)(link.upids + draw(4) * UPID_ALIGN);

    if (draw(2)) {
        upid += link.upid_half / 8;
        upid[0] = upid_low(draw(256), 0x50 + draw(4), random64(&seed) & 0xffff);
    } else {
        upid[0] ^= draw(4);
    }
    upid[1] = random64(&seed);
}

/* Queues of the old versions whose lock is held for ever, among the rest. */
static void scribble_window(void)
{
    uint64_t queue = SCF2_QUEUES + OLD_SLOT * SCF_PAGE_SIZE;

    if (draw(2)) {
        scribble((uint32_t *)WINDOW, WINDOW_END - WINDOW, SCRIBBLE_ALL);
        return;
    }
    *(volatile uint32_t *)(queue + SCF_META_MAGIC) = SCF_MAGIC;
    *(volatile uint16_t *)(queue + SCF_META_CAPACITY) = SCF2_CAPACITY;
    *(volatile uint8_t *)(queue + SCF_META_LOCK) = 1;
    scribble((uint32_t *)queue, SCF_PAGE_SIZE, SCRIBBLE_ALL);
}

static void flood(void)
{
    for (uint32_t n = draw(FLOOD); n; n--) {
        mbox_write(&link.mbox, MBOX_REG_DOORBELL, draw(8) ? 0 : draw(80));
    }
    mbox_write(&link.mbox, MBOX_REG_STATE_WORD, draw(1000));
}

/* What a UPID says now, then vectors and modes that nobody allows. */
static void interrupt(void)
{
    static const uint32_t kinds[] = { ICR_FIXED, ICR_NMI, ICR_INIT, ICR_SMI,
                                      ICR_STARTUP };

    target = uitte(draw(64), (struct upid *)(link.upids + link.upid_half));
    for (uint32_t n = draw(FLOOD); n; n--) {
        send_user_interrupt(0);
    }
    apic_icr(RT_LOCAL_ID, kinds[draw(5)] | ICR_ASSERT | (16 + draw(240)));
    apic_icr(RT_LOCAL_ID, ICR_FIXED | ICR_ASSERT | RT_IPI_VECTOR);
}

static void do_anything(void)
{
    switch (draw(9)) {
    case 8:
        lie();
        break;
    case 0:
        flood();
        break;
    case 1:
        interrupt();
        break;
    case 2:
        scribble_window();
        break;
    case 3:
    case 4:
        scribble_upid();
        break;
    default:
        scribble_slot();
    }
}

/* Between two rounds GP serves for a while, so that there is work to spoil. */
static void rest(void)
{
    for (uint64_t end = rdtsc() + draw(REST); rdtsc() < end; ) {
        cpu_relax();
    }
}

/* What tells RT nothing, and costs the emulator's lock as a doorbell does. */
static void read_registers(void)
{
    for (uint32_t n = 0; n < FLOOD; n++) {
        mbox_read(&link.mbox, MBOX_REG_LINK);
    }
}

static void flood_when_told(void)
{
    const uint32_t *word = rounds_word(link.peer);
    bool always = arg_is("flood", "always"), reads = arg_is("flood", "reads");

    for (;;) {
        if (always || wire_word(word)) {
            if (reads) {
                read_registers();
            } else {
                flood();
                interrupt();
            }
        }
        cpu_relax();
    }
}

void gp_own_work(void)
{
    uint32_t n = arg_number("n", 10000);

    seed = arg_number("seed", 1);
    while (!*(volatile uint64_t *)&link.own ||
           !*(volatile uint32_t *)&link.peer[0].head.epoch) {
        cpu_relax();
    }
    kernel_cpu();
    uintr_sender(&target, 1);
    if (arg_given("flood")) {
        flood_when_told();
    }
    for (uint32_t round = 1; round <= n; round++) {
        if (!arg_given("calm")) {
            do_anything();
        }
        rest();
        wire_set(rounds_word(link.own), round);
    }
    printf("# %u rounds of anything\n", n);
    for (;;) {
        hlt();
    }
}
