/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests: from the arguments of a process to an entry of the ring. */
#include <errno.h>

#include "mark.h"
#include "requester.h"

uint64_t scf_timeout = 1000000000;

/* ---- Arguments (F3, F26, F27) ---- */

struct request {
    struct process *process;
    struct scf_caller *caller;
    unsigned number;            /* of the call, and of its buffers */
    const struct scf_call_type *type;
    const uint64_t *args;
    bool raw;
    uint32_t epoch;             /* in which it was sent, 0 if it was not */
};

static uint64_t length_of(const struct request *r, int arg)
{
    uint64_t length = r->args[arg];

    return r->raw || length < SCF3_BUFFER_SIZE ? length : SCF3_BUFFER_SIZE;
}

static long put_argument(const struct request *r, int i, uint64_t *value)
{
    uint8_t *buffer = r->caller->own->buffers[r->number];

    *value = r->args[i];
    if (r->raw) {
        return 0;
    }
    switch (r->type->args[i]) {
    case SCF_VALUE:
    case SCF_FD:
        return 0;
    case SCF_LENGTH:
        *value = length_of(r, i);
        return 0;
    case SCF_STRING:
        *value = 0;
        return rt_copy_string(r->process, (char *)buffer, r->args[i],
                              SCF_STRING_ROOM);
    case SCF_IN:
        *value = 0;
        return rt_copy_in(r->process, buffer, r->args[i],
                          length_of(r, i + 1));
    default:
        *value = 0;
        return 0;
    }
}

static long put_arguments(const struct request *r, uint64_t values[])
{
    for (int i = 0; i < SCF3_ARGS; i++) {
        long error = 0;

        values[i] = 0;
        if (r->type->args[i] != SCF_NONE) {
            error = put_argument(r, i, &values[i]);
        }
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

/* A server may say no more than that it has filled what was asked for. */
static bool is_possible(const struct request *r, long result)
{
    if (result < 0) {
        return result >= -4095;
    }
    for (int i = 0; i < SCF3_ARGS; i++) {
        if (r->type->args[i] == SCF_LENGTH) {
            return (uint64_t)result <= length_of(r, i);
        }
    }
    return true;
}

static long take_results(const struct request *r, long result)
{
    const uint8_t *buffer = r->caller->peer->buffers[r->number];
    bool copied = false;

    if (!is_possible(r, result)) {
        r->caller->violations++;
        return -EPROTO;
    }
    for (int i = 0; i < SCF3_ARGS && result >= 0 && !r->raw; i++) {
        enum scf_type type = r->type->args[i];
        size_t bytes = type == SCF_OUT ? (size_t)result : scf_fixed_size(type);

        if (bytes && rt_copy_out(r->process, r->args[i], buffer, bytes)) {
            return -EFAULT;
        }
        copied |= bytes;
    }
    return copied && scf_is_gone(r->caller, r->epoch) ? -ECONNRESET : result;
}

/* ---- Numbers of calls (F32) ---- */

static struct scf_call *free_call(struct scf_caller *c)
{
    for (int i = 0; i < SCF3_CALLS; i++) {
        struct scf_call *call = &c->calls[i];

        if (!call->held && !call->token && !call->follows) {
            return call;
        }
    }
    return NULL;
}

static bool any_held(const struct scf_caller *c)
{
    for (int i = 0; i < SCF3_CALLS; i++) {
        if (c->calls[i].held) {
            return true;
        }
    }
    return false;
}

/* RT11: it counts from its first wait on until it has left. */
static void enter(struct scf_caller *c)
{
    c->threads++;
    if (rt_priority() > c->urgency) {
        c->urgency = rt_priority();
    }
}

static void leave(struct scf_caller *c)
{
    if (!--c->threads) {
        c->urgency = 0;
    }
}

/* F31: until the server shows the epoch, or does not in time. */
static long wait_for_server(struct scf_caller *c)
{
    while (c->state == SCF_OPENING && rt_now() < c->deadline) {
        if (rt_killed()) {
            return -EINTR;
        }
        c->ready = 0;
        rt_block(&c->ready);
    }
    return c->state == SCF_OPEN ? 0 : -ENOTCONN;
}

static long claim(struct scf_caller *c, struct scf_call **call)
{
    long error;

    while (!(error = wait_for_server(c)) && !(*call = free_call(c))) {
        if (rt_killed()) {
            return -EINTR;
        }
        if (!any_held(c)) {
            return -ETIMEDOUT;
        }
        c->room = 0;
        rt_block(&c->room);
    }
    if (!error) {
        (*call)->held = true;
        (*call)->done = 0;
    }
    return error;
}

static void release(struct scf_caller *c, struct scf_call *call)
{
    call->held = false;
    c->room = 1;
    rt_wake(&c->room);
}

/* ---- The way of a call ---- */

/* F6: SENDUIPI only to a target that the server has named */
static unsigned mode_now(const struct scf_caller *c)
{
    return c->mode == SCF3_MODE_UIPI && !c->target ? SCF3_MODE_IRQ : c->mode;
}

static void send(const struct request *r, const uint64_t values[])
{
    struct scf_caller *c = r->caller;
    struct scf_call *call = &c->calls[r->number];
    struct scf_request entry = {
        .call = r->type->number,
        .flags = r->raw ? SCF3_FLAG_RAW : 0,
        .priority = rt_priority(),
    };

    for (int i = 0; i < SCF3_ARGS; i++) {
        entry.args[i] = values[i];
    }
    call->deadline = rt_now() + scf_timeout;
    if (call->deadline < c->deadline) {
        c->deadline = call->deadline;
    }
    call->token = scf_put(c, r->number, &entry);
    call->marks = (struct scf_marks) { .enqueued = entry.enqueued };
    scf_notify(c, mode_now(c));
    call->marks.notified = scf_mark(SCF_MARK_NOTIFIED, c->slot, call->token);
}

static long wait_for_result(struct scf_caller *c, struct scf_call *call)
{
    uint64_t token = call->token;

    while (!call->done) {
        if (rt_killed()) {
            scf_end(call, -EINTR);
            scf_cancel(c, call);
            break;
        }
        rt_block(&call->done);
    }
    call->marks.woken = scf_mark(SCF_MARK_WOKEN, c->slot, token);
    return call->result;
}

static struct request request_of(struct process *p, unsigned call,
                                 const uint64_t args[6])
{
    return (struct request) {
        .process = p, .caller = rt_caller(p), .type = scf_call_type(call),
        .args = args,
    };
}

static long carry_claimed(struct request *r, struct scf_call *call)
{
    struct scf_caller *c = r->caller;
    uint64_t values[SCF3_ARGS];
    long result;

    r->number = call - c->calls;
    r->raw = !c->lost && rt_mirrored(r->process);
    r->epoch = c->epoch;
    result = put_arguments(r, values);
    if (!result) {
        send(r, values);
        result = take_results(r, wait_for_result(c, call));
        c->last = call->marks;
    }
    release(c, call);
    return result;
}

static long carry(struct request *r)
{
    struct scf_call *call;
    long result;

    enter(r->caller);
    result = claim(r->caller, &call);
    if (!result) {
        result = carry_claimed(r, call);
    }
    leave(r->caller);
    return result;
}

/* ---- The handshake (F6) ---- */

/* What another epoch's server has named is not this one's. */
static void find_target(struct process *p)
{
    const uint64_t none[6] = { 0 };
    struct request r = request_of(p, SCF3_CALL_INIT_UINTR, none);
    struct scf_caller *c = r.caller;
    long answer;

    c->target_tried = true;
    answer = carry(&r);
    if (c->epoch != r.epoch) {
        return;
    }
    c->target_tried = true;             /* it may have waited for the epoch */
    if (answer < 0 || (uint64_t)answer + 64 - (answer & SCF3_UINTR_VECTOR) >
                      scf_upid_half()) {
        return;
    }
    rt_set_target(p, scf_upid_window() + (answer & ~(long)SCF3_UINTR_VECTOR),
                  answer & SCF3_UINTR_VECTOR);
    c->target = true;
}

static long call_server(struct process *p, unsigned number,
                        const uint64_t args[6])
{
    struct request r = request_of(p, number, args);

    if (r.caller->mode == SCF3_MODE_UIPI && !r.caller->target_tried) {
        find_target(p);
    }
    return carry(&r);
}

/* ---- What the kernel calls ---- */

long forward(struct process *p, unsigned call, const uint64_t args[6])
{
    if (scf_class(call) != SCF_REMOTE) {
        return -ENOSYS;
    }
    return call_server(p, call, args);
}

long scf_map(struct process *p, uint64_t va, uint64_t frame, uint64_t pages,
             unsigned prot)
{
    const uint64_t args[6] = { va, frame, pages, prot };

    return call_server(p, SCF3_CALL_MAP, args);
}

long scf_unmap(struct process *p, uint64_t va, uint64_t pages)
{
    const uint64_t args[6] = { va, pages };

    return call_server(p, SCF3_CALL_UNMAP, args);
}

long scf_exec(struct process *p)
{
    const uint64_t args[6] = { 0 };

    return call_server(p, SCF3_CALL_EXEC, args);
}

/* The child's server must be there, or its files would be closed (F30). */
long scf_fork(struct process *parent, struct process *child)
{
    const uint64_t args[6] = { rt_caller(child)->slot };
    long error;

    enter(rt_caller(child));
    error = wait_for_server(rt_caller(child));
    leave(rt_caller(child));
    return error ? error : call_server(parent, SCF3_CALL_FORK, args);
}

long scf_exit(struct process *p, int status)
{
    const uint64_t args[6] = { status };

    return call_server(p, SCF3_CALL_EXIT, args);
}

bool scf_has_target(struct process *p)
{
    struct scf_caller *c = rt_caller(p);

    if (!c->target_tried) {
        find_target(p);
    }
    return c->target && c->state == SCF_OPEN;
}
