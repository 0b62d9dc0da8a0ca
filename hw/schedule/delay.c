/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications that are on their way for a while. */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "hw/core/cpu.h"
#include "schedule.h"

static void arrive(void *opaque)
{
    ScheduleDelayed *d = opaque;
    CPUState *sender = qemu_get_cpu(d->sender);

    d->due = 0;
    if (sender) {
        uintr_send_delayed(sender, d->dest, d->vector);
    }
}

/* The instruction that sends is the last of its block: the clock is right. */
bool schedule_delay(UintrSchedule *s, CPUState *sender, uint32_t dest,
                    uint8_t vector, int64_t ns)
{
    for (int i = 0; i < SCHEDULE_DELAYED; i++) {
        ScheduleDelayed *d = &s->delayed[i];

        if (!d->due) {
            d->due = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + ns;
            d->sender = sender->cpu_index;
            d->dest = dest;
            d->vector = vector;
            timer_mod_ns(d->timer, d->due);
            return true;
        }
    }
    return false;
}

void schedule_make_timers(UintrSchedule *s)
{
    for (int i = 0; i < SCHEDULE_DELAYED; i++) {
        s->delayed[i].timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, arrive,
                                           &s->delayed[i]);
    }
}

void schedule_arm_timers(UintrSchedule *s)
{
    for (int i = 0; i < SCHEDULE_DELAYED; i++) {
        if (s->delayed[i].due) {
            timer_mod_ns(s->delayed[i].timer, s->delayed[i].due);
        } else {
            timer_del(s->delayed[i].timer);
        }
    }
}
