/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue of guests/scf between two small worlds on the host: a kernel
 * with threads that run by chance, and servers that have their turns by
 * chance.  All chance is drawn from one seed.
 */
#ifndef FORWARD_WORLD_H
#define FORWARD_WORLD_H

#include "scf.h"
#include "serve.h"

#define PROCESSES   2
#define THREADS     20              /* of a process: more than its calls */
#define CALLS       2               /* of a thread */
#define ROOM        4096            /* of a thread's memory */
#define USER_MEMORY 0x400000
#define CANARY      0xa5

struct process {
    struct scf_caller caller;
    struct scf_server server;
    bool mirrored;
    bool hostile;               /* whoever is on the other side */
    bool asleep;                /* its server has no turns any more */
    uint32_t named;             /* the last epoch that has named a UPID */
    uint8_t memory[THREADS][ROOM];
};

struct thread {
    struct process *process;
    int number;                 /* in its process */
    volatile int *waits;        /* null: it can run */
    bool killed, over;
    int calls;                  /* that have ended */
};

extern struct process processes[PROCESSES];
extern struct thread threads[PROCESSES * THREADS];
extern struct thread *running;
extern uint64_t now;
extern uint32_t generation;
extern bool faults;             /* this world has time-outs and resets */
extern uint32_t notices;        /* by SENDUIPI, to the server */

uint32_t draw(uint32_t below);
void found(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/* What a server answers, so that a caller knows what to expect. */
uint8_t pattern(uint64_t seed, size_t i);
uint32_t sum_of(const uint8_t *bytes, size_t n);
void executed_reset(void);
unsigned times_executed(uint64_t id);

void world_open(uint64_t seed);
void world_run_thread(struct thread *t);
/* The requester's looks at its peer, which may come between (check-queue). */
uint32_t world_word(const uint32_t *at);
void world_copy(void *to, const void *from, size_t bytes);
/* The server's barrier, and its look at what the requester runs. */
void world_fence(void);
uint32_t world_running(const uint32_t *at);
void meanwhile(void);           /* sim.c */
/* A peer that writes anything anywhere it may. */
void scribble(struct scf_slot *slot);

/* lives.c: the life of a thread */
void thread_life(void);

#endif
