/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: each task of a process has a UITT of its own, but the index
 * that a registration gave is kept in the process.  If another task registers
 * before the first one has posted, the first one posts with the other's index,
 * where its own table has a receiver that is gone.
 */
#include "buggy.h"

const char *const test_group = "/buggy/index-per-process";

#define LIVES           10
#define ENTRIES         2
#define UPIDS           2               /* of receivers, by turns */
#define BETWEEN         400000          /* ticks, at most */
#define REGISTER_CALL   0x82

static struct sender {
    struct uitte table[ENTRIES] __attribute__((aligned(64)));
    uint64_t registered;
    volatile int index;
} senders[3];

static volatile int process_index;
static struct upid upids[UPIDS];
static volatile uint64_t lives;         /* begun so far */

static struct upid *upid_of(uint64_t life)
{
    return &upids[life % UPIDS];
}

static volatile int *index_of(struct sender *sender)
{
    return IS_FIXED ? &sender->index : &process_index;
}

/* Each entry in its turn; the other one is that of the receiver before. */
static void on_register(struct frame *f __attribute__((unused)))
{
    int cpu = this_cpu()->index;
    struct sender *sender = &senders[cpu];
    int entry = sender->registered++ % ENTRIES;

    sender->table[entry] = uitte(VECTOR + cpu, upid_of(lives));
    *index_of(sender) = entry;
}

static void in_ring_3(struct sender *sender)
{
    asm volatile("int %0" : : "i"(REGISTER_CALL) : "memory");
    senduipi(*index_of(sender));
}

static struct sender *make_sender(int cpu)
{
    struct sender *sender = &senders[cpu];

    for (int i = 0; i < ENTRIES; i++) {
        sender->table[i] = uitte(VECTOR + cpu, upid_of(0));
    }
    uintr_sender(sender->table, ENTRIES);
    return sender;
}

static void send(struct sender *sender, uint64_t *seed)
{
    work_a_while(seed, tsc_ticks(BETWEEN));
    run_user(in_ring_3, (uint64_t)USER(sender), 0);
}

/* The first receiver is only the first sender's. */
static uint64_t posts_until(uint64_t life)
{
    return 2 * life - 1;
}

/* A receiver, until all who know it have posted to it. */
static void live(uint64_t life)
{
    upid_init(upid_of(life), NV, apic_id());
    receiver_setup(upid_of(life));
    set_uinv(NV);
    lives = life;
    while (task.received < posts_until(life) && !task.ends) {
        run_slice();
    }
    set_uinv(0);
    set_sn(upid_of(life));
    wrmsr(UINTR_MSR_RR, 0);
}

static void kernel(uint64_t unused __attribute__((unused)))
{
    for (uint64_t life = 1; life <= LIVES && !task.ends; life++) {
        live(life);
    }
}

static void other_sender(uint64_t cpu)
{
    struct sender *sender = make_sender(cpu);
    uint64_t seed = cpu;

    for (uint64_t life = 2; life <= LIVES; life++) {
        while (lives < life) {
            if (task.ends) {
                return;
            }
            cpu_relax();
        }
        send(sender, &seed);
    }
}

static void test_all_received(void)
{
    struct sender *sender = make_sender(0);
    uint64_t seed = 0;

    trap_handle(REGISTER_CALL, on_register);
    idt_allow_user(REGISTER_CALL, true);
    upid_init(upid_of(0), NV, 1);
    set_sn(upid_of(0));
    smp_run(1, kernel, 0);
    smp_run(2, other_sender, 2);
    for (uint64_t life = 1; life <= LIVES; life++) {
        CHECK(SOON(lives == life));
        send(sender, &seed);
        if (!SOON(task.received >= posts_until(life))) {
            CHECK(!"a post was not received");
            break;
        }
    }
    task.ends = true;
    smp_wait(1);
    smp_wait(2);
}

const struct test tests[] = {
    { "all-received", test_all_received, 3 },
    {}
};
