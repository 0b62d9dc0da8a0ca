/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared between the files of this folder only. */
#ifndef TARGET_I386_UINTR_INTERNAL_H
#define TARGET_I386_UINTR_INTERNAL_H

#include "farbell/uintr.h"
#include "hw/i386/apic_internal.h"
#include "quirks.h"
#include "uintr.h"
#include "upid.h"

/*
 * R161 is open: Bochs zeroes the registers at INIT, no Intel text was found.
 * Like other MSRs they keep their values here; CR4.UINTR is 0 anyway.
 */
#define UINTR_INIT_CLEARS_STATE false

/*
 * R147 is open: the SDM has UINV looked at "before restoring" the component
 * and does not limit that to loads; Bochs looks at loads only.  To initialise
 * is to restore, and a UINV that is in use must not vanish unnoticed.
 */
#define UINTR_XRSTORS_INIT_CHECKS_UINV true

/* ---- state.c ---- */

/*
 * The one place that keeps the invariant of CPU_INTERRUPT_UINTR, and the same
 * with a kick, so that a block in progress looks at it.
 */
bool uintr_set_request(CPUX86State *env);
void uintr_update_request(CPUX86State *env);
void uintr_set_rr(CPUX86State *env, uint64_t rr);
void uintr_set_uif(CPUX86State *env, bool uif);
uint64_t uintr_misc(const CPUX86State *env);

static inline bool uintr_present(const CPUX86State *env)
{
    return env->features[FEAT_7_0_EDX] & CPUID_7_0_EDX_UINTR;
}

static inline bool uintr_enabled(CPUX86State *env)
{
    return (env->cr[4] & CR4_UINTR_MASK) || uintr_quirks(env, QUIRK_BIT(CR4));
}

static inline bool uintr_canonical(uint64_t address, bool la57)
{
    int64_t top = (int64_t)address >> (la57 ? 56 : 47);

    return top == 0 || top == -1;
}

/* R14: the widest linear address that CPUID enumerates, not CR4.LA57. */
static inline bool uintr_address_ok(const CPUX86State *env, uint64_t address,
                                    uint64_t reserved)
{
    bool la57 = env->features[FEAT_7_0_ECX] & CPUID_7_0_ECX_LA57;

    return uintr_canonical(address, la57) && !(address & reserved);
}

static inline bool uintr_canonical_for_paging(const CPUX86State *env,
                                              uint64_t address)
{
    return uintr_canonical(address, env->cr[4] & CR4_LA57_MASK);
}

/* Null without a local APIC.  No checked cast: this is the fast path. */
static inline APICCommonState *uintr_apic(const X86CPU *cpu)
{
    return (APICCommonState *)cpu->apic_state;
}

/* ---- memory.c ---- */

/*
 * The index for UITT and UPID accesses: supervisor at any CPL (R48, R77).
 * They are implicit accesses to system structures, so SMAP holds whatever
 * RFLAGS.AC is, at CPL 0 too; that part of R50 is open and decided here.
 */
int uintr_supervisor_index(const CPUX86State *env);

/* Would it?  The memory may cross into a second page. */
bool uintr_page_faults(CPUX86State *env, uint64_t address, int size,
                       MMUAccessType access, int index);


/* May a UPID be written there?  *host is null for what is not RAM. */
bool uintr_upid_reach(CPUX86State *env, uint64_t address, void **host);

/* R78-R80: clear ON, then take PIR.  @host is null for what is not RAM. */
uint64_t uintr_upid_take(CPUX86State *env, uint64_t address, void *host,
                         uint64_t *low);

/* ---- deliver.c ---- */

/* One line of the guest-error log for each such #UD. */
void uintr_log_disabled(CPUX86State *env, const char *insn);

/* ---- watch.c ---- */

/* From now on stores of others to this UPID are told of. */
void uintr_watch_upid(uint64_t address, void *host);

/* A UPID lies in one of these; a guest may make up as many as it likes. */
#define UPID_ALIGN 64
#define MOST_UPIDS 4096

/* Those that stores are told of, while no CPU runs. */
typedef void UintrKnownFn(uint64_t linear, void *host, void *opaque);
unsigned uintr_known_upids(void);
void uintr_for_each_known_upid(UintrKnownFn *fn, void *opaque);
void uintr_forget_upids(void);

/* ---- xsave.c ---- */

/* State component 14 in memory (R140), in the order of its bytes. */
typedef struct UintrImage {
    uint64_t handler, stackadjust, misc, pd, rr, tt;
} UintrImage;

void uintr_xsave_realize(CPUX86State *env);

/* XCR0 | IA32_XSS. */
uint64_t uintr_xsave_enabled(const CPUX86State *env);

/*
 * Where component @i begins if the ones before it end at @end, and where the
 * last of @used ends: the compacted area of @format (SDM vol. 1, 13.4.3).
 */
uint32_t uintr_compacted_start(uint32_t end, int i);
uint32_t uintr_compacted_size(uint64_t format, uint64_t used);

bool uintr_in_init_state(const CPUX86State *env);           /* R145 */
void uintr_save_image(const CPUX86State *env, UintrImage *image);
/* May XRSTORS load it?  All zero is what it does to initialise (R151). */
bool uintr_image_ok(CPUX86State *env, const UintrImage *image,
                    bool initialise);
void uintr_load_image(CPUX86State *env, const UintrImage *image);

/* ---- shared.c ---- */

void uintr_look_for_shared_memory(void);

/* ---- inspect.c ---- */

void uintr_inspect_class_init(ObjectClass *oc);

/* ---- router.c ---- */

/* True if @dest is in somebody's window: then the notification is theirs. */
bool uintr_route(CPUState *sender, uint32_t dest, uint8_t vector);
/* Was it in a window that has been released since? */
bool uintr_route_was(uint32_t dest);

/* ---- ipi.c ---- */

/* How this CPU reads NDST. */
bool uintr_ndst_is_x2apic(CPUX86State *env);
/* R56-R59: the notification of a post, as an ICR write of this CPU. */
void uintr_send_notification(CPUX86State *env, uint8_t nv, uint32_t ndst);
/* Takes the big lock; @dest is 32 bits, as apic.c decodes them. */
void uintr_send_fixed(CPUState *sender, uint32_t dest, uint8_t vector);

#endif
