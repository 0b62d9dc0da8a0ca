/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands for QEMU around hw/mailbox: memory (regions.c), interrupts and
 * types (machine.c), queues (queues.c), chardev, timers and bottom halves
 * (loop.c).  Whatever a guest, a peer or the host's kernel could decide is
 * drawn from the input.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "qemu/osdep.h"
#include "hw/mailbox/mailbox.h"

/* ---- The input; when it is at its end, everything is 0 ---- */

void input_set(const uint8_t *data, size_t size);
bool input_is_empty(void);
/* Below @n; one byte of input, or as many as @n needs */
uint32_t draw(uint32_t n);
uint64_t draw64(void);

/* ---- Endpoints ---- */

typedef struct Port {
    VirtIOMailbox *m;           /* null: the input itself is this end */
    PCIDevice *pci;
    bool has_chardev, open;
    IOCanReadHandler *can_read;
    IOReadHandler *read;
    IOEventHandler *event;
    void *opaque;
    FEWatchFunc watch;
    void *watch_opaque;
    GByteArray *wire;           /* written here, not yet read there */
    int fds[8], nfds;           /* that go with what was written */
    unsigned delivered, received;
    uint64_t last_sequence;
} Port;

/*
 * An interrupt is a store, and where it goes is for the guest to say: back
 * into a device, perhaps, in the midst of what that does (MB49).
 */
void interrupt(Port *from);

extern Port ports[MBOX_SIDES];
/* Both ends are honest, so what is reported must be true. */
extern bool peer_is_honest;

Port *port_of(VirtIOMailbox *m);
static inline Port *port_opposite(Port *port)
{
    return &ports[port == &ports[0]];
}

/* ---- regions.c ---- */

#define GUEST_RAM 65536

void regions_start(void);
/* The memory of all regions that lie in @owner. */
void regions_drop(void *owner, size_t size);
void regions_check_end(void);
AddressSpace *regions_dma(void);

/* ---- machine.c ---- */

void machine_start(void);
/* Everything given back: no memory mapped, no entry in use. */
void machine_check_end(void);
const TypeInfo *type_info(const char *name);
/* SENDUIPI to the peer's CPU @id from one of port's own. */
void send_user_interrupt(Port *port, uint32_t id, uint8_t vector);

/* ---- queues.c ---- */

void queues_offer(Port *port, unsigned queue, unsigned n);
void queues_notify(Port *port, unsigned queue);
void queues_reset(Port *port);
/* What an entry may take of a queue without end is counted anew. */
void queues_next_entry(Port *port);

/* ---- loop.c ---- */

void loop_start(void);
/* Bottom halves until there is none. */
void loop_run(void);
void loop_step_clock(uint64_t ns);
void loop_poll_events(Port *port);
void port_connect(Port *port);
void port_close(Port *port);
void port_feed(Port *port, const uint8_t *data, size_t size);
/* Some of what the other end has written. */
void port_deliver(Port *port, size_t most);
void port_writable(Port *port);
/* The descriptors that the next hello brings, when the input is the peer. */
void liar_choose_fds(uint32_t variant);
void liar_init(void);

#endif
