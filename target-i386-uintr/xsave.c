/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The UINTR state component (R140-R151), IA32_XSS and what CPUID says about
 * them.  The instructions themselves are in xsave.c.inc.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/host-utils.h"
#include "system/tcg.h"
#include "internal.h"

QEMU_BUILD_BUG_ON(XSTATE_UINTR_BIT != UINTR_XSTATE_BIT);
QEMU_BUILD_BUG_ON(XSTATE_UINTR_SIZE != UINTR_XSTATE_SIZE);
QEMU_BUILD_BUG_ON(sizeof(UintrImage) != UINTR_XSTATE_SIZE);
QEMU_BUILD_BUG_ON(offsetof(UintrImage, handler) != UINTR_XSTATE_HANDLER);
QEMU_BUILD_BUG_ON(offsetof(UintrImage, stackadjust) !=
                  UINTR_XSTATE_STACKADJUST);
QEMU_BUILD_BUG_ON(offsetof(UintrImage, misc) != UINTR_XSTATE_MISC);
QEMU_BUILD_BUG_ON(offsetof(UintrImage, pd) != UINTR_XSTATE_PD);
QEMU_BUILD_BUG_ON(offsetof(UintrImage, rr) != UINTR_XSTATE_RR);
QEMU_BUILD_BUG_ON(offsetof(UintrImage, tt) != UINTR_XSTATE_TT);

#define MISC_UIF (1ULL << UINTR_XSTATE_MISC_UIF_BIT)

/* ---- which features ---- */

/* Ordinary models list these two, and do without them in TCG. */
#define ON_REQUEST (CPUID_XSAVE_XSAVEC | CPUID_XSAVE_XSAVES)
/* What an operating system needs to switch the state from task to task. */
#define BROUGHT (CPUID_XSAVE_XSAVEOPT | CPUID_XSAVE_XGETBV1 | ON_REQUEST)

/* R7 lets UINTR do without XSAVE; an OS that falls back to FXSAVE does not. */
bool x86_uintr_expand(X86CPU *cpu, Error **errp)
{
    CPUX86State *env = &cpu->env;

    if (!uintr_present(env)) {
        return true;
    }
    if (!(env->features[FEAT_8000_0001_EDX] & CPUID_EXT2_LM)) {
        error_setg(errp, "uintr=on needs a 64-bit CPU: take -cpu max or "
                   "-cpu qemu64, or leave uintr=on out");
        return false;
    }
    if (env->user_features[FEAT_1_ECX] & ~env->features[FEAT_1_ECX] &
        CPUID_EXT_XSAVE) {
        error_setg(errp, "uintr=on keeps its state with XSAVES: leave "
                   "xsave=off out of -cpu, or uintr=on");
        return false;
    }
    env->features[FEAT_1_ECX] |= CPUID_EXT_XSAVE;
    env->features[FEAT_XSAVE] |= BROUGHT & ~env->user_features[FEAT_XSAVE];
    return true;
}

uint64_t x86_uintr_features(X86CPU *cpu, FeatureWord w)
{
    CPUX86State *env = &cpu->env;

    if (w == FEAT_XSAVE_XCR0_LO && uintr_quirks(env, QUIRK_BIT(XCR0))) {
        return XSTATE_UINTR_MASK;
    }
    if (w != FEAT_XSAVE || !tcg_enabled()) {
        return 0;
    }
    return uintr_present(env) ? ON_REQUEST
                              : env->user_features[w] & ON_REQUEST;
}

/* ---- which components ---- */

/* QEMU gives the model the component of each feature; XSAVES may be off. */
void uintr_xsave_realize(CPUX86State *env)
{
    if (!(env->features[FEAT_XSAVE] & CPUID_XSAVE_XSAVES)) {
        env->features[FEAT_XSAVE_XSS_LO] &= ~XSTATE_UINTR_MASK;
    }
}

/* A migration stream may hold bits that this model lacks: no effect. */
uint64_t uintr_xsave_enabled(const CPUX86State *env)
{
    return (env->xcr0 & env->features[FEAT_XSAVE_XCR0_LO]) |
           (env->xss & env->features[FEAT_XSAVE_XSS_LO]);
}

/* Without XSAVES the MSR is as good as unknown: TCG ignores such writes. */
bool x86_uintr_write_xss(CPUX86State *env, uint64_t value)
{
    if (!(env->features[FEAT_XSAVE] & CPUID_XSAVE_XSAVES)) {
        return true;
    }
    if (value & ~env->features[FEAT_XSAVE_XSS_LO]) {       /* R153 */
        return false;
    }
    env->xss = value;
    return true;
}

uint32_t uintr_compacted_start(uint32_t end, int i)
{
    return x86_ext_save_areas[i].ecx & ESA_FEATURE_ALIGN64_MASK ?
           ROUND_UP(end, 64) : end;
}

uint32_t uintr_compacted_size(uint64_t format, uint64_t used)
{
    uint32_t end = sizeof(X86LegacyXSaveArea) + sizeof(X86XSaveHeader);
    uint32_t size = end;
    uint64_t extended = ~(XSTATE_FP_MASK | XSTATE_SSE_MASK);

    for (uint64_t left = format & extended; left; left &= left - 1) {
        int i = ctz64(left);

        end = uintr_compacted_start(end, i) + x86_ext_save_areas[i].size;
        if (used & (1ULL << i)) {
            size = end;
        }
    }
    return size;
}

/* R5.  Who has neither instruction gets what QEMU always told. */
uint32_t x86_uintr_xsave_size(CPUX86State *env, uint64_t all)
{
    uint64_t enabled = uintr_xsave_enabled(env);

    return tcg_enabled() && (env->features[FEAT_XSAVE] & ON_REQUEST) ?
           uintr_compacted_size(enabled, enabled) :
           xsave_area_size(all, true);
}

/* ---- component 14 ---- */

void uintr_save_image(const CPUX86State *env, UintrImage *image)
{
    const CPUX86UintrState *u = &env->uintr;

    *image = (UintrImage) {
        .handler = u->handler, .stackadjust = u->stackadjust,
        .misc = uintr_misc(env) | (u->uif ? MISC_UIF : 0),  /* R140, R141 */
        .pd = u->pd, .rr = u->rr, .tt = u->tt,
    };
}

bool uintr_in_init_state(const CPUX86State *env)
{
    const CPUX86UintrState *u = &env->uintr;

    return !(u->handler | u->stackadjust | u->uittsz | u->uinv | u->uif |
             u->pd | u->rr | u->tt);
}

/* R146: UINV first, whatever the image holds.  R148: then the image. */
bool uintr_image_ok(CPUX86State *env, const UintrImage *image,
                    bool initialise)
{
    bool uinv_counts = !initialise || UINTR_XRSTORS_INIT_CHECKS_UINV;

    return (!(env->uintr.uinv && uinv_counts) ||
            uintr_quirks(env, QUIRK_BIT(X2))) &&
           !(image->misc & ~(UINTR_MISC_WRITABLE | MISC_UIF)) &&
           uintr_address_ok(env, image->handler, 0) &&
           uintr_address_ok(env, image->stackadjust, 0) &&
           uintr_address_ok(env, image->pd, UINTR_PD_RESERVED) &&
           uintr_address_ok(env, image->tt, UINTR_TT_RESERVED);
}

void uintr_load_image(CPUX86State *env, const UintrImage *image)
{
    CPUX86UintrState *u = &env->uintr;

    u->handler = image->handler;
    u->stackadjust = image->stackadjust;
    u->uittsz = image->misc;
    u->uinv = image->misc >> UINTR_MISC_UINV_SHIFT;
    u->uif = !!(image->misc & MISC_UIF);
    u->pd = image->pd;
    u->tt = image->tt;
    uintr_set_rr(env, image->rr);                           /* R89, R150 */
}
