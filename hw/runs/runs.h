/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many runs of a machine from one start of QEMU (docs/lost-interrupts.md).
 * Whoever keeps something of a run that no snapshot has begins anew.
 */
#ifndef HW_UINTR_RUNS_RUNS_H
#define HW_UINTR_RUNS_RUNS_H

#include "qemu/notify.h"

/* Told with a RunStep when vCPUs stand still. */
void runs_add_notifier(Notifier *notifier);

typedef enum RunStep {
    RUN_BEGINS,             /* properties are what they will be */
    RUN_ENDS,               /* write what there is to tell */
} RunStep;

/* A file appears as a whole; whatever else @path names is written to. */
void runs_write_report(const char *who, const char *path, const GString *text);

#endif
