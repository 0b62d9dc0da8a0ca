/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A UPID in memory, and the post into it: for SENDUIPI and for devices. */
#ifndef TARGET_I386_UINTR_UPID_H
#define TARGET_I386_UINTR_UPID_H

#include "qemu/atomic128.h"
#include "qemu/bswap.h"
#include "qemu/int128.h"
#include "farbell/uintr.h"

typedef struct UintrUpid {
    uint64_t low;
    uint64_t pir;
} UintrUpid;

/* R53, R54.  False if a reserved bit forbids the post. */
static inline bool upid_post_bits(UintrUpid *upid, uint8_t vector)
{
    if (upid->low & UPID_LOW_RESERVED) {
        return false;
    }
    upid->pir |= 1ULL << vector;
    if (!(upid->low & (UPID_ON | UPID_SN))) {
        upid->low |= UPID_ON;
    }
    return true;
}

static inline Int128 upid_to_guest(UintrUpid upid)
{
    return int128_make128(cpu_to_le64(upid.low), cpu_to_le64(upid.pir));
}

static inline UintrUpid upid_from_guest(Int128 value)
{
    return (UintrUpid) {
        .low = le64_to_cpu(int128_getlo(value)),
        .pir = le64_to_cpu(int128_gethi(value)),
    };
}

/* R52: one 16-byte locked read-modify-write.  *old is what it replaced. */
static inline bool upid_post_to_ram(Int128 *host, uint8_t vector,
                                    UintrUpid *old)
{
    Int128 seen, expected = int128_make128(qatomic_read((uint64_t *)host),
                                           qatomic_read((uint64_t *)host + 1));

    for (;;) {
        UintrUpid next = *old = upid_from_guest(expected);

        if (!upid_post_bits(&next, vector)) {
            return false;
        }
        seen = atomic16_cmpxchg(host, expected, upid_to_guest(next));
        if (int128_eq(seen, expected)) {
            return true;
        }
        expected = seen;
    }
}

#endif
