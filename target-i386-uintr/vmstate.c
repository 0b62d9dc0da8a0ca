/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Migration of the user-interrupt state (R167). */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "migration/vmstate.h"
#include "system/tcg.h"
#include "internal.h"
#include "observe.h"

static bool uintr_in_use(void *opaque)
{
    static const CPUX86UintrState reset;
    X86CPU *cpu = opaque;

    return memcmp(&cpu->env.uintr, &reset, sizeof(reset)) != 0;
}

static bool valid(const CPUX86State *env)
{
    const CPUX86UintrState *u = &env->uintr;

    return u->uif <= 1 &&
           uintr_address_ok(env, u->handler, 0) &&
           uintr_address_ok(env, u->stackadjust, 0) &&
           uintr_address_ok(env, u->pd, UINTR_PD_RESERVED) &&
           uintr_address_ok(env, u->tt, UINTR_TT_RESERVED);
}

/* R167: pending recognition is recomputed from UIRR, never trusted. */
static int uintr_post_load(void *opaque, int version_id)
{
    X86CPU *cpu = opaque;
    CPUX86State *env = &cpu->env;

    if (!uintr_present(env)) {
        error_report("the guest uses user interrupts, which this CPU model "
                     "lacks: add uintr=on to -cpu");
        return -EINVAL;
    }
    if (!valid(env)) {
        error_report("cpu/uintr: a register holds what no guest can write");
        return -EINVAL;
    }
#ifdef HAVE_X86_UINTR
    if (tcg_enabled()) {
        uintr_update_request(env);
        UINTR_TELL(reset, env);
    }
#endif
    return 0;
}

const VMStateDescription vmstate_x86_uintr = {
    .name = "cpu/uintr",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = uintr_in_use,
    .post_load = uintr_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(env.uintr.rr, X86CPU),
        VMSTATE_UINT64(env.uintr.handler, X86CPU),
        VMSTATE_UINT64(env.uintr.stackadjust, X86CPU),
        VMSTATE_UINT64(env.uintr.pd, X86CPU),
        VMSTATE_UINT64(env.uintr.tt, X86CPU),
        VMSTATE_UINT32(env.uintr.uittsz, X86CPU),
        VMSTATE_UINT8(env.uintr.uinv, X86CPU),
        VMSTATE_UINT8(env.uintr.uif, X86CPU),
        VMSTATE_UINT8(env.uintr.in_mwait, X86CPU),
        VMSTATE_END_OF_LIST()
    }
};
