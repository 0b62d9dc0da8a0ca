/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first partition as the victim of a hostile one
 * (tests/partition/hostile.c): meanwhile a cyclic task of it misses nothing,
 * no strange interrupt comes, and at last its memory is what it was.  Args:
 * rounds=, seed=.
 */
#include "cyclic.h"
#include "hostile.h"
#include "pci.h"

const char *const test_group = "/partition/fuzz";

#define FIRST_PAGE      0x1000000       /* 16 MiB of this machine's 64 */
#define WORDS           (0x1000000 / 8)
#define PERIOD          100000
#define AFTER           50              /* periods beside what is left of it */
#define LONG            1000            /* rounds, and it begins anew */

static volatile uint64_t strangers;
static struct cyclic task;

static void count_stranger(struct frame *f)
{
    strangers++;
    (void)f;
}

static uint64_t pattern(uint64_t i)
{
    return i * 0x9e3779b97f4a7c15 ^ i >> 3;
}

static void fill_memory(void)
{
    volatile uint64_t *memory = (void *)FIRST_PAGE;

    for (uint64_t i = 0; i < WORDS; i++) {
        memory[i] = pattern(i);
    }
}

static uint64_t hash_memory(void)
{
    volatile uint64_t *memory = (void *)FIRST_PAGE;
    uint64_t hash = 0;

    for (uint64_t i = 0; i < WORDS; i++) {
        hash = (hash ^ memory[i]) * 0x9e3779b97f4a7c15;
    }
    return hash;
}

static void listen(void)
{
    for (int vector = 32; vector < 256; vector++) {
        if (vector != VEC_EXIT) {       /* which would end the test */
            trap_handle(vector, count_stranger);
        }
    }
    trap_handle(VEC_NMI, count_stranger);
}

static void be_attacked(void)
{
    HOSTILE->left = arg_number("rounds", 10000);
    HOSTILE->seed = arg_number("seed", 1);
    HOSTILE->begin = 1;
    sti();
    while (!HOSTILE->done) {
        cpu_relax();
    }
    for (uint64_t last = task.ticks + AFTER; task.ticks < last; ) {
        cpu_relax();
    }
    cli();
}

/* Under icount these words are the same as without any attack. */
static void report(uint64_t hash)
{
    printf("# VICTIM memory 0x%lx missed %lu strangers %lu\n", hash,
           arg_is("accel", "icount") ? task.missed : 0, strangers);
    printf("# %lu deadlines, %lu missed; %lu lives of the other side\n",
           task.ticks, task.missed, HOSTILE->lives);
}

static void test_victim(void)
{
    uint64_t before, after, ports = inb(0x21);

    fill_memory();
    before = hash_memory();
    listen();
    cyclic_task_begin(&task, PERIOD);
    be_attacked();
    apic_write(APIC_TIMER_INIT, 0);
    after = hash_memory();
    report(after);
    CHECK_EQ(after, before);
    CHECK_EQ(strangers, 0);
    CHECK(task.ticks > 0);
    if (arg_is("accel", "icount")) {
        CHECK_EQ(task.missed, 0);
    }
    CHECK_EQ(inb(0x21), ports);
    if (arg_number("rounds", 10000) >= LONG) {
        CHECK(HOSTILE->lives > 1);
    }
    CHECK_EQ(HOSTILE->failures, 0);
}

/* It finds its disk through the window that this side opens. */
void payload_start(void)
{
    pci_init();
    WAIT_FOR(HOSTILE->lives);
}

const struct test tests[] = {
    { "victim-notices-nothing", test_victim },
    {}
};
