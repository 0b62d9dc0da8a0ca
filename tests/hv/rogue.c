/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GP's first CPU, while the other one serves: it starts RT again by INIT and
 * SIPI after each of its attacks, and at RT's word reaches for the hypervisor.
 */
#include "gp.h"
#include "word.h"

#define HYPERVISOR      0x3a000000
#define SOME_PAGE       0x55

static void trespass(void)
{
    *(volatile uint64_t *)HYPERVISOR = 0;
}

void gp_own_work(void)
{
    uint32_t seen = 0;

    for (;;) {
        cpu_relax();
        if (*WORD == seen) {
            continue;
        }
        seen = *WORD;
        if (seen == WORD_TRESPASS) {
            trespass();
        }
        word_rest();
        smp_init(RT_LOCAL_ID);
        apic_icr(RT_LOCAL_ID, ICR_STARTUP | ICR_ASSERT | SOME_PAGE);
    }
}
