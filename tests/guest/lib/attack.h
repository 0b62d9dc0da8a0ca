/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attacks between the first partition and the second one, where the agent
 * (tests/partition/agent.c) does what the first one's payload asks for.  About
 * each attack a line says what must be counted, for the script that compares
 * it with the trace: by whom, kind, CPU, RIP (0: any), address.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include "agent.h"
#include "lib.h"

#define REFUSED         0x42            /* in nobody's list */
#define APIC_BASE       0xfee00000ull
#define RT_APIC_ID      1

void expect(const char *by, const char *kind, int cpu, uint64_t rip,
            uint64_t address);

/* The agent begins; where it did what it did is known only afterwards. */
void rt_ask(int op, uint64_t a, uint64_t b);
void rt_does(int op, uint64_t a, uint64_t b);
void rt_breaks(int op, uint64_t a, uint64_t b, const char *kind,
               uint64_t address);
bool rt_lives(void);

/* This side does it itself, and finds what nobody answers. */
void first_load(uint64_t a);
void first_store(uint64_t a);

/* From now on REFUSED and NMI are failures. */
void listen(void);

#endif
