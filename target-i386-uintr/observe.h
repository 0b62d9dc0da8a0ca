/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of user interrupts, told to one listener: the ledger.
 *
 * Without a listener each of these is a load and a branch.  Calls come from
 * the thread of the CPU that they name, with or without the big lock; those
 * about one CPU never overlap, those about one UPID may.  A UPID or image is
 * named by its host address, so that all its aliases are one; null stands
 * for memory that is not RAM.
 */
#ifndef TARGET_I386_UINTR_OBSERVE_H
#define TARGET_I386_UINTR_OBSERVE_H

#include "cpu.h"
#include "upid.h"

typedef struct UintrPost {
    CPUState *cpu;              /* null for a device */
    void *host;
    uint64_t linear;            /* how the sender names it */
    UintrUpid old;
    uint8_t vector;
    bool sent;                  /* a notification follows */
    bool x2apic;                /* the format in which NDST is read */
} UintrPost;

typedef struct UintrTake {
    void *host;
    uint64_t pir;               /* as it was */
    uint64_t rr;                /* UIRR before */
} UintrTake;

/* Why UIRR has another value as a whole. */
typedef enum UintrReplaced {
    UINTR_REPLACED_WRMSR,
    UINTR_REPLACED_XRSTORS,
    UINTR_REPLACED_QUIRK,
} UintrReplaced;

/* Why a notification reaches nobody. */
typedef enum UintrLoss {
    UINTR_LOSS_APIC_DISABLED,       /* the sender's */
    UINTR_LOSS_ILLEGAL_VECTOR,
    UINTR_LOSS_NO_APIC,
    UINTR_LOSS_ID_CHANGED,
    UINTR_LOSS_PEER_GONE,           /* whose window of global IDs it was */
    UINTR_LOSS__MAX,
} UintrLoss;

extern const char *const uintr_loss_names[UINTR_LOSS__MAX];

/* A fault on request (quirks.h) has made a difference. */
typedef struct UintrBite {
    unsigned number;
    const char *name, *what;
    void *host;                 /* of the UPID; null if it is not known */
    uint64_t vectors;
} UintrBite;

typedef struct UintrStore {
    CPUState *cpu;              /* null for a device */
    uint64_t rip;
    void *host;                 /* of the UPID; it is not stored yet */
    unsigned offset, size;
} UintrStore;

typedef struct UintrObserver {
    void (*post)(const UintrPost *post);
    /* @sender is null for a device. */
    void (*lost)(CPUState *sender, UintrLoss why);
    /* A CPU has written an ICR: no user interrupt's notification. */
    void (*ipi)(CPUState *from, uint8_t vector);
    /* A doorbell is rung, and its interrupt raised, from that thread. */
    void (*ring)(CPUState *from, uint8_t doorbell);
    void (*rung)(CPUState *from, uint8_t doorbell);
    /* A mailbox has put @vector into a local APIC, from that thread. */
    void (*arrive)(CPUState *from, uint32_t apic_id, uint8_t vector);
    void (*identify)(CPUX86State *env, uint8_t vector);
    void (*to_idt)(CPUX86State *env, uint8_t vector);
    void (*take)(CPUX86State *env, const UintrTake *take);
    /* What was identified is not processed. */
    void (*dropped)(CPUX86State *env, const char *why);
    void (*deliver)(CPUX86State *env, uint8_t vector);
    void (*uiret)(CPUX86State *env);
    /* UIRR is the new one already. */
    void (*replace)(CPUX86State *env, uint64_t old_rr, UintrReplaced how,
                    void *image);
    void (*save)(CPUX86State *env, void *image);
    /* RDMSR of UIRR. */
    void (*read)(CPUX86State *env);
    /* WRMSR has set IA32_UINTR_PD. */
    void (*attach)(CPUX86State *env);
    /* A reset, INIT or a snapshot may have changed UIRR. */
    void (*reset)(CPUX86State *env);
    /* It was halted, and goes on. */
    void (*wake)(CPUX86State *env);
    void (*store)(const UintrStore *store);
    void (*quirk)(CPUX86State *env, const UintrBite *bite);
    /* A guest has come to a point that only it can see (MB25). */
    void (*mark)(CPUState *cpu, uint8_t number, uint64_t value);
} UintrObserver;

/* One listener at a time; null ends it.  No CPU runs meanwhile. */
void uintr_observe(const UintrObserver *observer);

extern const UintrObserver *uintr_observer;

/* Somebody posts to it: from now on stores to it are, if anybody listens. */
void uintr_upid_is_used(uint64_t linear, void *host);

/* Are stores to this UPID told of?  Not if there are too many of them. */
bool uintr_upid_is_watched(void *host);

/* A device's access to a UPID in this thread is a post, and no store. */
extern __thread bool uintr_device_posts;

/*
 * Does the interrupt @vector wait in the CPU's local APIC?  *why is what holds
 * it back there, or null if the CPU will take it when it has its turn.
 */
bool uintr_waits_in_apic(CPUX86State *env, uint8_t vector, const char **why);

#define UINTR_TELL(event, ...)                                  \
    do {                                                        \
        const UintrObserver *listener_ = uintr_observer;        \
                                                                \
        if (unlikely(listener_)) {                              \
            listener_->event(__VA_ARGS__);                      \
        }                                                       \
    } while (0)

#endif
