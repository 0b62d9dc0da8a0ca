/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shared memory region (MB6, MB7).  Each side owns the memory of its own
 * sections; those of the peer are shown while there is one, and read as zero
 * while there is none.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "qemu/units.h"
#include "exec/address-spaces.h"
#include "hw/i386/e820_memory_layout.h"
#include "hw/virtio/virtio-pci.h"
#include "migration/vmstate.h"
#include "mailbox.h"

#define MAX_SECTION (256 * MiB)    /* so that offsets fit into 32 bits */

const char *mailbox_section_name(MailboxSection section)
{
    static const char *const names[] = {
        [MAILBOX_STATE] = "mailbox-state",
        [MAILBOX_OUTPUT] = "mailbox-output",
        [MAILBOX_UPID] = "mailbox-upid",
        [MAILBOX_COMMON] = "mailbox-common",
    };

    return names[section];
}

uint64_t mailbox_section_size(const MailboxGeometry *g, MailboxSection section)
{
    switch (section) {
    case MAILBOX_OUTPUT:
        return g->output_size;
    case MAILBOX_UPID:
        return g->upid_size;
    case MAILBOX_COMMON:
        return g->common_size;
    default:
        return MBOX_PAGE_SIZE;
    }
}

/* To the other side; the state table to its own guest as well. */
bool mailbox_section_is_readonly(MailboxSection section)
{
    return section == MAILBOX_STATE || section == MAILBOX_OUTPUT;
}

bool mailbox_side_owns(const MailboxGeometry *g, unsigned side,
                       MailboxSection section)
{
    return section != MAILBOX_COMMON || side == g->common_side;
}

static bool check_size(const char *name, uint32_t size, Error **errp)
{
    if (size < MBOX_PAGE_SIZE || size > MAX_SECTION || !is_power_of_2(size)) {
        error_setg(errp, "%s=%u: choose a power of two from %u to %" PRIu64,
                   name, size, MBOX_PAGE_SIZE, (uint64_t)MAX_SECTION);
        return false;
    }
    return true;
}

static bool check_address(VirtIOMailbox *m, const char *name,
                          uint64_t address, Error **errp)
{
    if (address == UINT64_MAX) {
        return true;
    }
    if (m->pci->qdev.hotplugged) {
        error_setg(errp, "%s= is for endpoints that the machine starts with: "
                   "firmware has read the memory map already", name);
        return false;
    }
    if (address % MBOX_PAGE_SIZE) {
        error_setg(errp, "%s=0x%" PRIx64 ": choose a multiple of %u", name,
                   address, MBOX_PAGE_SIZE);
        return false;
    }
    return true;
}

static bool check_owner(VirtIOMailbox *m, Error **errp)
{
    if (m->geometry.common_side >= MBOX_SIDES) {
        error_setg(errp, "common-side=%u: choose 0 or 1",
                   m->geometry.common_side);
        return false;
    }
    return true;
}

bool mailbox_memory_check(VirtIOMailbox *m, Error **errp)
{
    return check_owner(m, errp) &&
           check_address(m, "upid-window-addr", m->upid_window_addr, errp) &&
           check_address(m, "common-addr", m->common_addr, errp) &&
           check_size("common-size", m->geometry.common_size, errp) &&
           check_size("output-size", m->geometry.output_size, errp) &&
           check_size("upid-size", m->geometry.upid_size, errp);
}

static uint64_t common_offset(const MailboxGeometry *g)
{
    return ROUND_UP(MBOX_UPID_OFFSET + MBOX_SIDES * (uint64_t)g->upid_size,
                    64 * KiB);
}

static uint64_t output_offset(const MailboxGeometry *g)
{
    return common_offset(g) + g->common_size;
}

static uint64_t section_offset(const MailboxGeometry *g, unsigned side,
                               MailboxSection section)
{
    switch (section) {
    case MAILBOX_STATE:
        return MBOX_STATE_OFFSET + side * MBOX_PAGE_SIZE;
    case MAILBOX_OUTPUT:
        return output_offset(g) + side * (uint64_t)g->output_size;
    case MAILBOX_UPID:
        return side * (uint64_t)g->upid_size;   /* of the window */
    default:
        return common_offset(g);
    }
}

void mailbox_get_config(VirtIODevice *vdev, uint8_t *config)
{
    VirtIOMailbox *m = VIRTIO_MAILBOX(vdev);
    const MailboxGeometry *g = &m->geometry;

    stl_le_p(config + MBOX_CFG_MAGIC, MBOX_MAGIC);
    stl_le_p(config + MBOX_CFG_VERSION, MBOX_VERSION);
    stl_le_p(config + MBOX_CFG_SIDE, m->side);
    stl_le_p(config + MBOX_CFG_MAX_MESSAGE, g->max_message);
    stl_le_p(config + MBOX_CFG_REGS_OFFSET, MBOX_REGS_OFFSET);
    stl_le_p(config + MBOX_CFG_STATE_OFFSET, MBOX_STATE_OFFSET);
    stl_le_p(config + MBOX_CFG_UPID_OFFSET, MBOX_UPID_OFFSET);
    stl_le_p(config + MBOX_CFG_UPID_SIZE, g->upid_size);
    stl_le_p(config + MBOX_CFG_COMMON_OFFSET, common_offset(g));
    stl_le_p(config + MBOX_CFG_COMMON_SIZE, g->common_size);
    stl_le_p(config + MBOX_CFG_OUTPUT_OFFSET, output_offset(g));
    stl_le_p(config + MBOX_CFG_OUTPUT_SIZE, g->output_size);
    stl_le_p(config + MBOX_CFG_APIC_FIRST, m->apic_first);
    stl_le_p(config + MBOX_CFG_APIC_COUNT, m->apic_count);
    stl_le_p(config + MBOX_CFG_PEER_APIC_FIRST, m->peer.apic_first);
    stl_le_p(config + MBOX_CFG_PEER_APIC_COUNT, m->peer.apic_count);
    stl_le_p(config + MBOX_CFG_LINK, mailbox_link(m));
    stl_le_p(config + MBOX_CFG_GENERATION, m->generation);
    stl_le_p(config + MBOX_CFG_PEER_GENERATION, m->peer_generation);
    stl_le_p(config + MBOX_CFG_DOORBELLS, MBOX_DOORBELLS);
    stl_le_p(config + MBOX_CFG_MARK_OFFSET, MBOX_MARK_OFFSET);
}

void mailbox_update_state_page(VirtIOMailbox *m)
{
    stl_le_p(m->state + MBOX_STATE_GENERATION, m->generation);
    stl_le_p(m->state + MBOX_STATE_READY, m->ready);
    stl_le_p(m->state + MBOX_STATE_WORD, m->r.state_word);
    stl_le_p(m->state + MBOX_STATE_LINK, mailbox_link(m));
    stq_le_p(m->state + MBOX_STATE_PENDING, mailbox_pending(m));
    stl_le_p(m->state + MBOX_STATE_PEER_GENERATION, m->peer_generation);
    memory_region_set_dirty(&m->own[MAILBOX_STATE], 0, MBOX_PAGE_SIZE);
}

static uint64_t absent_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0;
}

static void absent_write(void *opaque, hwaddr addr, uint64_t value,
                         unsigned size)
{
}

static const MemoryRegionOps absent_ops = {
    .read = absent_read,
    .write = absent_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8 },
    .impl = { .min_access_size = 1, .max_access_size = 8 },
};

/* The window lies in the BAR as a whole, so that it can lie elsewhere, too. */
static MemoryRegion *container_of_section(VirtIOMailbox *m,
                                          MailboxSection section)
{
    return section == MAILBOX_UPID ? &m->upid_window : &m->bar;
}

/*
 * The owner of all regions is the PCI device: this one lies inside it, and
 * who still uses a region after an unplug keeps only the owner's memory.
 */
static void show(VirtIOMailbox *m, unsigned side, MailboxSection section,
                 MemoryRegion *memory)
{
    MemoryRegion *view = &m->views[side][section];

    memory_region_init_alias(view, OBJECT(m->pci),
                             mailbox_section_name(section), memory, 0,
                             mailbox_section_size(&m->geometry, section));
    memory_region_add_subregion_overlap(container_of_section(m, section),
        section_offset(&m->geometry, side, section), view, 1);
}

static void hide(VirtIOMailbox *m, unsigned side, MailboxSection section)
{
    MemoryRegion *view = &m->views[side][section];

    memory_region_del_subregion(container_of_section(m, section), view);
    object_unparent(OBJECT(view));
}

static void add_absent(VirtIOMailbox *m, MailboxSection section)
{
    MemoryRegion *absent = &m->absent[section];

    memory_region_init_io(absent, OBJECT(m->pci), &absent_ops, m,
                          "mailbox-absent",
                          mailbox_section_size(&m->geometry, section));
    memory_region_add_subregion(container_of_section(m, section),
        section_offset(&m->geometry, !m->side, section), absent);
}

void mailbox_memory_attach(VirtIOMailbox *m)
{
    memory_region_transaction_begin();
    for (int i = 0; i < MAILBOX_SECTIONS; i++) {
        if (mailbox_side_owns(&m->geometry, !m->side, i)) {
            show(m, !m->side, i, m->peer.sections[i]);
        }
    }
    memory_region_transaction_commit();
}

void mailbox_memory_detach(VirtIOMailbox *m)
{
    memory_region_transaction_begin();
    for (int i = 0; i < MAILBOX_SECTIONS; i++) {
        if (mailbox_side_owns(&m->geometry, !m->side, i)) {
            hide(m, !m->side, i);
        }
    }
    memory_region_transaction_commit();
}

/*
 * An alias that is read-only stops CPUs and lets DMA through; only a region
 * of its own stops both.
 */
static void add_readonly_twin(VirtIOMailbox *m, MailboxSection section)
{
    MemoryRegion *twin = &m->own_readonly[section];

    memory_region_init_ram_ptr(twin, OBJECT(m->pci),
                               mailbox_section_name(section),
                               mailbox_section_size(&m->geometry, section),
                               memory_region_get_ram_ptr(&m->own[section]));
    memory_region_set_readonly(twin, true);
}

/*
 * In one process the machine's memory is enough, and snapshots save it;
 * otherwise peer-socket.c has made the region, from memory that it can share.
 */
static bool add_own(VirtIOMailbox *m, MailboxSection section, Error **errp)
{
    if (!m->socket &&
        !memory_region_init_ram(&m->own[section], OBJECT(m->pci),
                                mailbox_section_name(section),
                                mailbox_section_size(&m->geometry, section),
                                errp)) {
        return false;
    }
    if (mailbox_section_is_readonly(section)) {
        add_readonly_twin(m, section);
    }
    show(m, m->side, section, section == MAILBOX_STATE ?
         &m->own_readonly[section] : &m->own[section]);
    return true;
}

/* MB6: a part of the BAR, reserved in the map that firmware reads */
static void add_fixed_alias(VirtIOMailbox *m, MemoryRegion *alias,
                            const char *name, uint64_t offset, uint64_t size,
                            uint64_t address)
{
    if (address == UINT64_MAX) {
        return;
    }
    memory_region_init_alias(alias, OBJECT(m->pci), name, &m->bar, offset,
                             size);
    memory_region_add_subregion_overlap(get_system_memory(), address, alias,
                                        1);
    e820_add_entry(address, size, E820_RESERVED);
}

static void remove_fixed_alias(MemoryRegion *alias)
{
    if (alias->container) {
        memory_region_del_subregion(get_system_memory(), alias);
    }
}

static bool build(VirtIOMailbox *m, Error **errp)
{
    const MailboxGeometry *g = &m->geometry;
    uint64_t size = output_offset(g) + MBOX_SIDES * (uint64_t)g->output_size;

    memory_region_init(&m->bar, OBJECT(m->pci), "mailbox", pow2ceil(size));
    memory_region_init(&m->upid_window, OBJECT(m->pci), "mailbox-upids",
                       MBOX_SIDES * (uint64_t)g->upid_size);
    memory_region_add_subregion(&m->bar, MBOX_UPID_OFFSET, &m->upid_window);
    mailbox_registers_init(m);
    memory_region_add_subregion(&m->bar, MBOX_REGS_OFFSET, &m->regs);
    mailbox_marks_init(m);
    for (int i = 0; i < MAILBOX_SECTIONS; i++) {
        if (mailbox_side_owns(g, !m->side, i)) {
            add_absent(m, i);
        }
        if (mailbox_side_owns(g, m->side, i) && !add_own(m, i, errp)) {
            return false;
        }
    }
    m->state = memory_region_get_ram_ptr(&m->own[MAILBOX_STATE]);
    add_fixed_alias(m, &m->upid_alias, "mailbox-upid-alias", MBOX_UPID_OFFSET,
                    memory_region_size(&m->upid_window), m->upid_window_addr);
    add_fixed_alias(m, &m->common_alias, "mailbox-common-alias",
                    common_offset(g), g->common_size, m->common_addr);
    return true;
}

/* At once: the machine's views are made anew after each change else. */
bool mailbox_memory_init(VirtIOMailbox *m, Error **errp)
{
    bool good;

    memory_region_transaction_begin();
    good = build(m, errp);
    memory_region_transaction_commit();
    return good;
}

static void empty(MemoryRegion *container)
{
    MemoryRegion *mr;

    while ((mr = QTAILQ_FIRST(&container->subregions))) {
        memory_region_del_subregion(container, mr);
    }
}

/* Whoever plugs another one with this name may use its RAM's names (MB48). */
static void give_up_own(VirtIOMailbox *m)
{
    for (int i = 0; i < MAILBOX_SECTIONS; i++) {
        if (mailbox_side_owns(&m->geometry, m->side, i) &&
            m->own[i].ram_block) {
            vmstate_unregister_ram(&m->own[i], DEVICE(m));
        }
    }
}

void mailbox_memory_cleanup(VirtIOMailbox *m)
{
    memory_region_transaction_begin();
    remove_fixed_alias(&m->upid_alias);
    remove_fixed_alias(&m->common_alias);
    empty(&m->upid_window);
    empty(&m->bar);
    memory_region_transaction_commit();
    if (!m->socket) {
        give_up_own(m);
    }
}
