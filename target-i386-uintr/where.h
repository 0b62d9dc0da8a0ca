/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a CPU is in the midst of a block of translated code. */
#ifndef TARGET_I386_UINTR_WHERE_H
#define TARGET_I386_UINTR_WHERE_H

#include "cpu.h"

/*
 * RIP of the instruction that @ra, an address in translated code, belongs to.
 * It changes none of the state that a block keeps in @env.
 */
uint64_t uintr_rip_of(CPUX86State *env, uintptr_t ra);

#endif
