/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A turn of the server: take, execute, reply. */
#include <errno.h>

#include "mark.h"
#include "serve.h"

/* ---- Epochs (F23, F29, F30) ---- */

static void put_state(struct scf_server *s, uint32_t state)
{
    wire_set(&s->own->head.state, state);
    s->broken = state == SCF3_STATE_BROKEN;
}

static void violated(struct scf_server *s)
{
    s->violations++;
    put_state(s, SCF3_STATE_BROKEN);
}

static void drop_jobs(struct scf_server *s)
{
    for (int i = 0; i < SCF3_CALLS; i++) {
        s->jobs[i].used = false;
    }
    wire_set(&s->own->head.parked, 0);
}

/* The epoch comes last, so that whoever sees it sees its counts. */
static void begin_epoch(struct scf_server *s, uint32_t epoch)
{
    struct scf_head *head = &s->own->head;

    wire_set(&head->epoch, 0);
    drop_jobs(s);
    scf_renew(s);
    s->made = s->taken = 0;
    wire_set(&head->made, 0);
    wire_set(&head->taken, 0);
    wire_set(&head->magic, SCF3_MAGIC);
    wire_set(&head->version, SCF3_VERSION);
    put_state(s, epoch ? SCF3_STATE_OPEN : SCF3_STATE_NONE);
    s->epoch = epoch;
    wire_set(&head->epoch, epoch);
}

void scf_serve_start(struct scf_server *s, struct scf_slot *own,
                     const struct scf_slot *peer, const uint32_t *running)
{
    *s = (struct scf_server) { .own = own, .peer = peer, .running = running };
    begin_epoch(s, 0);
}

/* ---- Replies ---- */

static unsigned reply_mode(const struct scf_server *s)
{
    return wire_word(&s->peer->head.reply) & SCF3_REPLY_MODE;
}

static bool has_room(struct scf_server *s)
{
    uint32_t waiting = s->made - wire_word(&s->peer->head.taken);

    if (waiting > SCF3_ENTRIES) {
        violated(s);
    }
    return waiting < SCF3_ENTRIES;
}

/* F44, F50: of a reply that has been made */
static bool asks_for_notice(const struct scf_server *s,
                            const struct scf_request *r)
{
    wire_fence();
    switch (wire_word(&s->peer->head.reply) & SCF3_REPLY_POLICY) {
    case SCF3_POLICY_NEVER:
        return false;
    case SCF3_POLICY_OUTRANKS:
        return r->priority > wire_word(s->running);
    case SCF3_POLICY_ASLEEP:
        return wire_word(s->running) != SCF3_RUNNING_LOOKS;
    default:
        return true;
    }
}

static uint64_t mark(const struct scf_server *s, unsigned number,
                     const struct scf_job *job)
{
    return scf_mark(number, s->slot, job->request.token);
}

static void answer(struct scf_server *s, const struct scf_job *job,
                   long result)
{
    struct scf_reply reply = {
        .token = job->request.token, .result = result, .taken = job->taken,
        .begun = job->begun, .ended = mark(s, SCF_MARK_ENDED, job),
    };

    reply.replied = mark(s, SCF_MARK_REPLIED, job);
    wire_copy(&s->own->replies[s->made % SCF3_ENTRIES], &reply, sizeof(reply));
    wire_set(&s->own->head.made, ++s->made);
    s->served++;
    s->notify |= asks_for_notice(s, &job->request);
}

/* ---- Requests ---- */

/* The piece of a copied argument: in the requester's buffer, or in ours. */
static uint64_t place(const struct scf_server *s, enum scf_type type,
                      unsigned number)
{
    bool goes_in = type == SCF_STRING || type == SCF_IN;

    return (uint64_t)(goes_in ? s->peer->buffers[number] :
                                s->own->buffers[number]);
}

static uint64_t argument(const struct scf_server *s,
                         const struct scf_request *r, enum scf_type type,
                         int i)
{
    switch (type) {
    case SCF_NONE:
        return 0;
    case SCF_VALUE:
    case SCF_FD:
        return r->args[i];
    case SCF_LENGTH:
        return r->flags & SCF3_FLAG_RAW || r->args[i] < SCF3_BUFFER_SIZE ?
               r->args[i] : SCF3_BUFFER_SIZE;
    default:
        return r->flags & SCF3_FLAG_RAW ? r->args[i] :
               place(s, type, r->token & SCF3_TOKEN_CALL);
    }
}

/* How far a pointer reaches; the rest of the address space is the shadow's. */
static uint64_t reach(const struct scf_request *r, enum scf_type type, int i)
{
    switch (type) {
    case SCF_STRING:
        return SCF_STRING_ROOM;
    case SCF_IN:
    case SCF_OUT:
        return r->args[i + 1];
    default:
        return scf_fixed_size(type);
    }
}

/* F28 */
static bool is_the_process_s(const struct scf_request *r,
                             const struct scf_call_type *type)
{
    for (int i = 0; i < SCF3_ARGS && r->flags & SCF3_FLAG_RAW; i++) {
        uint64_t bytes = reach(r, type->args[i], i);

        if (bytes && (bytes > SCF3_RAW_END ||
                      r->args[i] > SCF3_RAW_END - bytes)) {
            return false;
        }
    }
    return true;
}

long scf_perform(struct scf_server *s, const struct scf_request *r)
{
    const struct scf_call_type *type = scf_call_type(r->call);
    uint64_t args[SCF3_ARGS];

    if (!type || (type->class != SCF_REMOTE && type->class != SCF_INTERNAL)) {
        return -ENOSYS;
    }
    if (!is_the_process_s(r, type)) {
        return -EFAULT;
    }
    for (int i = 0; i < SCF3_ARGS; i++) {
        args[i] = argument(s, r, type->args[i], i);
    }
    return scf_execute(s, r->call, args);
}

static void show_parked(struct scf_server *s)
{
    uint32_t bits = 0;

    for (int i = 0; i < SCF3_CALLS; i++) {
        if (s->jobs[i].used) {
            bits |= 1u << (s->jobs[i].request.token & SCF3_TOKEN_CALL);
        }
    }
    wire_set(&s->own->head.parked, bits);
}

static struct scf_job *free_job(struct scf_server *s)
{
    for (int i = 0; i < SCF3_CALLS; i++) {
        if (!s->jobs[i].used) {
            return &s->jobs[i];
        }
    }
    return NULL;
}

/* F36 */
static long cancel(struct scf_server *s, uint64_t token)
{
    for (int i = 0; i < SCF3_CALLS; i++) {
        struct scf_job *job = &s->jobs[i];

        if (job->used && job->request.token == token) {
            job->used = false;
            answer(s, job, -EINTR);
            return 0;
        }
    }
    return -ENOENT;
}

static void do_job(struct scf_server *s, struct scf_job *job)
{
    long result;

    job->begun = mark(s, SCF_MARK_BEGUN, job);
    if (job->request.call == SCF3_CALL_CANCEL) {
        result = cancel(s, job->request.args[0]);
    } else {
        result = scf_perform(s, &job->request);
    }
    job->used = result == SCF_PARKED;
    if (!job->used) {
        answer(s, job, result);
    }
}

static bool take_request(struct scf_server *s)
{
    uint32_t made = wire_word(&s->peer->head.made);
    struct scf_job extra, *job = free_job(s);

    if (made - s->taken > SCF3_ENTRIES) {
        violated(s);
    }
    if (s->broken || made == s->taken || !has_room(s)) {
        return false;
    }
    wire_copy(&extra.request, &s->peer->requests[s->taken % SCF3_ENTRIES],
              sizeof(extra.request));
    extra.taken = mark(s, SCF_MARK_TAKEN, &extra);
    if (!job && extra.request.call != SCF3_CALL_CANCEL) {
        return false;
    }
    wire_set(&s->own->head.taken, ++s->taken);
    extra.used = false;
    do_job(s, &extra);
    if (extra.used) {
        *job = extra;
    }
    return true;
}

static bool try_parked(struct scf_server *s)
{
    bool some = false;

    for (int i = 0; i < SCF3_CALLS && !s->broken; i++) {
        if (s->jobs[i].used && has_room(s)) {
            do_job(s, &s->jobs[i]);
            some |= !s->jobs[i].used;
        }
    }
    return some;
}

bool scf_has_requests(const struct scf_server *s)
{
    uint32_t epoch = wire_word(&s->peer->head.epoch);

    return epoch != s->epoch || (epoch && !s->broken &&
           wire_word(&s->peer->head.made) != s->taken);
}

/* What was made before it is shown was meant for another server (F30). */
static bool can_begin(const struct scf_head *head, uint32_t epoch)
{
    return !epoch || (wire_word(&head->made) == 0 &&
                      wire_word(&head->magic) == SCF3_MAGIC &&
                      wire_word(&head->version) == SCF3_VERSION);
}

static void check_epoch(struct scf_server *s)
{
    uint32_t epoch = wire_word(&s->peer->head.epoch);

    if (epoch == s->epoch) {
        return;
    }
    begin_epoch(s, can_begin(&s->peer->head, epoch) ? epoch : 0);
    if (s->epoch) {
        scf_answered(s, reply_mode(s));
    }
}

bool scf_serve(struct scf_server *s)
{
    bool some = false;

    check_epoch(s);
    if (!s->epoch || s->broken) {
        return false;
    }
    s->notify = false;
    some = try_parked(s);
    for (int i = 0; i < SCF3_ENTRIES && take_request(s); i++) {
        some = true;
    }
    show_parked(s);
    if (s->notify) {
        scf_answered(s, reply_mode(s));
    }
    return some;
}
