/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: a kernel receives through a UPID whose NV is an ordinary vector
 * of its own, and its handler clears ON when it has finished.  Whoever posts
 * before that sees ON set and sends nothing: ON comes first, then PIR.
 */
#include "handler.h"

const char *const test_group = "/buggy/on-cleared-late";

static void clear_on(void)
{
    __atomic_fetch_and(&task.upid.low, ~(uint64_t)UPID_ON, __ATOMIC_SEQ_CST);
}

void on_interrupt(struct frame *f __attribute__((unused)))
{
    if (IS_FIXED) {
        clear_on();
    }
    if (__atomic_exchange_n(&task.upid.pir, 0, __ATOMIC_SEQ_CST)) {
        task.received++;
    }
    if (!IS_FIXED) {
        clear_on();
    }
    apic_eoi();
}
