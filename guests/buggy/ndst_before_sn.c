/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: the scheduler has chosen the task's next CPU and writes it to
 * NDST at once, with SN still clear.  A notification that is sent between the
 * two finds the next CPU, where UINV is 0, and the old one waits for it.
 */
#include "switches.h"

const char *const test_group = "/buggy/ndst-before-sn";

void switch_on(void)
{
    wrmsr(UINTR_MSR_RR, task.rr);
    set_uinv(NV);
    clear_sn(&task.upid);
    if (task.upid.pir) {
        notify_self();
    }
}

/* With SN set nothing is sent any more: ON is cleared by what was sent. */
static void take_what_was_sent(void)
{
    while (task.upid.low & UPID_ON && !task.ends) {
        irq_window();
        cpu_relax();
    }
}

void switch_off(void)
{
    if (!IS_FIXED) {
        set_ndst(&task.upid, next_cpu());
    }
    set_sn(&task.upid);
    take_what_was_sent();
    if (IS_FIXED) {
        set_ndst(&task.upid, next_cpu());
    }
    set_uinv(0);
    task.rr = rdmsr(UINTR_MSR_RR);
    wrmsr(UINTR_MSR_RR, 0);
}
