/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between request.c and caller.c */
#ifndef SCF_REQUESTER_H
#define SCF_REQUESTER_H

#include "scf.h"

/* Put an entry into the ring, for the call with that number: its token. */
uint64_t scf_put(struct scf_caller *c, unsigned number,
                 struct scf_request *entry);
/* The server of that epoch is not there any more; what it wrote may go, too. */
bool scf_is_gone(const struct scf_caller *c, uint32_t epoch);
/* The thread that waits for it, if one does, gets this. */
void scf_end(struct scf_call *call, long result);
/* Tell the server that nobody waits any more (F36). */
void scf_cancel(struct scf_caller *c, struct scf_call *call);

#endif
