/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The register page (MB8).  A register of 64 bits is two of 32, the low half
 * first; an 8-byte access reaches both with nothing in between.
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "../trace.h"
#include "mailbox.h"

#define HIGH_HALF(addr) ((addr) & 4 ? 32 : 0)

/* The 64-bit registers that are plain values, or null. */
static uint64_t *plain64(VirtIOMailbox *m, hwaddr addr)
{
    switch (addr & ~7ULL) {
    case MBOX_REG_ENABLE:
        return &m->r.enable;
    case MBOX_REG_ONE_SHOT:
        return &m->r.one_shot;
    case MBOX_REG_ALLOW_DEST:
        return &m->r.allow_dest;
    case MBOX_REG_ALLOW_VECTOR ... MBOX_REG_ALLOW_VECTOR + 0x18:
        return &m->r.allow_vector[(addr - MBOX_REG_ALLOW_VECTOR) / 8];
    case MBOX_REG_BIND_ADDRESS:
        return &m->r.bind_address;
    default:
        return NULL;
    }
}

static bool is_in(hwaddr addr, hwaddr first, unsigned bytes)
{
    return addr >= first && addr < first + bytes;
}

static uint32_t read_array(VirtIOMailbox *m, hwaddr addr)
{
    if (is_in(addr, MBOX_REG_COUNTERS, 8 * MBOX_COUNTERS)) {
        return m->counters[(addr - MBOX_REG_COUNTERS) / 8] >> HIGH_HALF(addr);
    }
    if (is_in(addr, MBOX_REG_RING_STATUS, 4 * MBOX_DOORBELLS)) {
        return m->r.ring_status[(addr - MBOX_REG_RING_STATUS) / 4];
    }
    if (is_in(addr, MBOX_REG_RING_MSIX, 4 * MBOX_DOORBELLS)) {
        return m->r.ring_msix[(addr - MBOX_REG_RING_MSIX) / 4];
    }
    mailbox_guest_error(m, "read of register 0x%03" HWADDR_PRIx ", which "
                        "does not exist", addr);
    return 0;
}

static uint32_t read_register(VirtIOMailbox *m, hwaddr addr)
{
    uint64_t *plain = plain64(m, addr);

    if (plain) {
        return *plain >> HIGH_HALF(addr);
    }
    switch (addr) {
    case MBOX_REG_MAGIC:
        return MBOX_MAGIC;
    case MBOX_REG_VERSION:
        return MBOX_VERSION;
    case MBOX_REG_LINK:
        return mailbox_link(m);
    case MBOX_REG_GENERATION:
        return m->generation;
    case MBOX_REG_PEER_GENERATION:
        return m->peer_generation;
    case MBOX_REG_STATE_WORD:
        return m->r.state_word;
    case MBOX_REG_PENDING:
    case MBOX_REG_PENDING + 4:
        return mailbox_pending(m) >> HIGH_HALF(addr);
    case MBOX_REG_DOORBELL:
        return 0;
    case MBOX_REG_BIND_VECTOR:
        return m->r.bind_vector;
    case MBOX_REG_BIND_CONTROL:
        return m->r.bind_control;
    case MBOX_REG_BIND_STATUS:
        return m->r.bind_status;
    default:
        return read_array(m, addr);
    }
}

static uint64_t regs_read(void *opaque, hwaddr addr, unsigned size)
{
    VirtIOMailbox *m = opaque;
    uint32_t value = read_register(m, addr);

    trace_mailbox_read(mailbox_name(m), addr, value);
    return value;
}

/* MB31: what the command line does not allow stays 0. */
void mailbox_bound_allow_list(VirtIOMailbox *m)
{
    for (unsigned v = 0; v < MAILBOX_VECTORS; v++) {
        if (v < m->allow_first || v > m->allow_last) {
            m->r.allow_vector[v / 64] &= ~(1ULL << v % 64);
        }
    }
    m->r.allow_dest &= m->apic_count ? MAKE_64BIT_MASK(0, m->apic_count) : 0;
}

static void write_plain(VirtIOMailbox *m, uint64_t *plain, hwaddr addr,
                        uint32_t value)
{
    uint64_t closed = ~m->r.enable;

    if (plain == &m->r.bind_address && mailbox_is_bound(m)) {
        mailbox_guest_error(m, "BIND_ADDRESS written while queue 1 is bound");
        return;
    }
    *plain = deposit64(*plain, HIGH_HALF(addr), 32, value);
    mailbox_bound_allow_list(m);
    mailbox_publish_doorbells(m);
    mailbox_open_doorbells(m, m->r.enable & closed);
}

static void write_bind_vector(VirtIOMailbox *m, uint32_t value)
{
    if (mailbox_is_bound(m)) {
        mailbox_guest_error(m, "BIND_VECTOR written while queue 1 is bound");
    } else {
        m->r.bind_vector = value;
    }
}

static void write_state_word(VirtIOMailbox *m, uint32_t value)
{
    if (m->r.state_word != value) {
        m->r.state_word = value;
        mailbox_tell(m, false);
    }
}

static void write_register(VirtIOMailbox *m, hwaddr addr, uint32_t value)
{
    uint64_t *plain = plain64(m, addr);

    if (plain) {
        write_plain(m, plain, addr, value);
        return;
    }
    switch (addr) {
    case MBOX_REG_STATE_WORD:
        write_state_word(m, value);
        break;
    case MBOX_REG_PENDING:
    case MBOX_REG_PENDING + 4:
        mailbox_clear_pending(m, (uint64_t)value << HIGH_HALF(addr));
        break;
    case MBOX_REG_DOORBELL:
        mailbox_ring(m, value);
        break;
    case MBOX_REG_BIND_VECTOR:
        write_bind_vector(m, value);
        break;
    case MBOX_REG_BIND_CONTROL:
        mailbox_bind(m, value);
        break;
    default:
        if (is_in(addr, MBOX_REG_RING_MSIX, 4 * MBOX_DOORBELLS)) {
            mailbox_set_ring_msix(m, (addr - MBOX_REG_RING_MSIX) / 4, value);
            break;
        }
        mailbox_guest_error(m, "write of 0x%x to register 0x%03" HWADDR_PRIx
                            ", which is read-only or does not exist", value,
                            addr);
    }
}

/* MB8: before DRIVER_OK nothing is rung, opened or bound. */
static const char *why_ignored(VirtIOMailbox *m)
{
    if (m->busy) {
        return "in the midst of what the device does (is an MSI-X address "
               "wrong?)";
    }
    return m->ready ? NULL : "before DRIVER_OK";
}

static void regs_write(void *opaque, hwaddr addr, uint64_t value,
                       unsigned size)
{
    VirtIOMailbox *m = opaque;
    const char *why = why_ignored(m);
    MAILBOX_ENTRY_GUARD(m);

    trace_mailbox_write(mailbox_name(m), addr, value);
    if (why) {
        mailbox_guest_error(m, "write of 0x%" PRIx64 " to register 0x%03"
                            HWADDR_PRIx " %s", value, addr, why);
        return;
    }
    write_register(m, addr, value);
}

static const MemoryRegionOps regs_ops = {
    .read = regs_read,
    .write = regs_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

void mailbox_registers_init(VirtIOMailbox *m)
{
    memory_region_init_io(&m->regs, OBJECT(m->pci), &regs_ops, m,
                          "mailbox-registers", MBOX_PAGE_SIZE);
    m->regs.disable_reentrancy_guard = true;    /* regs_write() has its own */
}

void mailbox_registers_reset(VirtIOMailbox *m)
{
    for (unsigned i = 0; i < MBOX_DOORBELLS; i++) {
        mailbox_set_ring_msix(m, i, MBOX_MSIX_NONE);
    }
    memset(&m->r, 0, sizeof(m->r));
    for (unsigned i = 0; i < MBOX_DOORBELLS; i++) {
        m->r.ring_msix[i] = MBOX_MSIX_NONE;
    }
    memset(m->counters, 0, sizeof(m->counters));
    mailbox_publish_doorbells(m);
}
