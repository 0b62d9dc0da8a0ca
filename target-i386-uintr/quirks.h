/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults on request: those of an earlier emulator of user interrupts, by the
 * names of its list of defects (docs/quirks.md).  A word of each CPU says
 * which it has; without any, a quirk is a branch that is never taken.
 */
#ifndef TARGET_I386_UINTR_QUIRKS_H
#define TARGET_I386_UINTR_QUIRKS_H

#include "cpu.h"
#include "upid.h"

typedef enum UintrQuirk {
    UINTR_QUIRK_N1,
    UINTR_QUIRK_N3,
    UINTR_QUIRK_N4,
    UINTR_QUIRK_N5,
    UINTR_QUIRK_N6,
    UINTR_QUIRK_N7,
    UINTR_QUIRK_P2,
    UINTR_QUIRK_S9,
    UINTR_QUIRK_S10,
    UINTR_QUIRK_S11,
    UINTR_QUIRK_S13,
    UINTR_QUIRK_X1,
    UINTR_QUIRK_X2,
    UINTR_QUIRK_CR4,
    UINTR_QUIRK_XCR0,
    UINTR_QUIRK_UNTOLD,     /* not one of the predecessor's */
    UINTR_QUIRK__MAX,
} UintrQuirk;

#define QUIRK_BIT(q) (1u << UINTR_QUIRK_##q)
#define UINTR_QUIRKS_OF_POST (QUIRK_BIT(P2) | QUIRK_BIT(S9) | QUIRK_BIT(S10))

static inline bool uintr_quirks(CPUX86State *env, uint32_t any)
{
    return unlikely(env_archcpu(env)->uintr.quirks & any);
}

/* ---- the receiver ---- */

/* The vector that is taken for a notification (N1). */
uint8_t uintr_quirk_uinv(CPUX86State *env);
/* What is acknowledged is then forgotten (N3, N4). */
bool uintr_quirk_drops(CPUX86State *env, void *upid);
/* UIRR after PIR was ORed into it: what was there before is gone (N5). */
void uintr_quirk_overwrite(CPUX86State *env, void *upid, uint64_t old_rr,
                           uint64_t pir);
/* A vector is pending, and nobody will look (N6). */
void uintr_quirk_overlook(CPUX86State *env);
/* UIRR after the delivery of this vector (N7). */
uint64_t uintr_quirk_clear(CPUX86State *env, int vector);

/* ---- the sender ---- */

/* The post, as upid_post_to_ram() makes it (P2, S9, S10). */
bool uintr_quirk_post(CPUX86State *env, Int128 *host, uint8_t vector,
                      UintrUpid *old);
/* The bits that keep it from notifying (S10). */
uint64_t uintr_quirk_silent(CPUX86State *env);
/* The destination of the notification (S11). */
uint32_t uintr_quirk_dest(CPUX86State *env, uint32_t ndst);
/* True if the target's last ICR has sent it elsewhere (S13). */
bool uintr_quirk_shorthand(CPUX86State *env, uint32_t dest, uint8_t vector);

/* ---- the state component ---- */

/* Those of @mask that XSAVES and XRSTORS see (X1). */
uint64_t uintr_quirk_components(CPUX86State *env, uint64_t mask);
/* XSAVES leaves UINV set (X2). */
void uintr_quirk_keep_uinv(CPUX86State *env);

/* ---- configuration ---- */

void uintr_quirks_class_init(ObjectClass *oc);
bool uintr_quirks_realize(X86CPU *cpu, Error **errp);

#endif
