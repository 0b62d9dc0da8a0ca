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

/* A period of the timer in ticks of the TSC */
static uint64_t tsc_ticks(uint64_t period)
{
    static uint64_t scale;

    if (!arg_given("accel") || arg_is("accel", "icount")) {
        return period;
    }
    scale = scale ? scale : timer_scale();
    return (period << 32) / scale;
}

void cyclic_task_begin(struct cyclic *cyclic, uint64_t period)
{
    task = cyclic;
    trap_handle(CYCLIC_VECTOR, on_timer);
    apic_write(APIC_TIMER_DIV, CYCLIC_DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, CYCLIC_PERIODIC | CYCLIC_VECTOR);
    cyclic_begin(task, tsc_ticks(period));
    apic_write(APIC_TIMER_INIT, CYCLIC_COUNT(period));
}
