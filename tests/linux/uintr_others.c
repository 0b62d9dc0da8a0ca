/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What else the kernel does to tasks, with those that receive user interrupts: it stops, traces,
 * kills and filters them, and gives their memory and their descriptors to others.
 *
 *   uintr_others [CASE...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uintr_common.h"

#define SECOND      1000000
#define BLOCKED     50000   /* us, after which it most likely is */
#define STEPS       3000
#define CROWD       60

static volatile int the_index = -1;
static volatile unsigned ready;

static bool is_good(pid_t child)
{
    int status;

    return waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status);
}

/* Until something was delivered, whatever else ends the wait. */
static void wait_for_one(void)
{
    for (int i = 0; i < 100 && !count; i++) {
        uintr_wait(SECOND, 0);
        _stui();
        _clui();
    }
    CHECK(count == 1);
    _exit(0);
}

/* A process that waits for vector 1, and the operand for it. */
static pid_t start_waiting(int *index)
{
    int pair[2];
    pid_t child;

    CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    child = fork();
    if (!child) {
        CHECK(!uintr_register_handler(note, 0));
        send_fd(pair[1], uintr_vector_fd(1, 0));
        wait_for_one();
    }
    *index = uintr_register_sender(receive_fd(pair[0]), 0);
    CHECK(*index >= 0);
    close(pair[0]);
    close(pair[1]);
    return child;
}

static void test_stopped(void)
{
    int index, status;

    for (int i = 0; i < 10; i++) {
        pid_t child = start_waiting(&index);

        usleep(i & 1 ? BLOCKED : 0);
        CHECK(!kill(child, SIGSTOP));
        CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
        _senduipi(index);
        usleep(BLOCKED);
        CHECK(waitpid(child, &status, WNOHANG) == 0);
        CHECK(!kill(child, SIGCONT));
        CHECK(is_good(child));
    }
}

static void test_killed_waiting(void)
{
    int index, status;

    for (int i = 0; i < 20; i++) {
        pid_t child = start_waiting(&index);

        usleep(i & 1 ? BLOCKED : 0);
        CHECK(!kill(child, SIGKILL));
        _senduipi(index);
        CHECK(waitpid(child, &status, 0) == child);
        _senduipi(index);
        CHECK(!uintr_unregister_sender(index, 0));
    }
}

/* Many on the list of a CPU, each of which is told alone. */
static void test_crowd(void)
{
    pid_t children[CROWD];
    int index[CROWD];

    for (int i = 0; i < CROWD; i++) {
        children[i] = start_waiting(&index[i]);
    }
    usleep(BLOCKED);
    for (int i = 0; i < CROWD; i++) {
        int one = i * 7 % CROWD;

        _senduipi(index[one]);
        CHECK(is_good(children[one]));
    }
}

/* ---- tracing ---- */

static void send_to_self(void)
{
    CHECK(!ptrace(PTRACE_TRACEME, 0, 0, 0));
    receive(0);
    CHECK(uintr_register_self(3, 0) == 0);
    raise(SIGSTOP);
    for (unsigned i = 1; i <= 5000; i++) {
        _senduipi(0);
        CHECK(wait_until(&count, i));
    }
    _exit(0);
}

static void step(pid_t child, int request)
{
    struct user_regs_struct registers;
    int status;

    CHECK(!ptrace(request, child, 0, 0));
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    CHECK(!ptrace(PTRACE_GETREGS, child, 0, &registers));
    CHECK(!ptrace(PTRACE_SETREGS, child, 0, &registers));
}

/* One instruction at a time, and the handler among them. */
static void test_traced(void)
{
    pid_t child = fork();
    int status;

    if (!child) {
        send_to_self();
    }
    CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
    for (int i = 0; i < STEPS; i++) {
        step(child, PTRACE_SINGLESTEP);
    }
    CHECK(!ptrace(PTRACE_DETACH, child, 0, 0));
    CHECK(is_good(child));
}

/* A breakpoint in the handler; on the way out of it UIRET is stepped over, too. */
static void test_breakpoint(void)
{
    const long trap = 0xcc;
    struct user_regs_struct registers;
    pid_t child = fork();
    int status;
    long text;

    if (!child) {
        send_to_self();
    }
    CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
    errno = 0;
    text = ptrace(PTRACE_PEEKTEXT, child, note, 0);
    CHECK(!errno);
    for (int i = 0; i < 100; i++) {
        CHECK(!ptrace(PTRACE_POKETEXT, child, note, (text & ~0xffl) | trap));
        step(child, PTRACE_CONT);
        CHECK(!ptrace(PTRACE_GETREGS, child, 0, &registers));
        CHECK(registers.rip == (uintptr_t)note + 1);
        registers.rip--;
        CHECK(!ptrace(PTRACE_SETREGS, child, 0, &registers));
        CHECK(!ptrace(PTRACE_POKETEXT, child, note, text));
        for (int n = 0; n < STEPS / 100; n++) {
            step(child, PTRACE_SINGLESTEP);
        }
    }
    CHECK(!ptrace(PTRACE_DETACH, child, 0, 0));
    CHECK(is_good(child));
}

/* ---- memory and descriptors that others have, too ---- */

/* M10: whoever has the memory has the table; the registration is its own thread's. */
static void test_vfork(void)
{
    int index;
    pid_t child;

    receive(0);
    index = uintr_register_self(2, 0);
    child = vfork();
    if (!child) {
        _senduipi(index);
        _exit(_testui());
    }
    CHECK(is_good(child));
    CHECK(wait_until(&count, 1) && seen == 1u << 2);
    child = vfork();
    if (!child) {
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    CHECK(is_good(child));
    _senduipi(index);
    CHECK(wait_until(&count, 2));
}

static int send_when_possible(void *arg)
{
    (void)arg;
    ready = 1;
    while (the_index < 0) {
        __builtin_ia32_pause();
    }
    _senduipi(the_index);
    return 0;
}

/* M10: a process that has the memory, and was there before the table */
static void test_shared_memory(void)
{
    static uint8_t stack[65536];
    pid_t child = clone(send_when_possible, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);

    CHECK(child > 0 && wait_until(&ready, 1));
    receive(0);
    the_index = uintr_register_self(6, 0);
    CHECK(the_index >= 0);
    CHECK(is_good(child));
    CHECK(wait_until(&count, 1) && seen == 1u << 6);
}

/*
 * Descriptors that nobody ever takes out of a socket: the kernel looks for
 * them when another one goes.
 */
static void test_in_flight(void)
{
    int other[2];

    for (int i = 0; i < 50; i++) {
        int pair[2], fd;

        CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
        receive(0);
        fd = uintr_vector_fd(i, 0);
        send_fd(pair[0], fd);
        send_fd(pair[0], pair[0]);
        send_fd(pair[0], pair[1]);
        CHECK(!uintr_unregister_handler(0));
        CHECK(!close(fd) && !close(pair[0]) && !close(pair[1]));
    }
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, other));
    CHECK(!close(other[0]) && !close(other[1]));
}

/* ---- workers of io_uring, which have the memory, too, and run no code of the program ---- */

#define RINGS   4096

static int threads_of_module(void)
{
    char line[32] = "";
    FILE *file = fopen("/sys/class/misc/uintr/objects", "r");
    int n;

    CHECK(file && fscanf(file, "%31s %d", line, &n) == 2 && !strcmp(line, "threads"));
    fclose(file);
    return n;
}

/* A worker reads a byte from there. */
static void let_worker_read(int from)
{
    static char byte;
    struct io_uring_params p = { };
    int fd = syscall(SYS_io_uring_setup, 4, &p);
    uint8_t *ring = mmap(NULL, RINGS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entry = mmap(NULL, RINGS, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                                      IORING_OFF_SQES);

    CHECK(fd >= 0 && ring != MAP_FAILED && entry != MAP_FAILED);
    *entry = (struct io_uring_sqe) { .opcode = IORING_OP_READ, .flags = IOSQE_ASYNC, .fd = from,
                                     .addr = (uintptr_t)&byte, .len = 1 };
    *(unsigned *)(ring + p.sq_off.array) = 0;
    __atomic_store_n((unsigned *)(ring + p.sq_off.tail), 1, __ATOMIC_RELEASE);
    CHECK(syscall(SYS_io_uring_enter, fd, 1, 0, 0, NULL, 0) == 1);
}

static void test_io_worker(void)
{
    int ends[2];

    for (int i = 0; i < 100 && threads_of_module(); i++) {
        usleep(BLOCKED);
    }
    CHECK(!pipe(ends));
    let_worker_read(ends[0]);
    usleep(BLOCKED);
    receive(0);
    CHECK(uintr_register_self(0, 0) == 0);
    CHECK(write(ends[1], "", 1) == 1);
    usleep(BLOCKED);
    CHECK(threads_of_module() == 1);
    _senduipi(0);
    CHECK(wait_until(&count, 1));
}

/* ---- filtered, and another program ---- */

/* No call but read, write and exit: user interrupts are none. */
static void test_seccomp(void)
{
    pid_t child = fork();

    if (!child) {
        receive(0);
        CHECK(uintr_register_self(8, 0) == 0);
        CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
        for (unsigned i = 1; i <= 1000; i++) {
            _senduipi(0);
            CHECK(wait_until(&count, i));
        }
        syscall(SYS_exit, 0);
    }
    CHECK(is_good(child));
}

static void __attribute__((interrupt)) become_other(struct __uintr_frame *frame,
                                                    unsigned long long vector)
{
    (void)frame;
    (void)vector;
    execl("/proc/self/exe", "uintr_others", "--executed", NULL);
    _exit(1);
}

static void test_exec_in_handler(void)
{
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();

        if (!child) {
            CHECK(!uintr_register_handler(become_other, 0));
            CHECK(uintr_register_self(42, 0) == 0);
            _senduipi(0);
            _stui();
            spin(PATIENCE);
            _exit(1);
        }
        CHECK(is_good(child));
    }
}

static int executed(void)
{
    CHECK(!_testui());
    CHECK(uintr_unregister_handler(0) == -1 && errno == EINVAL);
    _stui();
    spin(10000);
    receive(0);
    CHECK(uintr_register_self(0, 0) == 0);
    _senduipi(0);
    CHECK(wait_until(&count, 1) && seen == 1);
    return 0;
}

static const struct test_case cases[] = {
    { "stopped", test_stopped },
    { "killed-waiting", test_killed_waiting },
    { "crowd", test_crowd },
    { "traced", test_traced },
    { "breakpoint", test_breakpoint },
    { "vfork", test_vfork },
    { "shared-memory", test_shared_memory },
    { "in-flight", test_in_flight },
    { "io-worker", test_io_worker },
    { "seccomp", test_seccomp },
    { "exec-in-handler", test_exec_in_handler },
};

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--executed")) {
        return executed();
    }
    return run_cases(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
