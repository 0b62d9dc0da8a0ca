/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a file with a mistake in its switch gives to one_cpu.c, two_cpus.c. */
#ifndef BUGGY_SWITCHES_H
#define BUGGY_SWITCHES_H

#include "buggy.h"

void switch_on(void);
void switch_off(void);

/* two_cpus.c: the CPU that the task goes to after this one. */
uint32_t next_cpu(void);

#endif
