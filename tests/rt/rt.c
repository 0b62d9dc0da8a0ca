/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RT's processes, alone in a machine.  Most tests are programs with cases of
 * their own; around each of them nothing may get lost.
 */
#include "rt.h"

static uint32_t free_before;

static uint32_t all_free(void)
{
    return frames_free(&private_frames) + frames_free(&window_frames);
}

static bool all_processes_gone(void)
{
    for (int i = 0; i < PROCESSES_MAX; i++) {
        if (processes[i].state != PROCESS_FREE) {
            return false;
        }
    }
    return true;
}

/* Orphans may need a little longer. */
static void check_all_back(void)
{
    for (int i = 0; i < 2000 && !all_processes_gone(); i++) {
        thread_block(clock_now() + MILLISECOND);
    }
    CHECK(all_processes_gone());
    CHECK_EQ(all_free(), free_before);
}

static void begin(void)
{
    rt_alone = true;
    rt_start();
    free_before = all_free();
}

static void run_well(const char *command)
{
    begin();
    CHECK_EQ(rt_run(command), 0);
    check_all_back();
}

static void programs(void)
{
    begin();
    CHECK_EQ(rt_run("hello"), 0);
    CHECK_EQ(rt_run("hello_pie with arguments"), 0);
    CHECK_EQ(rt_run("nobody"), -2);
    CHECK_EQ(rt_run("broken"), -8);
    check_all_back();
}

static void life(void)
{
    run_well("life");
}

static void memory(void)
{
    run_well("memory");
    run_well("memory_pie");
}

static void faults(void)
{
    run_well("faults");
}

static void pointers(void)
{
    run_well("pointers");
}

static void thread_tests(void)
{
    run_well("threads");
}

static void uintr(void)
{
    run_well("uintr");
}

static void storm(void)
{
    run_well(arg_given("n") ? "forkstorm 10000 8" : "forkstorm 500 8");
}

static void mappings(void)
{
    run_well("mmapstress 2000 7");
}

/* The worst wake-up while others take all the time that they get. */
static void jitter(void)
{
    static const char *const others[] = {
        "forkstorm 400 4", "mmapstress 3000 5", "forkstorm 400 1",
    };
    int status, cyclic;

    begin();
    for (int i = 0; i < 3; i++) {
        CHECK(process_spawn(others[i], PRIORITY_USUAL) > 0);
    }
    cyclic = process_spawn(arg_is("accel", "icount") ?
                           "cyclictest 300 200 60 32000" :
                           "cyclictest 300 200 60", PRIORITY_USUAL);
    CHECK_EQ(process_wait(&kernel_process, cyclic, &status, true), cyclic);
    CHECK_EQ(status, 0);
    while (process_wait(&kernel_process, -1, &status, true) > 0) {
        CHECK_EQ(status, 0);
    }
    check_all_back();
}

const char *const test_group = "/rt";
const struct test tests[] = {
    { "programs", programs },
    { "life", life },
    { "memory", memory },
    { "faults", faults },
    { "pointers", pointers },
    { "threads", thread_tests },
    { "uintr", uintr },
    { "RT5-storm", storm },
    { "mappings", mappings },
    { "RT2-jitter", jitter },
    { 0 }
};
