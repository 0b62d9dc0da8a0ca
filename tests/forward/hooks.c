/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guests/scf needs of a kernel, by one that has a single thread: who
 * waits takes interrupts meanwhile, and looks by itself only if none came.
 */
#include <errno.h>

#include "rt_lite.h"

struct process *current;
volatile bool killed;
uint64_t looked;                    /* how often nobody told */
unsigned priority = 1;
uint64_t patience = 2 * SPIN_TICKS; /* ticks before it looks by itself */
uint32_t turns_awake = UINT32_MAX;

#define HELD        2               /* vectors up to 47 */
#define RESTS       100

static struct uitte table[1];

struct scf_caller *rt_caller(struct process *p)
{
    return &p->scf;
}

/* What an interrupt of the other side would have led to. */
void look(void)
{
    scf_look();
    rt_replies(0);
}

static void tick(void)
{
    static uint64_t next;

    if (rt_now() >= next) {
        next = rt_now() + LITE_TICK;
        scf_tick();
    }
}

void rt_hush(bool hush)
{
    write_cr8(hush ? HELD : 0);
}

/* Awake, and open to what tells. */
static void rest(const volatile int *done)
{
    sti();
    for (int i = 0; i < RESTS && !*done; i++) {
        cpu_relax();
    }
    cli();
}

/* F50; a server that is gone, or too late, is found by the tick. */
static void look_until(const volatile int *done)
{
    uint64_t limit = rdtsc() + patience;

    for (uint32_t i = 0; i < turns_awake && !*done && !killed; i++) {
        tick();
        scf_look_awake();
        cpu_relax();
        irq_window();
        if (rdtsc() > limit) {
            look();
            limit = rdtsc() + patience / 8;
        }
    }
    scf_look_no_more(0);
}

/* RT11: each who waits is known to wait. */
void rt_block(volatile int *done)
{
    uint64_t limit = rdtsc() + patience;
    uint32_t how = current->scf.own->head.reply;
    bool polled = (how & SCF3_REPLY_MODE) == SCF3_MODE_POLL;

    CHECK(scf_waiting() >= priority);
    if ((how & SCF3_REPLY_POLICY) == SCF3_POLICY_ASLEEP) {
        look_until(done);
    }
    while (!*done && !killed) {
        tick();
        if (polled) {
            irq_window();
            scf_poll(&current->scf);
            cpu_relax();
        } else {
            rest(done);
        }
        if (!polled && !*done && rdtsc() > limit) {
            looked++;
            look();
            limit = rdtsc() + patience / 8;
        }
    }
}

void rt_wake(volatile int *done)
{
    (void)done;
}

void rt_replies(unsigned urgency __attribute__((unused)))
{
    bool more;

    do {
        more = scf_work();
    } while (more);
}

bool rt_killed(void)
{
    return killed;
}

/* Near enough to ns for time-outs of a second */
uint64_t rt_now(void)
{
    return rdtsc() / 2;
}

unsigned rt_priority(void)
{
    return priority;
}

bool rt_mirrored(struct process *p)
{
    return p->mirrored;
}

void rt_set_target(struct process *p, uint64_t upid, unsigned vector)
{
    p->target = uitte(vector, (struct upid *)upid);
    if (p == current) {
        table[0] = p->target;
    }
}

static bool faulted;

/* The length of SENDUIPI, which is all that faults here */
static void on_fault(struct frame *f)
{
    faulted = true;
    f->rip += 4;
}

bool rt_senduipi(void)
{
    faulted = false;
    trap_handle(VEC_GP, on_fault);
    senduipi(0);
    trap_handle(VEC_GP, NULL);
    return !faulted;
}

/* All of the payload, but for its first page */
static bool is_ours(uint64_t at, size_t bytes)
{
    return at >= 0x42000000 && at < 0x46000000 && bytes <= 0x46000000 - at;
}

int rt_copy_in(struct process *p __attribute__((unused)), void *to,
               uint64_t from, size_t bytes)
{
    return is_ours(from, bytes) ? (memcpy(to, (void *)from, bytes), 0) :
           -EFAULT;
}

int rt_copy_out(struct process *p __attribute__((unused)), uint64_t to,
                const void *from, size_t bytes)
{
    return is_ours(to, bytes) ? (memcpy((void *)to, from, bytes), 0) : -EFAULT;
}

long rt_copy_string(struct process *p __attribute__((unused)), char *to,
                    uint64_t from, size_t room)
{
    for (size_t i = 0; i < room; i++) {
        if (!is_ours(from + i, 1)) {
            return -EFAULT;
        }
        to[i] = *(char *)(from + i);
        if (!to[i]) {
            return i;
        }
    }
    return -ENAMETOOLONG;
}

/* ---- a process ---- */

void run_as(struct process *p)
{
    current = p;
    table[0] = p->target;
    uintr_sender(table, 1);
}

long ask(unsigned call, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t args[6] = { a, b, c };

    return forward(current, call, args);
}

/* The handshake and the first calls, so that the modes are what they say. */
void begin(struct process *p)
{
    *p = (struct process) { 0 };
    CHECK_EQ(scf_attach(&p->scf, 1), 0);
    scf_set_modes(&p->scf, SCF3_MODE_UIPI, SCF3_MODE_UIPI, SCF3_POLICY_ALWAYS);
    run_as(p);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
}

void end(struct process *p)
{
    scf_exit(p, 0);
    scf_detach(&p->scf);
}
