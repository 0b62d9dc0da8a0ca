/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The second partition of the tests: it does what the first one's payload
 * asks for (agent.h), takes its exceptions and counts its interrupts.
 */
#include "agent.h"

#define APIC 0xfee00000u
#define APIC_REG(offset) (*(volatile uint32_t *)(uintptr_t)(APIC + (offset)))
#define APIC_EOI APIC_REG(0xb0)
#define APIC_SVR APIC_REG(0xf0)
#define APIC_LVT_TIMER APIC_REG(0x320)
#define APIC_TIMER_INIT APIC_REG(0x380)
#define APIC_TIMER_DIV APIC_REG(0x3e0)
#define SPURIOUS 0x1ff
#define SEL_CODE64 0x10
#define GATE_INTERRUPT 0x8e00

extern char agent_stubs[];
uint64_t attack(struct agent *agent);
/* ---- A hostile partition: anything it can name, and lives on ---- */

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static int may_touch(uint64_t at)
{
    return !(at >= AGENT_PAGE - 8 && at < AGENT_PAGE + 0x1000) &&
           !(at >= AGENT_MEMORY - 8 && at < AGENT_MEMORY + AGENT_SIZE) &&
           !(at >= APIC - 8 && at < APIC + 0x1000) && at < 0xffff7000;
}

/* Half of them into the first partition's RAM */
static void any_memory(uint64_t r, uint64_t value)
{
    uint64_t at = r & 1 ? r >> 8 & 0x3ffffff : r >> 8 & 0xffffffff;

    if (may_touch(at)) {
        if (r & 2) {
            *(volatile uint32_t *)at = value;
        } else {
            (void)*(volatile uint64_t *)at;
        }
    }
}

/* But those that reset it */
static void any_port(uint64_t r, uint32_t value)
{
    uint16_t port = r & 1 ? r >> 8 : r >> 8 & 0x3ff;

    if (port - 0x61u < 8 || port - 0x8fu < 8 || port - 0x601u < 8 ||
        port - 0xcf6u < 8) {
        return;
    }
    if (r & 2) {
        asm volatile("outl %0, %1" : : "a"(value), "d"(port));
    } else {
        asm volatile("inl %1, %0" : "=a"(value) : "d"(port));
    }
}

/* Any mode, logical or physical, to the first's CPU or to all others */
static void any_ipi(uint64_t r)
{
    APIC_REG(0x310) = 0;
    APIC_REG(0x300) = (r & 1 ? 0xc0000 : 0) | (r >> 8 & 0xcfff);
}

static void any_msi(uint64_t r)
{
    APIC_REG(4) = r >> 8 & 0xc7ff;
}

static void fuzz(uint64_t rounds, uint64_t seed)
{
    while (rounds--) {
        uint64_t r = next(&seed), what = r >> 60;

        if (what < 8) {
            any_memory(r, next(&seed));
        } else if (what < 12) {
            any_port(r, next(&seed));
        } else if (what < 14) {
            any_ipi(r);
        } else {
            any_msi(r);
        }
    }
}

void agent_main(uint64_t base, uint64_t size);
void agent_interrupt(uint64_t vector);

/* Written once per life: 1 means that the image was loaded again. */
static uint64_t data = 1;

static struct gate {
    uint16_t low, selector, flags, middle;
    uint32_t high, reserved;
} idt[256];

static void load_idt(void)
{
    struct __attribute__((packed)) { uint16_t limit; uint64_t base; } idtr = {
        sizeof(idt) - 1, (uintptr_t)idt,
    };

    for (int i = 0; i < 256; i++) {
        uintptr_t stub = (uintptr_t)agent_stubs + 16 * i;

        idt[i] = (struct gate) { stub, SEL_CODE64, GATE_INTERRUPT, stub >> 16,
                                 stub >> 32, 0 };
    }
    asm volatile("lidt %0" : : "m"(idtr));
}

static void begin_cyclic_task(uint64_t period)
{
    APIC_TIMER_DIV = CYCLIC_DIVIDE_BY_1;
    APIC_LVT_TIMER = CYCLIC_PERIODIC | CYCLIC_VECTOR;
    cyclic_begin(&AGENT->cyclic, period);
    APIC_TIMER_INIT = period;
}

void agent_interrupt(uint64_t vector)
{
    if (vector == CYCLIC_VECTOR) {
        cyclic_tick(&AGENT->cyclic);
    }
    AGENT->irqs[vector]++;
    APIC_EOI = 0;
}

static void serve(struct agent *agent)
{
    asm volatile("cli");
    if (agent->op == AGENT_FUZZ) {
        fuzz(agent->a, agent->b);
    } else if (agent->op == AGENT_CYCLIC) {
        begin_cyclic_task(agent->a);
    } else {
        agent->fault = attack(agent);
    }
    agent->done = agent->sequence;
    asm volatile("sti");
}

void agent_main(uint64_t base, uint64_t size)
{
    struct agent *agent = AGENT;

    load_idt();
    APIC_SVR = SPURIOUS;
    agent->base = base;
    agent->size = size;
    agent->data = data++;
    agent->done = agent->sequence;
    agent->starts++;
    asm volatile("sti");
    for (;;) {
        agent->alive++;
        if (agent->done != agent->sequence) {
            serve(agent);
        }
        asm volatile("pause" : : : "memory");
    }
}
