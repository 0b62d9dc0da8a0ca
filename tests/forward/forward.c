/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of docs/forwarding.md, from RT's place, with GP beside it. */
#include <errno.h>

#include "requester.h"
#include "rt_lite.h"

const char *const test_group = "/forward";

#define VA          0x10000000      /* of a mirrored page */
#define FRAME       0x46010000      /* in the window */
#define IDLE_TICKS  15000000        /* longer than GP's spinning */
#define PHASE_TICKS 370000
#define POLLED_TICKS 400000         /* much less than GP's tick */
#define O_CREAT     0100
#define O_RDWR      02

static struct process p, many[SCF3_SLOTS];
static char text[8192], back[8192];

static uint64_t at(const void *what)
{
    return (uint64_t)what;
}

/* F6: the UPID of the server is the result of the first request. */
static void test_handshake(void)
{
    begin(&p);
    CHECK(p.scf.target);
    CHECK(p.target.low & UITTE_V);
    CHECK_EQ(p.target.upid & ~0xfffull, scf_upid_window());
    end(&p);
}

static void fill(char *to, size_t n, int seed)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = i * 7 + seed;
    }
}

static void check_file(const char *name, uint64_t from, uint64_t to,
                       uint64_t path, char *got)
{
    long fd = ask(2, path, O_CREAT | O_RDWR, 0);

    CHECK_EQ(fd, 3);
    CHECK_EQ(ask(1, fd, from, 1000), 1000);
    CHECK_EQ(ask(8, fd, 0, 0), 0);
    CHECK_EQ(ask(0, fd, to, 2000), 1000);
    CHECK(!memcmp(got, text, 1000));
    CHECK_EQ(ask(0, fd, to, 2000), 0);
    CHECK_EQ(ask(3, fd, 0, 0), 0);
    CHECK_EQ(ask(3, fd, 0, 0), -EBADF);
    CHECK_EQ(ask(87, path, 0, 0), 0);
    CHECK_EQ(ask(2, path, O_RDWR, 0), -ENOENT);
    (void)name;
}

/* F27: data of a process that is not mirrored goes through the buffers. */
static void test_copied(void)
{
    static const char name[] = "copied";

    begin(&p);
    fill(text, sizeof(text), 3);
    memset(back, 0, sizeof(back));
    check_file(name, at(text), at(back), at(name), back);
    CHECK_EQ(back[1000], 0);
    end(&p);
}

/* F27: a long write is short, as POSIX allows. */
static void test_pieces(void)
{
    static const char name[] = "pieces";
    uint64_t stat[18];
    long fd;

    begin(&p);
    fd = ask(2, at(name), O_CREAT | O_RDWR, 0);
    CHECK_EQ(ask(1, fd, at(text), 5000), SCF3_BUFFER_SIZE);
    CHECK_EQ(ask(1, fd, at(text), 5000), SCF3_BUFFER_SIZE);
    CHECK_EQ(ask(4, at(name), at(stat), 0), 0);
    CHECK_EQ(stat[6], 2 * SCF3_BUFFER_SIZE);
    CHECK_EQ(ask(87, at(name), 0, 0), 0);
    end(&p);
}

/* F27, F28: the same with pointers into mirrored pages, and with wild ones */
static void test_raw(void)
{
    char *frames = (char *)FRAME;

    begin(&p);
    p.mirrored = true;
    CHECK_EQ(scf_map(&p, VA, FRAME, 3, 3), 0);
    fill(text, sizeof(text), 5);
    memcpy(frames, text, 1000);
    memcpy(frames + 4096, "raw", 4);
    check_file("raw", VA, VA + 8192, VA + 4096, frames + 8192);
    end(&p);
}

/* F28: never a fault of the shadow, which serves on */
static void test_wild_pointers(void)
{
    static const uint64_t wild[] = {
        0, VA - 8, VA + 0x10000, 0x8000000000, 0x700000000000, 0x700010000000,
        0x700010000000 - 8, 0x800000000000, 0xffffffff80000000, UINT64_MAX,
        0x50000000,
    };
    uint64_t epoch;

    begin(&p);
    p.mirrored = true;
    epoch = p.scf.epoch;
    for (int i = 0; i < (int)(sizeof(wild) / 8); i++) {
        CHECK_EQ(ask(1, 1, wild[i], 100), -EFAULT);
        CHECK_EQ(ask(4, wild[i], wild[i], 0), -EFAULT);
        CHECK_EQ(ask(22, wild[i], 0, 0), -EFAULT);
    }
    CHECK_EQ(p.scf.epoch, epoch);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    end(&p);
}

/* F2: what is unmapped is not there any more; what is not RT's never was. */
static void test_unmap(void)
{
    begin(&p);
    p.mirrored = true;
    CHECK_EQ(scf_map(&p, VA, FRAME, 2, 3), 0);
    CHECK_EQ(scf_unmap(&p, VA, 2), 0);
    CHECK_EQ(ask(1, 1, VA, 1), -EFAULT);
    CHECK_EQ(scf_map(&p, VA, 0x50000000, 1, 3), -EINVAL);
    CHECK_EQ(scf_map(&p, 0x700010000000, FRAME, 1, 3), -EINVAL);
    CHECK_EQ(scf_map(&p, 0x50000000, FRAME, 1, 3), -EINVAL);
    CHECK_EQ(scf_map(&p, VA, FRAME, ~0ull, 3), -EINVAL);
    CHECK_EQ(scf_map(&p, VA, FRAME, 1, 3), 0);
    CHECK_EQ(scf_exec(&p), 0);
    CHECK_EQ(ask(1, 1, VA, 1), -EFAULT);
    end(&p);
}

/* What a call with a result of fixed size stores at @to, and no more. */
static void check_fixed(unsigned call, uint64_t first, uint64_t second,
                        uint8_t *to, size_t bytes)
{
    memset(to, 0xa5, bytes + 8);
    CHECK_EQ(ask(call, first, second, 0), 0);
    CHECK(to[bytes - 1] != 0xa5);
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(to[bytes + i], 0xa5);
    }
}

/* Each type of calls.def but the lengths; @to is how the process has @mem. */
static void check_types(uint64_t path, uint64_t to, uint8_t *mem)
{
    long fd = ask(2, path, O_CREAT | O_RDWR, 0);

    CHECK_EQ(fd, 3);
    check_fixed(4, path, to, mem, 144);
    check_fixed(5, fd, to, mem, 144);
    check_fixed(22, to, 0, mem, 8);
    CHECK_EQ(((int32_t *)mem)[1], 5);
    check_fixed(96, to, 0, mem, 16);
    CHECK(((uint64_t *)mem)[1] < 1000000);
    CHECK_EQ(ask(87, path, 0, 0), 0);
}

/* F3: copied, and raw */
static void test_types(void)
{
    static const char name[] = "types";

    begin(&p);
    check_types(at(name), at(back), (uint8_t *)back);
    end(&p);
    begin(&p);
    p.mirrored = true;
    CHECK_EQ(scf_map(&p, VA, FRAME, 1, 3), 0);
    memcpy((void *)FRAME, name, sizeof(name));
    check_types(VA, VA + 1024, (uint8_t *)FRAME + 1024);
    end(&p);
}

/* F28: the same of a process whose data is copied */
static void test_wild_copies(void)
{
    static const uint64_t wild[] = { 0, 0x41ffffff, 0x46000000, UINT64_MAX };

    begin(&p);
    for (int i = 0; i < (int)(sizeof(wild) / 8); i++) {
        CHECK_EQ(ask(1, 1, wild[i], 100), -EFAULT);
        CHECK_EQ(ask(2, wild[i], O_RDWR, 0), -EFAULT);
        CHECK_EQ(ask(96, wild[i], 0, 0), -EFAULT);
        CHECK_EQ(ask(22, wild[i], 0, 0), -EFAULT);
    }
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    end(&p);
}

/* F4 */
static void test_unknown(void)
{
    begin(&p);
    CHECK_EQ(ask(777, 0, 0, 0), -ENOSYS);
    CHECK_EQ(ask(SCF3_CALL_MAP, VA, FRAME, 1), -ENOSYS);
    end(&p);
}

static void check_mode(unsigned request, unsigned reply)
{
    scf_set_modes(&p.scf, request, reply, 0);
    looked = 0;
    for (int n = 0; n < 20; n++) {
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    }
    if (looked) {
        printf("# request mode %d, reply mode %d\n", request, reply);
    }
    CHECK_EQ(looked, 0);
}

/*
 * F40-F43: every mode of requests with every mode of replies; an IPI does not
 * go from one process to another.
 */
static void test_modes(void)
{
    static const uint8_t modes[] = { SCF3_MODE_POLL, SCF3_MODE_UIPI,
                                     SCF3_MODE_IRQ, SCF3_MODE_POSTED,
                                     SCF3_MODE_IPI };
    int n = arg_number("two", 0) ? 4 : 5;

    begin(&p);
    for (int i = 0; i < n * n; i++) {
        check_mode(modes[i / n], modes[i % n]);
    }
    end(&p);
}

/* Ticks until the server has taken a request that comes after a while. */
static uint64_t time_to_take(int n)
{
    uint64_t end = rdtsc() + IDLE_TICKS + n * PHASE_TICKS;

    while (rdtsc() < end) {
        irq_window();
        cpu_relax();
    }
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    return p.scf.last.taken - p.scf.last.enqueued;
}

/*
 * F40: GP looks all the time at who is polled, not at its next tick.  Only in
 * virtual time that is a matter of GP alone.
 */
static void test_polled(void)
{
    uint64_t ticks, most = 0;

    if (!arg_is("accel", "icount")) {
        skip("real time");
    }
    begin(&p);
    scf_set_modes(&p.scf, SCF3_MODE_POLL, SCF3_MODE_POLL, 0);
    time_to_take(0);                /* GP may rest until it has seen it */
    for (int i = 0; i < 20; i++) {
        ticks = time_to_take(i);
        most = ticks > most ? ticks : most;
    }
    printf("# polled: taken after %lu ticks at most\n", most);
    CHECK(most < POLLED_TICKS);
    end(&p);
}

static void check_posted(struct process *of)
{
    run_as(of);
    scf_set_modes(&of->scf, SCF3_MODE_POSTED, SCF3_MODE_POSTED, 0);
    looked = 0;
    for (int n = 0; n < 20; n++) {
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    }
    CHECK_EQ(looked, 0);
}

/* F46: one has the binding; the other is told, too, and has it afterwards. */
static void test_posted(void)
{
    begin(&p);
    begin(&many[1]);
    check_posted(&p);
    check_posted(&many[1]);
    check_posted(&p);
    run_as(&p);
    end(&p);
    check_posted(&many[1]);
    end(&many[1]);
}

/* F44: told only if the waiter outranks what runs; never told */
static void test_policy(void)
{
    begin(&p);
    scf_set_modes(&p.scf, SCF3_MODE_UIPI, SCF3_MODE_UIPI,
                  SCF3_POLICY_OUTRANKS);
    looked = 0;
    priority = 5;
    scf_running(4);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK_EQ(looked, 0);
    scf_running(5);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK_EQ(looked, 1);
    scf_set_modes(&p.scf, SCF3_MODE_UIPI, SCF3_MODE_UIPI, SCF3_POLICY_NEVER);
    scf_running(0);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK_EQ(looked, 2);
    priority = 1;
    end(&p);
}

/* Ends the wait of the call that is under way. */
static void on_timer(struct frame *f __attribute__((unused)))
{
    apic_eoi();
    killed = true;
}

static void kill_soon(void)
{
    trap_handle(0x70, on_timer);
    apic_write(APIC_TIMER_DIV, 0xb);
    apic_write(APIC_LVT_TIMER, 0x70);
    apic_write(APIC_TIMER_INIT, 100000000);
}

/* F36, F37: a read that waits holds up nobody, and can be cancelled. */
static void test_parked(void)
{
    int32_t ends[2] = { 0, 0 };

    begin(&p);
    CHECK_EQ(ask(22, at(ends), 0, 0), 0);
    CHECK_EQ(ends[0], 3);
    kill_soon();
    CHECK_EQ(ask(0, ends[0], at(back), 10), -EINTR);
    killed = false;
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK_EQ(ask(1, ends[1], at("abc"), 3), 3);
    CHECK_EQ(ask(0, ends[0], at(back), 10), 3);
    CHECK_EQ(ask(3, ends[1], 0, 0), 0);
    CHECK_EQ(ask(0, ends[0], at(back), 10), 0);
    CHECK_EQ(p.scf.strays, 0);
    end(&p);
}

/* F30: the next process in the slot has nothing of the one before. */
static void test_next_process(void)
{
    static const char name[] = "next";

    begin(&p);
    CHECK_EQ(ask(2, at(name), O_CREAT | O_RDWR, 0), 3);
    scf_detach(&p.scf);
    begin(&p);
    CHECK_EQ(ask(1, 3, at(text), 1), -EBADF);
    CHECK_EQ(ask(87, at(name), 0, 0), 0);
    end(&p);
}

/* F41: 64 processes, each with its files */
static void test_many(void)
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

/* As so many threads would: none of them waits before all have asked. */
static void ask_at_once(struct scf_caller *c)
{
    for (unsigned n = 0; n < SCF3_CALLS; n++) {
        struct scf_request entry = { .call = SCF3_CALL_NULL };
        struct scf_call *call = &c->calls[n];

        call->held = true;
        call->done = 0;
        call->deadline = UINT64_MAX;
        call->token = scf_put(c, n, &entry);
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
static void test_all_at_once(void)
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

/* F1, F2: the console, and fork: both have the file, and its position. */
static void test_fork(void)
{
    static const char line[] = "# a line by RT on GP's console\n";
    static struct process child;
    static const char name[] = "fork";

    begin(&p);
    CHECK_EQ(ask(1, 1, at(line), sizeof(line) - 1), sizeof(line) - 1);
    CHECK_EQ(ask(2, at(name), O_CREAT | O_RDWR, 0), 3);
    begin(&child);
    run_as(&p);
    CHECK_EQ(scf_fork(&p, &child), 0);
    CHECK_EQ(ask(1, 3, at(text), 100), 100);
    run_as(&child);
    CHECK_EQ(ask(8, 3, 0, 1), 100);
    end(&child);
    run_as(&p);
    CHECK_EQ(ask(8, 3, 0, 1), 100);
    CHECK_EQ(ask(87, at(name), 0, 0), 0);
    end(&p);
}

/* F20: the server's half is there to be read. */
static void test_own_half(void)
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

/* F29: no epoch twice in a row, whoever has the slot */
static void test_epochs(void)
{
    uint32_t before;

    begin(&p);
    before = p.scf.epoch;
    CHECK_EQ(wire_word(&p.scf.peer->head.epoch), before);
    scf_detach(&p.scf);
    begin(&p);
    CHECK(p.scf.epoch != before && p.scf.epoch);
    end(&p);
}

/* F23, F25: more requests than there are make it broken; then an epoch ends. */
static void test_forged_count(void)
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

/*
 * F34: in the order in which a call passes them; two processes have two time
 * stamp counters.
 */
static void test_marks(void)
{
    const struct scf_marks *m = &p.scf.last;
    bool two = arg_number("two", 0);

    begin(&p);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK(m->enqueued && m->enqueued <= m->notified);
    CHECK(two || m->enqueued <= m->taken);
    CHECK(m->taken && m->taken <= m->begun);
    CHECK(m->begun <= m->ended && m->ended <= m->replied);
    CHECK(two || m->replied <= m->woken);
    end(&p);
}

/* F45: whatever is in the server's UPID, calls come back. */
static void test_spoilt_upid(void)
{
    uint64_t seed = 1;
    struct upid *upid;
    int faults = 0;

    begin(&p);
    upid = (struct upid *)p.target.upid;
    for (int i = 0; i < 200; i++) {
        upid->low = random64(&seed) & (i % 4 ? ~0ull : ~0xff00fffcull);
        upid->pir = random64(&seed);
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
        faults += !p.scf.target;
        p.scf.target = true;
    }
    CHECK(faults > 100 && faults < 200);
    begin(&many[1]);
    CHECK(many[1].scf.target);
    end(&many[1]);
    run_as(&p);
    end(&p);
}

/* RT's half of the window, which it spoils itself, and then not any more */
static void spoil_reply_upid(bool on)
{
    struct upid *upid = (struct upid *)(scf_upid_window() + scf_upid_half());

    if (on) {
        __atomic_fetch_or(&upid->low, 1 << 2, __ATOMIC_SEQ_CST);
    } else {
        __atomic_fetch_and(&upid->low, ~(uint64_t)(1 << 2), __ATOMIC_SEQ_CST);
    }
}

/* F45: GP's shadow survives the fault, and tells by the doorbell. */
static void test_spoilt_reply_upid(void)
{
    begin(&p);
    spoil_reply_upid(true);
    looked = 0;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    }
    spoil_reply_upid(false);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK_EQ(looked, 0);
    CHECK_EQ(p.scf.resets, 0);
    end(&p);
}

void payload_start(void)
{
    if (!scf_start()) {
        fatal("there is no mailbox");
    }
}

const struct test tests[] = {
    { "F6-handshake", test_handshake },
    { "F27-copied", test_copied },
    { "F3-types", test_types },
    { "F28-wild-copies", test_wild_copies },
    { "F41-all-at-once", test_all_at_once },
    { "F27-pieces", test_pieces },
    { "F27-raw", test_raw },
    { "F28-wild-pointers", test_wild_pointers },
    { "F2-unmap", test_unmap },
    { "F4-unknown", test_unknown },
    { "F40-modes", test_modes },
    { "F40-polled", test_polled },
    { "F46-posted", test_posted },
    { "F44-policy", test_policy },
    { "F37-parked", test_parked },
    { "F30-next-process", test_next_process },
    { "F41-many", test_many },
    { "F2-fork", test_fork },
    { "F20-own-half", test_own_half },
    { "F29-epochs", test_epochs },
    { "F25-forged-count", test_forged_count },
    { "F34-marks", test_marks },
    { "F45-spoilt-upid", test_spoilt_upid },
    { "F45-spoilt-reply-upid", test_spoilt_reply_upid },
    {}
};
