/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: on its new CPU a task is opened for notifications before they
 * are told where to go.  One that is sent between the two finds the old CPU,
 * where UINV is 0, and ON stays set: no other one follows.
 */
#include "switches.h"

const char *const test_group = "/buggy/sn-before-ndst";

void switch_on(void)
{
    wrmsr(UINTR_MSR_RR, task.rr);
    set_uinv(NV);
    if (IS_FIXED) {
        set_ndst(&task.upid, apic_id());
    }
    clear_sn(&task.upid);
    if (task.upid.pir) {
        notify_self();
    }
    if (!IS_FIXED) {
        set_ndst(&task.upid, apic_id());
    }
}

void switch_off(void)
{
    set_uinv(0);
    set_sn(&task.upid);
    task.rr = rdmsr(UINTR_MSR_RR);
    wrmsr(UINTR_MSR_RR, 0);
}
