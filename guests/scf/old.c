/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "old.h"

#define TRIES   1000                /* for the lock, then it is later */

/* ---- The lock ---- */

/* F10: a peer that never gives it back costs a bounded time. */
static bool take_lock(uint8_t *page)
{
    for (int i = 0; i < TRIES; i++) {
        if (!__atomic_exchange_n(page + SCF_META_LOCK, 1, __ATOMIC_ACQUIRE)) {
            return true;
        }
        __builtin_ia32_pause();
    }
    return false;
}

static void give_lock(uint8_t *page)
{
    __atomic_store_n(page + SCF_META_LOCK, 0, __ATOMIC_RELEASE);
}

/* ---- Calls ---- */

struct old_call {
    uint8_t opcode;
    uint64_t args[4];
};

/* -1: none of the table */
static int number_of(unsigned version, uint8_t opcode)
{
    static const int16_t first[] = { -1, 0, 1, 2, 3 };
    static const int16_t second[] = { 0, 1, 2, 3, 4, SCF3_CALL_MAP,
                                      SCF3_CALL_UNMAP };

    if (version == 1) {
        return opcode < 5 ? first[opcode] : -1;
    }
    switch (opcode) {
    case SCF2_EXIT:
        return SCF3_CALL_EXIT;
    case SCF2_MAP_LATER:
        return SCF3_CALL_MAP;
    case SCF2_UNMAP_LATER:
        return SCF3_CALL_UNMAP;
    default:
        return opcode < 7 ? second[opcode] : -1;
    }
}

/* F12: what the argument points at, and where its buffer lies */
static bool find_first(struct old_server *o, struct old_call *c)
{
    uint64_t at = c->args[0];

    if (at > SCF1_DATA_SIZE - SCF1_ARGS_SIZE || at % 8) {
        return false;
    }
    wire_copy(c->args, o->data + at, SCF1_ARGS_SIZE);
    if (c->args[1] > SCF1_DATA_SIZE ||
        c->args[2] > SCF1_DATA_SIZE - c->args[1]) {
        return false;
    }
    c->args[1] += (uint64_t)o->data;
    return true;
}

static long call_first(struct old_server *o, struct old_call *c, int number)
{
    uint64_t args[6] = { 0 };

    if (number != 3 && !find_first(o, c)) {
        return -EFAULT;
    }
    args[0] = number == 2 ? c->args[1] : c->args[0];
    args[1] = number == 2 ? c->args[0] : c->args[1];
    args[2] = c->args[2];
    return scf_execute(NULL, number, args);
}

static long call_second(const struct old_call *c, int number)
{
    struct scf_request r = { .call = number, .flags = SCF3_FLAG_RAW };

    for (int i = 0; i < 4; i++) {
        r.args[i] = c->args[i];
    }
    return scf_perform(NULL, &r);
}

/* F15: what its kernel has told the server is not the process's to change. */
static bool is_its_kernel_s(int number)
{
    return number == SCF3_CALL_MAP || number == SCF3_CALL_UNMAP ||
           number == SCF3_CALL_EXIT;
}

static long perform(struct old_server *o, struct old_call *c)
{
    unsigned version = o->data ? 1 : 2;
    int number = number_of(version, c->opcode);
    long result;

    if (c->opcode == (version == 1 ? SCF1_INIT_UINTR : SCF2_INIT_UINTR)) {
        return old_init_uintr();
    }
    if (version == 1 && c->opcode == SCF1_NOP) {
        return 0;
    }
    if (number < 0) {
        return -ENOSYS;
    }
    if (o->beside && is_its_kernel_s(number)) {
        return -EPERM;
    }
    result = version == 1 ? call_first(o, c, number) : call_second(c, number);
    return result == SCF_PARKED ? -EAGAIN : result;
}

/* ---- Rings ---- */

/* The next descriptor with a request, or -1; F11. */
static int take(struct old_server *o, const struct old_layout *l)
{
    uint16_t made = old_read16(o->page, SCF_META_REQ_INDEX);
    uint16_t answered = old_read16(o->page, SCF_META_RSP_INDEX);
    uint16_t there = made - answered;
    uint16_t i = old_read16(o->page,
                            l->req_ring + answered % l->capacity * 2);

    return there && there <= l->capacity && i < l->capacity ? i : -1;
}

static bool take_locked(struct old_server *o, const struct old_layout *l,
                        int *i)
{
    if (!take_lock(o->page)) {
        return false;
    }
    *i = take(o, l);
    give_lock(o->page);
    return *i >= 0;
}

/* What is done is told once, later if the lock is held now. */
static bool put_owed(struct old_server *o, const struct old_layout *l)
{
    uint16_t made;

    if (o->owed >= 0) {
        if (!take_lock(o->page)) {
            return false;
        }
        made = old_read16(o->page, SCF_META_RSP_INDEX);
        old_write16(o->page, l->rsp_ring + made % l->capacity * 2, o->owed);
        old_write16(o->page, SCF_META_RSP_INDEX, made + 1);
        give_lock(o->page);
        o->owed = -1;
    }
    return true;
}

static void answer(struct old_server *o, const struct old_layout *l, int i)
{
    uint8_t *d = o->page + SCF_META_SIZE + i * l->desc_size;
    struct old_call c = {
        .opcode = *(volatile uint8_t *)(d + SCF_DESC_OPCODE),
    };
    long result;

    wire_copy(c.args, d + SCF_DESC_ARGS, l->result - SCF_DESC_ARGS);
    result = perform(o, &c);
    *(volatile uint64_t *)(d + l->result) = result;
    o->owed = i;
    o->served++;
}

void old_start(struct old_server *o, uint8_t *page, uint8_t *data)
{
    *o = (struct old_server) { .page = page, .data = data, .owed = -1 };
}

bool old_serve(struct old_server *o)
{
    const struct old_layout *l = old_layout_of(o->page);
    uint64_t before = o->served;
    int i;

    if (!l || l->version != (o->data ? 1u : 2u)) {
        return false;
    }
    for (int n = 0; n < l->capacity && put_owed(o, l) &&
                    take_locked(o, l, &i); n++) {
        answer(o, l, i);
    }
    return put_owed(o, l) && o->served != before;
}
