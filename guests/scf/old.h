/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server of the queues of versions 1 and 2 (F10-F14). */
#ifndef SCF_OLD_H
#define SCF_OLD_H

#include "oldpage.h"
#include "serve.h"

struct old_server {
    uint8_t *page;
    uint8_t *data;              /* version 1's area; null: version 2 */
    bool beside;                /* a slot of version 3: calls only (F15) */
    int owed;                   /* descriptor whose reply is to be told, -1 */
    uint64_t served;
};

void old_start(struct old_server *o, uint8_t *page, uint8_t *data);
/* One turn: true if it has answered something. */
bool old_serve(struct old_server *o);

/* ---- Defined by the shadow: the guest-physical address of its UPID ---- */
long old_init_uintr(void);

#endif
