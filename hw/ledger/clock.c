/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When to look for stalls: twice in the time after which a post is one.
 *
 * Under icount a timer would end slices and so change whose turn it is: there
 * the look is between two slices, at moments that follow from the guest
 * alone.  Elsewhere a timer looks for what is suspicious, and stops the CPUs
 * only if something is.
 */
#include "qemu/osdep.h"
#include "block/aio.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "hw/core/cpu.h"
#include "system/cpu-timers.h"
#include "system/cpus.h"
#include "system/runstate.h"
#include "ledger.h"

static int64_t now(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static int64_t next_look(UintrLedger *l)
{
    return l->looked + MAX(l->stall_after / 2, 1);
}

/* For a debugger: in the same place in each run, where time is exact. */
static void stop(void)
{
    qemu_system_vmstop_request_prepare();
    qemu_system_vmstop_request(RUN_STATE_PAUSED);
    if (current_cpu) {
        cpu_stop_current();
    }
}

void ledger_stop(UintrLedger *l)
{
    if (l->stop_on_stall && current_cpu && runstate_is_running()) {
        stop();
    }
}

/* A snapshot may have gone back in time. */
static void between_slices(void)
{
    UintrLedger *l = uintr_ledger;
    int64_t time = now();

    if (time >= next_look(l) || time < l->looked) {
        l->looked = time;
        if (ledger_look(l, time) && l->stop_on_stall) {
            stop();
        }
    }
}

/* A timer of the virtual clock cannot stop that clock: this can. */
static void on_suspicion(void *unused)
{
    UintrLedger *l = uintr_ledger;
    bool found;

    if (!l || l->closed || !runstate_is_running()) {
        return;
    }
    pause_all_vcpus();
    found = ledger_look(l, now());
    resume_all_vcpus();
    if (found && l->stop_on_stall) {
        vm_stop(RUN_STATE_PAUSED);
    }
}

static void on_timer(void *opaque)
{
    UintrLedger *l = opaque;

    l->looked = now();
    if (ledger_suspects(l, l->looked)) {
        aio_bh_schedule_oneshot(qemu_get_aio_context(), on_suspicion, NULL);
    }
    timer_mod(l->timer, next_look(l));
}

void ledger_start_clock(UintrLedger *l)
{
    if (icount_enabled()) {
        icount_between_slices = between_slices;
        return;
    }
    l->timer = l->timer ?: timer_new_ns(QEMU_CLOCK_VIRTUAL, on_timer, l);
    timer_mod(l->timer, next_look(l));
}

/* The timer would wait until it is again as late as it was. */
void ledger_turn_clock_back(UintrLedger *l)
{
    if (l->timer) {
        timer_mod(l->timer, 0);
    }
}

/* What waits at the end is in the report, too: in the midst of a block, say. */
void ledger_stop_clock(UintrLedger *l)
{
    if (l->stall_after && uintr_observer && !l->in_flux) {
        ledger_look(l, ledger_now());
        ledger_list_waiting(l, ledger_now());
    }
    if (icount_between_slices == between_slices) {
        icount_between_slices = NULL;
    }
    if (l->timer) {
        timer_free(l->timer);
        l->timer = NULL;
    }
}
