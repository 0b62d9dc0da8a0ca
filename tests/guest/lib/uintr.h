/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User interrupts for payloads: the instructions, the tables, a recorder. */
#ifndef GUEST_UINTR_H
#define GUEST_UINTR_H

#include <farbell/uintr.h>

#include "lib.h"

/* Bytes, since the assembler may be older than the instructions (R28, R38). */
#define UIRET_BYTES     ".byte 0xf3, 0x0f, 0x01, 0xec"
#define TESTUI_BYTES    ".byte 0xf3, 0x0f, 0x01, 0xed"
#define CLUI_BYTES      ".byte 0xf3, 0x0f, 0x01, 0xee"
#define STUI_BYTES      ".byte 0xf3, 0x0f, 0x01, 0xef"
#define SENDUIPI_RAX_BYTES ".byte 0xf3, 0x0f, 0xc7, 0xf0"

static inline void stui(void) { asm volatile(STUI_BYTES : : : "memory"); }
static inline void clui(void) { asm volatile(CLUI_BYTES : : : "memory"); }

static inline bool testui(void)
{
    bool carry;

    asm volatile(TESTUI_BYTES : "=@ccc"(carry) : : "memory");
    return carry;
}

static inline void senduipi(uint64_t index)
{
    asm volatile(SENDUIPI_RAX_BYTES : : "a"(index) : "memory");
}

struct upid {
    volatile uint64_t low;              /* ON, SN, NV, NDST (R25) */
    volatile uint64_t pir;
    uint64_t unused[6];
} __attribute__((aligned(UPID_ALIGN)));

struct uitte {
    volatile uint64_t low;              /* V, UV (R24) */
    volatile uint64_t upid;
} __attribute__((aligned(UITTE_SIZE)));

/* The notification vector that the tests use unless they say otherwise. */
#define NV              0x60

uint64_t upid_low(int nv, uint32_t dest_apic_id, uint64_t bits);
void upid_init(struct upid *upid, int nv, uint32_t dest_apic_id);
struct uitte uitte(int user_vector, const struct upid *upid);

/* This CPU's registers.  uintr_reset() is done before every test. */
void uintr_reset(void);
void uintr_enable(void);                /* CR4.UINTR */
void uintr_receiver(const void *handler, const struct upid *upid, int uinv);
void uintr_sender(const struct uitte *table, uint32_t entries);
uint64_t misc(uint8_t uinv, uint32_t highest_index);

/*
 * ui_record (uihandler.S) is a ring-3 handler that writes down what it finds
 * and returns with UIRET.  Read the log through ui_log (the identity map).
 */
#define UI_LOG_ENTRIES  256

struct ui_entry {
    uint64_t vector, rip, rflags, rsp;  /* the frame (R112) */
    uint64_t at_rsp;                    /* RSP at handler entry */
    uint64_t in_rflags;                 /* RFLAGS at handler entry */
    uint64_t uif;                       /* TESTUI in the handler */
    uint64_t unused;
};

extern volatile struct ui_entry ui_log[UI_LOG_ENTRIES];
extern volatile uint64_t ui_count;      /* deliveries since uintr_reset() */
extern char ui_record[], ui_record_stui[];

/* Handler address for uintr_receiver(): its ring-3 alias. */
#define UI_RECORD       USER((const void *)ui_record)
/* The same, with STUI before UIRET so that handlers nest. */
#define UI_RECORD_STUI  USER((const void *)ui_record_stui)

#endif
