/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "attack.h"

void expect(const char *by, const char *kind, int cpu, uint64_t rip,
                   uint64_t address)
{
    printf("# EXPECT %s %s %d 0x%lx 0x%lx\n", by, kind, cpu, rip, address);
}

void rt_ask(int op, uint64_t a, uint64_t b)
{
    AGENT->op = op;
    AGENT->a = a;
    AGENT->b = b;
    AGENT->sequence++;
}

void rt_does(int op, uint64_t a, uint64_t b)
{
    rt_ask(op, a, b);
    CHECK(WAIT_FOR(AGENT->done == AGENT->sequence));
}

void rt_breaks(int op, uint64_t a, uint64_t b, const char *kind,
                      uint64_t address)
{
    rt_does(op, a, b);
    expect("rt", kind, 1, AGENT->rip, address);
}

bool rt_lives(void)
{
    uint64_t before = AGENT->alive;

    return WAIT_FOR(AGENT->alive > before + 10);
}

void first_load(uint64_t a)
{
    uint64_t value, rip;

    asm volatile("lea 1f(%%rip), %1; 1: mov (%2), %0"
                 : "=r"(value), "=&r"(rip) : "r"(a) : "memory");
    expect("first", "load", 0, rip, a);
    CHECK_EQ(value, ~0ull);
}

void first_store(uint64_t a)
{
    uint64_t rip;

    asm volatile("lea 1f(%%rip), %0; 1: movl $0, (%1)"
                 : "=&r"(rip) : "r"(a) : "memory");
    expect("first", "store", 0, rip, a);
}

static void count_nothing(struct frame *f)
{
    (void)f;
    CHECK(!"an interrupt came across");
}

void listen(void)
{
    trap_handle(REFUSED, count_nothing);
    trap_handle(VEC_NMI, count_nothing);
}
