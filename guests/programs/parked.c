/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parked: who waits in a call of the other side holds up nobody, is woken by
 * what it waits for, and can be killed (F36, F37).
 */
#include "libc.h"
#include "numbers.h"

#define WHILE           20000000ull     /* ns, in which a call gets there */
#define KILLED          9

static int32_t ends[2];
static int failures;
static volatile long thread_got;

static void check(bool good, const char *what)
{
    if (!good) {
        printf("parked: %s\n", what);
        failures++;
    }
}

static long read_some(void)
{
    char text[8];

    return read(ends[0], text, sizeof(text));
}

/* A child that reads where nothing is yet. */
static long start_reader(void)
{
    long pid = fork();

    if (!pid) {
        exit_group(read_some());
    }
    sleep_for(WHILE);
    return pid;
}

static bool has_ended(long pid, int wanted)
{
    int status;

    return waitpid(pid, &status, 0) == pid && status == wanted;
}

static void is_killed(void)
{
    int status;
    long pid = start_reader();

    check(pid > 0 && !waitpid(pid, &status, WNOHANG), "it does not wait");
    check(!kill(pid, KILLED) && has_ended(pid, KILLED), "it is not killed");
    check(write(ends[1], "abc", 3) == 3 && read_some() == 3,
          "it has read on");
}

static void is_woken(void)
{
    long pid = start_reader();

    check(write(ends[1], "abc", 3) == 3 && has_ended(pid, 3 << 8),
          "it is not woken");
}

static void read_in_thread(void *unused __attribute__((unused)))
{
    thread_got = read_some();
}

static void holds_up_nobody(void)
{
    struct pthread t;

    thread_got = -1;
    check(thread_create(&t, read_in_thread, NULL) > 0, "no thread");
    sleep_for(WHILE);
    for (int i = 0; i < 100; i++) {
        check(!null_call(), "a call does not end");
    }
    check(thread_got == -1, "it does not wait");
    check(write(ends[1], "abcd", 4) == 4, "it cannot be written");
    thread_join(&t);
    check(thread_got == 4, "the thread is not woken");
}

int main(void)
{
    check(!call(CALL_pipe, ends), "no pipe");
    is_killed();
    is_woken();
    holds_up_nobody();
    printf("RESULT parked failures %d\n", failures);
    return failures;
}
