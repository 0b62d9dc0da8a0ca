/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One endpoint of a mailbox, docs/mailbox.md ("MBn").
 *
 * QEMU interface (all on virtio-uintr-mailbox-pci):
 *  + property "peer": the other endpoint, if it is in this process
 *  + property "chardev": the socket to the other endpoint's process
 *  + property "side": 0 or 1; with "peer" it follows from the order
 *  + property "latency-ns": from hand-over to arrival, on the virtual clock
 *  + properties "max-message", "common-size", "output-size", "upid-size":
 *    geometry, the same at both ends
 *  + property "common-side": whose memory the common area is, 0 or 1; the same
 *    at both ends
 *  + properties "apic-first", "apic-count": the global APIC IDs of this side
 *  + property "apic-local": initial APIC ID of the CPU that "apic-first" names
 *  + properties "allow-first", "allow-last": the vectors that a driver may
 *    open to the peer
 *  + property "upid-window-addr": a second place of the UPID window
 *  + property "common-addr": a second place of the common area
 *  + property "x-pci-device-id": another PCI device ID
 *
 * Who calls whom: the guest reaches transmit.c (queue 0), receive.c (queue 1),
 * events.c (queue 2) and registers.c; what crosses goes through link.c and the
 * MailboxPeerOps of peer-local.c or peer-socket.c; what arrives comes back to
 * receive.c, doorbell.c and inject.c.  All of it runs under the big lock, and
 * every way in from outside passes entry.c.
 */
#ifndef HW_UINTR_MAILBOX_H
#define HW_UINTR_MAILBOX_H

#include "chardev/char-fe.h"
#include "hw/pci/pci_device.h"
#include "hw/virtio/virtio.h"
#include "target/i386/uintr/router.h"
#include "farbell/mailbox.h"

#define TYPE_VIRTIO_MAILBOX "virtio-uintr-mailbox-device"
#define TYPE_VIRTIO_MAILBOX_PCI "virtio-uintr-mailbox-pci"
OBJECT_DECLARE_SIMPLE_TYPE(VirtIOMailbox, VIRTIO_MAILBOX)

#define MAILBOX_MAX_CPUS    64
#define MAILBOX_VECTORS     256
#define MAILBOX_FIRST_LEGAL_VECTOR 16

/* Sections that a side owns and the other one sees; MB6 says who writes. */
typedef enum MailboxSection {
    MAILBOX_STATE,
    MAILBOX_OUTPUT,
    MAILBOX_UPID,
    MAILBOX_COMMON,             /* owned by "common-side" */
    MAILBOX_SECTIONS,
} MailboxSection;

/*
 * Where the peer leaves what it rings, in memory of the one who is rung.
 * Between processes it is shared memory that the peer may write at will:
 * nothing in it is believed, only looked at.
 */
typedef struct MailboxSignals {
    uint64_t pending;           /* set by the peer, cleared here */
    uint64_t rung;              /* the same, taken by mailbox_take_signals() */
    uint64_t enabled, one_shot; /* written here, a hint to the peer */
    uint64_t notified;          /* something is in notify[] */
    uint64_t notify[MAILBOX_MAX_CPUS][MAILBOX_VECTORS / 64];
} MailboxSignals;

/* A message on its way: popped from the queue, not completed. */
typedef struct MailboxFlight {
    VirtQueueElement elem;      /* first: virtqueue_pop() allocates */
    uint64_t due, sequence;
    bool handed, waited;
    QTAILQ_ENTRY(MailboxFlight) next;
} MailboxFlight;

/* A doorbell or a notification on its way. */
typedef struct MailboxSignal {
    uint64_t due;
    uint8_t doorbell;           /* or, for a notification: */
    bool is_notification;
    uint8_t cpu, vector;
    QTAILQ_ENTRY(MailboxSignal) next;
} MailboxSignal;

/* What a transport has done with a message. */
typedef enum MailboxVerdict {
    MAILBOX_WAIT,               /* no room: mailbox_pump() when there is */
    MAILBOX_HANDED,             /* mailbox_tx_done() follows */
    MAILBOX_DONE,
} MailboxVerdict;

typedef struct MailboxMessage {
    struct iovec *sg;
    unsigned num;
    uint32_t length;
    uint64_t sequence;
} MailboxMessage;

typedef struct MailboxPeerOps {
    /* @status is set with MAILBOX_DONE. */
    MailboxVerdict (*send)(VirtIOMailbox *m, const MailboxMessage *message,
                           uint32_t *status);
    /* All that could be sent now has been sent. */
    void (*flush)(VirtIOMailbox *m);
    /* Something was left in m->peer.signals. */
    void (*kick)(VirtIOMailbox *m);
    /* Readiness, state word or, with @reset, the driver itself changed. */
    void (*tell)(VirtIOMailbox *m, bool reset);
    /* Receive buffers have become available. */
    void (*room)(VirtIOMailbox *m);
} MailboxPeerOps;

/* What is known of the other side. */
typedef struct MailboxPeer {
    const MailboxPeerOps *ops;  /* null: not attached */
    bool ready;
    uint32_t state_word;
    uint32_t apic_first, apic_count;
    MailboxSignals *signals;
    MemoryRegion *sections[MAILBOX_SECTIONS];
} MailboxPeer;

typedef struct MailboxGeometry {
    uint32_t max_message, common_size, output_size, upid_size, common_side;
} MailboxGeometry;

typedef struct MailboxRegisters {
    uint32_t state_word;
    uint64_t enable, one_shot, latched;
    uint64_t allow_dest, allow_vector[MAILBOX_VECTORS / 64];
    uint64_t bind_address;
    uint32_t bind_vector, bind_control, bind_status;
    uint32_t ring_status[MBOX_DOORBELLS], ring_msix[MBOX_DOORBELLS];
} MailboxRegisters;

typedef struct MailboxSocket MailboxSocket;

struct VirtIOMailbox {
    VirtIODevice parent_obj;

    /* Configuration */
    PCIDevice *peer_device;
    CharBackend chr;
    uint32_t side;
    MailboxGeometry geometry;
    uint64_t latency_ns, upid_window_addr, common_addr;
    uint32_t apic_first, apic_count, apic_local;
    uint32_t allow_first, allow_last;
    uint32_t peer_timeout_ms;

    /* The guest's view of the memory */
    PCIDevice *pci;
    MemoryRegion bar, regs, marks, upid_window, upid_alias, common_alias;
    MemoryRegion own[MAILBOX_SECTIONS];
    MemoryRegion own_readonly[MAILBOX_SECTIONS];    /* the same memory */
    MemoryRegion views[MBOX_SIDES][MAILBOX_SECTIONS];
    MemoryRegion absent[MAILBOX_SECTIONS];
    uint8_t *state;             /* this side's page of the state table */

    /* State, migrated */
    MailboxRegisters r;
    uint32_t generation, peer_generation;
    uint64_t counters[MBOX_COUNTERS];
    uint64_t sequence;
    uint64_t signals_pending;   /* signals->pending, while migrating */
    uint32_t events_lost;
    QTAILQ_HEAD(, MailboxFlight) flights;
    QTAILQ_HEAD(, MailboxSignal) air;
    uint32_t saved_flights;
    uint64_t *saved_due;        /* of the flights, while migrating */
    bool first_waited;          /* of the flights, and has been counted */

    /* State that follows from the above or from outside */
    bool ready;
    bool running;
    uint32_t told_link;         /* the link state of the last event */
    QEMUTimer *flight_timer, *air_timer;
    bool busy;                  /* entry.c */
    bool tx_dirty, rx_dirty;
    QEMUBH *more;               /* for a queue that does not come to an end */
    uint32_t times_emptied;     /* the flights, all at once */
    MailboxSignals *signals;
    bool post_failure_told;     /* one line in the log for each binding */
    MailboxPeer peer;
    VirtIOMailbox *local;       /* peer-local.c */
    MailboxSocket *socket;      /* peer-socket.c */
    UintrWindow *window;
    VirtQueue *tx, *rx, *events;
    VMChangeStateEntry *vm_change;
};

static inline void mailbox_count(VirtIOMailbox *m, unsigned counter)
{
    m->counters[counter]++;
}

static inline const char *mailbox_name(VirtIOMailbox *m)
{
    return m->pci->qdev.id ? m->pci->qdev.id : "mailbox";
}

/* One line in the log of guest errors that says which endpoint. */
void mailbox_guest_error(VirtIOMailbox *m, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* ---- entry.c ---- */

/*
 * From here to the end of the block no MMIO reaches the endpoint (MB49).
 * Whatever calls it from outside, and can make it interrupt, has one.
 */
#define MAILBOX_ENTRY_GUARD(m)                                              \
    g_auto(MailboxEntry) entry_ G_GNUC_UNUSED = mailbox_enter(m)

typedef struct MailboxEntry {
    VirtIOMailbox *m;
    bool was_busy, was_engaged;
} MailboxEntry;

MailboxEntry mailbox_enter(VirtIOMailbox *m);
void mailbox_leave(MailboxEntry *entry);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MailboxEntry, mailbox_leave)

/* ---- mailbox-pci.c ---- */

VirtIOMailbox *mailbox_of_pci(PCIDevice *pci);

/* ---- memory.c ---- */

bool mailbox_memory_check(VirtIOMailbox *m, Error **errp);
bool mailbox_memory_init(VirtIOMailbox *m, Error **errp);
void mailbox_memory_cleanup(VirtIOMailbox *m);
const char *mailbox_section_name(MailboxSection section);
bool mailbox_side_owns(const MailboxGeometry *g, unsigned side,
                       MailboxSection section);
uint64_t mailbox_section_size(const MailboxGeometry *g, MailboxSection section);
bool mailbox_section_is_readonly(MailboxSection section);
void mailbox_memory_attach(VirtIOMailbox *m);
void mailbox_memory_detach(VirtIOMailbox *m);
void mailbox_update_state_page(VirtIOMailbox *m);

/* ---- registers.c ---- */

void mailbox_marks_init(VirtIOMailbox *m);
void mailbox_registers_init(VirtIOMailbox *m);
void mailbox_registers_reset(VirtIOMailbox *m);
void mailbox_get_config(VirtIODevice *vdev, uint8_t *config);

/* ---- migrate.c ---- */

extern const VMStateDescription mailbox_vmstate, mailbox_vmstate_device;
int mailbox_post_load(VirtIODevice *vdev);

/* ---- transmit.c ---- */

void mailbox_handle_tx(VirtIODevice *vdev, VirtQueue *vq);
/* Hand over whatever is due and finds room. */
void mailbox_pump(VirtIOMailbox *m);
/* The sender's notification waits for mailbox_pump(). */
void mailbox_tx_done(VirtIOMailbox *m, uint64_t sequence, uint32_t status);
/* The peer has gone; what it was handed but did not confirm is @handed. */
void mailbox_tx_fail_all(VirtIOMailbox *m, uint32_t handed);
void mailbox_tx_drop_all(VirtIOMailbox *m);
void mailbox_tx_pop(VirtIOMailbox *m, uint64_t due);
void mailbox_flight_timer(void *opaque);

/* ---- receive.c ---- */

void mailbox_handle_rx(VirtIODevice *vdev, VirtQueue *vq);
/* From the peer; the receiver's notification waits for mailbox_rx_flush(). */
MailboxVerdict mailbox_receive(VirtIOMailbox *m, const MailboxMessage *message,
                               uint32_t *status);
void mailbox_rx_flush(VirtIOMailbox *m);
void mailbox_more_buffers(void *opaque);

/* ---- buffer.c ---- */

/* MB18: is all that the device would read, or write, RAM? */
bool mailbox_may_read(VirtIOMailbox *m, unsigned queue,
                      const VirtQueueElement *elem);
bool mailbox_may_write(VirtIOMailbox *m, unsigned queue,
                       const VirtQueueElement *elem);
/* Log which ring of which queue is not. */
void mailbox_check_rings(VirtIOMailbox *m);
/* The next that is; those before it come back empty, to be told later. */
VirtQueueElement *mailbox_pop_writable(VirtIOMailbox *m, VirtQueue *vq,
                                       unsigned queue, bool *returned);

/* ---- events.c ---- */

void mailbox_event(VirtIOMailbox *m, uint32_t type, uint32_t argument);

/* ---- doorbell.c ---- */

void mailbox_ring(VirtIOMailbox *m, uint32_t doorbell);
void mailbox_notify_peer(VirtIOMailbox *m, uint8_t cpu, uint8_t vector);
void mailbox_air_timer(void *opaque);
void mailbox_air_arm(VirtIOMailbox *m);
void mailbox_air_drop(VirtIOMailbox *m);
/* The same when the peer is reset: who rang can read that it was refused. */
void mailbox_air_refuse(VirtIOMailbox *m);
/* Look at what the peer has left in m->signals. */
void mailbox_take_signals(VirtIOMailbox *m);
uint64_t mailbox_pending(VirtIOMailbox *m);
void mailbox_clear_pending(VirtIOMailbox *m, uint64_t bits);
void mailbox_publish_doorbells(VirtIOMailbox *m);
void mailbox_open_doorbells(VirtIOMailbox *m, uint64_t opened);     /* MB20 */
void mailbox_bound_allow_list(VirtIOMailbox *m);     /* MB31 */
void mailbox_set_ring_msix(VirtIOMailbox *m, unsigned doorbell, uint32_t entry);

/* ---- route.c, inject.c ---- */

bool mailbox_route_claim(VirtIOMailbox *m, Error **errp);
void mailbox_route_release(VirtIOMailbox *m);
/* A notification from the peer for CPU @cpu of this side's window. */
void mailbox_inject(VirtIOMailbox *m, unsigned cpu, unsigned vector);
void mailbox_bind(VirtIOMailbox *m, uint32_t control);
bool mailbox_is_bound(VirtIOMailbox *m);
void mailbox_post(VirtIOMailbox *m);

/* ---- link.c ---- */

uint32_t mailbox_link(VirtIOMailbox *m);
/* m->peer has been filled in. */
bool mailbox_attach(VirtIOMailbox *m, Error **errp);
void mailbox_detach(VirtIOMailbox *m);
/* News of the peer. */
void mailbox_peer_told(VirtIOMailbox *m, bool ready, uint32_t state_word,
                       bool reset);
/* News of this side. */
void mailbox_tell(VirtIOMailbox *m, bool reset);

/* ---- peer-local.c, peer-socket.c ---- */

bool mailbox_local_connect(VirtIOMailbox *m, VirtIOMailbox *other,
                           Error **errp);
void mailbox_local_disconnect(VirtIOMailbox *m);
bool mailbox_socket_init(VirtIOMailbox *m, Error **errp);
void mailbox_socket_start(VirtIOMailbox *m);
void mailbox_socket_stop(VirtIOMailbox *m);
void mailbox_socket_cleanup(VirtIOMailbox *m);

#endif
