/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A peer process that says whatever a test wants: the test itself, side 1. */
#ifndef MAILBOX_LIAR_H
#define MAILBOX_LIAR_H

#include "mailbox-rig.h"

#define HANG_LIMIT 60           /* seconds; a QEMU that hangs answers nothing */
#define SIGNALS_ENABLED 16      /* in the page of doorbells and notifications */

typedef struct Hello {
    uint32_t type, length;
    uint64_t a, b;
    uint32_t magic, version, side, max_message, common, output, upid;
    uint32_t apic_first, apic_count, ready, state_word, generation;
} QEMU_PACKED Hello;

typedef struct Liar {
    Hello hello;
    int fds[8], n;
    int socket;
    int bell;                   /* where it hears */
} Liar;

int sealed_memfd(size_t size, int seals);

/* All that an honest side 1 would send */
void liar_init(Liar *liar);
void liar_done(Liar *liar);
void liar_connect(Liar *liar);
void liar_send(Liar *liar, const void *data, size_t size, int n);
/* Connect, and send hello with the descriptors. */
void liar_greet(Liar *liar);
void liar_put_frame(Liar *liar, uint32_t type, uint32_t length, uint64_t a,
                    uint64_t b);

/* Of side 0: state, output, upid, common, signals, doorbell */
#define HONEST_FDS 6
void liar_take_fds(Liar *liar, int *fds);
void liar_close_fds(int *fds);

/* The other end hangs up, whatever it has sent before. */
void expect_hang_up(Liar *liar);
void expect_alive(Endpoint *e);

#endif
