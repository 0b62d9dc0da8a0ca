/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzzer's CPU can meet: a window of sixteen pages with every kind
 * of memory and of rights, a page of instructions, and random addresses and
 * values that are often meaningful.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "model.h"

/* Where things start in every page that holds data */
#define UPIDS_AT        0
#define TABLE_AT        1024
#define STACK_AT        2048

enum { RAM_A, RAM_B, RAM_C, DEVICE, ROM, APIC_PAGE, PAGES, NO_PAGE, BAD_PAGE };
#define CHANGEABLE ROM                  /* the pages before it */

extern struct model_page world_pages[PAGES];
void world_make(uint64_t seed);
void world_read_page(int page);
void world_set_word(int page, uint32_t offset, uint64_t value);

/* One instruction in each slot, and behind it the way out. */
enum {
    INSN_NOP, INSN_CLUI, INSN_STUI, INSN_TESTUI, INSN_UIRET, INSN_SENDUIPI,
    INSNS
};
#define EXIT_SLOT (INSN_SENDUIPI + 16)

extern uint8_t world_code[4096];
uint64_t slot_address(int slot, bool user);

uint64_t any(void);
uint32_t below(uint32_t n);
bool one_in(uint32_t n);
uint8_t any_vector(void);               /* one that the IDT takes */
uint64_t any_upid_address(void);
uint64_t any_table_address(void);
uint64_t any_stack_address(void);
uint64_t any_flags(void);
uint64_t any_rip(bool user);
uint64_t any_upid_low(void);
uint64_t any_msr_value(uint32_t msr);

#endif
