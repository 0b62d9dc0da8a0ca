/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "link.h"

/* Behind those of the configuration and of the queues (MB2) */
#define MSIX_DOORBELL   (1 + MBOX_QUEUES)
#define MSIX_RECEIVE    (1 + MBOX_QUEUE_RX)

static volatile uint32_t *own_state(const struct link *link, int field)
{
    return (volatile uint32_t *)(link->mbox.shm + MBOX_STATE_OFFSET +
                                 link->side * MBOX_PAGE_SIZE + field);
}

static uint64_t section(struct link *link, int field)
{
    return link->mbox.shm + mbox_config(&link->mbox, field);
}

static void find_sections(struct link *link)
{
    uint64_t size = mbox_config(&link->mbox, MBOX_CFG_OUTPUT_SIZE);
    uint64_t output = section(link, MBOX_CFG_OUTPUT_OFFSET);

    link->own = (void *)(output + link->side * size);
    link->peer = (void *)(output + !link->side * size);
    link->marks = section(link, MBOX_CFG_MARK_OFFSET);
    link->upids = section(link, MBOX_CFG_UPID_OFFSET);
    link->upid_half = mbox_config(&link->mbox, MBOX_CFG_UPID_SIZE);
}

static void start_messages(struct link *link, int irq)
{
    for (uint32_t slot = 0; slot < SCF3_SLOTS; slot++) {
        link->names[slot] = slot;
    }
    pci_msix(&link->mbox.v.pci, MSIX_RECEIVE, apic_id(), irq);
    mbox_queue_msix(&link->mbox, MBOX_QUEUE_RX, MSIX_RECEIVE);
}

static void allow_vectors(struct link *link, const uint8_t *vectors, int n)
{
    uint64_t words[4] = { 0 };

    for (int i = 0; i < n; i++) {
        words[vectors[i] / 64] |= BIT(vectors[i] % 64);
    }
    for (int i = 0; i < 4; i++) {
        mbox_write64(&link->mbox, MBOX_REG_ALLOW_VECTOR + 8 * i, words[i]);
    }
    mbox_write64(&link->mbox, MBOX_REG_ALLOW_DEST, ~0ull);
}

bool link_start(struct link *link, int irq, const uint8_t *vectors, int n)
{
    pci_init();
    if (!mbox_find(&link->mbox, 0) || !mbox_start(&link->mbox) ||
        mbox_config(&link->mbox, MBOX_CFG_OUTPUT_SIZE) <
        SCF3_SLOTS * SCF3_SLOT_SIZE) {
        return false;
    }
    link->side = mbox_config(&link->mbox, MBOX_CFG_SIDE);
    find_sections(link);
    allow_vectors(link, vectors, n);
    pci_msix(&link->mbox.v.pci, MSIX_DOORBELL, apic_id(), irq);
    mbox_write(&link->mbox, MBOX_REG_RING_MSIX + 4 * LINK_DOORBELL,
               MSIX_DOORBELL);
    start_messages(link, irq);
    mbox_write64(&link->mbox, MBOX_REG_ENABLE, BIT(LINK_DOORBELL));
    return true;
}

uint32_t link_generation(const struct link *link)
{
    return *own_state(link, MBOX_STATE_LINK) == MBOX_LINK_UP ?
           *own_state(link, MBOX_STATE_PEER_GENERATION) : 0;
}

void link_ring(struct link *link)
{
    mbox_write(&link->mbox, MBOX_REG_DOORBELL, LINK_DOORBELL);
}

void link_rung(struct link *link)
{
    mbox_write64(&link->mbox, MBOX_REG_PENDING, BIT(LINK_DOORBELL));
}

/* ---- messages ---- */

bool link_post(struct link *link, unsigned slot)
{
    return mbox_send_more(&link->mbox, &link->names[slot],
                          sizeof(link->names[slot]));
}

/* As many as there are buffers, so that it ends whatever the peer does. */
uint64_t link_posts(struct link *link)
{
    uint32_t text[MBOX_BUFFER / sizeof(uint32_t)];
    uint64_t slots = 0;

    for (int i = 0; i < MBOX_RING && mbox_receive(&link->mbox, text); i++) {
        slots |= BIT(text[0] % SCF3_SLOTS);
    }
    return slots;
}

void link_bind(struct link *link, const struct upid *upid, unsigned vector)
{
    mbox_write(&link->mbox, MBOX_REG_BIND_CONTROL, 0);
    if (upid && !mbox_bind(&link->mbox, upid, vector, false)) {
        printf("# the mailbox does not post to %lx\n", (uint64_t)upid);
    }
}

uint32_t link_first_id(struct link *link)
{
    return mbox_config(&link->mbox, MBOX_CFG_APIC_FIRST);
}
