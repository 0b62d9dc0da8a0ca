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

static void test_all_received(void)
{
    uint64_t seed = 1;

    upid_init(&task.upid, NV, 1);
    task.upid.low |= UPID_SN;
    sender_setup(&task.upid);
    smp_run(1, kernel, 1);
    smp_run(2, kernel, 2);
    for (uint64_t post = 1; post <= POSTS; post++) {
        work_a_while(&seed, BETWEEN);
        senduipi(0);
        if (!SOON(task.received == post)) {
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
