/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ends in a local APIC of this side: the peer's notifications (MB31,
 * MB32), and user interrupts that stand for a received message (MB33-MB36).
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "exec/memory.h"
#include "hw/pci/pci.h"
#include "target/i386/uintr/inject.h"
#include "target/i386/uintr/observe.h"
#include "target/i386/uintr/upid.h"
#include "../trace.h"
#include "mailbox.h"

/* @sender: whose notification it is, or null for the device's own. */
static bool inject_local(VirtIOMailbox *m, CPUState *sender, uint32_t apic_id,
                         uint8_t vector)
{
    bool arrived = x86_uintr_inject_from_device(pci_requester_id(m->pci),
                                                apic_id, vector);

    if (arrived) {
        UINTR_TELL(arrive, sender, apic_id, vector);
    }
    return arrived;
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

    if (!why &&
        !inject_local(m, current_cpu, m->apic_local + cpu, vector)) {
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

static bool is_ram(VirtIOMailbox *m)
{
    hwaddr offset, length = sizeof(UintrUpid);
    MemoryRegion *mr = address_space_translate(VIRTIO_DEVICE(m)->dma_as,
                                               m->r.bind_address, &offset,
                                               &length, true,
                                               MEMTXATTRS_UNSPECIFIED);

    return length == sizeof(UintrUpid) &&
           memory_access_is_direct(mr, true, MEMTXATTRS_UNSPECIFIED);
}

/* The UPID in host memory, or null if it is not RAM.  Under RCU. */
static void *map_upid(VirtIOMailbox *m)
{
    hwaddr length = sizeof(UintrUpid);

    return is_ram(m) ? address_space_map(VIRTIO_DEVICE(m)->dma_as,
                                         m->r.bind_address, &length, true,
                                         MEMTXATTRS_UNSPECIFIED) : NULL;
}

/* As after any DMA: the page is dirty, and code in it is translated anew. */
static void unmap_upid(VirtIOMailbox *m, void *host)
{
    address_space_unmap(VIRTIO_DEVICE(m)->dma_as, host, sizeof(UintrUpid),
                        true, sizeof(UintrUpid));
}

static uint32_t check_binding(VirtIOMailbox *m)
{
    RCU_READ_LOCK_GUARD();

    if (!virtio_vdev_has_feature(VIRTIO_DEVICE(m), MBOX_F_POST)) {
        return MBOX_BIND_NO_FEATURE;
    }
    if (m->r.bind_vector >= UINTR_VECTORS) {
        return MBOX_BIND_BAD_VECTOR;
    }
    if (m->r.bind_address % UPID_ALIGN || !is_ram(m)) {
        return MBOX_BIND_BAD_ADDRESS;
    }
    return MBOX_BIND_ON;
}

void mailbox_bind(VirtIOMailbox *m, uint32_t control)
{
    m->post_failure_told = false;
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

/*
 * A host without a 16-byte exchange: PIR before ON, so that whoever sees ON
 * sees the vector.  At worst a notification finds nothing new.
 */
static bool post_in_two(uint64_t *host, uint8_t vector, UintrUpid *old)
{
    old->low = le64_to_cpu(qatomic_read(host));
    if (old->low & UPID_LOW_RESERVED) {
        return false;
    }
    qatomic_or(host + 1, cpu_to_le64(1ULL << vector));
    while (!(old->low & (UPID_ON | UPID_SN))) {
        uint64_t low = cpu_to_le64(old->low);
        uint64_t seen = qatomic_cmpxchg(host, low,
                                        cpu_to_le64(old->low | UPID_ON));

        if (seen == low) {
            break;
        }
        old->low = le64_to_cpu(seen);
    }
    return true;
}

static bool post_to(void *host, uint8_t vector, UintrUpid *old)
{
    return HAVE_CMPXCHG128 ? upid_post_to_ram(host, vector, old) :
           post_in_two(host, vector, old);
}

static void tell_post(VirtIOMailbox *m, void *host, UintrUpid old)
{
    UINTR_TELL(post, &(UintrPost) {
        .host = host, .linear = m->r.bind_address, .old = old,
        .vector = m->r.bind_vector, .sent = !(old.low & (UPID_ON | UPID_SN)),
        .x2apic = m->r.bind_control & MBOX_BIND_X2APIC,
    });
}

static bool post_in_memory(VirtIOMailbox *m, UintrUpid *old)
{
    void *host;
    bool posted;
    RCU_READ_LOCK_GUARD();

    host = map_upid(m);
    if (!host) {
        return false;
    }
    uintr_upid_is_used(m->r.bind_address, host);
    posted = post_to(host, m->r.bind_vector, old);
    if (posted) {
        tell_post(m, host, *old);
    }
    uintr_device_posts = true;
    unmap_upid(m, host);
    uintr_device_posts = false;
    return posted;
}

/*
 * MB36: NDST is the driver's.  It may name CPUs of its own side only, by the
 * local APIC ID or by the global one, which is what the peer posts by.
 */
static bool find_own_cpu(VirtIOMailbox *m, uint32_t *dest)
{
    if (m->apic_count && *dest - m->apic_local >= m->apic_count) {
        *dest = *dest - m->apic_first + m->apic_local;
    }
    return !m->apic_count || *dest - m->apic_local < m->apic_count;
}

static bool notify_receiver(VirtIOMailbox *m, uint64_t low)
{
    uint8_t nv = extract64(low, UPID_NV_SHIFT, UPID_NV_BITS);
    uint32_t dest = extract64(low, UPID_NDST_SHIFT, UPID_NDST_BITS);

    if (!(m->r.bind_control & MBOX_BIND_X2APIC)) {
        dest = extract32(dest, UPID_NDST_XAPIC_SHIFT, 8);
    }
    if (!find_own_cpu(m, &dest)) {
        UINTR_TELL(lost, NULL, UINTR_LOSS_NO_APIC);
        return false;
    }
    return inject_local(m, NULL, dest, nv);
}

void mailbox_post(VirtIOMailbox *m)
{
    unsigned counter = MBOX_COUNT_POST_FAILED;
    UintrUpid old;

    if (post_in_memory(m, &old)) {
        if (old.low & (UPID_ON | UPID_SN)) {
            counter = MBOX_COUNT_POST_COALESCED;
        } else if (notify_receiver(m, old.low)) {
            counter = MBOX_COUNT_POSTED;
        }
    }
    if (counter == MBOX_COUNT_POST_FAILED && !m->post_failure_told) {
        m->post_failure_told = true;    /* the peer decides how many come */
        mailbox_guest_error(m, "queue 1 is bound to a UPID at 0x%" PRIx64
                            " that is not RAM, has a reserved bit set, or "
                            "names no CPU of this side", m->r.bind_address);
    }
    mailbox_count(m, counter);
    trace_mailbox_post(mailbox_name(m), m->r.bind_address, m->r.bind_vector,
                       counter);
}
