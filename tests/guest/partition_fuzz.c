/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first partition as the victim of a hostile one (tests/partition/agent.c):
 * meanwhile it works, takes its timer's interrupts, and at last its memory is
 * what it was.  Args: rounds=, seed=.
 */
#include "agent.h"
#include "lib.h"

const char *const test_group = "/partition/fuzz";

#define FIRST_PAGE      0x1000000       /* 16 MiB of this machine's 64 */
#define WORDS           (0x1000000 / 8)
#define TIMER           0x61
#define PERIOD          100000

static volatile uint64_t strangers;

static void count_stranger(struct frame *f)
{
    strangers++;
    (void)f;
}

static uint64_t pattern(uint64_t i)
{
    return i * 0x9e3779b97f4a7c15 ^ i >> 3;
}

static void test_victim(void)
{
    volatile uint64_t *memory = (void *)FIRST_PAGE;
    uint64_t wrong = 0, ports = inb(0x21);

    for (uint64_t i = 0; i < WORDS; i += 8) {
        memory[i] = pattern(i);
    }
    for (int vector = 32; vector < 256; vector++) {
        if (vector != VEC_EXIT) {       /* which would end the test */
            trap_handle(vector, count_stranger);
        }
    }
    trap_handle(VEC_NMI, count_stranger);
    trap_handle(TIMER, irq_count);
    apic_write(APIC_LVT_TIMER, TIMER | 0x20000);
    apic_write(APIC_TIMER_INIT, PERIOD);
    AGENT->op = AGENT_FUZZ;
    AGENT->a = arg_number("rounds", 10000);
    AGENT->b = arg_number("seed", 1);
    AGENT->sequence++;
    while (AGENT->done != AGENT->sequence) {
        irq_window();
        cpu_relax();
    }
    irq_window();
    apic_write(APIC_TIMER_INIT, 0);
    for (uint64_t i = 0; i < WORDS; i += 8) {
        wrong += memory[i] != pattern(i);
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(strangers, 0);
    CHECK(irq_counts[TIMER] > 0);
    CHECK_EQ(inb(0x21), ports);
    CHECK_EQ(AGENT->starts, 1);
}

void payload_start(void)
{
    WAIT_FOR(AGENT->starts);
}

const struct test tests[] = {
    { "victim-notices-nothing", test_victim },
    {}
};
