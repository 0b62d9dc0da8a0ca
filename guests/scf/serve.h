/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server: what a shadow process calls (docs/forwarding.md). */
#ifndef SCF_SERVE_H
#define SCF_SERVE_H

#include <limits.h>
#include <stdbool.h>

#include "calls.h"
#include "wire.h"

#define SCF_PARKED  LONG_MIN        /* a call that must wait (F37) */

struct scf_job {
    struct scf_request request;     /* a copy (F26) */
    uint64_t taken, begun;
    bool used;                      /* parked */
};

struct scf_server {
    struct scf_slot *own;
    const struct scf_slot *peer;
    const uint32_t *running;        /* of slot 0 of the peer (F44) */
    unsigned slot;                  /* its number, for marks */
    uint32_t epoch, made, taken;
    bool broken;                    /* in this epoch */
    bool notify;                    /* a reply of this turn asks for it */
    struct scf_job jobs[SCF3_CALLS];
    uint64_t served, violations;
};

void scf_serve_start(struct scf_server *s, struct scf_slot *own,
                     const struct scf_slot *peer, const uint32_t *running);
/*
 * One turn, with what is parked tried again first: true if there was
 * something to do.  Not to be called while it runs.
 */
bool scf_serve(struct scf_server *s);
/* There is something that scf_serve() has not taken. */
bool scf_has_requests(const struct scf_server *s);

/* A request by the table: pointers checked, then scf_execute(). */
long scf_perform(struct scf_server *s, const struct scf_request *r);

/* ---- Defined by the shadow ---- */

/*
 * Execute a call: its result, -errno or SCF_PARKED.  Pointers are raw ones,
 * or point into the slot, as far as the length says.
 */
long scf_execute(struct scf_server *s, unsigned call, const uint64_t args[6]);
/* Another epoch: nothing of the old one is to be left (F30). */
void scf_renew(struct scf_server *s);
/* Tell the requester, as SCF3_MODE_* says. */
void scf_answered(struct scf_server *s, unsigned mode);

#endif
