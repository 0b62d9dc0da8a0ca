/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is on the other side: handshake, epochs, many processes. */
#include <errno.h>

#include "forward.h"
#include "requester.h"

/* F6: the UPID of the server is the result of the first request. */
void test_handshake(void)
{
    begin(&p);
    CHECK(p.scf.target);
    CHECK(p.target.low & UITTE_V);
    CHECK_EQ(p.target.upid & ~0xfffull, scf_upid_window());
    end(&p);
}

/* F30: the next process in the slot has nothing of the one before. */
void test_next_process(void)
{
    static const char name[] = "next";

    begin(&p);
    CHECK_EQ(ask(2, at(name), O_CREAT | O_RDWR, 0), 3);
    CHECK_EQ(scf_map(&p, VA, FRAME, 1, 3), 0);
    scf_detach(&p.scf);
    begin(&p);
    CHECK_EQ(ask(1, 3, at(text), 1), -EBADF);
    p.mirrored = true;
    CHECK_EQ(ask(1, 1, VA, 1), -EFAULT);
    p.mirrored = false;
    CHECK_EQ(ask(87, at(name), 0, 0), 0);
    end(&p);
}

/* F41: 64 processes, each with its files */
void test_many(void)
{
    char name[] = "many-00";

    for (int i = 0; i < SCF3_SLOTS; i++) {
        begin(&many[i]);
        name[5] = '0' + i / 10;
        name[6] = '0' + i % 10;
        CHECK_EQ(ask(2, at(name), O_CREAT | O_RDWR, 0), 3);
        CHECK_EQ(ask(1, 3, at(name), 7), 7);
    }
    CHECK_EQ(scf_attach(&p.scf, 1), -EAGAIN);
    for (int i = 0; i < SCF3_SLOTS; i++) {
        run_as(&many[i]);
        CHECK_EQ(ask(8, 3, 5, 0), 5);
        CHECK_EQ(ask(0, 3, at(back), 10), 2);
        CHECK_EQ(back[1], '0' + i % 10);
        name[5] = '0' + i / 10;
        name[6] = '0' + i % 10;
        CHECK_EQ(ask(87, at(name), 0, 0), 0);
        end(&many[i]);
    }
}

/* As a thread would that has not begun to wait. */
struct scf_call *ask_later(struct scf_caller *c, unsigned n,
                           struct scf_request entry)
{
    struct scf_call *call = &c->calls[n];

    call->held = true;
    call->done = 0;
    call->deadline = UINT64_MAX;
    call->token = scf_put(c, n, &entry);
    return call;
}

static void ask_at_once(struct scf_caller *c)
{
    for (unsigned n = 0; n < SCF3_CALLS; n++) {
        ask_later(c, n, (struct scf_request) { .call = SCF3_CALL_NULL });
    }
}

static bool all_answered(struct scf_caller *c)
{
    for (unsigned n = 0; n < SCF3_CALLS; n++) {
        if (!c->calls[n].done || c->calls[n].result) {
            return false;
        }
    }
    return true;
}

/* F32, F38, F41: 64 processes with 16 calls each under way */
void test_all_at_once(void)
{
    for (int i = 0; i < SCF3_SLOTS; i++) {
        begin(&many[i]);
    }
    for (int i = 0; i < SCF3_SLOTS; i++) {
        run_as(&many[i]);
        ask_at_once(&many[i].scf);
        scf_notify(&many[i].scf, SCF3_MODE_UIPI);
    }
    for (int i = 0; i < SCF3_SLOTS; i++) {
        struct scf_caller *c = &many[i].scf;

        CHECK(WAIT_FOR((irq_window(), all_answered(c))));
        CHECK_EQ(c->strays + c->late + c->resets, 0);
        for (unsigned n = 0; n < SCF3_CALLS; n++) {
            c->calls[n].held = false;
        }
        run_as(&many[i]);
        end(&many[i]);
    }
}

/* Two that have both ends of a pipe; the first one keeps that to read. */
static void share_pipe(struct process *writer)
{
    int32_t ends[2];

    begin(&p);
    CHECK_EQ(ask(22, at(ends), 0, 0), 0);
    CHECK_EQ(ends[1], 4);
    begin(writer);
    run_as(&p);
    CHECK_EQ(scf_fork(&p, writer), 0);
    CHECK_EQ(ask(3, ends[1], 0, 0), 0);
}

/* F37: who waits for another process is not left alone when that goes. */
static void check_end_of_pipe(void (*go)(struct process *))
{
    struct scf_request entry = { .call = 0, .args = { 3, 0, 10 } };
    struct process *writer = &many[1];
    struct scf_call *call;

    share_pipe(writer);
    call = ask_later(&p.scf, 0, entry);
    scf_notify(&p.scf, SCF3_MODE_IRQ);
    CHECK(WAIT_FOR(wire_word(&p.scf.peer->head.parked)));
    run_as(writer);
    go(writer);
    run_as(&p);
    CHECK(WAIT_FOR((irq_window(), call->done)));
    CHECK_EQ(call->result, 0);
    call->held = false;
    end(&p);
}

static void go_without_a_word(struct process *of)
{
    scf_detach(&of->scf);
}

void test_end_of_pipe(void)
{
    check_end_of_pipe(end);
    check_end_of_pipe(go_without_a_word);
}

/* RT11: the parent waits for the child's server, which has not come yet. */
void test_fork_waits(void)
{
    begin(&p);
    priority = 7;
    CHECK_EQ(scf_attach(&many[1].scf, 2), 0);
    CHECK_EQ(scf_fork(&p, &many[1]), 0);
    priority = 1;
    CHECK_EQ(scf_waiting(), 0);
    run_as(&many[1]);
    end(&many[1]);
    run_as(&p);
    end(&p);
}

/* F20: the server's half is there to be read. */
void test_own_half(void)
{
    struct scf_head *head;
    uint32_t made;

    begin(&p);
    head = (struct scf_head *)&p.scf.peer->head;
    made = wire_word(&head->made);
    wire_set(&head->made, made + 5);
    CHECK_EQ(wire_word(&head->made), made);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    end(&p);
}

/* F29: no epoch twice in a row, whoever has the slot, and if it was nobody's */
void test_epochs(void)
{
    uint32_t before;

    begin(&p);
    before = p.scf.epoch;
    CHECK_EQ(wire_word(&p.scf.peer->head.epoch), before);
    scf_detach(&p.scf);
    while (scf_shown(0)) {
        irq_window();
    }
    begin(&p);
    CHECK(p.scf.epoch != before && p.scf.epoch);
    end(&p);
}

/* F23, F25: more requests than there are make it broken; then an epoch ends. */
void test_forged_count(void)
{
    struct scf_head *head;

    begin(&p);
    head = &p.scf.own->head;
    wire_set(&head->made, head->made + SCF3_ENTRIES + 1);
    scf_notify(&p.scf, SCF3_MODE_IRQ);
    CHECK(WAIT_FOR(wire_word(&p.scf.peer->head.state) == SCF3_STATE_BROKEN));
    scf_poll(&p.scf);
    CHECK_EQ(p.scf.violations, 1);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK_EQ(wire_word(&p.scf.peer->head.state), SCF3_STATE_OPEN);
    end(&p);
}
