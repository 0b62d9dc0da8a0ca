/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notification identification (R62-R76) and processing (R77-R87): what a
 * CPU does with an interrupt whose vector is UINV.  Neither UIF nor CPL nor
 * the UPID's content is asked here; delivery is a separate step (R84).
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "exec/cpu_ldst.h"
#include "exec/exec-all.h"
#include "hw/i386/apic.h"
#include "system/replay.h"
#include "tcg/helper-tcg.h"
#include "internal.h"
#include "observe.h"
#include "trace.h"

/* R86: a fault of the processing was caused by an external event. */
#define ERROR_CODE_EXT 1

static uint8_t notification_vector(CPUX86State *env)
{
    return uintr_quirks(env, QUIRK_BIT(N1)) ? uintr_quirk_uinv(env) :
           env->uintr.uinv;
}

static bool is_notification(X86CPU *cpu)
{
    CPUX86State *env = &cpu->env;
    uint8_t vector;

    if (!uintr_enabled(env) || !(env->efer & MSR_EFER_LMA)) {
        return false;
    }
    vector = notification_vector(env);
    return vector && apic_peek_interrupt(uintr_apic(cpu)) == vector;
}

/* R64, R66: acknowledge, then EOI, both before the UPID is looked at. */
static void acknowledge(X86CPU *cpu)
{
    int vector = apic_get_interrupt(cpu->apic_state);

    assert(vector == cpu->env.uintr.uinv ||
           uintr_quirks(&cpu->env, QUIRK_BIT(N1)));
    trace_uintr_identify(CPU(cpu)->cpu_index, vector);
    UINTR_TELL(identify, &cpu->env, vector);
    apic_dismiss_interrupt(uintr_apic(cpu));
}

/* True if the page can be reached; *host stays null for device memory. */
static bool probe_upid(CPUX86State *env, void **host)
{
    uint64_t pd = env->uintr.pd;

    *host = NULL;
    return uintr_canonical_for_paging(env, pd) &&
           uintr_upid_reach(env, pd, host);
}

static void process(CPUX86State *env, void *host)
{
    uint64_t low, pir, old_rr = env->uintr.rr;

    if (uintr_quirks(env, QUIRK_BIT(N3) | QUIRK_BIT(N4)) &&
        uintr_quirk_drops(env, host)) {
        return;
    }
    pir = uintr_upid_take(env, env->uintr.pd, host, &low);
    env->uintr.rr |= pir;                                   /* R81 */
    uintr_set_request(env);
    UINTR_TELL(take, env, &(UintrTake) { host, pir, old_rr });
    if (uintr_quirks(env, QUIRK_BIT(N5))) {
        uintr_quirk_overwrite(env, host, old_rr, pir);
    }
    trace_uintr_notify(env_cpu(env)->cpu_index, env->hflags & HF_CPL_MASK,
                       env->uintr.uif, env->uintr.pd, low, pir,
                       env->uintr.rr);
}

/*
 * Let the MMU say what is wrong with the page: sets up the exception or the
 * nested-page exit as the access itself would, but comes back here.  False
 * if another CPU has mended the page since it was found bad.
 */
static bool find_fault(CPUX86State *env)
{
    CPUState *cs = env_cpu(env);
    volatile bool faults = true; /* kept over the jump */
    sigjmp_buf outer;

    memcpy(&outer, &cs->jmp_env, sizeof(outer));
    if (sigsetjmp(cs->jmp_env, 0) == 0) {
        probe_write(env, env->uintr.pd, sizeof(UintrUpid),
                    uintr_supervisor_index(env), 0);
        faults = false;
    }
    memcpy(&cs->jmp_env, &outer, sizeof(outer));
    return faults;
}

/* cpu_vmexit() leaves the exit's code only where the hypervisor reads it. */
static bool is_nested_page_exit(CPUX86State *env)
{
    CPUState *cs = env_cpu(env);

    return cs->exception_index == EXCP_VMEXIT &&
           x86_ldq_phys(cs, env->vm_vmcb +
                        offsetof(struct vmcb, control.exit_code)) ==
           SVM_EXIT_NPF;
}

/*
 * The notification is gone, as on hardware, but nothing else is: ON and PIR
 * were not touched (R85, R87).  A nested-page exit comes first and leaves the
 * interrupt pending, since the hypervisor's repair is not the guest's affair.
 */
static void fault(X86CPU *cpu)
{
    CPUX86State *env = &cpu->env;
    CPUState *cs = CPU(cpu);

    if (!uintr_canonical_for_paging(env, env->uintr.pd)) {
        replay_interrupt();
        trace_uintr_notify_fault(cs->cpu_index, EXCP0D_GPF, env->uintr.pd);
        acknowledge(cpu);
        UINTR_TELL(dropped, env, "IA32_UINTR_PD is not canonical");
        raise_exception_err_ra(env, EXCP0D_GPF, ERROR_CODE_EXT, 0);
    }
    if (!find_fault(env)) {
        return;
    }
    replay_interrupt();
    trace_uintr_notify_fault(cs->cpu_index, cs->exception_index,
                             env->uintr.pd);
    if (is_nested_page_exit(env)) {
        cpu_interrupt(cs, CPU_INTERRUPT_HARD);
    } else {
        acknowledge(cpu);
        UINTR_TELL(dropped, env, "its UPID could not be written");
    }
    cpu_loop_exit(cs);
}

/*
 * Delivery is a request of its own.  If it is the next one anyway, answer it
 * without another round of the CPU loop; only record/replay counts rounds.
 */
static void deliver_if_next(X86CPU *cpu)
{
    CPUState *cs = CPU(cpu);

    if (uintr_quirks(&cpu->env, QUIRK_BIT(N6))) {
        if (x86_uintr_deliverable(&cpu->env)) {
            x86_uintr_deliver(&cpu->env);
        }
    } else if (replay_mode == REPLAY_MODE_NONE &&
        x86_cpu_pending_interrupt(cs, qatomic_read(&cs->interrupt_request)) ==
        CPU_INTERRUPT_UINTR) {
        x86_uintr_deliver(&cpu->env);
    } else {
        uintr_update_request(&cpu->env);
    }
}

static void take_notification(X86CPU *cpu)
{
    void *host;

    while (!probe_upid(&cpu->env, &host)) {
        fault(cpu);
    }
    acknowledge(cpu);
    process(&cpu->env, host);
    deliver_if_next(cpu);
}

bool x86_uintr_identify(X86CPU *cpu)
{
    bool found = is_notification(cpu);

    if (found) {
        take_notification(cpu);
    } else if (uintr_apic(cpu)) {
        UINTR_TELL(to_idt, &cpu->env, apic_peek_interrupt(uintr_apic(cpu)));
    }
    return found;
}

/*
 * The CPU loop handles one request in a turn, and the poll was it: whatever
 * else is asked for must not wait until the guest leaves its loop.
 */
static void ask_for_another_turn(CPUState *cs)
{
    if (qatomic_read(&cs->interrupt_request)) {
        qatomic_set(&cs->neg.icount_decr.u16.high, -1);
    }
}

/* A guest's hypervisor may intercept, and has the first word (R163). */
void x86_uintr_poll(X86CPU *cpu)
{
    CPUState *cs = CPU(cpu);

    if (replay_mode == REPLAY_MODE_NONE &&
        !(cpu->env.hflags & HF_GUEST_MASK) && uintr_enabled(&cpu->env) &&
        x86_cpu_pending_interrupt(cs, qatomic_read(&cs->interrupt_request)) ==
        CPU_INTERRUPT_HARD && is_notification(cpu)) {
        qatomic_and(&cs->interrupt_request, ~CPU_INTERRUPT_HARD);
        take_notification(cpu);
    }
    ask_for_another_turn(cs);
}

/*
 * R74: a halted CPU processes and stays halted.  This runs outside the CPU
 * loop's setjmp, so whatever may fault or exit is left to the loop: the CPU
 * leaves HLT then and takes it there, before any guest instruction.
 */
static bool stays_halted(X86CPU *cpu)
{
    CPUX86State *env = &cpu->env;
    CPUState *cs = CPU(cpu);
    uint32_t request = qatomic_read(&cs->interrupt_request) &
                       ~CPU_INTERRUPT_POLL;
    bool intercepted = (env->hflags & HF_GUEST_MASK) &&
                       cpu_svm_has_intercept(env, SVM_EXIT_INTR);

    return !intercepted && is_notification(cpu) &&
           x86_cpu_pending_interrupt(cs, request) == CPU_INTERRUPT_HARD;
}

static void identify_halted(X86CPU *cpu)
{
    CPUX86State *env = &cpu->env;
    void *host;

    if (!(CPU(cpu)->interrupt_request & CPU_INTERRUPT_HARD)) {
        return;
    }
    BQL_LOCK_GUARD();
    while (stays_halted(cpu) && probe_upid(env, &host) &&
           (host || QTAILQ_EMPTY(&CPU(cpu)->watchpoints))) {
        cpu_reset_interrupt(CPU(cpu), CPU_INTERRUPT_HARD);
        acknowledge(cpu);
        process(env, host);
    }
}

/*
 * MWAIT is left by a notification (R75), HLT is not.  A post that comes in
 * just now is no reason to leave either: its poll is still due, so the CPU
 * will be asked again.
 */
static bool leaves_halt(X86CPU *cpu)
{
    CPUX86State *env = &cpu->env;
    CPUState *cs = CPU(cpu);
    uint32_t request;
    bool leaves;

    if (!uintr_enabled(env)) {
        return cpu_has_work(cs);
    }
    if (!env->uintr.in_mwait) {
        identify_halted(cpu);
    }
    request = qatomic_read(&cs->interrupt_request);
    leaves = x86_cpu_pending_interrupt(cs, request & ~CPU_INTERRUPT_POLL);
    if (leaves) {
        env->uintr.in_mwait = false;
    }
    return leaves;
}

bool x86_uintr_leaves_halt(X86CPU *cpu)
{
    bool leaves = leaves_halt(cpu);

    if (leaves) {
        UINTR_TELL(wake, &cpu->env);
    }
    return leaves;
}

void x86_uintr_mwait(CPUX86State *env)
{
    env->uintr.in_mwait = uintr_enabled(env);
}
