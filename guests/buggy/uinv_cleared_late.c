/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: UIRR is saved while UINV is still armed, and the kernel has
 * interrupts on.  A notification that comes in before UINV is cleared puts its
 * vector into a UIRR that has been saved already and is zeroed next.
 */
#include "switches.h"

const char *const test_group = "/buggy/uinv-cleared-late";

#define REST 64                         /* words of other state to save */

static uint64_t rest[REST], saved_rest[REST];

void switch_on(void)
{
    wrmsr(UINTR_MSR_RR, task.rr);
    set_uinv(NV);
    set_ndst(&task.upid, apic_id());
    clear_sn(&task.upid);
    if (task.upid.pir) {
        notify_self();
    }
}

static void save_rest(void)
{
    for (int i = 0; i < REST; i++) {
        saved_rest[i] = rest[i];
    }
}

void switch_off(void)
{
    if (IS_FIXED) {
        set_uinv(0);
    }
    task.rr = rdmsr(UINTR_MSR_RR);
    sti();
    save_rest();
    cli();
    if (!IS_FIXED) {
        set_uinv(0);
    }
    set_sn(&task.upid);
    wrmsr(UINTR_MSR_RR, 0);
}
