/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A shadow process: ring 3 of GP.  It executes what one process of RT asks
 * for, in its user-interrupt handler, or in its loop when it is polled.
 */
#include <errno.h>

#include "calls.h"
#include "insns.h"
#include "mark.h"
#include "old.h"

#define SPINS       1000            /* before it asks whether it may go on */
#define TURNS       10              /* of these, before it sleeps */
#define POLL_TURNS  4000            /* the same of a polled one */
#define SLOW_TICKS  12000000000ull
#define READ        0               /* its number in calls.def */

static struct scf_server server;
static struct old_server old;
static bool is_old, is_beside;      /* the queue instead of a slot, with it */
static unsigned illness;

long kernel(long call, ...);
void shadow_main(unsigned slot, unsigned version, unsigned ill, bool marks);
void shadow_told(void);
extern char shadow_interrupt[];

/* ---- what serve.c asks for ---- */

static long init_uintr(void)
{
    return kernel(SHADOW_INIT, shadow_interrupt);
}

/* Some seconds, longer than anybody waits. */
static void be_slow(void)
{
    uint64_t begin = scf_stamp();

    while (scf_stamp() - begin < SLOW_TICKS) {
        cpu_relax();
    }
}

static void be_ill(unsigned call)
{
    if (illness == SHADOW_SLOW && call == READ) {
        be_slow();
    }
    while (illness == SHADOW_LOOPS) {
        cpu_relax();
    }
    if (illness == SHADOW_FAULTS) {
        __builtin_trap();
    }
}

long scf_execute(struct scf_server *s __attribute__((unused)), unsigned call,
                 const uint64_t a[6])
{
    long result;

    be_ill(call);
    switch (call) {
    case SCF3_CALL_NULL:
        return 0;
    case SCF3_CALL_INIT_UINTR:
        return illness == SHADOW_MUTE ? -ENOSYS : init_uintr();
    default:
        result = kernel(call, a[0], a[1], a[2], a[3], a[4], a[5]);
        return result == -EAGAIN ? SCF_PARKED : result;
    }
}

/* Nothing that the queue's last user was owed is the next one's (F15). */
static void renew_queue(void)
{
    old_start(&old, (uint8_t *)SHADOW_OLD, NULL);
    old.beside = true;
}

void scf_renew(struct scf_server *s __attribute__((unused)))
{
    kernel(SHADOW_RENEW);
    renew_queue();
}

void scf_answered(struct scf_server *s __attribute__((unused)), unsigned mode)
{
    if (mode == SCF3_MODE_UIPI) {
        senduipi(0);
    } else if (mode != SCF3_MODE_POLL) {
        kernel(SHADOW_TELL, mode);
    }
}

/* F6: versions 1 and 2 are told where it is in the users' map. */
long old_init_uintr(void)
{
    long place = init_uintr();

    return place < 0 ? place : SCF_UPID_WINDOW + (place & ~SCF3_UINTR_VECTOR);
}

/* ---- its turns ---- */

/* Who asks by the queue beside its slot looks for replies by itself. */
static bool serve_slot(void)
{
    bool some = scf_serve(&server);

    return (is_beside && server.epoch && old_serve(&old)) || some;
}

static bool serve(void)
{
    bool some;

    if (!is_old) {
        return serve_slot();
    }
    some = old_serve(&old);
    if (some) {
        senduipi(0);
    }
    return some;
}

static unsigned request_mode(void)
{
    return is_old ? SCF3_MODE_UIPI :
           (wire_word(&server.peer->head.reply) & SCF3_REQUEST_MODE) >>
           SCF3_REQUEST_MODE_SHIFT;
}

/* The message is taken after the reply; it may be for another shadow (F46). */
void shadow_told(void)
{
    serve();
    if (request_mode() == SCF3_MODE_POSTED) {
        kernel(SHADOW_MAIL);
    }
}

/* One turn outside the handler, which must not come into it. */
static bool turn(void)
{
    bool some;

    clui();
    some = serve();
    stui();
    return some;
}

static void poll(void)
{
    for (int i = 0; i < POLL_TURNS && request_mode() == SCF3_MODE_POLL; i++) {
        if (scf_has_requests(&server) && turn()) {
            i = 0;
        }
        cpu_relax();
    }
}

static bool has_served(void)
{
    static uint64_t before;
    const volatile uint64_t *first = &old.served, *second = &server.served;
    uint64_t now = *first + *second;
    bool some = now != before;

    before = now;
    return some;
}

/* F49: awake for a while, so that whoever asks again soon finds it here. */
static void spin(void)
{
    int turns = 0;

    while ((turns = has_served() ? TURNS : turns - 1) > 0 &&
           kernel(SHADOW_ALONE)) {
        for (int i = 0; i < SPINS; i++) {
            cpu_relax();
        }
    }
}

static void start(unsigned slot, unsigned version)
{
    is_old = version != 3;
    is_beside = !is_old && slot < SCF2_SLOTS;
    if (is_old) {
        old_start(&old, (uint8_t *)SHADOW_OLD,
                  version == 1 ? (uint8_t *)SHADOW_DATA : NULL);
    } else {
        scf_serve_start(&server, (struct scf_slot *)SHADOW_OWN,
            (const struct scf_slot *)SHADOW_PEER,
            &((const struct scf_slot *)SHADOW_FIRST)->head.running);
        server.slot = slot;
    }
}

void shadow_main(unsigned slot, unsigned version, unsigned ill, bool marks)
{
    illness = ill;
    scf_marks = marks ? (volatile uint64_t *)SHADOW_MARKS : NULL;
    start(slot, version);
    init_uintr();
    stui();
    for (;;) {
        turn();
        if (request_mode() == SCF3_MODE_POLL) {
            poll();
            kernel(SHADOW_WAIT, 0);     /* the kernel looks meanwhile */
        } else {
            spin();
            kernel(SHADOW_WAIT, 0);
        }
    }
}
