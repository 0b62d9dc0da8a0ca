/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The notification IPI of SENDUIPI (R55-R59), with and without the big lock. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "hw/core/cpu.h"
#include "hw/i386/apic.h"
#include "hw/i386/apic-msidef.h"
#include "hw/i386/x86.h"
#include "hw/pci/msi.h"
#include "system/cpu-timers.h"
#include "inject.h"
#include "internal.h"
#include "observe.h"
#include "partition.h"
#include "posted.h"
#include "source.h"
#include "trace.h"

#define APIC_ESR_SEND_ILLEGAL_VECTOR (1 << 5)
#define APIC_FIRST_LEGAL_VECTOR 16
#define APIC_ICR_ASSERT (1 << 14)
#define APIC_FIRST_BROADCAST_ID 0xff

const UintrScheduler *uintr_scheduler;

/* Fixed, physical, edge; 32-bit destinations as apic.c decodes them. */
static void send_message(InterruptSource from, uint32_t dest, uint8_t vector)
{
    MSIMessage msi = {
        .address = APIC_DEFAULT_ADDRESS |
                   (uint64_t)(dest & 0xffffff00) << 32 |
                   (dest & 0xff) << MSI_ADDR_DEST_ID_SHIFT,
        .data = vector,
    };
    InterruptSource outer = x86_source_enter(from.kind, from.id);

    apic_get_class(&error_abort)->send_msi(&msi);
    x86_source_leave(outer);
}

static InterruptSource from_cpu(CPUState *cs)
{
    return (InterruptSource) { INTERRUPT_FROM_CPU, cs->cpu_index };
}

void uintr_send_fixed(CPUState *sender, uint32_t dest, uint8_t vector)
{
    BQL_LOCK_GUARD();
    send_message(from_cpu(sender), dest, vector);
}

/*
 * The receiver stores halted, passes a full barrier and then looks for
 * requests; here the request is stored first and halted read after it.  One
 * of the two sees the other.  A halted CPU waits with the big lock, so the
 * wake-up must not fall between its look and its wait.
 */
static void ring(CPUState *cs)
{
    qatomic_or(&cs->interrupt_request, CPU_INTERRUPT_POLL);
    smp_mb(); /* pairs with the one before the receiver's look */
    if (qatomic_read(&cs->halted)) {
        BQL_LOCK_GUARD();
        qemu_cpu_kick(cs);
    } else {
        qatomic_set(&cs->neg.icount_decr.u16.high, -1);
    }
}

/* Under icount every interrupt takes the same, deterministic path. */
static APICCommonState *find_unlocked(uint32_t dest)
{
    APICCommonState *apic;

    if (icount_enabled() || dest >= APIC_FIRST_BROADCAST_ID ||
        qatomic_read(&apic_ids_moved)) {
        return NULL;
    }
    apic = apic_by_initial_id(dest);
    return apic && !apic->vapic_paddr ? apic : NULL;
}

/* The usual reason is an NDST in the other mode's format (R56). */
static bool nobody_has(uint32_t dest)
{
    bool broadcast = dest == APIC_FIRST_BROADCAST_ID || dest == UINT32_MAX;

    return !broadcast && !qatomic_read(&apic_ids_moved) &&
           !apic_by_initial_id(dest);
}

/* True if it is for this sender to ring. */
static bool put_unlocked(APICCommonState *apic, uint8_t vector)
{
    qatomic_or(&apic->posted[vector >> 5], 1U << (vector & 31));
    return !qatomic_xchg(&apic->posted_any, 1);
}

static void post_unlocked(APICCommonState *apic, uint8_t vector)
{
    if (put_unlocked(apic, vector)) {
        ring(CPU(apic->cpu));
    }
}

static bool in_x2apic_mode(const APICCommonState *apic)
{
    return apic->apicbase & MSR_IA32_APICBASE_EXTD;
}

/* R56 */
bool uintr_ndst_is_x2apic(CPUX86State *env)
{
    const APICCommonState *apic = uintr_apic(env_archcpu(env));

    return apic && in_x2apic_mode(apic);
}

const char *const uintr_loss_names[] = {
    [UINTR_LOSS_APIC_DISABLED] = "local APIC disabled",
    [UINTR_LOSS_ILLEGAL_VECTOR] = "illegal vector",
    [UINTR_LOSS_NO_APIC] = "no such local APIC",
    [UINTR_LOSS_ID_CHANGED] = "the xAPIC ID was changed",
    [UINTR_LOSS_PEER_GONE] = "global ID without a local APIC",
};

static void lost(InterruptSource from, UintrLoss why)
{
    bool cpu = from.kind == INTERRUPT_FROM_CPU;

    trace_uintr_ipi_lost(from.id, uintr_loss_names[why]);
    UINTR_TELL(lost, cpu ? qemu_get_cpu(from.id) : NULL, why);
}

/* R59: software sees the ICR as if it had written it. */
static void record_icr(APICCommonState *apic, uint32_t dest, uint8_t vector)
{
    apic->icr[0] = vector | APIC_ICR_ASSERT;
    apic->icr[1] = in_x2apic_mode(apic) ? dest : dest << 24;
}

/*
 * A router decides under the big lock, which is the first thing that a CPU
 * wants that has been rung: it would find it taken and sleep.  So what a
 * router injects is rung for when the lock is free again.
 */
static __thread struct {
    bool open;
    CPUState *ring;
} routed;

static bool route(CPUState *sender, uint32_t dest, uint8_t vector)
{
    bool found;

    routed.open = true;
    found = uintr_route(sender, dest, vector);
    routed.open = false;
    if (routed.ring) {
        ring(routed.ring);
        routed.ring = NULL;
    }
    return found;
}

static bool is_admitted(InterruptSource from, uint32_t apic_id, uint8_t vector)
{
    uint32_t limit = X86_MACHINE(qdev_get_machine())->apic_id_limit;
    g_autofree uint32_t *to = g_new0(uint32_t, DIV_ROUND_UP(limit, 32));
    InterruptSource outer = x86_source_enter(from.kind, from.id);

    to[apic_id / 32] = 1u << apic_id % 32;
    x86_admit_message(to, APIC_DM_FIXED, vector);
    x86_source_leave(outer);
    return to[apic_id / 32];
}

/* False if it is to go the way of all messages. */
static bool post_routed(InterruptSource from, uint32_t apic_id, uint8_t vector)
{
    APICCommonState *target = routed.open && !routed.ring ?
                              find_unlocked(apic_id) : NULL;

    if (target && is_admitted(from, apic_id, vector) &&
        put_unlocked(target, vector)) {
        routed.ring = CPU(target->cpu);
    }
    return target;
}

void uintr_send_notification(CPUX86State *env, uint8_t nv, uint32_t ndst)
{
    APICCommonState *apic = uintr_apic(env_archcpu(env)), *target;
    uint32_t dest;

    if (!apic || !(apic->apicbase & MSR_IA32_APICBASE_ENABLE)) {
        lost(from_cpu(env_cpu(env)), UINTR_LOSS_APIC_DISABLED);
        return;
    }
    dest = in_x2apic_mode(apic) ?                           /* R56 */
           ndst : extract32(ndst, UPID_NDST_XAPIC_SHIFT, 8);
    if (uintr_quirks(env, QUIRK_BIT(S11)) && in_x2apic_mode(apic)) {
        dest = uintr_quirk_dest(env, ndst);
    }
    record_icr(apic, dest, nv);
    if (nv < APIC_FIRST_LEGAL_VECTOR) {                     /* R58 */
        apic->esr |= APIC_ESR_SEND_ILLEGAL_VECTOR;
        lost(from_cpu(env_cpu(env)), UINTR_LOSS_ILLEGAL_VECTOR);
        return;
    }
    if (route(env_cpu(env), dest, nv)) {
        return;
    }
    if (uintr_quirks(env, QUIRK_BIT(S13)) &&
        uintr_quirk_shorthand(env, dest, nv)) {
        return;
    }
    target = find_unlocked(dest);
    if (target && x86_partition_divides(env_cpu(env), CPU(target->cpu))) {
        target = NULL;                  /* the policy is under the big lock */
    }
    trace_uintr_ipi(env_cpu(env)->cpu_index, dest, nv);
    if (target) {
        post_unlocked(target, nv);
    } else if (nobody_has(dest)) {
        lost(from_cpu(env_cpu(env)), uintr_route_was(dest) ?
             UINTR_LOSS_PEER_GONE : UINTR_LOSS_NO_APIC);
    } else if (!uintr_scheduler ||
               !uintr_scheduler->delay(env_cpu(env), dest, nv)) {
        uintr_send_fixed(env_cpu(env), dest, nv);
    }
}

void uintr_set_scheduler(const UintrScheduler *scheduler)
{
    uintr_scheduler = scheduler;
}

void uintr_send_delayed(CPUState *sender, uint32_t dest, uint8_t vector)
{
    send_message(from_cpu(sender), dest, vector);
}

static bool inject(InterruptSource from, uint32_t apic_id, uint8_t vector)
{
    APICCommonState *target = apic_by_initial_id(apic_id);

    if (!target || vector < APIC_FIRST_LEGAL_VECTOR) {
        lost(from, target ? UINTR_LOSS_ILLEGAL_VECTOR :
                   from.kind == INTERRUPT_FROM_CPU ? UINTR_LOSS_PEER_GONE :
                   UINTR_LOSS_NO_APIC);
        return false;
    }
    /* The guest writes its xAPIC ID: it may name another CPU or all of them. */
    if (!in_x2apic_mode(target) && target->id != apic_id) {
        lost(from, UINTR_LOSS_ID_CHANGED);
        return false;
    }
    if (!post_routed(from, apic_id, vector)) {
        send_message(from, apic_id, vector);
    }
    return true;
}

bool x86_uintr_has_apic(uint32_t initial_id)
{
    return apic_by_initial_id(initial_id);
}

bool x86_uintr_inject(CPUState *sender, uint32_t apic_id, uint8_t vector)
{
    return inject(from_cpu(sender), apic_id, vector);
}

bool x86_uintr_inject_from_device(uint32_t requester_id, uint32_t apic_id,
                                  uint8_t vector)
{
    return inject((InterruptSource) { INTERRUPT_FROM_DEVICE, requester_id },
                  apic_id, vector);
}
