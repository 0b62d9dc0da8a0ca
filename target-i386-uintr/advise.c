/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Advice for images and command lines of an older emulator: to the log of
 * guest errors, or once to the console, as whoever has no log sees nothing but
 * a guest that dies of #UD or #GP.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "uintr.h"

void x86_uintr_advise(const char *format, ...)
{
    static bool told;
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (qemu_loglevel_mask(LOG_GUEST_ERROR)) {
        qemu_log("%s\n", text);
    } else if (!qatomic_xchg(&told, true)) {
        warn_report("%s", text);
    }
}
