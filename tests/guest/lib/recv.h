/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiver's side of a test: a UPID that is posted to by hand, the
 * notification that goes with it, and code that a test enters exactly.
 */
#ifndef RECV_H
#define RECV_H

#include "modes.h"
#include "uintr.h"

/* On a page of its own, so that a test may change the page's rights. */
extern struct upid *const recv_upid;

/* An ordinary interrupt of lower, and one of higher priority than NV. */
#define VEC_LOW         0x50
#define VEC_HIGH        0x70

/* This CPU receives through recv_upid with UIF=0 and UIRR=0, UINV=NV. */
void recv_begin(void);
/* The same, with UIF=1 and UIRR=rr: pending as soon as R99 holds. */
void recv_pend(uint64_t rr);

void recv_post(uint64_t vectors);       /* sets PIR and ON, sends nothing */
void recv_request(void);                /* NV to this CPU; with IF=0 it waits */
void recv_notify(void);                 /* the same, and take it */
uint64_t recv_rr(void);                 /* UIRR */

/* No trace of the notification is left in memory or in the local APIC. */
#define CHECK_TAKEN()                                                       \
    do {                                                                    \
        CHECK_EQ(recv_upid->pir, 0);                                        \
        CHECK_EQ(recv_upid->low & UPID_ON, 0);                              \
        CHECK(!apic_requested(NV));                                         \
        CHECK(!apic_in_service(NV));                                        \
    } while (0)

/* The UPID is as recv_post(vectors) left it. */
#define CHECK_POSTED(vectors)                                               \
    do {                                                                    \
        CHECK_EQ(recv_upid->pir, vectors);                                  \
        CHECK_EQ(recv_upid->low & UPID_ON, UPID_ON);                        \
    } while (0)

/*
 * A label with code behind it, run by address: ring 3 enters USER(name).
 * A label inside the text is declared by its own extern char name[].
 */
#define CODE(name, ...)                                                     \
    extern char name[];                                                     \
    asm(".pushsection .text\n" #name ":\n" __VA_ARGS__ "\n.popsection\n")
#define EXIT_ASM        "int $0x80\n"

/*
 * The same for code that is copied to COMPAT_CODE, where 32-bit code can run
 * and far transfers can go: there it knows a label as COMPAT(program, label).
 */
#define COMPAT_PROGRAM(name, ...)                                           \
    extern char name[], name##_end[];                                       \
    asm(".pushsection .text\n.code32\n" #name ":\n" __VA_ARGS__            \
        "\n.code64\n" #name "_end:\n.popsection\n")
#define COMPAT(name, label) "(0x50000000 + " #label " - " #name ")"
#define COMPAT_ADDRESS(name, label) (COMPAT_CODE + ((label) - (name)))
#define FRAME_COMPAT(name) frame_compat(3, name, name##_end - name)

/* run() in ring 3 from a label, with RFLAGS bits besides the fixed one. */
uint64_t run_code(const char *code, uint64_t rflags);
/* The same, and look at the state it ended in. */
struct frame after_code(const char *code, uint64_t rflags);

/* Delivery number n was of this vector, at this place of the ring-3 code. */
#define CHECK_DELIVERED(n, want_vector, want_rip)                           \
    do {                                                                    \
        CHECK_EQ(ui_log[n].vector, want_vector);                            \
        CHECK_EQ(ui_log[n].rip, (uint64_t)(want_rip));                      \
    } while (0)

/* A stack for ring 3 on two pages of its own, rights to be changed. */
extern char *const recv_stack;          /* the identity map's address */
#define RECV_STACK_SIZE (2 * PAGE_SIZE)

/* Wait on the TSC, as long as about ticks/2 nanoseconds. */
void delay(uint64_t ticks);

#endif
