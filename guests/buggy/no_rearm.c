/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: a task is switched on without a look at its PIR.  "Whoever
 * posts sends a notification": not while SN was set.
 */
#include "switches.h"

const char *const test_group = "/buggy/no-rearm";

void switch_on(void)
{
    wrmsr(UINTR_MSR_RR, task.rr);
    set_uinv(NV);
    set_ndst(&task.upid, apic_id());
    clear_sn(&task.upid);
    if (IS_FIXED && task.upid.pir) {
        notify_self();
    }
}

void switch_off(void)
{
    set_uinv(0);
    set_sn(&task.upid);
    task.rr = rdmsr(UINTR_MSR_RR);
    wrmsr(UINTR_MSR_RR, 0);
}
