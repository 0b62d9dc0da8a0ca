/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for something that has an address. */
#ifndef RT_CHANNEL_H
#define RT_CHANNEL_H

#include "thread.h"

/* Until somebody wakes it, or that time, or the thread is to leave. */
bool channel_sleep(uint64_t channel, uint64_t until);
/* At most @n, those that sleep longest first; how many there were. */
int channel_wake(uint64_t channel, int n);
int channel_wake_all(const volatile void *channel);

#define CHANNEL(p) ((uint64_t)(p))

#endif
