/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SENDUIPI (R38-R61): the sender's side of a post. */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "exec/cpu_ldst.h"
#include "exec/exec-all.h"
#include "exec/helper-proto.h"
#include "exec/translation-block.h"
#include "tcg/helper-tcg.h"
#include "internal.h"
#include "observe.h"
#include "trace.h"

typedef struct Uitte {
    uint8_t vector;
    uint64_t upid;
} Uitte;

static G_NORETURN void refuse(CPUX86State *env, int exception, uint64_t index,
                              const char *why, uintptr_t ra)
{
    trace_uintr_senduipi_fault(env_cpu(env)->cpu_index, index, exception, why);
    raise_exception_err_ra(env, exception, 0, ra);
}

/* R31, R41-R43, R45: everything that needs no memory access. */
static void check_index(CPUX86State *env, uint64_t index, uintptr_t ra)
{
    const CPUX86UintrState *u = &env->uintr;
    UintrNullUitt null_uitt = env_archcpu(env)->uintr.null_uitt;

    if (!uintr_enabled(env)) {
        uintr_log_disabled(env, "SENDUIPI");
        refuse(env, EXCP06_ILLOP, index, "CR4.UINTR=0", ra);
    }
    if (!(u->tt & UINTR_TT_ENABLE)) {
        refuse(env, null_uitt == UINTR_NULL_UITT_GP_ALL ?
               EXCP0D_GPF : EXCP06_ILLOP, index, "TT[0]=0", ra);
    }
    if (index > u->uittsz) {
        refuse(env, EXCP0D_GPF, index, "index above UITTSZ", ra);
    }
    if (u->tt == UINTR_TT_ENABLE && null_uitt != UINTR_NULL_UITT_SDM) {
        refuse(env, EXCP0D_GPF, index, "null UITT", ra);
    }
}

/* The MMU raises the exception by itself: this only says that it will. */
static void trace_page_fault(CPUX86State *env, uint64_t address,
                             MMUAccessType access, uint64_t index,
                             const char *what)
{
    if (trace_event_get_state_backends(TRACE_UINTR_SENDUIPI_FAULT) &&
        uintr_page_faults(env, address, 16, access,
                          uintr_supervisor_index(env))) {
        trace_uintr_senduipi_fault(env_cpu(env)->cpu_index, index, EXCP0E_PAGE,
                                   what);
    }
}

/* R24, R44, R46, R47 */
static Uitte read_uitte(CPUX86State *env, uint64_t index, uintptr_t ra)
{
    uint64_t address = (env->uintr.tt & ~(uint64_t)(UITTE_SIZE - 1)) +
                       (index << UITTE_SHIFT);
    MemOpIdx oi = make_memop_idx(MO_LE | MO_128 | MO_ALIGN,
                                 uintr_supervisor_index(env));
    Int128 entry;
    uint64_t low, upid;

    if (!uintr_canonical_for_paging(env, address)) {
        refuse(env, EXCP0D_GPF, index, "UITTE address not canonical", ra);
    }
    trace_page_fault(env, address, MMU_DATA_LOAD, index, "UITTE");
    entry = cpu_ld16_mmu(env, address, oi, ra);
    low = int128_getlo(entry);
    upid = int128_gethi(entry);
    if (!(low & UITTE_V)) {
        refuse(env, EXCP0D_GPF, index, "UITTE not valid", ra);
    }
    if ((low & UITTE_LOW_RESERVED) || (upid & UITTE_UPID_RESERVED) ||
        extract64(low, UITTE_UV_SHIFT, UITTE_UV_BITS) >= UINTR_VECTORS) {
        refuse(env, EXCP0D_GPF, index, "reserved bit in UITTE", ra);
    }
    if (!uintr_canonical_for_paging(env, upid)) {
        refuse(env, EXCP0D_GPF, index, "UPID address not canonical", ra);
    }
    return (Uitte) {
        .vector = extract64(low, UITTE_UV_SHIFT, UITTE_UV_BITS), .upid = upid,
    };
}

/*
 * No 16-byte atomic operation: memory that is not RAM, or a host without
 * one.  With other CPUs running, the instruction is done again alone.
 */
static bool post_alone(CPUX86State *env, uint64_t address, uint8_t vector,
                       UintrUpid *old, uintptr_t ra)
{
    int index = uintr_supervisor_index(env);
    UintrUpid next;

    if (qemu_tcg_mttcg_enabled() && tcg_cflags_has(env_cpu(env), CF_PARALLEL) &&
        !cpu_in_exclusive_context(env_cpu(env))) {
        cpu_loop_exit_atomic(env_cpu(env), ra);
    }
    old->low = cpu_ldq_mmuidx_ra(env, address, index, ra);
    old->pir = cpu_ldq_mmuidx_ra(env, address + UPID_PIR_OFFSET, index, ra);
    next = *old;
    if (!upid_post_bits(&next, vector)) {
        return false;
    }
    cpu_stq_mmuidx_ra(env, address + UPID_PIR_OFFSET, next.pir, index, ra);
    cpu_stq_mmuidx_ra(env, address, next.low, index, ra);
    return true;
}

/* R61: the write access is checked before reserved bits are. */
static bool try_post(CPUX86State *env, const Uitte *entry, UintrUpid *old,
                     void **ram, uintptr_t ra)
{
    void *host;

    uintr_upid_reach(env, entry->upid, &host);
    if (!host || !QTAILQ_EMPTY(&env_cpu(env)->watchpoints)) {
        host = probe_write(env, entry->upid, sizeof(UintrUpid),
                           uintr_supervisor_index(env), ra);
    }
    *ram = host;
    if (HAVE_CMPXCHG128 && host && uintr_quirks(env, UINTR_QUIRKS_OF_POST)) {
        return uintr_quirk_post(env, host, entry->vector, old);
    }
    if (HAVE_CMPXCHG128 && host && !env_archcpu(env)->uintr.no_cmpxchg128) {
        return upid_post_to_ram(host, entry->vector, old);
    }
    return post_alone(env, entry->upid, entry->vector, old, ra);
}

static bool post(CPUX86State *env, const Uitte *entry, UintrUpid *old,
                 void **ram, uintptr_t ra)
{
    X86UintrConfig *config = &env_archcpu(env)->uintr;
    bool posted;

    config->own_post = ra;
    posted = try_post(env, entry, old, ram, ra);
    config->own_post = 0;
    return posted;
}

void helper_senduipi(CPUX86State *env, target_ulong index)
{
    uintptr_t ra = GETPC();
    UintrUpid old;
    Uitte entry;
    void *ram;
    uint8_t nv;
    uint32_t ndst;
    bool send;

    check_index(env, index, ra);
    x86_uintr_point(env, UINTR_POINT_POST, ra);
    entry = read_uitte(env, index, ra);
    trace_page_fault(env, entry.upid, MMU_DATA_STORE, index, "UPID");
    if (!post(env, &entry, &old, &ram, ra)) {
        refuse(env, EXCP0D_GPF, index, "reserved bit in UPID", ra);
    }
    nv = extract64(old.low, UPID_NV_SHIFT, UPID_NV_BITS);
    ndst = extract64(old.low, UPID_NDST_SHIFT, UPID_NDST_BITS);
    send = !(old.low & (uintr_quirks(env, QUIRK_BIT(S10)) ?  /* R55 */
                        uintr_quirk_silent(env) : UPID_ON | UPID_SN));
    trace_uintr_senduipi(env_cpu(env)->cpu_index, env->hflags & HF_CPL_MASK,
                         index, entry.vector, entry.upid, ndst, nv,
                         !!(old.low & UPID_ON), !!(old.low & UPID_SN), send);
    UINTR_TELL(post, &(UintrPost) {
        .cpu = env_cpu(env), .host = ram, .linear = entry.upid, .old = old,
        .vector = entry.vector, .sent = send,
        .x2apic = uintr_ndst_is_x2apic(env),
    });
    if (send) {
        env_cpu(env)->mem_io_pc = ra;       /* for whoever refuses it */
        uintr_send_notification(env, nv, ndst);
    }
}
