/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fork, exec, wait, kill, and what is left behind. */
#include "check.h"
#include "numbers.h"

#define PAGE            4096
#define SIGSEGV         11
#define MANY            200             /* more than there can be */

static volatile int shared = 1;

static void fork_copies(void)
{
    int status;
    long me = getpid(), pid = fork();

    if (!pid) {
        bool good = shared == 1 && getppid() == me && getpid() != me;

        shared = 2;
        exit_group(good ? 7 : 8);
    }
    CHECK(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 7 << 8);
    CHECK_EQ(shared, 1);
}

static void wait_finds(void)
{
    int status = 5;
    long slow, quick;

    CHECK_EQ(waitpid(-1, &status, 0), -ECHILD);
    slow = fork();
    if (!slow) {
        sleep_for(20000000);
        exit_group(1);
    }
    CHECK_EQ(waitpid(slow, &status, WNOHANG), 0);
    CHECK_EQ(status, 5);
    quick = fork();
    if (!quick) {
        exit_group(2);
    }
    CHECK_EQ(waitpid(-1, &status, 0), quick);
    CHECK_EQ(status, 2 << 8);
    CHECK_EQ(waitpid(quick, &status, 0), -ECHILD);
    CHECK_EQ(waitpid(slow, &status, 0), slow);
    CHECK_EQ(status, 1 << 8);
    CHECK_EQ(waitpid(0, &status, 0), -EINVAL);
    CHECK_EQ(waitpid(-1, &status, 77), -EINVAL);
}

/* The grandchild outlives its parent, and belongs to nobody then. */
static void orphan(void)
{
    if (!fork()) {
        sleep_for(10000000);
        exit_group(getppid() != 1);
    }
}

static void orphans_end(void)
{
    CHECK_EQ(status_of(orphan), 0);
    sleep_for(30000000);
}

static void leave_zombies(void)
{
    for (int i = 0; i < 5; i++) {
        if (!fork()) {
            exit_group(i);
        }
    }
    sleep_for(5000000);
}

static void zombies_go_with_their_parent(void)
{
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(status_of(leave_zombies), 0);
    }
}

static void exec_fails(void)
{
    static char big[PAGE];
    char *const none[] = { "nobody", NULL };
    char *const much[] = { "hello", big, NULL };
    char *words[80] = { "hello" };

    CHECK_EQ(execve("nobody", none), -ENOENT);
    memset(big, 'x', sizeof(big) - 1);
    CHECK_EQ(execve("hello", much), -E2BIG);
    for (int i = 1; i < 79; i++) {
        words[i] = "w";
    }
    CHECK_EQ(execve("hello", words), -E2BIG);
    CHECK_EQ(execve((char *)8, none), -EFAULT);
    CHECK_EQ(execve("hello", (char **)8), -EFAULT);
}

/* ---- FS: a thread's own, which fork copies and exec takes away ---- */

static volatile uint64_t at_fs = 0x77;

static uint64_t word_at_fs(void)
{
    uint64_t word;

    asm volatile("mov %%fs:0, %0" : "=r"(word));
    return word;
}

static void read_fs(void)
{
    CHECK_EQ(word_at_fs(), 0x77);
}

static void fork_copies_fs(void)
{
    CHECK_EQ(call(CALL_arch_prctl, 0x1002, &at_fs), 0);
    CHECK_EQ(status_of(read_fs), 0);
}

static void exec_with_fs(void)
{
    char *const argv[] = { "life", "RT6-begins-without-fs", NULL };

    CHECK_EQ(call(CALL_arch_prctl, 0x1002, &at_fs), 0);
    execve("life", argv);
    exit_group(9);
}

/* At the base that it has is nothing. */
static void begins_without_fs(void)
{
    CHECK_EQ(status_of(read_fs), SIGSEGV);
}

static void fs_is_its_own(void)
{
    CHECK_EQ(status_of(fork_copies_fs), 0);
    CHECK_EQ(status_of(exec_with_fs), 0);
}

static void exec_bad_image(void)
{
    char *const argv[] = { "broken", NULL };

    CHECK_EQ(execve("broken", argv), -ENOEXEC);
}

static void spin(void *unused __attribute__((unused)))
{
    for (;;) {
        asm volatile("pause");
    }
}

static void snore(void *unused __attribute__((unused)))
{
    sleep_for(1000 * SECOND);
}

static void wait_for_ever(void *unused __attribute__((unused)))
{
    static volatile uint32_t word;

    futex(&word, FUTEX_WAIT, 0);
}

static void start_threads(void)
{
    static struct pthread t[3];

    thread_create(&t[0], spin, NULL);
    thread_create(&t[1], snore, NULL);
    thread_create(&t[2], wait_for_ever, NULL);
    sleep_for(1000000);
}

static void exec_with_threads(void)
{
    char *const argv[] = { "hello", "behind", "threads", NULL };

    start_threads();
    execve("hello", argv);
    exit_group(9);
}

/* Nor do they run in the new program's memory, which takes its time. */
static void exec_longer(void)
{
    char *const argv[] = { "cyclictest", "30", "1000", "20", NULL };

    start_threads();
    execve("cyclictest", argv);
    exit_group(9);
}

static void exit_with_threads(void)
{
    start_threads();
    exit_group(0);
}

static void die_with_threads(void)
{
    start_threads();
    *(volatile int *)8 = 0;
}

static void threads_end(void)
{
    CHECK_EQ(status_of(exec_with_threads), 0);
    CHECK_EQ(status_of(exec_longer), 0);
    CHECK_EQ(status_of(exit_with_threads), 0);
    CHECK_EQ(status_of(die_with_threads), 11);
}

static void leave_late(void *unused __attribute__((unused)))
{
    sleep_for(3000000);
    call(CALL_exit, 7);
}

/* The first thread goes before the second. */
static void leave_one_by_one(void)
{
    static struct pthread t;

    thread_create(&t, leave_late, NULL);
    call(CALL_exit, 5);
}

static void last_thread_counts(void)
{
    CHECK_EQ(status_of(leave_one_by_one), 7 << 8);
}

static void kill_finds(void)
{
    void (*const fns[])(void *) = { spin, snore, wait_for_ever };
    int status;

    for (int i = 0; i < 3; i++) {
        long pid = fork();

        if (!pid) {
            fns[i](NULL);
        }
        sleep_for(1000000);
        CHECK_EQ(kill(pid, 0), 0);
        CHECK_EQ(kill(pid, 9), 0);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(exit_signal(status), 9);
        CHECK_EQ(kill(pid, 9), -ESRCH);
    }
}

/* All the places are taken, and then there are some again. */
static void processes_run_out(void)
{
    long pids[MANY], n = 0;
    int status;

    for (;; n++) {
        pids[n] = n < MANY - 1 ? fork() : 0;
        if (!pids[n]) {
            sleep_for(1000 * SECOND);
        }
        if (pids[n] < 0) {
            break;
        }
    }
    CHECK_EQ(pids[n], -EAGAIN);
    CHECK(n >= 64);
    while (n--) {
        CHECK_EQ(kill(pids[n], 9), 0);
    }
    while (waitpid(-1, &status, 0) > 0) {
        CHECK_EQ(status, 9);
    }
    CHECK_EQ(status_of(exit_with_threads), 0);
}

const struct check_case cases[] = {
    { "fork-copies", fork_copies },
    { "RT5-wait-finds", wait_finds },
    { "RT5-orphans-end", orphans_end },
    { "RT5-zombies-go", zombies_go_with_their_parent },
    { "RT6-exec-fails", exec_fails },
    { "RT6-exec-bad-image", exec_bad_image },
    { "RT6-begins-without-fs", begins_without_fs },
    { "RT7-fs-is-its-own", fs_is_its_own },
    { "RT5-threads-end", threads_end },
    { "RT5-last-thread-counts", last_thread_counts },
    { "RT5-kill-finds", kill_finds },
    { "RT5-processes-run-out", processes_run_out },
    { 0 }
};
