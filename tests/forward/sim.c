/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim FIRST COUNT KIND: that many worlds, each with its seed.  Kinds: 0
 * nothing goes wrong; 1 time passes, threads are killed, either side is
 * restarted; 2 servers write anything; 3 a requester does; 4 all of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define STEPS 100000

enum { KIND_QUIET, KIND_FAULTS, KIND_SERVER, KIND_REQUESTER, KIND_ALL };

static int kind;
static bool has_killed;         /* one of them: others would hide who hangs */

static struct process *any_process(void)
{
    return &processes[draw(PROCESSES)];
}

static struct thread *any_thread(void)
{
    return &threads[draw(PROCESSES * THREADS)];
}

static void run_thread(void)
{
    struct thread *t = any_thread();

    if (!t->over && !t->waits) {
        world_run_thread(t);
    }
}

static void kill_thread(void)
{
    struct thread *t = any_thread();

    if (!has_killed) {
        t->killed = has_killed = true;
        t->waits = NULL;
    }
}

/* With its files and its calls (F30, F31); one that sleeps stays. */
static void restart_server(void)
{
    struct process *p = any_process();

    if (processes[0].asleep || processes[1].asleep) {
        return;
    }
    if (draw(2)) {
        scf_serve_start(&p->server, p->server.own, p->server.peer,
                        p->server.running);
    } else {
        generation++;
    }
}

/* A process that was killed leaves a page of zeros, or another epoch. */
void meanwhile(void)
{
    struct process *p = any_process();

    if ((kind != KIND_FAULTS && kind != KIND_ALL) || p->asleep || draw(100)) {
        return;
    }
    if (draw(2)) {
        memset(p->server.own, 0, sizeof(*p->server.own));
    }
    scf_serve_start(&p->server, p->server.own, p->server.peer,
                    p->server.running);
}

/* Threads that wait for a server are from then on the next process's. */
static void restart_requester(void)
{
    struct process *p = any_process();
    unsigned threads = p->caller.threads, urgency = p->caller.urgency;

    for (int i = 0; i < SCF3_CALLS; i++) {
        if (p->caller.calls[i].held) {
            return;
        }
    }
    scf_close(&p->caller);
    scf_open(&p->caller, p->caller.own, p->caller.peer, 1);
    p->caller.threads = threads;
    p->caller.urgency = urgency;
}

static void go_wrong(void)
{
    switch (draw(40)) {
    case 0:
        kill_thread();
        break;
    case 1:
        restart_server();
        break;
    case 2:
        restart_requester();
        break;
    case 3:
        now += draw(2000000000);
        break;
    case 4:
        any_process()->asleep |= !draw(3);
        break;
    }
}

static void write_anything(void)
{
    struct process *p = &processes[0];

    if (kind == KIND_SERVER || (kind == KIND_ALL && draw(2))) {
        scribble(p->server.own);
    } else {
        scribble(p->caller.own);
    }
}

static void serve(struct process *p)
{
    uint32_t epoch = p->server.epoch, taken = p->server.taken;

    if (p->asleep) {
        return;
    }
    scf_serve(&p->server);
    if (p->server.epoch == epoch && p->server.taken - taken > SCF3_ENTRIES) {
        found("F38: %u requests in a turn", p->server.taken - taken);
    }
}

static void step(void)
{
    switch (draw(4)) {
    case 0:
        serve(any_process());
        break;
    case 1:
        scf_poll(&any_process()->caller);
        break;
    default:
        run_thread();
    }
    if ((kind == KIND_FAULTS || kind == KIND_ALL) && !draw(16)) {
        go_wrong();
    }
    if (kind >= KIND_SERVER && !draw(3)) {
        write_anything();
    }
    if (kind != KIND_QUIET) {
        now += draw(4000000);
    }
}

static bool all_over(void)
{
    for (int i = 0; i < PROCESSES * THREADS; i++) {
        if (!threads[i].over) {
            return false;
        }
    }
    return true;
}

/* Whoever did nothing wrong is not told that he did. */
static void check_counters(void)
{
    for (int i = 0; i < PROCESSES; i++) {
        struct process *p = &processes[i];

        if (!p->hostile && (p->caller.violations || p->server.violations ||
                            p->caller.strays)) {
            found("%llu and %llu violations, %llu strays",
                  (unsigned long long)p->caller.violations,
                  (unsigned long long)p->server.violations,
                  (unsigned long long)p->caller.strays);
        }
        if (p->caller.urgency) {
            found("nobody waits, as of priority %u", p->caller.urgency);
        }
        if (kind == KIND_QUIET && (p->caller.resets || p->caller.late)) {
            found("resets where nothing went wrong");
        }
    }
}

/* F35, F36: no number is lost; what was late or cancelled is answered, too. */
static void check_numbers(struct process *p)
{
    for (int i = 0; i < 1000; i++) {
        scf_serve(&p->server);
        scf_poll(&p->caller);
    }
    for (int i = 0; i < SCF3_CALLS; i++) {
        const struct scf_call *call = &p->caller.calls[i];

        if (call->held || call->token || call->follows) {
            found("a call that has no end");
        }
    }
}

/* F29: a server that writes no more what it should not is found again. */
static void check_recovery(struct process *p)
{
    for (int i = 0; i < 100; i++) {
        scf_serve(&p->server);
        scf_poll(&p->caller);
        now += scf_timeout / 2;
    }
    if (p->caller.state != SCF_OPEN || p->server.broken ||
        p->caller.epoch != p->server.epoch) {
        found("epoch %u is never served, but %u, which shows %u%s",
              p->caller.epoch, p->server.epoch, p->server.own->head.epoch,
              p->server.broken ? " and is broken" : "");
    }
}

static void live(uint64_t seed)
{
    has_killed = false;
    world_open(seed);
    faults = kind != KIND_QUIET;
    processes[0].hostile = kind >= KIND_SERVER;
    for (int i = 0; !all_over(); i++) {
        if (i == STEPS) {
            found("threads that wait for ever");
        }
        step();
    }
    check_counters();
    if (kind == KIND_SERVER) {
        check_recovery(&processes[0]);
    }
    for (int i = 0; i < PROCESSES; i++) {
        if (!processes[i].hostile && !processes[i].asleep) {
            check_numbers(&processes[i]);
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

    kind = argc > 3 ? atoi(argv[3]) : KIND_ALL;
    for (uint64_t i = 0; i < count; i++) {
        live(first + i);
    }
    printf("%llu worlds, %u user interrupts\n", (unsigned long long)count,
           notices);
    return 0;
}
