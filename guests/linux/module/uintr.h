/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What farbell_uintr.ko offers other modules: user interrupts whose UPIDs lie
 * in memory that is shared with another machine.
 *
 * The memory is an "area" of UPIDs. In one part of it, ours, are those of
 * receivers of this kernel; the rest names receivers of the peer. The peer
 * writes to all of it and is not trusted: what is read here decides no more
 * than whether the receiver is notified.
 */
#ifndef FARBELL_LINUX_UINTR_H
#define FARBELL_LINUX_UINTR_H

#include <linux/types.h>

struct module;
struct uintr_area;

struct uintr_area_config {
	struct module *owner;       /* stays loaded while anybody uses the area */
	void *base;                 /* kernel address, UPID_ALIGN; ordinary cached memory */
	u32 size;
	u32 own_offset, own_size;   /* our part of it */
	u32 apic_base;              /* global APIC ID of the CPU whose local APIC ID is 0 */
	u8 ndst_shift;              /* of IDs in NDST, for the peer's APIC mode: 0, or 8 for xAPIC */
	void *opaque;
	/* A receiver has unregistered or is dead; its offset may be handed out again. Atomic. */
	void (*gone)(void *opaque, u32 offset);
	/* Nobody uses the area any more after uintr_area_remove(). May sleep. */
	void (*release)(void *opaque);
};

/* Negative errors as pointers: -EINVAL for parts that do not fit. */
struct uintr_area *uintr_area_add(const struct uintr_area_config *config);

/*
 * Takes no new users; those that are there keep it, and its memory, until
 * release() is called, from here or later.
 */
void uintr_area_remove(struct uintr_area *area);

/*
 * The current task becomes a receiver, as by UINTR_IOC_REGISTER_HANDLER, with a
 * cleared UPID in our part, whose offset from the area's base is returned.
 * -EBUSY: it is one; -ENOSPC: the part is full; -EFAULT, -EINVAL: handler, flags.
 * It ends as every receiver does: UINTR_IOC_UNREGISTER_HANDLER, exec, exit.
 */
int uintr_area_register_handler(struct uintr_area *area, u64 handler, u32 flags);

/* -EINVAL: the current task is no receiver. */
int uintr_unregister_handler(void);

/*
 * SENDUIPI with the operand that is returned posts `vector` to the UPID at
 * `offset` of the peer's part, in each thread of the current process.
 * -EINVAL: no such UPID or vector; -ENOSPC: UINTR_MAX_SENDERS are there.
 */
int uintr_area_register_sender(struct uintr_area *area, u32 offset, u8 vector);

/* -EINVAL: not an operand of the current process. */
int uintr_unregister_sender(u64 index);

#endif
