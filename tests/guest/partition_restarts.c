/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One side is restarted again and again; a cyclic task of the other side,
 * which has other work as well, misses no deadline.  That is exact under
 * icount; elsewhere the host decides, and the task must only go on.
 * Args: n=, only= one of the tests.
 */
#include "attack.h"
#include "pci.h"

const char *const test_group = "/partition/restarts";

#define PERIOD          100000          /* TSC */
#define RESET_PORT      0xcf9
#define RESET_NOW       6
#define NOTES_PAGE      0x7000          /* survives a reset */
#define NOTES_MAGIC     0x5354524154534552ull
#define WORDS           4096

/* edu at 05.0 is the second partition's. */
#define OWN_CONFIG      0xb0028000ull
#define OWN_BAR         0xfe000000ull
#define EDU_LIVENESS    4               /* reads as the inverse */
#define MARK            0x600dcafe

/* So is virtio-rng at 06.0: a reset of it clears its status. */
#define RNG_CONFIG      0xb0030000ull
#define RNG_MSIX        0xfe100000ull
#define RNG_BAR         0xfe104000ull
#define RNG_STATUS      (RNG_BAR + 0x14)
#define ACKNOWLEDGE     1

static struct {
    uint64_t magic, resets;
} *const notes = (void *)NOTES_PAGE;

static struct cyclic task;
static uint64_t words[WORDS];

static void begin_cyclic_task(void)
{
    cyclic_task_begin(&task, PERIOD);
    sti();
}

static void check_task(const char *whose, const struct cyclic *c)
{
    printf("# %s: %lu deadlines, %lu missed, %lu ns late at most\n", whose,
           c->ticks, c->missed, c->latest);
    CHECK(c->ticks > arg_number("n", 1));
    if (arg_is("accel", "icount")) {
        CHECK_EQ(c->missed, 0);
    }
}

static void work(void)
{
    static uint64_t x;

    for (int i = 0; i < WORDS; i++) {
        x = x * 5 + words[x % WORDS];
        words[i] += x;
    }
}

static void stop_task(void)
{
    cli();
    apic_write(APIC_TIMER_INIT, 0);
}

/* It asks for it itself: under icount at the same instruction every time. */
static void test_rt_itself(void)
{
    uint64_t n = arg_number("n", 1);

    begin_cyclic_task();
    for (uint64_t i = 1; i <= n; i++) {
        rt_ask(AGENT_OUT, RESET_PORT, RESET_NOW);
        while (AGENT->starts <= i) {
            work();
        }
        CHECK_EQ(AGENT->data, 1);
    }
    stop_task();
    check_task("the first", &task);
}

/* Somebody else does it, by the monitor, whatever the other side is doing. */
static void test_rt_monitor(void)
{
    begin_cyclic_task();
    while (AGENT->starts <= arg_number("n", 1)) {
        if (AGENT->done == AGENT->sequence) {
            rt_ask(AGENT_STORE, AGENT_MEMORY + AGENT_SIZE - 8, 0);
        }
        work();
    }
    stop_task();
    check_task("the first", &task);
}

static void enable_rng(void)
{
    rt_does(AGENT_STORE, RNG_CONFIG + PCI_BAR(1), RNG_MSIX);
    rt_does(AGENT_STORE, RNG_CONFIG + PCI_BAR(4), RNG_BAR);
    rt_does(AGENT_STORE, RNG_CONFIG + PCI_COMMAND, PCI_COMMAND_MEM_MASTER);
    rt_does(AGENT_STORE, RNG_STATUS, ACKNOWLEDGE);
}

static void first_life(void)
{
    notes->magic = NOTES_MAGIC;
    pci_init();
    enable_rng();
    rt_does(AGENT_STORE, OWN_CONFIG + PCI_BAR(0), OWN_BAR);
    rt_does(AGENT_STORE, OWN_CONFIG + PCI_COMMAND, PCI_COMMAND_MEM_MASTER);
    rt_does(AGENT_STORE, OWN_BAR + EDU_LIVENESS, MARK);
    rt_does(AGENT_CYCLIC, PERIOD, 0);
}

/* Each is a reset of everything but the partition and its devices (P17). */
static void test_first(void)
{
    if (notes->magic != NOTES_MAGIC) {
        first_life();
    }
    if (notes->resets++ < arg_number("n", 1)) {
        outb(RESET_PORT, RESET_NOW);
        for (;;) {
            cpu_relax();
        }
    }
    CHECK_EQ(AGENT->starts, 1);
    rt_does(AGENT_LOAD4, OWN_BAR + EDU_LIVENESS, 0);
    CHECK_EQ(AGENT->result, (uint32_t)~MARK);
    rt_does(AGENT_LOAD4, RNG_STATUS, 0);
    CHECK_EQ(AGENT->result & 0xff, ACKNOWLEDGE);
    check_task("the second", &AGENT->cyclic);
}

void payload_start(void)
{
    WAIT_FOR(AGENT->starts);
}

const struct test tests[] = {
    { "rt-by-itself", test_rt_itself },
    { "rt-by-monitor", test_rt_monitor },
    { "first", test_first },
    {}
};
