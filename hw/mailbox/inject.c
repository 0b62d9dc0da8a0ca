/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ends in a local APIC of this side: the peer's notifications (MB31,
 * MB32), and user interrupts that stand for a received message (MB33-MB36).
 */
#include "qemu/osdep.h"
#include "qemu/atomic128.h"
#include "qemu/bitops.h"
#include "exec/ram_addr.h"
#include "hw/pci/pci.h"
#include "target/i386/uintr/inject.h"
#include "farbell/uintr.h"
#include "../trace.h"
#include "mailbox.h"

static bool inject_local(VirtIOMailbox *m, uint32_t apic_id, uint8_t vector)
{
    return x86_uintr_inject_from_device(pci_requester_id(m->pci), apic_id,
                                        vector);
}

/* MB31: the driver opens, the command line bounds what it may open. */
static const char *why_refused(VirtIOMailbox *m, unsigned cpu, unsigned vector)
{
    if (cpu >= m->apic_count) {
        return "destination outside the window";
    }
    if (!(m->r.allow_dest >> cpu & 1)) {
        return "destination not allowed";
    }
    if (!(m->r.allow_vector[vector / 64] >> vector % 64 & 1)) {
        return "vector not allowed";
    }
    return NULL;
}

void mailbox_inject(VirtIOMailbox *m, unsigned cpu, unsigned vector)
{
    const char *why = why_refused(m, cpu, vector);

    if (!why && !inject_local(m, m->apic_local + cpu, vector)) {
        why = "no such local APIC";
    }
    if (why) {
        mailbox_count(m, MBOX_COUNT_INJECT_REFUSED);
        trace_mailbox_inject_refused(mailbox_name(m), cpu, vector, why);
    } else {
        mailbox_count(m, MBOX_COUNT_INJECTED);
        trace_mailbox_inject(mailbox_name(m), cpu, vector);
    }
}

/* ---- A receive queue bound to a UPID ---- */

typedef struct Upid {
    uint64_t low, pir;
} Upid;

/* The UPID in host memory, or null if it is not RAM.  Under RCU. */
static void *map_upid(VirtIOMailbox *m, MemoryRegion **mr, hwaddr *offset)
{
    hwaddr length = sizeof(Upid);

    *mr = address_space_translate(VIRTIO_DEVICE(m)->dma_as, m->r.bind_address,
                                  offset, &length, true,
                                  MEMTXATTRS_UNSPECIFIED);
    if (length < sizeof(Upid) ||
        !memory_access_is_direct(*mr, true, MEMTXATTRS_UNSPECIFIED)) {
        return NULL;
    }
    return qemu_map_ram_ptr((*mr)->ram_block, *offset);
}

static uint32_t check_binding(VirtIOMailbox *m)
{
    MemoryRegion *mr;
    hwaddr offset;
    RCU_READ_LOCK_GUARD();

    if (!virtio_vdev_has_feature(VIRTIO_DEVICE(m), MBOX_F_POST)) {
        return MBOX_BIND_NO_FEATURE;
    }
    if (m->r.bind_vector >= UINTR_VECTORS) {
        return MBOX_BIND_BAD_VECTOR;
    }
    if (m->r.bind_address % UPID_ALIGN || !map_upid(m, &mr, &offset)) {
        return MBOX_BIND_BAD_ADDRESS;
    }
    return MBOX_BIND_ON;
}

void mailbox_bind(VirtIOMailbox *m, uint32_t control)
{
    m->r.bind_control = control & (MBOX_BIND_ENABLE | MBOX_BIND_X2APIC);
    m->r.bind_status = control & MBOX_BIND_ENABLE ? check_binding(m) :
                       MBOX_BIND_OFF;
    if (m->r.bind_status > MBOX_BIND_ON) {
        m->r.bind_control &= ~MBOX_BIND_ENABLE;
        mailbox_guest_error(m, "queue 1 not bound: UPID at 0x%" PRIx64
                            ", vector %u, status %u", m->r.bind_address,
                            m->r.bind_vector, m->r.bind_status);
    }
    trace_mailbox_bind(mailbox_name(m), m->r.bind_address, m->r.bind_vector,
                       m->r.bind_status);
}

bool mailbox_is_bound(VirtIOMailbox *m)
{
    return m->r.bind_control & MBOX_BIND_ENABLE;
}

static bool post_bits(Upid *upid, uint8_t vector)
{
    if (upid->low & UPID_LOW_RESERVED) {
        return false;
    }
    upid->pir |= 1ULL << vector;
    if (!(upid->low & (UPID_ON | UPID_SN))) {
        upid->low |= UPID_ON;
    }
    return true;
}

/* MB34: as SENDUIPI does it, in one exchange.  *old is what it replaced. */
static bool post_at_once(Int128 *host, uint8_t vector, Upid *old)
{
    Int128 expected = int128_make128(qatomic_read((uint64_t *)host),
                                     qatomic_read((uint64_t *)host + 1));

    for (;;) {
        Upid next = *old = (Upid) {
            .low = int128_getlo(expected), .pir = int128_gethi(expected),
        };
        Int128 seen;

        if (!post_bits(&next, vector)) {
            return false;
        }
        seen = atomic16_cmpxchg(host, expected,
                                int128_make128(next.low, next.pir));
        if (int128_eq(seen, expected)) {
            return true;
        }
        expected = seen;
    }
}

/*
 * A host without a 16-byte exchange: PIR before ON, so that whoever sees ON
 * sees the vector.  At worst a notification finds nothing new.
 */
static bool post_in_two(uint64_t *host, uint8_t vector, Upid *old)
{
    old->low = qatomic_read(host);
    if (old->low & UPID_LOW_RESERVED) {
        return false;
    }
    old->pir = qatomic_fetch_or(host + 1, 1ULL << vector);
    do {
        old->low = qatomic_read(host);
    } while (!(old->low & (UPID_ON | UPID_SN)) &&
             qatomic_cmpxchg(host, old->low, old->low | UPID_ON) != old->low);
    return true;
}

static bool post_to(void *host, uint8_t vector, Upid *old)
{
    return HAVE_CMPXCHG128 ? post_at_once(host, vector, old) :
           post_in_two(host, vector, old);
}

static bool post_in_memory(VirtIOMailbox *m, Upid *old)
{
    MemoryRegion *mr;
    hwaddr offset;
    void *host;
    RCU_READ_LOCK_GUARD();

    host = map_upid(m, &mr, &offset);
    if (!host || !post_to(host, m->r.bind_vector, old)) {
        return false;
    }
    memory_region_set_dirty(mr, offset, sizeof(Upid));
    return true;
}

/* MB36: NDST is the driver's; it may name CPUs of its own side only. */
static bool notify_receiver(VirtIOMailbox *m, uint64_t low)
{
    uint8_t nv = extract64(low, UPID_NV_SHIFT, UPID_NV_BITS);
    uint32_t dest = extract64(low, UPID_NDST_SHIFT, UPID_NDST_BITS);

    if (!(m->r.bind_control & MBOX_BIND_X2APIC)) {
        dest = extract32(dest, UPID_NDST_XAPIC_SHIFT, 8);
    }
    if (m->apic_count && dest - m->apic_local >= m->apic_count) {
        return false;
    }
    return inject_local(m, dest, nv);
}

void mailbox_post(VirtIOMailbox *m)
{
    unsigned counter = MBOX_COUNT_POST_FAILED;
    Upid old;

    if (post_in_memory(m, &old)) {
        if (old.low & (UPID_ON | UPID_SN)) {
            counter = MBOX_COUNT_POST_COALESCED;
        } else if (notify_receiver(m, old.low)) {
            counter = MBOX_COUNT_POSTED;
        }
    }
    if (counter == MBOX_COUNT_POST_FAILED) {
        mailbox_guest_error(m, "queue 1 is bound to a UPID at 0x%" PRIx64
                            " that is not RAM, has a reserved bit set, or "
                            "names no CPU of this side", m->r.bind_address);
    }
    mailbox_count(m, counter);
    trace_mailbox_post(mailbox_name(m), m->r.bind_address, m->r.bind_vector,
                       counter);
}
