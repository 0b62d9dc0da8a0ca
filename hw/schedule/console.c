/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console of a guest that people bring: what is typed arrives at moments
 * of virtual time, not of the host, and its serial ports may be slow.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "chardev/char.h"
#include "qemu/timer.h"
#include "schedule.h"

#define BETWEEN_BYTES 1000000       /* ns of virtual time, as with 9600 baud */

static void type_next(void *opaque)
{
    UintrSchedule *s = opaque;

    if (s->input[s->typed] && qemu_chr_be_can_write(s->chardev)) {
        qemu_chr_be_write(s->chardev, (uint8_t *)&s->input[s->typed++], 1);
    }
    s->next_byte = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + BETWEEN_BYTES;
    schedule_arm_console(s);
}

/*
 * It goes on when all is typed: virtual time passes while the guest sleeps, so
 * that whoever waits for its prompt sees for how long nothing has come.
 */
void schedule_arm_console(UintrSchedule *s)
{
    if (s->input) {
        timer_mod_ns(s->keyboard, s->next_byte);
    }
}

/* A snapshot is loaded behind this: its time is later, and typing begins. */
bool schedule_open_console(UintrSchedule *s, Error **errp)
{
    if (!s->input) {
        return true;
    }
    s->chardev = s->console ? qemu_chr_find(s->console) : NULL;
    if (!s->chardev) {
        error_setg(errp, "uintr-schedule: input is for a chardev: name one by "
                   "console=ID");
        return false;
    }
    s->keyboard = timer_new_ns(QEMU_CLOCK_VIRTUAL, type_next, s);
    schedule_arm_console(s);
    return true;
}

/* The data registers of COM1 to COM4; IN and OUT name them by DX. */
int64_t schedule_console_takes(const UintrSchedule *s, CPUX86State *env)
{
    switch ((uint16_t)env->regs[R_EDX]) {
    case 0x3f8:
    case 0x2f8:
    case 0x3e8:
    case 0x2e8:
        return s->slow_console;
    }
    return 0;
}
