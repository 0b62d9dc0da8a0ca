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
void agent_main(uint64_t base, uint64_t size);
void agent_interrupt(uint64_t vector);

/* Written once per life: a sum of 1 means that both were loaded again. */
static uint64_t data = 1, zero;

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
    APIC_TIMER_INIT = CYCLIC_COUNT(period);
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
    if (agent->op == AGENT_CYCLIC) {
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
    agent->data = data++ + zero++;
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
