/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A task that goes from CPU to CPU; the switch has the mistake. */
#include "switches.h"

#define POSTS 10
#define BETWEEN 100000                  /* ticks, at most */

static volatile uint64_t turn = 1;      /* the CPU that has the task */

uint32_t next_cpu(void)
{
    return 3 - turn;
}

/* The task goes to the other CPU after every slice. */
static void kernel(uint64_t cpu)
{
    receiver_setup(&task.upid);
    while (!task.ends) {
        if (turn == cpu) {
            switch_on();
            do {
                run_slice();
            } while (task.upid.pir && !task.ends);
            switch_off();
            turn = next_cpu();
        }
        other_work();
    }
}

static void work(uint64_t post __attribute__((unused)))
{
    static uint64_t seed = 1;

    work_a_while(&seed, tsc_ticks(BETWEEN));
}

static void test_all_received(void)
{
    upid_init(&task.upid, NV, 1);
    task.upid.low |= UPID_SN;
    every_post_arrives(kernel, 2, POSTS, work);
}

const struct test tests[] = {
    { "all-received", test_all_received, 3 },
    {}
};
