/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of the mailbox share: machines with endpoints, and a driver. */
#ifndef MAILBOX_RIG_H
#define MAILBOX_RIG_H

#include "libqtest.h"
#include "libqos/libqos-malloc.h"
#include "libqos/pci.h"
#include "libqos/virtio.h"
#include "libqos/virtio-pci.h"
#include "farbell/mailbox.h"

typedef struct Rig {
    QTestState *qts;
    QPCIBus *bus;
    QGuestAllocator alloc;
} Rig;

typedef struct Endpoint {
    Rig *rig;
    QVirtioPCIDevice *dev;
    QPCIBar shm;
    QVirtQueue *queue[MBOX_QUEUES];
    uint64_t features;          /* to negotiate; all offered if 0 */
} Endpoint;

#define ALL_QUEUES 7u

void rig_start(Rig *rig, const char *options);
/* Two endpoints in slots 4 ("a") and 5 ("b"); options of each. */
void rig_start_pair(Rig *rig, const char *a, const char *b);
/* One endpoint, "m", in slot 4; its peer is at the other end of the socket. */
void rig_start_side(Rig *rig, const char *socket, int side,
                    const char *options);
void rig_stop(Rig *rig);

/* True if it succeeded. */
bool wait_for_migration(QTestState *qts);

/* A number from the environment */
uint64_t rig_number(const char *name, uint64_t fallback);

/* QEMU's standard error from here on; what came since, and as it was before. */
int log_start(void);
char *log_end(int old);
void log_expect(int old, const char *text);

/* Find the endpoint; map its memory, leave the device reset. */
void endpoint_find(Endpoint *e, Rig *rig, int slot);
/* Negotiate, set up @queues (a bit mask); endpoint_start() adds DRIVER_OK. */
void endpoint_set_up(Endpoint *e, unsigned queues);
void endpoint_start(Endpoint *e, unsigned queues);
void endpoint_open(Endpoint *e, Rig *rig, int slot);
void endpoint_close(Endpoint *e);
void endpoint_reset(Endpoint *e);

uint32_t reg32(Endpoint *e, unsigned offset);
uint64_t reg64(Endpoint *e, unsigned offset);
void set32(Endpoint *e, unsigned offset, uint32_t value);
void set64(Endpoint *e, unsigned offset, uint64_t value);
uint32_t cfg32(Endpoint *e, unsigned offset);
uint64_t counter(Endpoint *e, unsigned n);

/* In real time, because another process has to do something. */
#define WAIT_UNTIL(condition)                                               \
    for (int ms_ = 0; !(condition); ms_++) {                                \
        g_assert_cmpint(ms_, <, 10000);                                     \
        g_usleep(1000);                                                     \
    }

void wait_for_link(Endpoint *e, uint32_t link);

/* Where that section is for the guest; @section is MBOX_CFG_..._OFFSET */
uint64_t shm(Endpoint *e, unsigned section, unsigned offset);
/* Ring that doorbell of the peer; what became of it */
uint32_t ring(Endpoint *e, unsigned doorbell);
/* An MSI-X entry, unmasked */
void program_msix(Endpoint *e, unsigned entry, uint64_t to, uint32_t data);

/* A message of @length bytes that begin with @first; gives its report. */
uint64_t send_message(Endpoint *e, uint32_t length, uint8_t first);
void add_receive_buffer(Endpoint *e, uint64_t at, uint32_t length);
uint64_t offer_buffer(Endpoint *e, uint32_t length);
uint64_t offer_event(Endpoint *e);

/* Has this queue got one more used buffer?  The next one, if so. */
bool used(Endpoint *e, unsigned queue, uint32_t *length);
void wait_for_used(Endpoint *e, unsigned queue);

#define NO_REPORT_YET 0xffffffff
uint32_t report_status(Endpoint *e, uint64_t report);
uint32_t mem32(Endpoint *e, uint64_t addr);
uint64_t mem64(Endpoint *e, uint64_t addr);

/* ---- One process with both endpoints ---- */

typedef struct Pair {
    Rig rig;
    Endpoint a, b;
} Pair;

/* a comes last, and so has seen no event yet. */
void pair_open(Pair *p, const char *a, const char *b);
void pair_close(Pair *p);

/* ---- Two processes, joined by a socket ---- */

typedef struct TwoSides {
    Rig rig[2];
    Endpoint e[2];
} TwoSides;

extern char *socket_path;

void socket_path_make(void);
void socket_path_remove(void);
void side_open(TwoSides *p, int side, const char *options);
void side_close(TwoSides *p, int side);
void side_kill(TwoSides *p, int side);
void sides_open(TwoSides *p);
void sides_close(TwoSides *p);

#endif
