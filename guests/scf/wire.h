/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A slot of version 3 as C sees it.  The peer's may change at any moment, so
 * it is only ever read by wire_word() and wire_copy(): once, into a copy (F26).
 */
#ifndef SCF_WIRE_H
#define SCF_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <farbell/scf.h>

struct scf_head {
    uint32_t magic, version, epoch, state, made, taken, reply, running;
    uint64_t process;
    uint32_t parked, zero;
};

struct scf_request {
    uint64_t token;
    uint32_t call;
    uint16_t flags, priority;
    uint64_t args[SCF3_ARGS];
    uint64_t enqueued;
    uint64_t zero[3];
};

struct scf_reply {
    uint64_t token;
    int64_t result;
    uint64_t taken, begun, ended, replied;
    uint64_t zero[6];
};

struct scf_slot {
    struct scf_head head;
    uint8_t zero[SCF3_RING - sizeof(struct scf_head)];
    union {
        struct scf_request requests[SCF3_ENTRIES];
        struct scf_reply replies[SCF3_ENTRIES];
    };
    uint8_t buffers[SCF3_CALLS][SCF3_BUFFER_SIZE];
};

#define WIRE_AT(type, member, offset)                                       \
    _Static_assert(offsetof(struct type, member) == (offset), #type #member)

WIRE_AT(scf_head, epoch, SCF3_HEAD_EPOCH);
WIRE_AT(scf_head, state, SCF3_HEAD_STATE);
WIRE_AT(scf_head, made, SCF3_HEAD_MADE);
WIRE_AT(scf_head, taken, SCF3_HEAD_TAKEN);
WIRE_AT(scf_head, reply, SCF3_HEAD_REPLY);
WIRE_AT(scf_head, running, SCF3_HEAD_RUNNING);
WIRE_AT(scf_head, process, SCF3_HEAD_PROCESS);
WIRE_AT(scf_head, parked, SCF3_HEAD_PARKED);
WIRE_AT(scf_request, call, SCF3_REQ_CALL);
WIRE_AT(scf_request, flags, SCF3_REQ_FLAGS);
WIRE_AT(scf_request, priority, SCF3_REQ_PRIORITY);
WIRE_AT(scf_request, args, SCF3_REQ_ARGS);
WIRE_AT(scf_request, enqueued, SCF3_REQ_ENQUEUED);
WIRE_AT(scf_reply, result, SCF3_RSP_RESULT);
WIRE_AT(scf_reply, taken, SCF3_RSP_TAKEN);
WIRE_AT(scf_reply, replied, SCF3_RSP_REPLIED);
WIRE_AT(scf_slot, requests, SCF3_RING);
WIRE_AT(scf_slot, buffers, SCF3_BUFFERS);
_Static_assert(sizeof(struct scf_request) == SCF3_ENTRY_SIZE, "request");
_Static_assert(sizeof(struct scf_reply) == SCF3_ENTRY_SIZE, "reply");
_Static_assert(sizeof(struct scf_slot) == SCF3_SLOT_SIZE, "slot");

static inline uint32_t wire_word(const uint32_t *at)
{
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static inline void wire_set(uint32_t *at, uint32_t value)
{
    __atomic_store_n(at, value, __ATOMIC_RELEASE);
}

/* What this side shows is seen before it looks at what the other shows. */
static inline void wire_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Whole words, each read once. */
static inline void wire_copy(void *to, const void *from, size_t bytes)
{
    const volatile uint64_t *source = from;
    uint64_t *target = to;

    for (size_t i = 0; i < bytes / 8; i++) {
        target[i] = source[i];
    }
}

/* Bytes of a buffer; what they are does not matter to who copies them. */
static inline void wire_bytes(void *to, const void *from, size_t bytes)
{
    const volatile uint8_t *source = from;
    uint8_t *target = to;

    for (size_t i = 0; i < bytes; i++) {
        target[i] = source[i];
    }
}

static inline uint64_t scf_stamp(void)
{
    return __builtin_ia32_rdtsc();
}

#endif
