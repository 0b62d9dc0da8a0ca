/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cyclic.h"
#include "lib.h"

static struct cyclic *task;

static void on_timer(struct frame *f)
{
    (void)f;
    cyclic_tick(task);
    apic_eoi();
}

void cyclic_task_begin(struct cyclic *cyclic, uint64_t period)
{
    task = cyclic;
    trap_handle(CYCLIC_VECTOR, on_timer);
    apic_write(APIC_TIMER_DIV, CYCLIC_DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, CYCLIC_PERIODIC | CYCLIC_VECTOR);
    cyclic_begin(task, period);
    apic_write(APIC_TIMER_INIT, CYCLIC_COUNT(period));
}
