/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the SVM payloads' guests have in common: UPIDs, tables, flags. */
#ifndef GUEST_SVMGUEST_H
#define GUEST_SVMGUEST_H

#include "svm.h"

#define TO_SELF         0               /* indices of a guest's UITT */
#define TO_PEER         1
#define SELF_VECTOR     5
#define PEER_VECTOR     7

/* A guest's page of the window: its UPID, and a word for the others to see. */
struct window {
    struct upid upid;
    volatile uint64_t flag;
};

/* At the same guest-physical address in every guest. */
struct private {
    struct uitte table[4];
    volatile uint64_t count;            /* of svmguest_handler */
};

_Static_assert(offsetof(struct private, count) == GUEST_COUNT, "private");

/* Guest-physical pages of their own, to be unmapped. */
#define GUEST_UITT      GUEST_PRIVATE
#define GUEST_STACK     (GUEST_PRIVATE + PAGE_SIZE)

static inline struct window *guest_window_of(int guest)
{
    return (struct window *)(GUEST_WINDOW + guest * PAGE_SIZE);
}

static inline struct window *host_window_of(int guest)
{
    return (struct window *)(guest_window + guest * PAGE_SIZE);
}

#define GUEST_OWN       ((struct private *)GUEST_UITT)
/* Counts in private memory; ring 3 address of the handler. */
extern char svmguest_count[];
#define SVMGUEST_COUNT  USER((const void *)svmguest_count)

/* In guest @me: ready to receive, and to send to itself and to the other. */
void svmguest_setup(int me, const void *handler);

/* run_user() with interrupts on. */
uint64_t svmguest_user(const void *fn, uint64_t argument);

/* Host: run on, and expect the end, a word, or another exit. */
void svmguest_expect_end(struct guest *guest);
void svmguest_expect_word(struct guest *guest, uint64_t word);
void svmguest_expect_exit(struct guest *guest, uint64_t code);

/* svm_enable(), and guest 0 with fn up to its first word or its end. */
struct guest *svmguest_start(void (*fn)(uint64_t), uint64_t argument);

/* What the host sees of this CPU's UIF. */
bool svmguest_uif(void);

#endif
