/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose turn it is, asked by the round-robin thread between two runs.
 *
 * The thread asks again when the host has interrupted it: a turn that has
 * begun has instructions left, and is not decided a second time.
 */
#include "qemu/osdep.h"
#include "system/cpu-timers.h"
#include "hw/core/cpu.h"
#include "schedule.h"

/* Waiting loops with PAUSE have very many turns: most of them are no point. */
#define LEAST_BETWEEN_SLICES 512
/* PCT: what others get while the first one waits in a loop. */
#define LESSER_SLICE 2048

static int64_t now(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static bool is_awake(CPUState *cs)
{
    return !cs->halted || cpu_has_work(cs);
}

bool schedule_others_awake(CPUState *cpu)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        if (cs != cpu && is_awake(cs)) {
            return true;
        }
    }
    return false;
}

static ScheduleCpu *state_of(UintrSchedule *s, CPUState *cs)
{
    return &s->cpu[cs->cpu_index];
}

/* A wait begins when the CPU is out of its block and the clock is right. */
static bool begin_waits(UintrSchedule *s)
{
    bool begun = false;
    CPUState *cs;

    CPU_FOREACH(cs) {
        ScheduleCpu *c = state_of(s, cs);

        if (c->asked) {
            c->until = now() + icount_to_ns(c->asked);
            c->asked = 0;
            begun = true;
        }
    }
    return begun;
}

static bool waits(UintrSchedule *s, CPUState *cs)
{
    return now() < state_of(s, cs)->until;
}

/* Instructions until the first wait is over, @limit if none is. */
static int64_t until_a_wait_ends(UintrSchedule *s, int64_t limit)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        if (waits(s, cs)) {
            limit = MIN(limit, icount_round(state_of(s, cs)->until - now()));
        }
    }
    return limit;
}

static CPUState *next_of(CPUState *cs)
{
    return CPU_NEXT(cs) ?: first_cpu;
}

/* The first from @cs on that is awake and does not wait; else @cs. */
static CPUState *first_ready(UintrSchedule *s, CPUState *cs)
{
    CPUState *found = cs;

    do {
        if (is_awake(found) && !waits(s, found)) {
            return found;
        }
        found = next_of(found);
    } while (found != cs);
    return cs;
}

static CPUState *highest(UintrSchedule *s, CPUState *otherwise)
{
    CPUState *cs, *found = NULL;

    CPU_FOREACH(cs) {
        if (is_awake(cs) && !waits(s, cs) &&
            (!found || state_of(s, cs)->priority >
                       state_of(s, found)->priority)) {
            found = cs;
        }
    }
    return found ?: otherwise;
}

/* The others by turns: all of them may wait in loops for the last one. */
static CPUState *lesser(UintrSchedule *s, CPUState *best)
{
    CPUState *cs = qemu_get_cpu(s->lesser) ?: best;
    CPUState *found = first_ready(s, next_of(cs));

    if (found == best) {
        found = first_ready(s, next_of(best));
    }
    s->lesser = found->cpu_index;
    return found;
}

static int64_t slice_of_random(UintrSchedule *s, CPUState *cs, int64_t whole)
{
    ScheduleDecision decision;

    if (now() - s->last_slice < icount_to_ns(LEAST_BETWEEN_SLICES)) {
        return whole;
    }
    s->last_slice = now();
    decision = schedule_decide(s, UINTR_POINT_SLICE, cs);
    if (!decision.action || decision.insns >= whole) {
        return whole;
    }
    decision.rip = cpu_env(cs)->eip;
    schedule_note(s, &decision);
    return decision.insns;
}

/* Whoever has just given his turn away lets a lesser one run for a while. */
static int64_t turn_of_pct(UintrSchedule *s, CPUState **cpu, int64_t left,
                           int64_t whole)
{
    CPUState *best = highest(s, *cpu);

    *cpu = left || s->ran != best->cpu_index ? best : lesser(s, best);
    return *cpu == best ? whole : MIN(whole, LESSER_SLICE);
}

static int64_t turn_of_random(UintrSchedule *s, CPUState **cpu, int64_t whole)
{
    *cpu = first_ready(s, *cpu);
    return slice_of_random(s, *cpu, whole);
}

/* One eighth of the time, if others want the rest. */
static int64_t starve(UintrSchedule *s, CPUState *cs, int64_t whole)
{
    if (cs->cpu_index != s->starved) {
        return whole;
    }
    state_of(s, cs)->until = now() + icount_to_ns(s->starved_for);
    return MIN(whole, MAX(1, s->starved_for / 8));
}

/*
 * A turn that was given stays: when this is asked in its midst is up to the
 * host.  It ends early only if its CPU has just come to a point.
 */
int64_t schedule_turn(CPUState **cpu, int64_t left, int64_t whole)
{
    UintrSchedule *s = uintr_schedule;

    if (!whole || !is_awake(*cpu) || (!begin_waits(s) && left) ||
        (left && !schedule_others_awake(*cpu))) {
        return left;
    }
    whole = s->pct ? turn_of_pct(s, cpu, left, whole)
                   : turn_of_random(s, cpu, whole);
    s->ran = (*cpu)->cpu_index;
    whole = starve(s, *cpu, whole);
    return MAX(1, until_a_wait_ends(s, whole));
}
