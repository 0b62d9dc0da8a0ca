// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The registers of a thread. XSAVES stores all of them in one instruction, UIF with them, which
 * no MSR has, and clears UINV (R142). The stock kernel never asks for component 14, so nobody
 * else touches the registers, and that IA32_XSS has its bit costs it nothing.
 */
#include <linux/string.h>

#include "private.h"

#define COMPONENT	BIT_ULL(UINTR_XSTATE_BIT)
#define COMPACTED	BIT_ULL(63)

/* XRSTORS of a component that is not in XSTATE_BV clears it (R151). */
static const struct image nothing = { .xcomp_bv = COMPACTED | COMPONENT };

void state_init(struct image *image)
{
	memset(image, 0, sizeof(*image));
	image->xcomp_bv = COMPACTED | COMPONENT;
	image->xstate_bv = COMPONENT;
}

/*
 * Afterwards all fields are there. XSAVES stores none of a component that is in its initial
 * configuration (R145), which is all zeros.
 */
void state_save(struct image *image)
{
	asm volatile("xsaves64 %0" : "+m"(*image) : "a"((u32)COMPONENT), "d"(0) : "memory");
	if (image->xstate_bv & COMPONENT)
		return;
	memset(&image->registers, 0, sizeof(image->registers));
	image->xstate_bv = COMPONENT;
}

/* UINV has to be 0 before: after state_save() and state_clear() it is (R146). */
void state_load(const struct image *image)
{
	asm volatile("xrstors64 %0" : : "m"(*image), "a"((u32)COMPONENT), "d"(0) : "memory");
}

void state_clear(void)
{
	state_load(&nothing);
}
