/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of the user-interrupt facility: the MSRs, INIT, and the request
 * bit that makes the CPU loop look for a delivery.
 */
#include "qemu/osdep.h"
#include "internal.h"
#include "observe.h"
#include "trace.h"

/* Runs on the CPU's own thread, or while that CPU cannot run. */
bool uintr_set_request(CPUX86State *env)
{
    CPUState *cs = env_cpu(env);
    bool pending = env->uintr.rr && env->uintr.uif;

    if (uintr_quirks(env, QUIRK_BIT(N6))) {
        return false;           /* asked for by the notification alone */
    }
    if (pending) {
        qatomic_or(&cs->interrupt_request, CPU_INTERRUPT_UINTR);
    } else if (qatomic_read(&cs->interrupt_request) & CPU_INTERRUPT_UINTR) {
        qatomic_and(&cs->interrupt_request, ~CPU_INTERRUPT_UINTR);
    }
    return pending;
}

/* The kick is a store to the CPU's own counter: the next block leaves. */
void uintr_update_request(CPUX86State *env)
{
    if (uintr_set_request(env)) {
        qatomic_set(&env_cpu(env)->neg.icount_decr.u16.high, -1);
    }
}

void uintr_set_rr(CPUX86State *env, uint64_t rr)
{
    env->uintr.rr = rr;
    uintr_update_request(env);
}

void uintr_set_uif(CPUX86State *env, bool uif)
{
    env->uintr.uif = uif;
    if (uintr_quirks(env, QUIRK_BIT(N6)) && uif && env->uintr.rr) {
        uintr_quirk_overlook(env);
    }
    uintr_update_request(env);
}

/* R16: UIF is not part of the MSR. */
uint64_t uintr_misc(const CPUX86State *env)
{
    return (uint64_t)env->uintr.uinv << UINTR_MISC_UINV_SHIFT |
           env->uintr.uittsz;
}

static void log_absent(CPUX86State *env, uint32_t msr)
{
    x86_uintr_advise("CPU %d: WRMSR of 0x%x raises #GP: add uintr=on to -cpu",
                     env_cpu(env)->cpu_index, msr);
}

bool x86_uintr_wrmsr(CPUX86State *env, uint32_t msr, uint64_t value)
{
    CPUX86UintrState *u = &env->uintr;
    bool ok = uintr_present(env);
    uint64_t old_rr = u->rr;

    if (!ok) {
        log_absent(env, msr);
    }
    switch (msr) {
    case UINTR_MSR_RR:                                      /* R13, R90 */
        if (ok) {
            uintr_set_rr(env, value);
            UINTR_TELL(replace, env, old_rr, UINTR_REPLACED_WRMSR, NULL);
        }
        break;
    case UINTR_MSR_HANDLER:                                 /* R14 */
        ok = ok && uintr_address_ok(env, value, 0);
        u->handler = ok ? value : u->handler;
        break;
    case UINTR_MSR_STACKADJUST:                             /* R15 */
        ok = ok && uintr_address_ok(env, value, 0);
        u->stackadjust = ok ? value : u->stackadjust;
        break;
    case UINTR_MSR_MISC:                                    /* R16 */
        ok = ok && !(value & ~UINTR_MISC_WRITABLE);
        if (ok) {
            u->uittsz = value;
            u->uinv = value >> UINTR_MISC_UINV_SHIFT;
        }
        break;
    case UINTR_MSR_PD:                                      /* R17 */
        ok = ok && uintr_address_ok(env, value, UINTR_PD_RESERVED);
        if (ok) {
            u->pd = value;
            UINTR_TELL(attach, env);
        }
        break;
    case UINTR_MSR_TT:                                      /* R18 */
        ok = ok && uintr_address_ok(env, value, UINTR_TT_RESERVED);
        u->tt = ok ? value : u->tt;
        break;
    default:
        g_assert_not_reached();
    }
    trace_uintr_wrmsr(env_cpu(env)->cpu_index, msr, value, ok);
    return ok;
}

bool x86_uintr_rdmsr(CPUX86State *env, uint32_t msr, uint64_t *value)
{
    const CPUX86UintrState *u = &env->uintr;

    switch (msr) {
    case UINTR_MSR_RR:
        *value = u->rr;
        UINTR_TELL(read, env);
        break;
    case UINTR_MSR_HANDLER:
        *value = u->handler;
        break;
    case UINTR_MSR_STACKADJUST:
        *value = u->stackadjust;
        break;
    case UINTR_MSR_MISC:
        *value = uintr_misc(env);
        break;
    case UINTR_MSR_PD:
        *value = u->pd;
        break;
    case UINTR_MSR_TT:
        *value = u->tt;
        break;
    default:
        g_assert_not_reached();
    }
    return uintr_present(env);
}

/* cpu_reset() dropped the request bit with all the others. */
void x86_uintr_init(CPUX86State *env)
{
    if (UINTR_INIT_CLEARS_STATE) {
        memset(&env->uintr, 0, sizeof(env->uintr));
    }
    env->uintr.in_mwait = false;
    uintr_update_request(env);
}
