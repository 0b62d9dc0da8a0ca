/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a small kernel of this folder begins with, and its traps. */
#ifndef GUESTS_KERNEL_H
#define GUESTS_KERNEL_H

#include "clock.h"
#include "thread.h"

/*
 * This CPU's traps, SYSCALL, SMEP, SMAP, XSAVES and user interrupts; again
 * after uintr_reset().
 */
void kernel_cpu(void);
/* Once: private frames from @frames to @end, the clock, kernel_cpu(). */
void kernel_start(uint64_t frames, uint64_t end);
/* Frames that another partition may write, after kernel_start(). */
void kernel_window(uint64_t frames, uint64_t end);

#endif
