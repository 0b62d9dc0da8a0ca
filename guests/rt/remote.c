/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clock.h"
#include "errno.h"
#include "memmap.h"
#include "remote.h"
#include "rt.h"
#include "syscalls.h"

#define TICK            (5 * MILLISECOND)
#define REPLY_CLASS     2       /* of the vectors 32-47 (link.h) */
#define AWAKE           (50 * MICROSECOND)

static int pollers;             /* processes whose replies nobody notifies */
static struct thread *replier;
static int awaited;             /* priority of the most urgent who waits */
static bool outranked;          /* the replier, by the thread that runs */
static bool hushed;             /* the other side has no credit (RT12) */
static uint64_t rests_at;       /* a CPU with nothing to do (F49) */
static uint64_t halts;

bool rt_alone;

/*
 * Replies are taken by a thread and not in the interrupt that announces them,
 * so that they keep nobody waiting who is more urgent than who asked (RT2):
 * it is just above the most urgent of those that it works for, or, while
 * there is nothing to do, of those that wait.
 */
static void work_for(int urgency)
{
    int priority = urgency < PRIORITIES - 1 ? urgency + 1 : PRIORITIES - 1;

    if (replier->priority != priority) {
        thread_set_priority(replier, priority);
    }
}

static void take_replies(void *unused __attribute__((unused)))
{
    int urgency;

    for (uint64_t at = clock_now();;) {
        while ((urgency = scf_urgency()) >= 0) {
            work_for(urgency);
            thread_pause();
            scf_work();
        }
        awaited = scf_waiting();
        work_for(awaited);
        if (!thread_block(at)) {
            late_look();
            scf_look();
            scf_tick();
            at = clock_now() + TICK;
        }
    }
}

static void work_at_least_for(int urgency)
{
    if (replier->priority <= urgency) {
        work_for(urgency);
    }
}

void rt_replies(unsigned urgency)
{
    work_at_least_for(urgency);
    thread_wake(replier);
}

/* Their tick comes to them as well. */
static void await(int urgency)
{
    awaited = urgency > awaited ? urgency : awaited;
    rests_at = clock_now() + AWAKE;
    work_at_least_for(urgency);
}

static void hold_or_not(void)
{
    write_cr8(outranked || hushed ? REPLY_CLASS : 0);
}

void rt_hush(bool hush)
{
    hushed = hush;
    hold_or_not();
}

/* Who is more urgent than the replier is not told of replies meanwhile. */
void thread_runs(int priority)
{
    if (replier) {
        scf_running(priority);
        outranked = priority > awaited + 1;
        hold_or_not();
    }
}

/* Or the frames of a life before this one would be its shadows', too. */
static void wait_for_quiet(void)
{
    uint64_t end = clock_now() + scf_timeout;

    while (!scf_quiet() && clock_now() < end) {
        thread_block(clock_now() + MILLISECOND);
    }
}

void remote_start(void)
{
    if (rt_alone) {
        return;
    }
    direct_start();
    if (scf_start()) {
        wait_for_quiet();
        replier = thread_create_kernel(PRIORITY_USUAL, take_replies, NULL);
        thread_start(replier);
    }
}

/* Some replies come without an interrupt, others may come soon. */
static bool is_awake(void)
{
    return pollers || clock_now() < rests_at;
}

/* F49, F50: as long as it is awake it looks for replies instead of a rest. */
void thread_idle(void)
{
    if (!is_awake()) {
        halts++;
        asm volatile("sti; hlt; cli" : : : "memory");
        return;
    }
    do {
        scf_look_awake();
        cpu_relax();
        irq_window();
    } while (thread_is_alone() && is_awake());
    scf_look_no_more(PRIORITY_IDLE);
}

uint64_t rt_halts(void)
{
    return halts;
}

static void set_polls(struct process *p, bool polls)
{
    pollers += polls - p->polls;
    p->polls = polls;
}

void remote_attach(struct process *p)
{
    p->attached = !scf_attach(&p->scf, p->pid);
}

void remote_detach(struct process *p)
{
    if (p->attached) {
        set_polls(p, false);
        direct_end(p);
        scf_detach(&p->scf);
        p->attached = p->mirrored = p->shown = false;
    }
}

/* F35: with its answer, all that was late before has been executed. */
static long settle(struct process *p, long error)
{
    if (!error) {
        p->shown = false;
        late_over(p);
    }
    return error;
}

static void settle_or_keep(struct process *p, long error)
{
    if (settle(p, error) && p->shown) {
        late_keep(p);
    }
}

void remote_exit(struct process *p)
{
    if (p->attached) {
        direct_end(p);
        settle_or_keep(p, scf_exit(p, p->status));
        remote_detach(p);
    }
}

void remote_exec(struct process *p)
{
    if (p->attached) {
        direct_end(p);
        settle_or_keep(p, scf_exec(p));
        p->mirrored = p->copied = p->scf.lost = false;
    }
}

/* Its pages follow with its first call. */
void remote_fork(struct process *parent, struct process *child)
{
    if (parent->attached) {
        remote_attach(child);
        thread_pause();
        scf_fork(parent, child);
    }
}

/* ---- pages: each run of frames is a call ---- */

/* How many pages from @va on have frames one behind the other. */
static uint64_t run_of(struct process *p, uint64_t va, uint64_t frame,
                       unsigned prot, uint64_t end)
{
    uint64_t n = 1;
    unsigned other;

    while (va + n * PAGE_SIZE < end &&
           space_frame(&p->space, va + n * PAGE_SIZE, &other) ==
           frame + n * PAGE_SIZE && other == prot) {
        n++;
        space_pause();
    }
    return n;
}

static long show(struct process *p, uint64_t va, uint64_t end)
{
    uint64_t frame, n;
    unsigned prot;

    for (; space_next(&p->space, &va, &frame, &prot) && va < end;
         va += n * PAGE_SIZE) {
        long error;

        n = run_of(p, va, frame, prot, end);
        space_pause();
        error = scf_map(p, va, frame, n, prot);
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

static long hide(struct process *p)
{
    return settle(p, scf_exec(p));
}

/* What the other side cannot take is copied, until there is a new program. */
static bool show_or_not(struct process *p, uint64_t va, uint64_t end)
{
    p->shown = true;
    if (!show(p, va, end)) {
        return true;
    }
    hide(p);
    p->copied = true;
    return false;
}

void remote_map(struct process *p, uint64_t va, uint64_t pages)
{
    if (p->mirrored) {
        p->mirrored = show_or_not(p, va, va + pages * PAGE_SIZE);
    }
}

/* Who has not said that it sees them no more is shown nothing more. */
long remote_unmap(struct process *p, uint64_t va, uint64_t pages)
{
    long error;

    if (!p->shown) {
        return 0;
    }
    error = p->mirrored ? scf_unmap(p, va, pages) : hide(p);
    if (error) {
        p->mirrored = false;
        p->copied = true;
    }
    return error;
}

/* With its first call; without a lock there is another time. */
bool remote_mirror(struct process *p)
{
    if (!p->mirrored && !p->scf.lost && !p->copied && !process_lock(p)) {
        if (!p->mirrored) {
            p->mirrored = show_or_not(p, 0, PROGRAM_END);
        }
        process_unlock(p);
    }
    return p->mirrored && !p->scf.lost;
}

long remote_call(unsigned call, const uint64_t *a)
{
    struct process *p = process_current();

    if (scf_class(call) != SCF_REMOTE) {
        return -ENOSYS;
    }
    if (!p->attached) {
        return console_call(call, a);
    }
    remote_mirror(p);
    return forward(p, call, a);
}

/* ---- for who measures ---- */

long sys_scf_mode(struct frame *f __attribute__((unused)), const uint64_t *a)
{
    struct process *p = process_current();

    if (!p->attached) {
        return -ENOTCONN;
    }
    if (a[0] > SCF3_MODE_POSTED || a[1] > SCF3_MODE_POSTED ||
        a[2] > SCF3_POLICY_ASLEEP || a[2] & ~(uint64_t)SCF3_REPLY_POLICY) {
        return -EINVAL;
    }
    set_polls(p, a[1] == SCF3_MODE_POLL);
    scf_set_modes(&p->scf, a[0], a[1], a[2]);
    return 0;
}

long sys_scf_marks(struct frame *f __attribute__((unused)), const uint64_t *a)
{
    struct scf_marks *last = &process_current()->scf.last;

    return copy_to_user(a[0], last, sizeof(*last));
}

/* ---- hooks.h ---- */

struct scf_caller *rt_caller(struct process *p)
{
    return &p->scf;
}

void rt_block(volatile int *done)
{
    if (!*done) {
        await(thread_current()->priority);
        channel_sleep(CHANNEL(done), NEVER);
    }
}

void rt_wake(volatile int *done)
{
    channel_wake_all(done);
}

bool rt_killed(void)
{
    return thread_current()->killed;
}

uint64_t rt_now(void)
{
    return clock_now();
}

unsigned rt_priority(void)
{
    return thread_current()->priority;
}

bool rt_mirrored(struct process *p)
{
    return p->mirrored;
}

bool rt_senduipi(void)
{
    return send_user_interrupt(0);
}

void rt_set_target(struct process *p, uint64_t upid, unsigned vector)
{
    p->uitt[0] = uitte(vector, (struct upid *)upid);
}

int rt_copy_in(struct process *p __attribute__((unused)), void *to,
               uint64_t from, size_t bytes)
{
    return copy_from_user(to, from, bytes);
}

int rt_copy_out(struct process *p __attribute__((unused)), uint64_t to,
                const void *from, size_t bytes)
{
    return copy_to_user(to, from, bytes);
}

long rt_copy_string(struct process *p __attribute__((unused)), char *to,
                    uint64_t from, size_t room)
{
    return copy_string(to, from, room);
}
