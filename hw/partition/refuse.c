/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What answers where a partition may not reach: a load gives all ones, as a
 * PC's bus does where nobody is, a store has no effect.  Both are counted
 * and named with CPU, RIP and address.
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "cpu.h"
#include "hw/core/cpu.h"
#include "system/cpus.h"
#include "system/runstate.h"
#include "target/i386/uintr/where.h"
#include "../trace.h"
#include "partition.h"

#define MAX_INSTRUCTION 15
#define NO_CPU (-1)

const char *const violation_names[] = {
    [VIOLATION_LOAD] = "load",
    [VIOLATION_STORE] = "store",
    [VIOLATION_FETCH] = "fetch",
    [VIOLATION_DMA] = "dma",
    [VIOLATION_IN] = "in",
    [VIOLATION_OUT] = "out",
    [VIOLATION_CONFIG] = "config",
    [VIOLATION_INTERRUPT] = "interrupt",
    [VIOLATION_CRASH] = "crash",
};

static void add(ViolationLog *log, const Violation *what)
{
    log->count[what->kind]++;
    log->last = *what;
}

/* For a debugger: everything stands still right behind the violation. */
static void stop_if_asked(UintrPartition *offender, UintrPartition *victim)
{
    if ((offender && offender->stop_on_violation) ||
        (victim && victim->stop_on_violation)) {
        qemu_system_vmstop_request_prepare();
        qemu_system_vmstop_request(RUN_STATE_PAUSED);
        if (current_cpu) {
            cpu_stop_current();
        }
    }
}

void partition_violation(UintrPartition *offender, UintrPartition *victim,
                         Violation what)
{
    BQL_LOCK_GUARD();

    trace_partition_violation(partition_name(offender),
                              partition_name(victim),
                              violation_names[what.kind], what.cpu, what.rip,
                              what.address);
    qemu_log_mask(LOG_GUEST_ERROR, "partition %s: %s by CPU %d at RIP 0x%"
                  PRIx64 ", address 0x%" PRIx64 "\n",
                  partition_name(offender), violation_names[what.kind],
                  what.cpu, what.rip, what.address);
    if (offender) {
        add(&offender->violations, &what);
    }
    if (victim && victim != offender) {
        add(&victim->intrusions, &what);
    }
    stop_if_asked(offender, victim);
}

static bool is_page_of(CPUState *cs, uint64_t linear, uint64_t address)
{
    MemTxAttrs attrs;
    hwaddr page = cpu_get_phys_page_attrs_debug(cs, linear & TARGET_PAGE_MASK,
                                                &attrs);

    return page == (address & TARGET_PAGE_MASK);
}

/*
 * The translator reads without a place in translated code, and so does the
 * delivery of an interrupt: the former reads what RIP points to.  To ask for
 * that walks the page tables, which may be out of reach as well.
 */
static bool is_fetch(CPUState *cs, uint64_t address)
{
    static bool asking;
    CPUX86State *env = cpu_env(cs);
    uint64_t linear = env->eip + env->segs[R_CS].base;
    bool fetch;

    if (cs->mem_io_pc || asking) {
        return false;
    }
    asking = true;
    fetch = is_page_of(cs, linear, address) ||
            is_page_of(cs, linear + MAX_INSTRUCTION - 1, address);
    asking = false;
    return fetch;
}

static Violation by_device(uint64_t address, MemTxAttrs attrs)
{
    return (Violation) { .kind = VIOLATION_DMA, .cpu = NO_CPU,
                         .rip = attrs.unspecified ? 0 : attrs.requester_id,
                         .address = address };
}

void partition_refuse_dma(UintrPartition *offender, UintrPartition *victim,
                          uint64_t address, MemTxAttrs attrs)
{
    partition_violation(offender, victim, by_device(address, attrs));
}

static ViolationKind kind_of(Refusal *r, CPUState *cs, uint64_t address,
                             bool store)
{
    if (r->ports) {
        return store ? VIOLATION_OUT : VIOLATION_IN;
    }
    if (store) {
        return VIOLATION_STORE;
    }
    return is_fetch(cs, address) ? VIOLATION_FETCH : VIOLATION_LOAD;
}

/* Device models do not sign what they do as a CPU does. */
bool partition_is_device(MemTxAttrs attrs)
{
    return !current_cpu || attrs.unspecified || attrs.requester_id;
}

static UintrPartition *owner_of(const Refusal *r, uint64_t address)
{
    UintrPartition *p;

    if (r->victim || r->ports) {
        return r->victim;
    }
    QLIST_FOREACH(p, &partitions, next) {
        if (partition_contains(p, address, 1)) {
            return p;
        }
    }
    return NULL;
}

static void refuse(Refusal *r, hwaddr addr, bool store, MemTxAttrs attrs)
{
    uint64_t address = r->base + addr;
    CPUState *cs = current_cpu;
    Violation what;

    if (partition_is_device(attrs)) {
        what = by_device(address, attrs);
    } else {
        what = (Violation) { .kind = kind_of(r, cs, address, store),
                             .cpu = cs->cpu_index,
                             .rip = uintr_rip_of(cpu_env(cs), cs->mem_io_pc),
                             .address = address };
    }
    partition_violation(r->inside, owner_of(r, address), what);
}

static MemTxResult refuse_read(void *opaque, hwaddr addr, uint64_t *data,
                               unsigned size, MemTxAttrs attrs)
{
    refuse(opaque, addr, false, attrs);
    *data = UINT64_MAX;
    return MEMTX_OK;
}

static MemTxResult refuse_write(void *opaque, hwaddr addr, uint64_t data,
                                unsigned size, MemTxAttrs attrs)
{
    refuse(opaque, addr, true, attrs);
    return MEMTX_OK;
}

static const MemoryRegionOps refuse_ops = {
    .read_with_attrs = refuse_read,
    .write_with_attrs = refuse_write,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

void partition_init_refusal(Refusal *r, Object *owner, const char *name,
                            uint64_t base, uint64_t size, bool ports)
{
    r->base = base;
    r->ports = ports;
    memory_region_init_io(&r->mr, owner, &refuse_ops, r, name, size);
    /* A store by a CPU may raise violations while it is in a device. */
    r->mr.disable_reentrancy_guard = true;
}
