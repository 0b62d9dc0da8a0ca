/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RT as people run it: the words "run=COMMAND,ARGUMENT,...;COMMAND,..." say
 * what, one command after the other, "hello" if there is none; the next one
 * does not wait for a command with "&" at its end.  How it has ended stands on
 * RT's own console, whatever the other side shows.  "timeout=N" is how long
 * a forwarded call and the other side's beginning may take, in milliseconds.
 * With "trespass=1" RT then reaches for memory that is not its own.
 */
#include "memmap.h"
#include "remote.h"
#include "rt.h"

#define ROOM            400
#define TIMEOUT         1000

static void blank(char *s)
{
    for (; *s; s++) {
        if (*s == ',') {
            *s = ' ';
        }
    }
}

static char *end_of(char *command)
{
    while (*command && *command != ';') {
        command++;
    }
    return command;
}

static uint32_t frames(void)
{
    return frames_free(&private_frames) + frames_free(&window_frames);
}

/* Those that a late call may write come back when the other side says so. */
static uint32_t wait_for_kept(void)
{
    uint64_t end = clock_now() + 10 * scf_timeout;

    while (window_frames.kept && clock_now() < end) {
        thread_block(clock_now() + MILLISECOND);
    }
    return window_frames.kept;
}

static void run_command(char *command)
{
    size_t n = strlen(command);
    int status;

    if (n && command[n - 1] == '&') {
        command[n - 1] = 0;
        CHECK(process_spawn(command, PRIORITY_USUAL) > 0);
    } else {
        status = rt_run(command);
        printf("# %s has ended with %d\n", command, status);
        CHECK_EQ(status, 0);
    }
}

static void wait_for_others(void)
{
    int status;

    while (process_wait(&kernel_process, -1, &status, true) > 0) {
        CHECK_EQ(status, 0);
    }
}

static void run_commands(void)
{
    static char text[ROOM] = "hello";
    uint32_t before, kept;
    uint64_t halts, told;
    char *next;

    if (arg_given("run")) {
        arg_text("run", text, sizeof(text));
    }
    scf_timeout = arg_number("timeout", TIMEOUT) * MILLISECOND;
    rt_start();
    thread_set_priority(thread_current(), PRIORITY_USUAL);  /* as theirs */
    before = frames();
    halts = rt_halts();
    told = scf_told;
    for (char *command = text; *command; command = next) {
        next = end_of(command);
        if (*next) {
            *next++ = 0;
        }
        blank(command);
        run_command(command);
    }
    wait_for_others();
    printf("# the CPU has halted %lu times, and was told %lu times\n",
           rt_halts() - halts, scf_told - told);
    kept = wait_for_kept();
    printf("# %u frames are kept\n", kept);
    CHECK_EQ(frames() + kept, before);
}

static void trespass(void)
{
    if (arg_given("trespass")) {
        *(volatile uint32_t *)GP_MEMORY = 0xbad;
    }
}

const char *const test_group = "/rt";
const struct test tests[] = {
    { "commands", run_commands },
    { "trespass", trespass },
    { 0 }
};
