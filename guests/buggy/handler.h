/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What on_cleared_late.c gives to the kernels that receive by it. */
#ifndef BUGGY_HANDLER_H
#define BUGGY_HANDLER_H

#include "buggy.h"

#define KERNEL_VECTOR 0x41

/* Of KERNEL_VECTOR. */
void on_interrupt(struct frame *f);

#endif
