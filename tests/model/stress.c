/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code of a post without the big lock, run under ThreadSanitizer: three
 * senders against one virtual processor.  What senders do, what the receiver
 * does with UPID and posted[], and cpu_exit() are cut out of the sources by
 * check-code; around them stands the least of a processor: its thread's outer
 * loop, HLT, the requests, and a guest that does things at random.
 *
 * Nothing may be lost: the last post of every vector is seen.  Half of the
 * vectors carry a plain word from sender to receiver, so that the sanitizer
 * also proves that a delivery comes after its post.
 */
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define g_assert_not_reached() abort()
#define qemu_build_assert(test) _Static_assert(test, #test)
#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))

#include "config-host.h"
#include "qemu/atomic128.h"
#include "farbell/uintr.h"

/* ---- what the cut functions know of the emulator ---- */

enum { CPU_INTERRUPT_POLL = 1, CPU_INTERRUPT_HARD = 2 };

typedef struct CPUState {
    uint32_t interrupt_request, halted;
    bool exit_request;
    struct {
        union {
            uint32_t u32;
            struct { uint16_t low, high; } u16;
        } icount_decr;
    } neg;
    pthread_cond_t halt_cond;
} CPUState;

typedef struct APICCommonState {
    CPUState *cpu;
    uint32_t irr[8], tmr[8], posted[8], posted_any;
} APICCommonState;

#define CPU(cpu) (cpu)

static pthread_mutex_t bql = PTHREAD_MUTEX_INITIALIZER;

static void bql_unlock(void *unused)
{
    (void)unused;
    pthread_mutex_unlock(&bql);
}

static void bql_lock(void)
{
    pthread_mutex_lock(&bql);
}

#define BQL_LOCK_GUARD() \
    __attribute__((cleanup(bql_unlock))) int guard = (bql_lock(), 0); \
    (void)guard

static void cpu_exit(CPUState *cpu);

static void qemu_cpu_kick(CPUState *cpu)
{
    pthread_cond_broadcast(&cpu->halt_cond);
    cpu_exit(cpu);
}

#ifdef QEMU_SANITIZE_THREAD
#include <sanitizer/tsan_interface.h>

/*
 * The sanitizer's own 16-byte operation excludes no 8-byte one.  Use the
 * processor's, and say what it orders.
 */
__attribute__((noinline, no_sanitize("thread")))
static Int128 locked_cmpxchg(Int128 *p, Int128 old, Int128 new)
{
    return __sync_val_compare_and_swap_16(p, old, new);
}

__attribute__((unused))
static Int128 ordered_cmpxchg(Int128 *p, Int128 old, Int128 new)
{
    uint64_t *half = (uint64_t *)p;
    Int128 seen;

    __tsan_release(&half[0]);
    __tsan_release(&half[1]);
    seen = locked_cmpxchg(p, old, new);
    __tsan_acquire(&half[0]);
    __tsan_acquire(&half[1]);
    return seen;
}

#define atomic16_cmpxchg ordered_cmpxchg
#endif

#include "cut.h"

/* ---- vectors, and what is known of each ---- */

enum {
    NV = 0x61, KV = 0xf1,               /* in different words of posted[] */
    SENDERS = 2, VECTORS = 32,          /* user vectors of each sender */
    ALL_VECTORS = SENDERS * VECTORS + 1, KV_SLOT = ALL_VECTORS - 1,
};

static uint64_t word[ALL_VECTORS];      /* plain, where carries_word() */
static uint64_t sent[ALL_VECTORS], seen[ALL_VECTORS];

static bool carries_word(int slot)
{
    return slot == KV_SLOT || slot & 1;
}

static void see(int slot)
{
    qatomic_store_release(&seen[slot], carries_word(slot) ?
                          word[slot] : qatomic_read(&sent[slot]));
}

static bool pending(int slot)
{
    return qatomic_load_acquire(&seen[slot]) != qatomic_read(&sent[slot]);
}

/* ---- the processor ---- */

typedef enum { USER, KERNEL, SAVE, IDLE, LOAD, LOOK } Where;

static struct {
    CPUState cs;
    APICCommonState apic;
    uint64_t upid[2] __attribute__((aligned(64)));
    uint64_t rr, image;
    bool uif, uinv;
    Where where;
    unsigned random;
} m;

static struct {
    unsigned long notified, in_halt, through_idt, slept, switches, rearmed;
} count;

static bool finished, sender_done[SENDERS];

static unsigned random_below(unsigned *state, unsigned limit)
{
    *state = *state * 1103515245 + 12345;
    return (*state >> 16) % limit;
}

static int highest_vector(void)
{
    for (int i = 7; i >= 0; i--) {
        if (m.apic.irr[i]) {
            return i * 32 + 31 - __builtin_clz(m.apic.irr[i]);
        }
    }
    return -1;
}

static void leave_block(void)
{
    qatomic_set(&m.cs.neg.icount_decr.u16.high, -1);
}

static void update_irq(void)
{
    if (highest_vector() >= 0) {
        qatomic_or(&m.cs.interrupt_request, CPU_INTERRUPT_HARD);
        leave_block();
    } else {
        qatomic_and(&m.cs.interrupt_request, ~CPU_INTERRUPT_HARD);
    }
}

static void acknowledge(int vector)
{
    m.apic.irr[vector >> 5] &= ~(1U << (vector & 31));
    update_irq();
}

static bool is_notification(void)
{
    if (!m.uinv) {
        return false;
    }
    apic_take_posted(&m.apic);
    return highest_vector() == NV;
}

static void process(void)
{
    uint64_t low;

    acknowledge(NV);
    m.rr |= take_from_ram(m.upid, &low);
    if (m.rr && m.uif) {
        leave_block();
    }
}

static bool deliverable(void)
{
    return m.rr && m.uif && m.where == USER;
}

static void deliver(void)
{
    int vector = 63 - __builtin_clzll(m.rr);

    m.rr &= ~(1ULL << vector);
    m.uif = false;
    see(vector);
}

static void take_interrupt(void)
{
    int vector = highest_vector();

    count.through_idt++;
    acknowledge(vector);
    if (vector == KV) {
        see(KV_SLOT);
    }
    leave_block();                      /* IRET ends its block */
}

static void answer_poll(void)
{
    qatomic_and(&m.cs.interrupt_request, ~CPU_INTERRUPT_POLL);
    apic_take_posted(&m.apic);
    update_irq();
}

static void exec_interrupt(uint32_t request)
{
    if (request & CPU_INTERRUPT_POLL) {
        answer_poll();
        if (deliverable()) {
            leave_block();
        }
    } else if (!(request & CPU_INTERRUPT_HARD)) {
        deliver();
    } else if (is_notification()) {
        count.notified++;
        process();
    } else {
        take_interrupt();
    }
}

/* cpu_handle_interrupt() */
static void boundary(void)
{
    qatomic_set_mb(&m.cs.neg.icount_decr.u16.high, 0);
    if (qatomic_read(&m.cs.interrupt_request) || deliverable()) {
        BQL_LOCK_GUARD();
        exec_interrupt(qatomic_read(&m.cs.interrupt_request));
    }
}

/* x86_cpu_exec_halt(), x86_uintr_leaves_halt() */
static bool leaves_halt(void)
{
    uint32_t *request = &m.cs.interrupt_request;

    if (qatomic_read(request) & CPU_INTERRUPT_POLL) {
        BQL_LOCK_GUARD();
        answer_poll();
    }
    if (qatomic_read(request) & CPU_INTERRUPT_HARD) {
        BQL_LOCK_GUARD();
        while (is_notification()) {
            count.in_halt++;
            process();
        }
    }
    return qatomic_read(request) & CPU_INTERRUPT_HARD;
}

/* A self-IPI takes the ordinary way. */
static void send_self(void)
{
    BQL_LOCK_GUARD();
    m.apic.irr[NV >> 5] |= 1U << (NV & 31);
    update_irq();
    count.rearmed++;
}

static void switch_step(void)
{
    switch (m.where) {
    case SAVE:
        m.image = m.rr;
        m.rr = 0;
        m.uinv = false;
        m.where = IDLE;
        break;
    case IDLE:                          /* NDST needs no change */
        qatomic_and(&m.upid[0], ~(uint64_t)UPID_SN);
        m.where = LOAD;
        break;
    case LOAD:
        m.rr = m.image;
        m.uinv = true;
        m.where = LOOK;
        break;
    default:
        if (qatomic_read(&m.upid[1]) || qatomic_read(&m.upid[0]) & UPID_ON) {
            send_self();
        }
        m.where = KERNEL;
    }
}

/* True if the guest did something that ends its block. */
static bool user_step(void)
{
    if (!m.uif) {
        m.uif = true;                   /* UIRET or STUI */
        return true;
    }
    switch (random_below(&m.random, 16)) {
    case 0:
        m.uif = false;                  /* CLUI */
        break;
    case 1:
        m.where = KERNEL;
        break;
    }
    return false;
}

static bool kernel_step(void)
{
    switch (random_below(&m.random, 32)) {
    case 0:
        qatomic_set(&m.cs.halted, 1);
        return true;
    case 1:
        qatomic_or(&m.upid[0], UPID_SN);
        m.where = SAVE;
        count.switches++;
        return false;
    default:
        m.where = USER;                 /* IRET */
        return true;
    }
}

static bool guest_step(void)
{
    switch (m.where) {
    case USER:
        return user_step();
    case KERNEL:
        return kernel_step();
    default:
        switch_step();
        return false;
    }
}

static bool exit_requested(void)
{
    return (int32_t)qatomic_read(&m.cs.neg.icount_decr.u32) < 0;
}

/* cpu_exec(): until HLT or a kick */
static void exec(void)
{
    if (m.cs.halted) {
        if (!leaves_halt()) {
            return;
        }
        qatomic_set(&m.cs.halted, 0);
    }
    for (;;) {
        boundary();
        if (qatomic_read(&m.cs.exit_request)) {
            qatomic_set(&m.cs.exit_request, 0);
            return;
        }
        while (!exit_requested() && !guest_step()) {
            /* in the block */
        }
        if (m.cs.halted) {
            return;
        }
    }
}

/* mttcg_cpu_thread_fn(), qemu_wait_io_event() */
static void *processor(void *unused)
{
    bql_lock();
    while (!qatomic_read(&finished)) {
        bql_unlock(NULL);
        exec();
        bql_lock();
        qatomic_set_mb(&m.cs.exit_request, 0);
        while (m.cs.halted && !qatomic_read(&m.cs.interrupt_request) &&
               !qatomic_read(&finished)) {
            count.slept++;
            pthread_cond_wait(&m.cs.halt_cond, &bql);
        }
    }
    bql_unlock(NULL);
    return unused;
}

/* ---- the senders ---- */

static long posts, patience;

static void senduipi(int vector)
{
    UintrUpid old;

    if (upid_post_to_ram((Int128 *)m.upid, vector, &old) &&
        !(old.low & (UPID_ON | UPID_SN))) {
        post_unlocked(&m.apic, NV);
    }
}

static void prepare(int slot, uint64_t value)
{
    if (carries_word(slot)) {
        word[slot] = value;
    }
    qatomic_set(&sent[slot], value);
}

static void wait_until_seen(int slot)
{
    while (pending(slot) && !qatomic_read(&finished)) {
        sched_yield();
    }
}

static void *sender(void *done)
{
    int base = ((bool *)done - sender_done) * VECTORS;
    unsigned state = base + 1;

    for (long i = 1; i <= posts && !qatomic_read(&finished); i++) {
        int slot = base + random_below(&state, VECTORS);

        if (carries_word(slot) && pending(slot)) {
            slot--;                     /* its word may still be read */
        }
        prepare(slot, i);
        senduipi(slot);
        if (random_below(&state, 16) == 0) {
            wait_until_seen(slot);      /* or else ON is always set */
        }
    }
    qatomic_set((bool *)done, true);
    return NULL;
}

/* A vector of the kernel, at random, and to end HLT. */
static void *other_sender(void *unused)
{
    unsigned state = 1;

    for (uint64_t i = 1; !qatomic_read(&finished); i++) {
        while (!qatomic_read(&m.cs.halted) && random_below(&state, 16)) {
            sched_yield();
        }
        prepare(KV_SLOT, i);
        post_unlocked(&m.apic, KV);
        wait_until_seen(KV_SLOT);
    }
    return unused;
}

/* ---- the judge ---- */

static uint64_t progress(void)
{
    uint64_t sum = 0;

    for (int slot = 0; slot < ALL_VECTORS; slot++) {
        sum += qatomic_read(&sent[slot]) + qatomic_read(&seen[slot]);
    }
    return sum;
}

static bool all_seen(void)
{
    for (int slot = 0; slot < KV_SLOT; slot++) {
        if (pending(slot)) {
            return false;
        }
    }
    return true;
}

/* The senders of user vectors are done, or nothing moves any more. */
static bool lost(void)
{
    uint64_t before = 0;
    int quiet = 0;

    while (quiet < patience * 10) {
        uint64_t now = progress();
        bool done = true;

        for (int i = 0; i < SENDERS; i++) {
            done &= qatomic_read(&sender_done[i]);
        }
        if (done && all_seen()) {
            return false;
        }
        quiet = now == before ? quiet + 1 : 0;
        before = now;
        usleep(100000);
    }
    return true;
}

static void finish(void)
{
    BQL_LOCK_GUARD();
    qatomic_set(&finished, true);
    qemu_cpu_kick(&m.cs);
}

static void tell(void)
{
    printf("# %ld posts; notified %lu, in HLT %lu, through the IDT %lu, "
           "slept %lu, switched %lu, sent to itself %lu\n",
           SENDERS * posts, count.notified, count.in_halt, count.through_idt,
           count.slept, count.switches, count.rearmed);
    printf("# ON %d, SN %d, PIR %" PRIx64 ", UIRR %" PRIx64 ", posted_any %u, "
           "request %u, halted %u\n", !!(m.upid[0] & UPID_ON),
           !!(m.upid[0] & UPID_SN), m.upid[1], m.rr, m.apic.posted_any,
           m.cs.interrupt_request, m.cs.halted);
}

/*
 * Arguments: how many posts, and for how many seconds nothing need move.
 * Exit status: 0 good, 1 a post was lost; the sanitizer has its own.
 */
int main(int argc, char **argv)
{
    pthread_t threads[SENDERS + 2];
    bool bad;

    posts = (argc > 1 ? atol(argv[1]) : 1000000) / SENDERS;
    patience = argc > 2 ? atol(argv[2]) : 20;
    m.apic.cpu = &m.cs;
    m.uif = m.uinv = true;
    m.random = 1;
    pthread_cond_init(&m.cs.halt_cond, NULL);
    for (int i = 0; i < SENDERS; i++) {
        pthread_create(&threads[i], NULL, sender, &sender_done[i]);
    }
    pthread_create(&threads[SENDERS], NULL, other_sender, NULL);
    pthread_create(&threads[SENDERS + 1], NULL, processor, NULL);
    bad = lost();
    finish();
    for (int i = 0; i < SENDERS + 2; i++) {
        pthread_join(threads[i], NULL);
    }
    tell();
    puts(bad ? "a post was lost" : "every post was seen");
    return bad;
}
