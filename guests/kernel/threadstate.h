/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a thread has in registers that the kernel does not use itself. */
#ifndef GUESTS_THREADSTATE_H
#define GUESTS_THREADSTATE_H

#include "thread.h"

bool threadstate_create(struct thread *thread);     /* false: no memory */
void threadstate_destroy(struct thread *thread);
void threadstate_save(struct thread *thread);       /* it leaves the CPU */
void threadstate_load(struct thread *thread);       /* it is back */
void threadstate_drop(void);            /* the current one leaves for ever */

#endif
