/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting, restarting and stopping one partition.  Its CPUs begin at the
 * entry, in 64-bit mode with the lowest 4 GiB mapped one to one, or in
 * protected mode without paging.  A SIPI could not start them: there is no
 * memory of theirs below 1 MiB.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/main-loop.h"
#include "cpu.h"
#include "hw/i386/apic_internal.h"
#include "hw/qdev-core.h"
#include "target/i386/uintr/partition.h"
#include "../trace.h"
#include "farbell/partition.h"
#include "partition.h"

#define PAGE 4096
#define BOOT_PML4 PARTITION_BOOT_BASE
#define BOOT_PDPT (BOOT_PML4 + PAGE)
#define BOOT_PD (BOOT_PDPT + PAGE)
#define DIRECTORIES 4           /* of 1 GiB each */
#define ENTRIES 512
#define BOOT_GDT (BOOT_PD + DIRECTORIES * PAGE)
#define BOOT_STACK_END (BOOT_GDT + 2 * PAGE)
QEMU_BUILD_BUG_ON(BOOT_STACK_END !=
                  PARTITION_BOOT_BASE + PARTITION_BOOT_SIZE);

#define PRESENT_WRITABLE (PG_PRESENT_MASK | PG_RW_MASK)
#define SEL_CODE32 0x08
#define SEL_CODE64 0x10
#define SEL_DATA 0x18

/* The same in the GDT and in the hidden parts of the segment registers. */
#define FLAT (DESC_G_MASK | DESC_P_MASK | DESC_S_MASK | DESC_A_MASK)
#define FLAT_CODE64 (FLAT | DESC_L_MASK | DESC_CS_MASK | DESC_R_MASK)
#define FLAT_CODE32 (FLAT | DESC_B_MASK | DESC_CS_MASK | DESC_R_MASK)
#define FLAT_DATA (FLAT | DESC_B_MASK | DESC_W_MASK)

static uint64_t flat_descriptor(uint32_t flags)
{
    return (uint64_t)(flags | 0xf0000) << 32 | 0xffff;
}

static void store(UintrPartition *p, uint64_t at, uint64_t value)
{
    address_space_stq_le(&p->as, at, value, MEMTXATTRS_UNSPECIFIED, NULL);
}

/* Of whoever wrote there before, nothing is left. */
static void write_boot_page(UintrPartition *p)
{
    address_space_set(&p->as, PARTITION_BOOT_BASE, 0, PARTITION_BOOT_SIZE,
                      MEMTXATTRS_UNSPECIFIED);
    store(p, BOOT_PML4, BOOT_PDPT | PRESENT_WRITABLE);
    for (uint64_t i = 0; i < DIRECTORIES; i++) {
        store(p, BOOT_PDPT + i * 8, (BOOT_PD + i * PAGE) | PRESENT_WRITABLE);
    }
    for (uint64_t i = 0; i < DIRECTORIES * ENTRIES; i++) {
        store(p, BOOT_PD + i * 8, i << 21 | PG_PSE_MASK | PRESENT_WRITABLE);
    }
    store(p, BOOT_GDT + SEL_CODE32, flat_descriptor(FLAT_CODE32));
    store(p, BOOT_GDT + SEL_CODE64, flat_descriptor(FLAT_CODE64));
    store(p, BOOT_GDT + SEL_DATA, flat_descriptor(FLAT_DATA));
}

static void enter_long_mode(CPUX86State *env)
{
    cpu_x86_update_cr4(env, CR4_PAE_MASK);
    cpu_x86_update_cr3(env, BOOT_PML4);
    cpu_load_efer(env, MSR_EFER_LME);
    cpu_x86_update_cr0(env, CR0_PG_MASK | CR0_ET_MASK | CR0_PE_MASK);
}

static void load_segments(CPUX86State *env, int bits)
{
    static const int data[] = { R_DS, R_ES, R_SS, R_FS, R_GS };

    cpu_x86_load_seg_cache(env, R_CS, bits == 64 ? SEL_CODE64 : SEL_CODE32, 0,
                           UINT32_MAX, bits == 64 ? FLAT_CODE64 : FLAT_CODE32);
    for (int i = 0; i < ARRAY_SIZE(data); i++) {
        cpu_x86_load_seg_cache(env, data[i], SEL_DATA, 0, UINT32_MAX,
                               FLAT_DATA);
    }
    env->gdt.base = BOOT_GDT;
    env->gdt.limit = SEL_DATA + 7;
    env->idt.base = 0;
    env->idt.limit = 0;
}

/* Of the one page of stack, each CPU has its share. */
static uint64_t stack_end(UintrPartition *p, unsigned number)
{
    unsigned count = bitmap_count_one(p->cpus, PARTITION_MAX_CPUS);

    return BOOT_STACK_END - number * ROUND_DOWN(PAGE / count, 16);
}

static void enter(UintrPartition *p, CPUState *cs, unsigned number)
{
    X86CPU *cpu = X86_CPU(cs);
    CPUX86State *env = &cpu->env;
    const Window *memory = &p->windows[WINDOW_MEMORY].list[0];

    if (p->bits == 64) {
        enter_long_mode(env);
    } else {
        cpu_x86_update_cr0(env, CR0_ET_MASK | CR0_PE_MASK);
    }
    load_segments(env, p->bits);
    env->eip = p->entry_now;
    env->regs[R_ESP] = stack_end(p, number);
    env->regs[R_EDX] = number;
    env->regs[R_EDI] = memory->base;
    env->regs[R_ESI] = memory->size;
    APIC_COMMON(cpu->apic_state)->wait_for_sipi = 0;
    cs->halted = 0;
    qemu_cpu_kick(cs);      /* its thread may sleep, and not be who asked */
}

static void enter_all(UintrPartition *p)
{
    CPUState *cs;
    unsigned number = 0;

    CPU_FOREACH(cs) {
        if (partition_of(cs) == p) {
            enter(p, cs, number++);
        }
    }
}

static void reset_all(UintrPartition *p)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        if (partition_of(cs) == p) {
            cpu_reset(cs);
            device_cold_reset(X86_CPU(cs)->apic_state);
            cs->halted = 1;
        }
    }
    partition_reset_devices(p);
}

void partition_stop(UintrPartition *p, PartitionState state)
{
    reset_all(p);
    p->state = state;
    trace_partition_state(partition_name(p), state, p->starts);
}

void partition_restart(UintrPartition *p)
{
    reset_all(p);
    write_boot_page(p);
    partition_load_payload(p);
    enter_all(p);
    p->state = PARTITION_RUNNING;
    p->starts++;
    trace_partition_state(partition_name(p), p->state, p->starts);
}

/* ---- A guest asks for it ---- */

typedef struct Request {
    UintrPartition *p;
    bool ordered;           /* by the first partition, which must hear of it */
    bool restart;
    PartitionState state;
    uint64_t starts;        /* a request of an earlier life has expired */
} Request;

static void carry_out(CPUState *cs, run_on_cpu_data data)
{
    g_autofree Request *r = data.host_ptr;
    BQL_LOCK_GUARD();

    if (r->ordered) {
        r->p->control.status = PART_STATUS_OK;
    } else if (r->p->starts != r->starts ||
               r->p->state != PARTITION_RUNNING) {
        return;
    }
    if (r->restart) {
        partition_restart(r->p);
    } else {
        partition_stop(r->p, r->state);
    }
}

/*
 * Other vCPUs stand still meanwhile, and under icount it happens at the same
 * instruction every time, which a bottom half would not.
 */
static void request(Request wanted)
{
    CPUState *cs = current_cpu ?: first_cpu;    /* or a device asks */

    async_safe_run_on_cpu(cs, carry_out,
                          RUN_ON_CPU_HOST_PTR(g_memdup2(&wanted,
                                                        sizeof(wanted))));
    cpu_exit(cs);
}

void partition_ask(UintrPartition *p, bool restart, PartitionState state)
{
    request((Request) { .p = p, .restart = restart, .state = state,
                        .starts = p->starts });
}

void partition_order(UintrPartition *p, bool restart)
{
    request((Request) { .p = p, .ordered = true, .restart = restart,
                        .state = PARTITION_STOPPED });
}

bool x86_partition_triple_fault(CPUState *cs)
{
    UintrPartition *p = partition_of(cs);

    if (!p) {
        return false;
    }
    partition_violation(p, NULL, (Violation) {
        .kind = VIOLATION_CRASH, .cpu = cs->cpu_index,
        .rip = cpu_env(cs)->eip,
    });
    partition_ask(p, false, PARTITION_CRASHED);
    return true;
}
