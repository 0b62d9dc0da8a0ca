/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the CPU reaches UITT and UPID, and the receiver's two steps. */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "exec/cpu_ldst.h"
#include "exec/exec-all.h"
#include "internal.h"
#include "observe.h"
#include "trace.h"

int uintr_supervisor_index(const CPUX86State *env)
{
    return env->hflags & HF_SMAP_MASK ? MMU_KSMAP64_IDX : MMU_KNOSMAP64_IDX;
}

/* The facility's own look at memory: a debugger of UPIDs is not told. */
static int probe(CPUX86State *env, uint64_t address, int size,
                 MMUAccessType access, int index, void **host)
{
    X86UintrConfig *config = &env_archcpu(env)->uintr;
    int flags;

    config->own_access = true;
    flags = probe_access_flags(env, address, size, access, index, true, host,
                               0);
    config->own_access = false;
    return flags;
}

bool uintr_page_faults(CPUX86State *env, uint64_t address, int size,
                       MMUAccessType access, int index)
{
    uint64_t ends[] = { address, address + size - 1 };
    void *host;

    for (int i = 0; i < ARRAY_SIZE(ends); i++) {
        if (probe(env, ends[i], 1, access, index, &host) & TLB_INVALID_MASK) {
            return true;
        }
    }
    return false;
}

bool uintr_upid_reach(CPUX86State *env, uint64_t address, void **host)
{
    int flags = probe(env, address, sizeof(UintrUpid), MMU_DATA_STORE,
                      uintr_supervisor_index(env), host);

    if (*host) {
        uintr_upid_is_used(address, *host);
    }
    return !(flags & TLB_INVALID_MASK);
}

/*
 * R80: ON is cleared no later than PIR is taken.  A sender that still saw ON
 * set its PIR bit before that, so the exchange finds it; a sender that comes
 * later sees ON clear and notifies again.
 */
static uint64_t take_from_ram(uint64_t *upid, uint64_t *low)
{
    *low = le64_to_cpu(qatomic_fetch_and(&upid[0],
                                         cpu_to_le64(~(uint64_t)UPID_ON)));
    return le64_to_cpu(qatomic_xchg(&upid[1], 0));
}

/* Device memory knows no atomic access; the big lock is held. */
static uint64_t take_from_device(CPUX86State *env, uint64_t address,
                                 uint64_t *low)
{
    int index = uintr_supervisor_index(env);
    uint64_t pir;

    *low = cpu_ldq_mmuidx_ra(env, address, index, 0);
    cpu_stq_mmuidx_ra(env, address, *low & ~(uint64_t)UPID_ON, index, 0);
    pir = cpu_ldq_mmuidx_ra(env, address + UPID_PIR_OFFSET, index, 0);
    cpu_stq_mmuidx_ra(env, address + UPID_PIR_OFFSET, 0, index, 0);
    return pir;
}

uint64_t uintr_upid_take(CPUX86State *env, uint64_t address, void *host,
                         uint64_t *low)
{
    return host ? take_from_ram(host, low)
                : take_from_device(env, address, low);
}
