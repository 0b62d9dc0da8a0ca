/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process's slot: epochs, replies, and what does not come in time. */
#include <errno.h>

#include "mark.h"
#include "requester.h"

#define NEVER   UINT64_MAX
#define PIECE   1               /* replies, or deadlines */
#define RETRY   4               /* time-outs without a server */

/* ---- Opening and closing (F29) ---- */

static uint32_t new_epoch(const struct scf_caller *c)
{
    uint32_t shown = wire_word(&c->peer->head.epoch);
    uint32_t epoch = (c->epoch ? c->epoch : shown) + 1;

    while (!epoch || epoch == shown || epoch == c->own->head.epoch) {
        epoch++;
    }
    return epoch;
}

/* The epoch comes last: a server that sees it sees what goes with it. */
static void open_again(struct scf_caller *c)
{
    struct scf_head *head = &c->own->head;
    uint32_t epoch = new_epoch(c);

    c->made = c->taken = c->until = 0;
    c->look = 0;
    wire_set(&head->made, 0);
    wire_set(&head->taken, 0);
    wire_set(&head->magic, SCF3_MAGIC);
    wire_set(&head->version, SCF3_VERSION);
    wire_set(&head->state, SCF3_STATE_OPEN);
    wire_set(&head->epoch, epoch);
    c->epoch = epoch;
    c->generation = scf_generation();
    c->target = c->target_tried = false;
    c->state = SCF_OPENING;
    c->deadline = rt_now() + scf_timeout;
    scf_notify(c, SCF3_MODE_IRQ);
}

void scf_open(struct scf_caller *c, struct scf_slot *own,
              const struct scf_slot *peer, uint64_t process)
{
    *c = (struct scf_caller) { .own = own, .peer = peer, .slot = c->slot,
                               .mode = c->mode, .epoch = c->epoch };
    own->head.process = process;
    open_again(c);
}

void scf_close(struct scf_caller *c)
{
    c->state = SCF_CLOSED;
    wire_set(&c->own->head.state, SCF3_STATE_NONE);
    wire_set(&c->own->head.epoch, 0);
    scf_notify(c, SCF3_MODE_IRQ);
}

void scf_set_modes(struct scf_caller *c, unsigned request, unsigned reply,
                   unsigned policy)
{
    c->mode = request;
    wire_set(&c->own->head.reply,
             reply | policy | request << SCF3_REQUEST_MODE_SHIFT);
}

/* ---- Entries ---- */

uint64_t scf_put(struct scf_caller *c, unsigned number,
                 struct scf_request *entry)
{
    entry->token = ++c->tokens * SCF3_CALLS + number;
    entry->enqueued = scf_mark(SCF_MARK_ENQUEUED, c->slot, entry->token);
    wire_copy(&c->own->requests[c->made % SCF3_ENTRIES], entry,
              sizeof(*entry));
    wire_set(&c->own->head.made, ++c->made);
    return entry->token;
}

void scf_end(struct scf_call *call, long result)
{
    if (call->held && !call->done) {
        call->result = result;
        call->done = 1;
        rt_wake(&call->done);
    }
}

/* What goes after a call; one at a time. */
static void follow(struct scf_caller *c, struct scf_call *call,
                   unsigned number)
{
    struct scf_request entry = {
        .call = number, .args = { call->token },
    };

    if (call->token && !call->follows) {
        call->follows = scf_put(c, call - c->calls, &entry);
        scf_notify(c, SCF3_MODE_IRQ);
    }
}

void scf_cancel(struct scf_caller *c, struct scf_call *call)
{
    follow(c, call, SCF3_CALL_CANCEL);
}

/* ---- The end of an epoch (F31) ---- */

static void lose(struct scf_caller *c, long error)
{
    for (int i = 0; i < SCF3_CALLS; i++) {
        scf_end(&c->calls[i], error);
        c->calls[i].token = c->calls[i].follows = 0;
    }
    if (c->state == SCF_OPEN) {
        c->resets++;
        c->lost = true;
    }
    open_again(c);
    c->room = 1;
    rt_wake(&c->room);
}

bool scf_is_gone(const struct scf_caller *c, uint32_t epoch)
{
    return c->epoch != epoch || scf_generation() != c->generation ||
           wire_word(&c->peer->head.epoch) != epoch;
}

/* It may be what a server that went in this moment has left: no rule then. */
static void broken(struct scf_caller *c)
{
    if (scf_is_gone(c, c->epoch)) {
        lose(c, -ECONNRESET);
        return;
    }
    c->violations++;
    wire_set(&c->own->head.state, SCF3_STATE_BROKEN);
    lose(c, -EPROTO);
}

/* ---- Replies (F24-F26, F33) ---- */

static void take_reply(struct scf_caller *c, const struct scf_reply *reply)
{
    struct scf_call *call = &c->calls[reply->token & SCF3_TOKEN_CALL];

    if (reply->token && reply->token == call->token) {
        call->token = 0;
        call->marks.taken = reply->taken;
        call->marks.begun = reply->begun;
        call->marks.ended = reply->ended;
        call->marks.replied = reply->replied;
        c->late += !call->held || call->done;
        scf_end(call, reply->result);
    } else if (reply->token && reply->token == call->follows) {
        call->follows = 0;
        if (!call->held || call->done) {
            scf_cancel(c, call);        /* it was a probe, if there is one */
        }
    } else {
        c->strays++;
    }
    if (!call->held) {
        c->room = 1;
        rt_wake(&c->room);
    }
}

/* What comes meanwhile is announced again: a turn has an end. */
static bool begin_turn(struct scf_caller *c)
{
    if (c->taken == c->until) {
        c->until = wire_word(&c->peer->head.made);
    }
    return c->until - c->taken <= c->made - c->taken;
}

static bool take_replies(struct scf_caller *c)
{
    struct scf_reply reply;

    if (!begin_turn(c)) {
        broken(c);
        return false;
    }
    for (int i = 0; i < PIECE && c->taken != c->until; i++) {
        wire_copy(&reply, &c->peer->replies[c->taken % SCF3_ENTRIES],
                  sizeof(reply));
        if (scf_is_gone(c, c->epoch)) {
            lose(c, -ECONNRESET);
            return false;
        }
        wire_set(&c->own->head.taken, ++c->taken);
        take_reply(c, &reply);
    }
    return c->taken != c->until;
}

/* ---- Time (F35) ---- */

static bool is_parked(const struct scf_caller *c, unsigned i)
{
    return wire_word(&c->peer->head.parked) & 1u << i;
}

/* One that is parked may wait for ever, but its server answers probes. */
static void look_at_deadline(struct scf_caller *c, unsigned i, uint64_t now)
{
    struct scf_call *call = &c->calls[i];

    if (!call->held || call->done || !call->token) {
        return;
    }
    if (now >= call->deadline && (!is_parked(c, i) || call->follows)) {
        scf_end(call, -ETIMEDOUT);
        scf_cancel(c, call);
        return;
    }
    if (now >= call->deadline) {
        follow(c, call, SCF3_CALL_NULL);
        call->deadline = now + scf_timeout;
    }
    if (call->deadline < c->deadline) {
        c->deadline = call->deadline;
    }
}

static bool expire(struct scf_caller *c)
{
    uint64_t now = rt_now();

    if (!c->look) {
        if (now < c->deadline) {
            return false;
        }
        c->deadline = NEVER;
    }
    for (int i = 0; i < PIECE && c->look < SCF3_CALLS; i++) {
        look_at_deadline(c, c->look++, now);
    }
    if (c->look < SCF3_CALLS) {
        return true;
    }
    c->look = 0;
    c->room = 1;
    rt_wake(&c->room);
    return false;
}

/* ---- A turn ---- */

/*
 * The server may have served this epoch before and shown another since, and
 * finds nothing new in it.  Calls go on without one meanwhile.
 */
static void open_other(struct scf_caller *c, uint64_t now)
{
    if (now - c->deadline >= RETRY * scf_timeout) {
        open_again(c);
        c->deadline = now;
    }
}

static void look_for_server(struct scf_caller *c)
{
    const struct scf_head *head = &c->peer->head;
    uint64_t now = rt_now();
    bool here = wire_word(&head->epoch) == c->epoch &&
                wire_word(&head->magic) == SCF3_MAGIC &&
                wire_word(&head->version) == SCF3_VERSION;

    if (here) {
        c->state = SCF_OPEN;
        c->deadline = NEVER;
    }
    if (here || now >= c->deadline) {
        c->ready = 1;
        rt_wake(&c->ready);
    }
    if (!here && now >= c->deadline) {
        open_other(c, now);
    }
}

static bool look_for_replies(struct scf_caller *c)
{
    if (scf_is_gone(c, c->epoch)) {
        lose(c, -ECONNRESET);
        return false;
    }
    if (wire_word(&c->peer->head.state) != SCF3_STATE_OPEN) {
        broken(c);
        return false;
    }
    return take_replies(c);
}

bool scf_piece(struct scf_caller *c)
{
    if (c->state == SCF_OPENING && scf_generation() != c->generation) {
        lose(c, -ECONNRESET);
    }
    if (c->state == SCF_OPENING) {
        look_for_server(c);
    } else if (c->state == SCF_OPEN && look_for_replies(c)) {
        return true;
    }
    return c->state == SCF_OPEN && expire(c);
}

void scf_poll(struct scf_caller *c)
{
    bool more;

    do {
        more = scf_piece(c);
    } while (more);
}
