/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a servant is told, and how it tells (F40). */
#ifndef FARBELL_SHADOW_NOTIFY_H
#define FARBELL_SHADOW_NOTIFY_H

#include "shadow.h"

/* A receiver of user interrupts and a sender to RT, if the kernel can. */
void notify_start(struct mailbox *m, unsigned int vector);
/* The UPID's offset in the window, with the vector, or -ENOSYS (F6). */
long notify_receiver(void);
/* How RT tells its requests from now on. */
void notify_mode(struct mailbox *m, unsigned int mode);
void notify_answered(struct mailbox *m, unsigned int slot, unsigned int mode);
/* In a handler: messages of the mailbox, and whose they are (F46). */
void notify_mail(struct mailbox *m, unsigned int slot);

/* ---- defined by the servant: a handler's turn ---- */

extern char shadow_interrupt[];		/* ring3.S: saves, and calls the next */
void shadow_told(void);

#endif
