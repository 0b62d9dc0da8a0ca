/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Under icount vCPUs execute in turn, and each has its turn between any two
 * timers: whoever waits for an interrupt gets every one of them.  The others
 * give their turns away until the timer is near, so that it expires in some
 * turn of any of them, and then keep them for longer than its period.
 */
#include "uintr.h"
#include "cyclic.h"

const char *const test_group = "/turns";

#define PERIOD          100000          /* TSC */
#define ROUNDS          2000

static struct cyclic task;
static volatile bool over;

static void spin(uint64_t until)
{
    uint64_t now;

    do {
        now = rdtsc();
    } while (now < until);
}

static void give_and_keep(uint64_t index)
{
    uint64_t timer = task.start + index * PERIOD, random = index;

    while (!over) {
        timer += 3 * PERIOD;
        while (rdtsc() < timer) {
            for (uint64_t n = random64(&random) % 8; n; n--) {
                asm volatile("nop");
            }
            cpu_relax();
        }
        spin(timer + 2 * PERIOD);
    }
}

static void test_every_timer(void)
{
    cyclic_task_begin(&task, PERIOD);
    sti();
    for (int i = 1; i < cpu_count(); i++) {
        smp_run(i, give_and_keep, i);
    }
    spin(task.start + ROUNDS * PERIOD);
    cli();
    over = true;
    for (int i = 1; i < cpu_count(); i++) {
        smp_wait(i);
    }
    printf("# %lu timers, %lu missed, %lu ns late at most\n", task.ticks,
           task.missed, task.latest);
    CHECK(task.ticks >= ROUNDS - 1);
    CHECK_EQ(task.missed, 0);
}

const struct test tests[] = {
    { "each-between-any-two-timers", test_every_timer },
    {}
};
