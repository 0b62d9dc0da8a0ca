/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions, as bytes: the assembler may be older than they are. */
#ifndef GP_SHADOW_INSNS_H
#define GP_SHADOW_INSNS_H

#include <stdint.h>

static inline void clui(void)
{
    asm volatile(".byte 0xf3, 0x0f, 0x01, 0xee" : : : "memory");
}

static inline void stui(void)
{
    asm volatile(".byte 0xf3, 0x0f, 0x01, 0xef" : : : "memory");
}

static inline void senduipi(uint64_t index)
{
    asm volatile(".byte 0xf3, 0x0f, 0xc7, 0xf0" : : "a"(index) : "memory");
}

static inline void cpu_relax(void)
{
    asm volatile("pause" : : : "memory");
}

#endif
