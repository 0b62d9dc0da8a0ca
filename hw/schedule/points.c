/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The points that instructions come to.
 *
 * A CPU that is to wait leaves the instruction before it has changed anything,
 * in the midst of a block if need be, and begins it again when its turn comes:
 * so two stores of one block can be told apart.  The second time it passes.
 */
#include "qemu/osdep.h"
#include "exec/exec-all.h"
#include "hw/core/cpu.h"
#include "system/cpu-timers.h"
#include "system/cpus.h"
#include "system/runstate.h"
#include "target/i386/uintr/where.h"
#include "schedule.h"

static ScheduleCpu *state_of(CPUState *cs)
{
    return &uintr_schedule->cpu[cs->cpu_index];
}

/* An interrupt may have come between, with points of its own. */
static bool comes_again(ScheduleCpu *c, UintrPointKind kind, uint64_t rip)
{
    if (c->left && c->left_kind == kind && c->left_rip == rip) {
        c->left = false;
        return true;
    }
    return false;
}

static void act(ScheduleCpu *c, const ScheduleDecision *decision)
{
    schedule_note(uintr_schedule, decision);
    if (decision->action == SCHEDULE_LOWER) {
        c->priority = --uintr_schedule->lowest;
    }
    c->asked = decision->insns;
}

static void before(CPUX86State *env, UintrPointKind kind, uintptr_t ra)
{
    CPUState *cs = env_cpu(env);
    ScheduleCpu *c = state_of(cs);
    ScheduleDecision decision;
    int64_t takes;

    if (c->left && comes_again(c, kind, uintr_rip_of(env, ra))) {
        return;
    }
    decision = schedule_decide(uintr_schedule, kind, cs);
    takes = kind == UINTR_POINT_PORT ?
            schedule_console_takes(uintr_schedule, env) : 0;
    if ((!decision.action && !takes) || !schedule_others_awake(cs)) {
        return;
    }
    decision.rip = uintr_rip_of(env, ra);
    if (decision.action) {
        act(c, &decision);
    }
    c->asked = MAX(c->asked, takes);
    c->left = true;
    c->left_kind = kind;
    c->left_rip = decision.rip;
    cs->exception_index = EXCP_INTERRUPT;
    cpu_loop_exit_restore(cs, ra);
}

/*
 * A device's: an instruction that asked it goes on to the end of its block.
 * In a timer it is who had the last turn, for who is current, or whether the
 * main loop runs it while all vCPUs sleep, is up to the host.  What else the
 * main loop does comes from outside, and is no point.
 */
static CPUState *whose(const UintrSchedule *s)
{
    CPUState *cs = current_cpu;

    if (!cs && !(runstate_is_running() && all_cpu_threads_idle())) {
        return NULL;
    }
    return cs && cs->running ? cs : qemu_get_cpu(s->ran);
}

static void after(UintrPointKind kind)
{
    CPUState *cs = whose(uintr_schedule);
    ScheduleDecision decision;

    if (!cs) {
        return;
    }
    decision = schedule_decide(uintr_schedule, kind, cs);
    if (decision.action) {
        decision.rip = cpu_env(cs)->eip;
        act(state_of(cs), &decision);
        qatomic_set(&cs->neg.icount_decr.u16.high, -1);
    }
}

static bool delay(CPUState *sender, uint32_t dest, uint8_t vector)
{
    UintrSchedule *s = uintr_schedule;
    ScheduleDecision decision = schedule_decide(s, UINTR_POINT_NOTIFY, sender);

    if (!decision.action || !schedule_delay(s, sender, dest, vector,
                                            icount_to_ns(decision.insns))) {
        return false;
    }
    decision.rip = cpu_env(sender)->eip;
    schedule_note(s, &decision);
    return true;
}

const UintrScheduler schedule_scheduler = {
    .before = before,
    .after = after,
    .delay = delay,
};
