/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Application processors.  A CPU is started when it first gets work, so that
 * the others stay in wait-for-SIPI and cost the host nothing.
 */
#include "lib.h"
#include "machine.h"

#define FW_CFG_SELECT   0x510
#define FW_CFG_DATA     0x511
#define FW_CFG_NB_CPUS  0x05
#define INIT_WAIT_TICKS 200000

struct cpu cpus[MAX_CPUS];
char cpu_stacks[MAX_CPUS][STACKS][16384] __attribute__((aligned(4096)));

extern uint64_t boot_rsp, boot_rip;
extern char ap_trampoline[], ap_trampoline_end[];

void *stack_top(int cpu, int which)
{
    return cpu_stacks[cpu][which] + sizeof(cpu_stacks[0][0]);
}

struct cpu *this_cpu(void)
{
    struct cpu *cpu;

    asm volatile("mov %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

int cpu_count(void)
{
    if (!machine.whole) {
        return 1;               /* the others' start page is not ours */
    }
    outw(FW_CFG_SELECT, FW_CFG_NB_CPUS);
    return inb(FW_CFG_DATA);
}

static void ap_main(void)
{
    struct cpu *cpu = NULL;

    for (int i = 1; i < MAX_CPUS && !cpu; i++) {
        if (boot_rsp == (uint64_t)stack_top(i, STACK_MAIN)) {
            cpu = &cpus[i];
        }
    }
    cpu_setup(cpu);
    apic_init();
    cpu->apic_id = apic_id();
    cpu->idle = true;
    for (;;) {
        if (cpu->work) {
            write_cr3(read_cr3());      /* see page changes made elsewhere */
            cpu->work(cpu->work_arg);
            cpu->work = NULL;
            cpu->idle = true;
        }
        cpu_relax();
    }
}

static void pause_ticks(uint64_t ticks)
{
    for (uint64_t end = rdtsc() + ticks; rdtsc() < end; ) {
        cpu_relax();
    }
}

void smp_init(int index)
{
    apic_icr(index, ICR_INIT | ICR_ASSERT);
    pause_ticks(INIT_WAIT_TICKS);
}

void smp_startup(int index)
{
    struct cpu *cpu = &cpus[index];

    cpu->self = cpu;
    cpu->index = index;
    cpu->work = NULL;
    cpu->idle = false;
    boot_rsp = (uint64_t)stack_top(index, STACK_MAIN);
    boot_rip = (uint64_t)ap_main;
    memcpy((void *)AP_TRAMPOLINE, ap_trampoline,
           ap_trampoline_end - ap_trampoline);
    apic_icr(index, ICR_STARTUP | ICR_ASSERT | AP_TRAMPOLINE >> 12);
    if (!WAIT_FOR(cpu->idle)) {
        fatal("CPU %d does not start", index);
    }
}

static void start(int index)
{
    if (index >= cpu_count()) {
        fatal("CPU %d is not in this machine", index);
    }
    smp_init(index);
    smp_startup(index);
}

void smp_run(int index, void (*fn)(uint64_t), uint64_t arg)
{
    struct cpu *cpu = &cpus[index];

    if (!cpu->self) {
        start(index);
    }
    cpu->idle = false;
    cpu->work_arg = arg;
    cpu->work = fn;
}

bool smp_done(int index)
{
    return cpus[index].idle;
}

void smp_wait(int index)
{
    if (!WAIT_FOR(smp_done(index))) {
        fatal("CPU %d does not finish its work", index);
    }
}
