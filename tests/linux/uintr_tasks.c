/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User interrupts between threads and processes, and what becomes of them at fork, exec, exit and
 * migration.
 *
 *   uintr_tasks [CASE...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uintr_common.h"

#define MANY    2000
#define PAUSE   50000   /* us, after which others most likely sleep */
#define MOVES   300     /* each may take a time slice of everybody */

/* Shared with children. */
static struct shared {
    volatile unsigned count, ready, stop;
    volatile int index;
} *shared;

static void share(void)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
}

static void __attribute__((interrupt)) note_shared(struct __uintr_frame *frame,
                                                   unsigned long long vector)
{
    (void)frame;
    (void)vector;
    shared->count = shared->count + 1;
}

/* ---- Threads ---- */

static volatile int the_fd, the_index;
static volatile unsigned ready, stop;

static void *receive_here(void *arg)
{
    (void)arg;
    receive(0);
    the_fd = uintr_vector_fd(1, 0);
    ready = 1;
    wait_until(&stop, 1);
    return NULL;
}

static void test_threads(void)
{
    pthread_t thread;
    int index;

    CHECK(!pthread_create(&thread, NULL, receive_here, NULL));
    CHECK(wait_until(&ready, 1));
    index = uintr_register_sender(the_fd, 0);
    CHECK(index >= 0);
    for (unsigned i = 1; i <= MANY; i++) {
        _senduipi(index);
        CHECK(wait_until(&count, i));
    }
    stop = 1;
    pthread_join(thread, NULL);
    CHECK(!_testui());
    /* A thread is joined a little before it is dead. */
    for (int i = 0; i < 1000 && index >= 0; i++) {
        CHECK(uintr_unregister_sender(index, 0) == 0);
        usleep(1000);
        index = uintr_register_sender(the_fd, 0);
    }
    CHECK(index == -1 && errno == ESHUTDOWN);
}

/* M10: the table is the process's: threads that were there before it and later ones send. */
static void *send_here(void *arg)
{
    (void)arg;
    ready++;
    while (the_index < 0) {
        __builtin_ia32_pause();
    }
    _senduipi(the_index);
    return NULL;
}

static void test_table_of_all_threads(void)
{
    pthread_t before[4], after;

    the_index = -1;
    for (int i = 0; i < 4; i++) {
        CHECK(!pthread_create(&before[i], NULL, send_here, NULL));
    }
    while (ready < 4) {
        sched_yield();
    }
    receive(0);
    the_index = uintr_register_self(0, 0);
    CHECK(the_index >= 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(before[i], NULL);
    }
    CHECK(wait_until(&count, 1));
    spin(1000000);
    count = 0;
    CHECK(!pthread_create(&after, NULL, send_here, NULL));
    pthread_join(after, NULL);
    CHECK(wait_until(&count, 1));
}

/* M10: it stays when the thread that made it has gone, before the others have run again. */
static void *register_and_end(void *arg)
{
    (void)arg;
    usleep(PAUSE);
    the_index = uintr_register_sender(the_fd, 0);
    return NULL;
}

static void test_table_outlives_its_thread(void)
{
    pthread_t thread;

    receive(0);
    the_fd = uintr_vector_fd(1, 0);
    the_index = -1;
    CHECK(!pthread_create(&thread, NULL, register_and_end, NULL));
    usleep(10 * PAUSE);
    CHECK(the_index >= 0);
    _senduipi(the_index);
    CHECK(wait_until(&count, 1));
}

/* ---- Processes ---- */

/* Sends many times, each after the one before was counted. */
static void send_many(int fd, unsigned many)
{
    int index = uintr_register_sender(fd, 0);

    CHECK(index >= 0);
    for (unsigned i = 1; i <= many; i++) {
        _senduipi(index);
        CHECK(wait_until(&shared->count, i));
    }
    _exit(0);
}

static bool child_is_good(pid_t child)
{
    int status;

    return waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status);
}

static void test_processes(void)
{
    int pair[2], fd;
    pid_t child;

    share();
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    child = fork();
    if (!child) {
        send_many(receive_fd(pair[1]), MANY);
    }
    CHECK(!uintr_register_handler(note_shared, 0));
    fd = uintr_vector_fd(60, 0);
    send_fd(pair[0], fd);
    close(fd);
    _stui();
    CHECK(wait_until(&shared->count, MANY));
    CHECK(child_is_good(child));
}

/* M4, M5: a receiver that moves from CPU to CPU, beside others that want them. */
static void burn(void)
{
    while (!shared->stop) {
        spin(1000);
    }
    _exit(0);
}

static void test_migration(void)
{
    pid_t sender, load[3];
    int fd;

    share();
    CHECK(!uintr_register_handler(note_shared, 0));
    fd = uintr_vector_fd(0, 0);
    for (int i = 0; i < 3; i++) {
        load[i] = fork();
        if (!load[i]) {
            burn();
        }
    }
    sender = fork();
    if (!sender) {
        send_many(fd, MOVES);
    }
    _stui();
    for (int i = 0; shared->count < MOVES; i++) {
        pin_to(i);
        spin(2000);
    }
    CHECK(child_is_good(sender));
    shared->stop = 1;
    for (int i = 0; i < 3; i++) {
        CHECK(child_is_good(load[i]));
    }
}

static void end_well(int signal)
{
    (void)signal;
    _exit(0);
}

/* M13: a child has no registration and no table, its parent keeps both. */
static void test_fork(void)
{
    int index;
    pid_t child;

    receive(0);
    index = uintr_register_self(2, 0);
    child = fork();
    if (!child) {
        CHECK(!_testui());
        CHECK(uintr_vector_fd(0, 0) == -1 && errno == EOPNOTSUPP);
        receive(0);
        CHECK(uintr_register_self(1, 0) == 0);
        _senduipi(0);
        CHECK(wait_until(&count, 1) && seen == 1u << 1);
        _exit(0);
    }
    CHECK(child_is_good(child));
    CHECK(count == 0 && _testui());
    _senduipi(index);
    CHECK(wait_until(&count, 1) && seen == 1u << 2);
    child = fork();
    if (!child) {
        signal(SIGILL, end_well);
        _senduipi(index);
        _exit(1);
    }
    CHECK(child_is_good(child));
}

/* M13: a program starts without what the one before it had. */
static void test_exec(void)
{
    int status;
    pid_t child = fork();

    if (!child) {
        int index, fd;

        CHECK(!uintr_register_handler(note, 0));
        index = uintr_register_self(2, 0);
        fd = uintr_vector_fd(3, 0);
        CHECK(dup2(fd, 40) == 40);      /* it stays open */
        _senduipi(index);
        execl("/proc/self/exe", "uintr_tasks", "--executed", NULL);
        _exit(1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int executed(void)
{
    CHECK(!_testui());
    CHECK(uintr_unregister_handler(0) == -1 && errno == EINVAL);
    CHECK(uintr_register_sender(40, 0) == -1 && errno == ESHUTDOWN);
    receive(0);
    spin(100000);
    CHECK(count == 0);
    CHECK(uintr_register_self(0, 0) == 0);
    _senduipi(0);
    CHECK(wait_until(&count, 1) && seen == 1);
    return 0;
}

static void __attribute__((interrupt)) leave(struct __uintr_frame *frame, unsigned long long vector)
{
    (void)frame;
    _exit(vector);
}

static void test_exit_in_handler(void)
{
    int status;

    for (int i = 0; i < 20; i++) {
        pid_t child = fork();

        if (!child) {
            CHECK(!uintr_register_handler(leave, 0));
            CHECK(uintr_register_self(42, 0) == 0);
            _stui();
            _senduipi(0);
            spin(PATIENCE);
            _exit(1);
        }
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    }
}

/* M11: receivers are killed while they are sent to; what is sent to the dead goes nowhere. */
static void test_killed_receiver(void)
{
    for (int i = 0; i < 20; i++) {
        int pair[2], index;
        pid_t child;

        CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
        child = fork();
        if (!child) {
            receive(0);
            send_fd(pair[1], uintr_vector_fd(1, 0));
            spin(PATIENCE);
            _exit(0);
        }
        index = uintr_register_sender(receive_fd(pair[0]), 0);
        CHECK(index >= 0);
        for (int n = 0; n < 20000; n++) {
            _senduipi(index);
            if (n == 10000) {
                kill(child, SIGKILL);
            }
        }
        CHECK(!child_is_good(child));
        _senduipi(index);
        CHECK(!uintr_unregister_sender(index, 0));
        close(pair[0]);
        close(pair[1]);
    }
}

/* M12: a receiver that may well have the UPID of one that was sent to when it was dead. */
static void test_fresh_upid(void)
{
    for (int i = 0; i < 10; i++) {
        int pair[2], index, fd;
        pid_t child;
        char byte;

        CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
        child = fork();
        if (!child) {
            receive(0);
            send_fd(pair[1], uintr_vector_fd(1, 0));
            CHECK(read(pair[1], &byte, 1) == 1);
            _exit(0);
        }
        fd = receive_fd(pair[0]);
        index = uintr_register_sender(fd, 0);
        CHECK(index >= 0);
        CHECK(write(pair[0], "", 1) == 1 && child_is_good(child));
        _senduipi(index);
        CHECK(!uintr_unregister_sender(index, 0));
        close(fd);
        child = fork();
        if (!child) {
            receive(0);
            spin(100000);
            CHECK(count == 0);
            _exit(0);
        }
        CHECK(child_is_good(child));
        close(pair[0]);
        close(pair[1]);
    }
}

static const struct test_case cases[] = {
    { "threads", test_threads },
    { "table-of-all-threads", test_table_of_all_threads },
    { "table-outlives-its-thread", test_table_outlives_its_thread },
    { "processes", test_processes },
    { "migration", test_migration },
    { "fork", test_fork },
    { "exec", test_exec },
    { "exit-in-handler", test_exit_in_handler },
    { "killed-receiver", test_killed_receiver },
    { "fresh-upid", test_fresh_upid },
};

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--executed")) {
        return executed();
    }
    return run_cases(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
