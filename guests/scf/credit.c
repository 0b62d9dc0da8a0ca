/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * F48: what the interrupts of the other side may cost.  Each takes a credit,
 * and a reply gives one back, so that who is told of replies never comes to
 * the end of it, however many there are; who is told of nothing soon does.
 */
#include "credit.h"
#include "scf.h"

uint64_t scf_told;

static unsigned credit = SCF_CREDIT;

static void set(unsigned to)
{
    bool was_held = !credit;

    credit = to < SCF_CREDIT ? to : SCF_CREDIT;
    if (was_held != !credit) {
        rt_hush(!credit);
    }
}

void credit_spend(void)
{
    scf_told++;
    if (credit) {
        set(credit - 1);
    }
}

void credit_earn(void)
{
    set(credit + 1);
}

void scf_tick(void)
{
    set(SCF_CREDIT);
}
