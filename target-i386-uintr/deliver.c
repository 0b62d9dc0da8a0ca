/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delivery (R99-R125) and the instructions that end or gate it: UIRET, STUI,
 * CLUI, TESTUI.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "exec/cpu_ldst.h"
#include "exec/exec-all.h"
#include "exec/helper-proto.h"
#include "system/replay.h"
#include "tcg/helper-tcg.h"
#include "internal.h"
#include "observe.h"
#include "trace.h"

/*
 * R99.  CS.L and EFER.LMA together are HF_CS64; MOV SS and STI shadows look
 * alike in QEMU, and the difference cannot be seen at CPL 3 (R101).  RFLAGS.IF
 * does not matter (R100).
 */
bool x86_uintr_deliverable(CPUX86State *env)
{
    return env->uintr.rr && env->uintr.uif && uintr_enabled(env) &&
           (env->hflags & HF_CPL_MASK) == 3 &&
           (env->hflags & HF_CS64_MASK) &&
           !(env->hflags & HF_INHIBIT_IRQ_MASK);
}

static uint64_t new_stack(const CPUX86State *env)
{
    uint64_t adjust = env->uintr.stackadjust;
    uint64_t rsp = adjust & UINTR_STACKADJUST_LOAD ?
                   adjust : env->regs[R_ESP] - adjust;

    return rsp & ~(uint64_t)(UINTR_FRAME_ALIGN - 1);        /* R111 */
}

/* Raised between instructions: EXT is 0 and RIP is already exact (R119). */
static G_NORETURN void delivery_fault(CPUX86State *env, int exception)
{
    replay_interrupt();
    trace_uintr_deliver_fault(env_cpu(env)->cpu_index, exception, env->eip);
    raise_exception_err_ra(env, exception, 0, 0);
}

/*
 * Pushes go downwards: the first one that cannot be done names the fault.  A
 * frame is on two pages at most, RFLAGS and the old RSP on the upper one.  A
 * store that faults is seen by record/replay before it unwinds.
 */
static void check_stack(CPUX86State *env, uint64_t frame, int index)
{
    static const int first_on_page[] = { UINTR_FRAME_RSP, UINTR_FRAME_RIP };
    void *host;

    for (int i = 0; i < ARRAY_SIZE(first_on_page); i++) {
        uint64_t push = frame + first_on_page[i];

        if (!uintr_canonical_for_paging(env, push)) {
            delivery_fault(env, EXCP0C_STACK);              /* R118 */
        }
        if (probe_access_flags(env, push, 8, MMU_DATA_STORE, index, true,
                               &host, 0) & TLB_INVALID_MASK) {
            replay_interrupt();
            trace_uintr_deliver_fault(env_cpu(env)->cpu_index, EXCP0E_PAGE,
                                      env->eip);
            probe_write(env, push, 8, index, 0);
        }
    }
}

/*
 * The host address of what lies in one page of plain RAM and may be accessed,
 * else null: then the ordinary accessors do it, and fault if need be.
 */
static void *plain_ram(CPUX86State *env, uint64_t address, int size,
                       MMUAccessType access, int index)
{
    bool one_page = !((address ^ (address + size - 1)) & TARGET_PAGE_MASK);
    void *host = NULL;

    return one_page && !probe_access_flags(env, address, size, access, index,
                                           true, &host, 0) ? host : NULL;
}

typedef struct UintrFrame {
    uint64_t vector, rip, rflags, rsp;
} UintrFrame;

QEMU_BUILD_BUG_ON(sizeof(UintrFrame) != UINTR_FRAME_SIZE);
QEMU_BUILD_BUG_ON(offsetof(UintrFrame, vector) != UINTR_FRAME_VECTOR);
QEMU_BUILD_BUG_ON(offsetof(UintrFrame, rip) != UINTR_FRAME_RIP);
QEMU_BUILD_BUG_ON(offsetof(UintrFrame, rflags) != UINTR_FRAME_RFLAGS);
QEMU_BUILD_BUG_ON(offsetof(UintrFrame, rsp) != UINTR_FRAME_RSP);

static void store_frame(const UintrFrame *frame, UintrFrame *host)
{
    stq_le_p(&host->rsp, frame->rsp);
    stq_le_p(&host->rflags, frame->rflags);
    stq_le_p(&host->rip, frame->rip);
    stq_le_p(&host->vector, frame->vector);
}

static void push_frame(CPUX86State *env, uint64_t address, int index,
                       const UintrFrame *frame)
{
    check_stack(env, address, index);
    cpu_stq_mmuidx_ra(env, address + UINTR_FRAME_RSP, frame->rsp, index, 0);
    cpu_stq_mmuidx_ra(env, address + UINTR_FRAME_RFLAGS, frame->rflags,
                      index, 0);
    cpu_stq_mmuidx_ra(env, address + UINTR_FRAME_RIP, frame->rip, index, 0);
    cpu_stq_mmuidx_ra(env, address + UINTR_FRAME_VECTOR, frame->vector,
                      index, 0);
}

void x86_uintr_deliver(CPUX86State *env)
{
    int index = x86_mmu_index_pl(env, 3);                   /* R118 */
    int vector = 63 - clz64(env->uintr.rr);                 /* R113 */
    uint64_t stack = new_stack(env) - UINTR_FRAME_SIZE;
    UintrFrame *host, frame = {
        .vector = vector, .rip = env->eip, .rflags = cpu_compute_eflags(env),
        .rsp = env->regs[R_ESP],
    };

    if (!uintr_canonical_for_paging(env, env->uintr.handler)) {
        delivery_fault(env, EXCP0D_GPF);                    /* R110 */
    }
    host = plain_ram(env, stack, sizeof(frame), MMU_DATA_STORE, index);
    if (host) {
        store_frame(&frame, host);
    } else {
        push_frame(env, stack, index, &frame);
    }
    trace_uintr_deliver(env_cpu(env)->cpu_index, vector, env->eip,
                        env->regs[R_ESP], stack, env->uintr.rr);
    UINTR_TELL(deliver, env, vector);
    env->regs[R_ESP] = stack;
    env->eip = env->uintr.handler;
    env->eflags &= ~(TF_MASK | RF_MASK);                    /* R117 */
    env->uintr.uif = 0;
    uintr_set_rr(env, uintr_quirks(env, QUIRK_BIT(N7)) ?
                      uintr_quirk_clear(env, vector) :
                      env->uintr.rr & ~(1ULL << vector));
}

void uintr_log_disabled(CPUX86State *env, const char *insn)
{
    x86_uintr_advise("CPU %d: %s with CR4.UINTR=0 raises #UD: set CR4 bit 25 "
                     "first (x-uintr-quirks=cr4 does without it)",
                     env_cpu(env)->cpu_index, insn);
}

/* R31, R33: #UD before anything else. */
static void require_enabled(CPUX86State *env, const char *insn, uintptr_t ra)
{
    if (!uintr_enabled(env)) {
        uintr_log_disabled(env, insn);
        trace_uintr_insn_fault(env_cpu(env)->cpu_index, insn, EXCP06_ILLOP);
        raise_exception_ra(env, EXCP06_ILLOP, ra);
    }
}

void helper_stui(CPUX86State *env)
{
    require_enabled(env, "STUI", GETPC());
    x86_uintr_point(env, UINTR_POINT_STUI, GETPC());
    uintr_set_uif(env, true);
}

void helper_clui(CPUX86State *env)
{
    require_enabled(env, "CLUI", GETPC());
    x86_uintr_point(env, UINTR_POINT_CLUI, GETPC());
    uintr_set_uif(env, false);
}

target_ulong helper_testui(CPUX86State *env)
{
    require_enabled(env, "TESTUI", GETPC());
    return env->uintr.uif ? CC_C : 0;                       /* R36 */
}

static void trace_uiret_fault(CPUX86State *env, int exception, const char *why)
{
    trace_uintr_uiret_fault(env_cpu(env)->cpu_index, exception,
                            env->regs[R_ESP], why);
}

static uint64_t pop(CPUX86State *env, uint64_t address, int index,
                    uintptr_t ra)
{
    if (!uintr_canonical_for_paging(env, address)) {
        trace_uiret_fault(env, EXCP0C_STACK, "stack not canonical");
        raise_exception_err_ra(env, EXCP0C_STACK, 0, ra);   /* R128 */
    }
    if (trace_event_get_state_backends(TRACE_UINTR_UIRET_FAULT) &&
        uintr_page_faults(env, address, 8, MMU_DATA_LOAD, index)) {
        trace_uiret_fault(env, EXCP0E_PAGE, "stack");
    }
    return cpu_ldq_mmuidx_ra(env, address, index, ra);
}

/* R126: what is left of the frame once software has dropped the vector. */
static UintrFrame pop_frame(CPUX86State *env, uintptr_t ra)
{
    uint64_t rsp = env->regs[R_ESP];
    int index = cpu_mmu_index(env_cpu(env), false);
    uint64_t *host = plain_ram(env, rsp, 24, MMU_DATA_LOAD, index);
    UintrFrame frame = {};

    frame.rip = host ? ldq_le_p(host) : pop(env, rsp, index, ra);
    frame.rflags = host ? ldq_le_p(host + 1) : pop(env, rsp + 8, index, ra);
    frame.rsp = host ? ldq_le_p(host + 2) : pop(env, rsp + 16, index, ra);
    return frame;
}

static void check_alignment(CPUX86State *env, uintptr_t ra)
{
    bool checked = (env->hflags & HF_CPL_MASK) == 3 &&
                   (env->cr[0] & CR0_AM_MASK) && (env->eflags & AC_MASK);

    if (checked && (env->regs[R_ESP] & 7)) {
        trace_uiret_fault(env, EXCP11_ALGN, "stack not aligned");
        raise_exception_err_ra(env, EXCP11_ALGN, 0, ra);    /* R128 */
    }
}

/*
 * The status flags and DF are loaded in any case; while a CPU runs they have
 * fields of their own, and their bits in env->eflags must stay 0.
 */
#define UIRET_EFLAGS (UINTR_UIRET_RFLAGS & \
                      ~(CC_O | CC_S | CC_Z | CC_A | CC_P | CC_C | DF_MASK))

void helper_uiret(CPUX86State *env)
{
    uintptr_t ra = GETPC();
    bool uif_loaded = env->features[FEAT_7_1_EDX] & CPUID_7_1_EDX_UIRET_UIF;
    UintrFrame frame;

    require_enabled(env, "UIRET", ra);
    x86_uintr_point(env, UINTR_POINT_UIRET, ra);
    frame = pop_frame(env, ra);
    check_alignment(env, ra);           /* behind #SS and #PF, as everywhere */
    if (!uintr_canonical_for_paging(env, frame.rip)) {
        trace_uiret_fault(env, EXCP0D_GPF, "RIP not canonical");
        raise_exception_err_ra(env, EXCP0D_GPF, 0, ra);     /* R127 */
    }
    trace_uintr_uiret(env_cpu(env)->cpu_index, frame.rip, frame.rsp,
                      frame.rflags);
    UINTR_TELL(uiret, env);
    env->eip = frame.rip;
    env->regs[R_ESP] = frame.rsp;                           /* R136 */
    cpu_load_eflags(env, frame.rflags, UIRET_EFLAGS);       /* R130 */
    uintr_set_uif(env, !uif_loaded ||
                       (frame.rflags & UINTR_UIRET_IMAGE_UIF));
}
