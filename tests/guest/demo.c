/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For people: two processors send user interrupts to each other from ring 3
 * and say how often and how fast.
 */
#include "uintr.h"

const char *const test_group = "/demo";

#define ROUNDS          20000ull
#define SHOWN           4

struct player {
    volatile uint64_t received, last_vector;
    struct upid upid;
} __attribute__((aligned(64)));

static struct player players[2];
static struct uitte table[2];
static volatile bool ready, stop;

/* The handlers are as small as they can be: count, note the vector, return. */
#define HANDLER(name, answer)                                               \
    static void __attribute__((naked, used)) name(void)                     \
    {                                                                       \
        asm volatile("push %rax; push %rbx\n" answer                        \
                     "pop %rbx; pop %rax; lea 8(%rsp), %rsp\n" UIRET_BYTES);\
    }
#define NOTE(offset)                                                        \
    "mov 16(%rsp), %rbx; mov %rbx, players+8+" offset "(%rip)\n"            \
    "incq players+" offset "(%rip)\n"

HANDLER(on_ping, NOTE("128") "xor %eax, %eax; " SENDUIPI_RAX_BYTES "\n")
HANDLER(on_pong, NOTE("0"))
_Static_assert(sizeof(struct player) == 128, "offset in on_ping");

static void join(int player, const void *handler, int vector)
{
    upid_init(&players[player].upid, NV, apic_id());
    table[player] = uitte(vector, &players[player].upid);
    uintr_receiver(USER(handler), &players[player].upid, NV);
    uintr_sender(table, 2);
    stui();
}

static void wait_for_stop(void)
{
    while (!stop) {
        cpu_relax();
    }
}

static void second_cpu(uint64_t unused)
{
    struct frame f;

    (void)unused;
    join(1, on_ping, 7);
    ready = true;
    f = frame_user(wait_for_stop, 0, 0);
    f.rflags |= RFLAGS_IF;
    run(&f);
}

static void play(uint64_t rounds)
{
    for (uint64_t i = 1; i <= rounds; i++) {
        senduipi(1);
        while (players[0].received < i) {
            cpu_relax();
        }
    }
}

static void run_rounds(uint64_t rounds)
{
    struct frame f = frame_user(play, rounds, 0);

    players[0].received = players[1].received = 0;
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_EXIT);
}

/* The timer counts nanoseconds; divided by 16 it lasts for a minute. */
static uint64_t clock_ns(void)
{
    return (0xffffffffull - apic_read(APIC_TIMER_NOW)) * 16;
}

static void start_clock(void)
{
    apic_write(APIC_LVT_TIMER, 1 << 16);
    apic_write(APIC_TIMER_DIV, 3);
    apic_write(APIC_TIMER_INIT, 0xffffffff);
}

static void test_ping_pong(void)
{
    uint64_t took, n = arg_number("n", ROUNDS);

    start_clock();
    join(0, on_pong, 3);
    smp_run(1, second_cpu, 0);
    CHECK(WAIT_FOR(ready));

    for (int i = 0; i < SHOWN; i++) {
        run_rounds(1);
        printf("  CPU 0, ring 3: SENDUIPI -> CPU 1, ring 3: handler with "
               "vector %lu, SENDUIPI -> CPU 0, ring 3: handler with vector "
               "%lu\n", players[1].last_vector, players[0].last_vector);
    }
    took = clock_ns();
    run_rounds(n);
    took = clock_ns() - took;
    stop = true;
    smp_wait(1);

    CHECK_EQ(players[0].received, n);
    CHECK_EQ(players[1].received, n);
    printf("  %lu round trips in %lu ms: %lu per second, %lu ns each, "
           "%lu lost\n", n, took / 1000000, n * 1000000000 / took, took / n,
           2 * n - players[0].received - players[1].received);
}

const struct test tests[] = {
    { "ping-pong", test_ping_pong, 2 },
    {}
};
