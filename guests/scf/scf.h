/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The requester: what a real-time kernel calls to have system calls executed
 * by the other side (docs/forwarding.md).  One CPU, interrupts off.
 */
#ifndef SCF_H
#define SCF_H

#include "calls.h"
#include "hooks.h"
#include "wire.h"

/* Where a call's time went, in ticks of the TSC (F34) */
struct scf_marks {
    uint64_t enqueued, notified, taken, begun, ended, replied, woken;
};

struct scf_call {
    uint64_t token, follows;    /* replies that are awaited, 0 none */
    uint64_t deadline;
    long result;
    volatile int done;
    bool held;                  /* by a thread that has not seen the result */
    struct scf_marks marks;
};

enum scf_caller_state { SCF_CLOSED, SCF_OPENING, SCF_OPEN };

struct scf_caller {
    enum scf_caller_state state;
    unsigned slot;
    struct scf_slot *own;
    const struct scf_slot *peer;
    uint32_t epoch, made, taken;
    uint32_t until;             /* replies that this turn takes */
    unsigned look;              /* the next call whose deadline is looked at */
    unsigned threads;           /* that are in a call */
    unsigned urgency;           /* priority of the most urgent of them */
    uint32_t generation;        /* of the link, when the slot was opened */
    uint64_t tokens;
    uint64_t deadline;          /* of the first call, or of the opening */
    volatile int room, ready;
    bool lost;                  /* a server once: it is not mirrored now */
    bool target_tried, target;  /* the handshake (F6) */
    unsigned mode;              /* of requests, SCF3_MODE_* */
    struct scf_call calls[SCF3_CALLS];
    struct scf_marks last;
    /* Never more than the peer did wrong, or was late with */
    uint64_t strays, late, resets, violations;
};

extern uint64_t scf_timeout;        /* ns */

/*
 * Open a slot for a process; its two halves are at @own and @peer.  c->slot
 * is its number, c->epoch the last one that was shown there, or 0.
 */
void scf_open(struct scf_caller *c, struct scf_slot *own,
              const struct scf_slot *peer, uint64_t process);
void scf_close(struct scf_caller *c);
/* Modes of requests and replies, and the policy of replies (F40, F44). */
void scf_set_modes(struct scf_caller *c, unsigned request, unsigned reply,
                   unsigned policy);

/* A remote call: its result or -errno.  It sleeps. */
long forward(struct process *p, unsigned call, const uint64_t args[6]);

/* The protocol's own, for dual calls.  They sleep, too. */
long scf_map(struct process *p, uint64_t va, uint64_t frame, uint64_t pages,
             unsigned prot);
long scf_unmap(struct process *p, uint64_t va, uint64_t pages);
long scf_exec(struct process *p);
long scf_fork(struct process *parent, struct process *child);
long scf_exit(struct process *p, int status);
/* The handshake, if it has not been tried: its SENDUIPI has a target (F6). */
bool scf_has_target(struct process *p);

/*
 * Take replies, end what is late, wake who waits; never sleeps (F38).  A piece
 * of that is done in some hundred instructions; true if there is more.
 */
void scf_poll(struct scf_caller *c);
bool scf_piece(struct scf_caller *c);

/* ---- The link, attach.c ---- */

/* Once: find the mailbox, and take interrupts of it.  False: none. */
bool scf_start(void);
/* No server is there that sees pages of a life before this one (F39). */
bool scf_quiet(void);
uint32_t scf_shown(unsigned slot);  /* the epoch that is served there, or 0 */
/* A slot for a process, with SENDUIPI both ways: 0, -EAGAIN, -ENOTCONN. */
int scf_attach(struct scf_caller *c, uint64_t name);
void scf_detach(struct scf_caller *c);
/*
 * All slots have something to do: from the timer, each 10 ms or sooner while
 * threads wait, and before scf_work() by who looks for replies by itself.
 */
void scf_look(void);
/* A piece for the slot whose waiters are the most urgent; true: more. */
bool scf_work(void);
int scf_urgency(void);              /* their priority, -1 if nothing is due */
unsigned scf_waiting(void);         /* that of all who wait, 0 if nobody does */
/*
 * The kernel's own tick, from which the other side may interrupt so often
 * again, and once more for each reply; then it is held back (F48).
 */
#define SCF_CREDIT      8
void scf_tick(void);
extern uint64_t scf_told;           /* how often it has */
/* At each change of threads: the priority of the one that runs (F44). */
void scf_running(unsigned priority);
/*
 * F50: a look at all slots by who shows that it looks, and the end of that;
 * what came last is told then as if it had been announced.
 */
void scf_look_awake(void);
void scf_look_no_more(unsigned priority);

/* ---- Defined by who knows the link: attach.c, or a test ---- */

uint32_t scf_generation(void);      /* of the peer, 0 while there is none */
uint64_t scf_upid_window(void);     /* its address, and the server's half */
uint64_t scf_upid_half(void);
void scf_notify(struct scf_caller *c, unsigned mode);

#endif
