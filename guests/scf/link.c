/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "link.h"

/* Behind those of the configuration and of the queues (MB2) */
#define MSIX_DOORBELL   (1 + MBOX_QUEUES)

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
    link->upids = section(link, MBOX_CFG_UPID_OFFSET);
    link->upid_half = mbox_config(&link->mbox, MBOX_CFG_UPID_SIZE);
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

uint32_t link_first_id(struct link *link)
{
    return mbox_config(&link->mbox, MBOX_CFG_APIC_FIRST);
}
