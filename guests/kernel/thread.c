/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who runs, and how it is changed.  A thread that was preempted is the first
 * of its priority again; one whose slice is over is the last, as is one that
 * was woken.  What is left of a slice is there at the next time.
 */
#include "clock.h"
#include "threadstate.h"

#define SLICE           (5 * MILLISECOND)

struct thread threads[THREADS_MAX];

static char stacks[THREADS_MAX][THREAD_STACK] __attribute__((aligned(4096)));
static struct thread *current, *idle, *sleepers;
static struct { struct thread *first, *last; } ready[PRIORITIES];
static uint64_t ready_mask;             /* priorities with a thread */
static uint64_t alarm_at;
static int last_id;

extern char thread_begin_user[], thread_begin_kernel[];

void switch_stacks(uint64_t *save, uint64_t load);
void thread_arrived(void);
void thread_to_user(void);

struct thread *thread_current(void)
{
    return current;
}

static void *top_of(const struct thread *thread)
{
    return stacks[thread - threads] + THREAD_STACK;
}

struct frame *thread_frame(struct thread *thread)
{
    return (struct frame *)top_of(thread) - 1;
}

/* ---- queues ---- */

static void put_last(struct thread *t)
{
    int p = t->priority;

    t->next = NULL;
    if (ready_mask & BIT(p)) {
        ready[p].last->next = t;
    } else {
        ready[p].first = t;
    }
    ready[p].last = t;
    ready_mask |= BIT(p);
}

static void put_first(struct thread *t)
{
    int p = t->priority;

    t->next = ready_mask & BIT(p) ? ready[p].first : NULL;
    if (!t->next) {
        ready[p].last = t;
    }
    ready[p].first = t;
    ready_mask |= BIT(p);
}

static void take_ready(struct thread *t)
{
    int p = t->priority;
    struct thread *before = NULL;

    for (struct thread *o = ready[p].first; o != t; o = o->next) {
        before = o;
    }
    *(before ? &before->next : &ready[p].first) = t->next;
    if (ready[p].last == t) {
        ready[p].last = before;
    }
    if (!ready[p].first) {
        ready_mask &= ~BIT(p);
    }
}

static int highest(void)
{
    return ready_mask ? 63 - __builtin_clzll(ready_mask) : -1;
}

static void put_sleeper(struct thread *t)
{
    struct thread **at = &sleepers;

    while (*at && (*at)->wake_at <= t->wake_at) {
        at = &(*at)->later;
    }
    t->later = *at;
    *at = t;
}

static void take_sleeper(struct thread *t)
{
    struct thread **at = &sleepers;

    while (*at && *at != t) {
        at = &(*at)->later;
    }
    if (*at) {
        *at = t->later;
    }
}

/* ---- time ---- */

void __attribute__((weak)) thread_runs(int priority __attribute__((unused)))
{
}

/* A slice ends only where somebody waits for that. */
static void set_alarm(void)
{
    uint64_t at = sleepers ? sleepers->wake_at : NEVER;

    if (ready_mask & BIT(current->priority) && current->slice_end &&
        current->slice_end < at) {
        at = current->slice_end;
    }
    if (at != alarm_at) {
        alarm_at = at;
        if (at != NEVER) {
            clock_alarm(at);
        }
    }
}

static void make_ready(struct thread *t)
{
    t->state = THREAD_READY;
    put_last(t);
}

static void on_clock(struct frame *f __attribute__((unused)))
{
    uint64_t now = clock_now();

    apic_eoi();
    while (sleepers && sleepers->wake_at <= now) {
        struct thread *t = sleepers;

        sleepers = t->later;
        make_ready(t);
    }
    if (current->slice_end <= now) {
        current->slice_end = 0;         /* to be seen at thread_to_user() */
    }
    alarm_at = 0;                       /* that one is spent */
    set_alarm();
    if (highest() > current->priority) {
        thread_runs(highest());         /* it does so in a moment */
    }
}

/* ---- changing threads ---- */

/* In the thread that has just got the CPU, a new one included. */
void thread_arrived(void)
{
    void *top = top_of(current);

    this_cpu()->kernel_rsp = (uint64_t)top;
    cpu_ring0_stack(top);
    if (current->space) {
        space_use(current->space);
        threadstate_load(current);
    }
    thread_runs(current->priority);
    set_alarm();
}

/* Whole ones at each time would be for ever if often enough preempted. */
static void change_slices(struct thread *from, struct thread *to)
{
    uint64_t now = clock_now();

    from->slice_left = from->slice_end > now ? from->slice_end - now : 0;
    to->slice_end = now + (to->slice_left ? to->slice_left : SLICE);
}

static void run_next(void)
{
    struct thread *before = current;

    current = ready[highest()].first;
    take_ready(current);
    change_slices(before, current);
    if (current == before) {
        set_alarm();
        return;
    }
    if (before->space) {
        threadstate_save(before);
    }
    switch_stacks(&before->rsp, current->rsp);
    thread_arrived();
}

static void give_way(bool to_equals)
{
    int top = highest();

    if (top > current->priority || (to_equals && top == current->priority)) {
        (to_equals ? put_last : put_first)(current);
        run_next();
    }
}

bool thread_is_alone(void)
{
    return highest() <= PRIORITY_IDLE;
}

static bool slice_over(void)
{
    return ready_mask & BIT(current->priority) &&
           clock_now() >= current->slice_end;
}

/* On the way to ring 3. */
void thread_to_user(void)
{
    give_way(slice_over());
    if (current->killed) {
        thread_leave();
    }
}

void thread_yield(void)
{
    give_way(true);
}

void thread_pause(void)
{
    irq_window();
    give_way(slice_over());
}

/*
 * What a thread did before it blocks, and what it does then, are apart for
 * who waits.  Not if posts wake it: here they would be taken, and not wake.
 */
static void window(const struct thread *t)
{
    if (!t->wake_vector) {
        irq_window();
    }
}

bool thread_block(uint64_t until)
{
    struct thread *self = current;

    self->state = THREAD_BLOCKED;
    self->woken = false;
    self->wake_at = until;
    if (until != NEVER) {
        put_sleeper(self);
    }
    window(self);
    run_next();
    window(self);
    give_way(false);
    return self->woken;
}

void thread_wake(struct thread *t)
{
    if (t->state == THREAD_BLOCKED) {
        take_sleeper(t);
        t->woken = true;
        make_ready(t);
        set_alarm();
    }
}

void thread_set_priority(struct thread *t, int priority)
{
    if (t->state == THREAD_READY && t != current) {
        take_ready(t);
        t->priority = priority;
        put_last(t);
    } else {
        t->priority = priority;
    }
    thread_runs(current->priority);
    set_alarm();
}

/* ---- beginning and end ---- */

/* The next place that is free, round and round. */
static struct thread *new_thread(int priority)
{
    static int last;

    for (int i = 1; i <= THREADS_MAX; i++) {
        struct thread *t = &threads[(last + i) % THREADS_MAX];

        if (t->state == THREAD_FREE) {
            last = t - threads;
            *t = (struct thread) {
                .id = ++last_id, .priority = priority,
                .state = THREAD_BLOCKED, .wake_at = NEVER,
            };
            return t;
        }
    }
    return NULL;
}

/* What switch_stacks() takes from the stack of a thread. */
struct switched {
    uint64_t r15, r14, r13, r12, rbp, rbx, rip;
};

static void prepare_stack(struct thread *t, const struct switched *s, void *at)
{
    struct switched *to = (struct switched *)at - 1;

    *to = *s;
    t->rsp = (uint64_t)to;
}

struct thread *thread_create(int priority, struct space *space,
                             const struct frame *frame)
{
    struct switched s = { .rip = (uint64_t)thread_begin_user };
    struct thread *t = new_thread(priority);

    if (!t) {
        return NULL;
    }
    if (!threadstate_create(t)) {
        t->state = THREAD_FREE;
        return NULL;
    }
    t->space = space;
    *thread_frame(t) = *frame;
    prepare_stack(t, &s, thread_frame(t));
    return t;
}

struct thread *thread_create_kernel(int priority, void (*fn)(void *),
                                    void *argument)
{
    struct switched s = {
        .rip = (uint64_t)thread_begin_kernel, .rbx = (uint64_t)fn,
        .r12 = (uint64_t)argument,
    };
    struct thread *t = new_thread(priority);

    if (t) {
        prepare_stack(t, &s, top_of(t));
    }
    return t;
}

void thread_start(struct thread *t)
{
    make_ready(t);
    set_alarm();
}

void thread_discard(struct thread *t)
{
    threadstate_destroy(t);
    t->state = THREAD_FREE;
}

void thread_leave_space(void)
{
    if (current->space) {
        threadstate_drop();
        space_leave();
        current->space = NULL;
    }
}

/* Nobody takes its place, or its stack, before the next one runs on its own. */
void thread_exit(void)
{
    thread_leave_space();
    irq_window();
    thread_discard(current);
    run_next();
    __builtin_unreachable();
}

void __attribute__((weak)) thread_idle(void)
{
    asm volatile("sti; hlt; cli" : : : "memory");
}

static void idle_loop(void *unused __attribute__((unused)))
{
    for (;;) {
        thread_idle();
        give_way(false);
    }
}

void threads_start(int priority)
{
    trap_handle(CLOCK_VECTOR, on_clock);
    if (idle) {
        return;
    }
    current = new_thread(priority);
    current->state = THREAD_READY;
    alarm_at = NEVER;
    idle = thread_create_kernel(PRIORITY_IDLE, idle_loop, NULL);
    thread_start(idle);
}
