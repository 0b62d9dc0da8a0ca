/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User interrupts on the stock kernel: what the calls promise to one thread.
 *
 *   uintr [CASE...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uintr_common.h"

#define FAILS(call, error)  CHECK((call) == -1 && errno == (error))

/* M3: UIF is clear before STUI and when the registration has gone. */
static void test_self(void)
{
    int index;

    CHECK(!uintr_register_handler(note, 0));
    index = uintr_register_self(5, 0);
    CHECK(index >= 0);
    _senduipi(index);
    CHECK(count == 0 && !_testui());
    _stui();
    CHECK(wait_until(&count, 1));
    CHECK(seen == 1u << 5);
    for (int i = 0; i < 1000; i++) {
        _senduipi(index);
        CHECK(wait_until(&count, 2 + i));
    }
    CHECK(!uintr_unregister_handler(0));
    CHECK(!_testui());
}

/* M3: STUI of a thread without registers is the CPU's, and no registration's. */
static void test_begins_masked(void)
{
    pin_to(0);
    _stui();
    CHECK(!uintr_register_handler(note, 0));
    CHECK(!_testui());
}

/* The same where the thread sends already. */
static void test_sender_begins_masked(void)
{
    int fd;

    pin_to(0);
    CHECK(!uintr_register_handler(note, 0));
    fd = uintr_vector_fd(0, 0);
    CHECK(uintr_register_sender(fd, 0) == 0);
    CHECK(!uintr_unregister_handler(0));
    _stui();
    CHECK(!uintr_register_handler(note, 0));
    CHECK(!_testui());
}

/* The same where it was another process that ran on this CPU. */
static void test_others_uif(void)
{
    int status;
    pid_t child;

    pin_to(0);
    child = fork();
    if (!child) {
        _stui();
        _exit(!_testui());
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(!uintr_register_handler(note, 0));
    CHECK(!_testui());
}

/* All 64 while UIF is clear: then the highest comes first. */
static void test_vectors(void)
{
    int index[64];

    CHECK(!uintr_register_handler(note, 0));
    for (int i = 0; i < 64; i++) {
        int fd = uintr_vector_fd(i, 0);

        CHECK(fd >= 0);
        index[i] = uintr_register_sender(fd, 0);
        CHECK(index[i] >= 0);
        _senduipi(index[i]);
    }
    usleep(1000);
    CHECK(count == 0);
    _stui();
    CHECK(wait_until(&count, 64));
    CHECK(seen == ~0ull && count == 64);
    for (int i = 0; i < 64; i++) {
        CHECK(order[i] == 63 - i);
    }
}

static void test_receiver_errors(void)
{
    FAILS(uintr_vector_fd(0, 0), EOPNOTSUPP);
    FAILS(uintr_register_self(0, 0), EOPNOTSUPP);
    FAILS(uintr_wait(1, 0), EOPNOTSUPP);
    FAILS(uintr_alt_stack(NULL, 0, 0), EOPNOTSUPP);
    FAILS(uintr_unregister_handler(0), EINVAL);
    FAILS(uintr_register_handler(NULL, 0), EFAULT);
    FAILS(uintr_register_handler((void *)0x8000000000000000, 0), EFAULT);
    FAILS(uintr_register_handler((void *)-4096l, 0), EFAULT);
    FAILS(uintr_register_handler(note, 1), EINVAL);
    receive(0);
    FAILS(uintr_register_handler(note, 0), EBUSY);
    FAILS(uintr_vector_fd(64, 0), ENOSPC);
    FAILS(uintr_vector_fd(-1, 0), ENOSPC);
    FAILS(uintr_vector_fd(0, 1), EINVAL);
    FAILS(uintr_wait(UINTR_WAIT_MAX_USEC + 1, 0), EINVAL);
    FAILS(uintr_unregister_handler(1), EINVAL);
    FAILS(uintr_alt_stack((void *)-4096l, 4096, 0), EFAULT);
    FAILS(uintr_alt_stack((void *)0x10000, 8, 0), ENOMEM);
    CHECK(uintr_vector_fd(7, 0) >= 0);
    FAILS(uintr_vector_fd(7, 0), EBUSY);
}

static void test_sender_errors(void)
{
    int fd;

    FAILS(uintr_unregister_sender(0, 0), EINVAL);
    receive(0);
    fd = uintr_create_fd(1, 0);
    CHECK(fd >= 0);
    FAILS(uintr_register_sender(12345, 0), EBADF);
    FAILS(uintr_register_sender(2, 0), EOPNOTSUPP);
    FAILS(ioctl(open(UINTR_DEVICE, O_RDWR), UINTR_IOC_REGISTER_SENDER, fd | 1ul << 32), EBADF);
    FAILS(uintr_register_sender(fd, 1), EINVAL);
    CHECK(uintr_register_sender(fd, 0) == 0);
    FAILS(uintr_register_sender(fd, 0), EISCONN);
    FAILS(uintr_unregister_sender(1, 0), EINVAL);
    FAILS(uintr_unregister_sender(-1, 0), EINVAL);
    FAILS(uintr_unregister_sender(UINTR_MAX_SENDERS, 0), EINVAL);
    CHECK(!uintr_unregister_sender(0, 0));
    FAILS(uintr_unregister_sender(0, 0), EINVAL);
    CHECK(!uintr_unregister_handler(0));
    FAILS(uintr_register_sender(fd, 0), ECONNRESET);
    FAILS(ioctl(open(UINTR_DEVICE, O_RDWR), _IO(UINTR_IOC_MAGIC, 99), 0), ENOTTY);
}

/* 256 entries, then none; a registration that has gone leaves its UPID as it is. */
static void test_table_full(void)
{
    int fd[64];

    for (int round = 0; round < UINTR_MAX_SENDERS / 64; round++) {
        receive(0);
        for (int i = 0; i < 64; i++) {
            fd[i] = uintr_vector_fd(i, 0);
            CHECK(uintr_register_sender(fd[i], 0) == round * 64 + i);
        }
        CHECK(!uintr_unregister_handler(0));
    }
    receive(0);
    fd[0] = uintr_vector_fd(0, 0);
    FAILS(uintr_register_sender(fd[0], 0), ENOSPC);
    CHECK(!uintr_unregister_sender(200, 0));
    CHECK(uintr_register_sender(fd[0], 0) == 200);
    _senduipi(0);
    _senduipi(255);
    spin(100000);
    CHECK(count == 0);
    _senduipi(200);
    CHECK(wait_until(&count, 1));
}

static uint8_t stack[16384] __attribute__((aligned(4096)));
static volatile bool on_stack;

static void __attribute__((interrupt)) look_at_stack(struct __uintr_frame *frame,
                                                     unsigned long long vector)
{
    uint8_t *here = __builtin_frame_address(0);

    (void)frame;
    (void)vector;
    on_stack = here > stack && here <= stack + sizeof(stack);
    count = count + 1;
}

static void test_alt_stack(void)
{
    int index;

    CHECK(!uintr_register_handler(look_at_stack, 0));
    index = uintr_register_self(0, 0);
    _stui();
    _senduipi(index);
    CHECK(wait_until(&count, 1) && !on_stack);
    CHECK(!uintr_alt_stack(stack, sizeof(stack), 0));
    CHECK(_testui());
    _senduipi(index);
    CHECK(wait_until(&count, 2) && on_stack);
    CHECK(!uintr_alt_stack(NULL, 0, 0));
    _senduipi(index);
    CHECK(wait_until(&count, 3) && !on_stack);
}

/* An operand that is not registered: SIGILL without a table, SIGSEGV with one. */
static sigjmp_buf escape;

static void caught(int signal)
{
    siglongjmp(escape, signal);
}

static void signal_handler(int number, void (*function)(int))
{
    struct sigaction action = { .sa_handler = function };

    CHECK(!sigaction(number, &action, NULL));
}

/* The signal that it brings, or 0. */
static int send_wild(uint64_t operand)
{
    int signal = sigsetjmp(escape, 1);

    if (!signal) {
        _senduipi(operand);
    }
    return signal;
}

static void test_wild_operands(void)
{
    signal_handler(SIGILL, caught);
    signal_handler(SIGSEGV, caught);
    CHECK(send_wild(0) == SIGILL);
    receive(0);
    CHECK(uintr_register_self(0, 0) == 0);
    for (uint64_t wild = 1; wild; wild <<= 1) {
        CHECK(send_wild(wild) == SIGSEGV);
    }
    _senduipi(0);
    CHECK(wait_until(&count, 1));
}

/* A handler that cannot be reached, and a stack that is not there, are the program's own fault. */
static void test_wild_handler(void)
{
    int signal;

    signal_handler(SIGSEGV, caught);
    CHECK(!uintr_register_handler((void *)0x10000, 0));
    CHECK(uintr_register_self(0, 0) == 0);
    signal = sigsetjmp(escape, 1);
    if (!signal) {
        _stui();
        _senduipi(0);
        spin(PATIENCE);
    }
    CHECK(signal == SIGSEGV);
    CHECK(!uintr_unregister_handler(0));
}

/* The signal's handler is interrupted in its turn, before its first instruction: nothing helps. */
static void test_wild_stack(void)
{
    int status;
    pid_t child = fork();

    if (!child) {
        signal_handler(SIGSEGV, caught);
        receive(0);
        CHECK(!uintr_alt_stack((void *)0x10000, 8192, 0));
        CHECK(uintr_register_self(0, 0) == 0);
        _senduipi(0);
        spin(100000);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    receive(0);
    CHECK(uintr_register_self(0, 0) == 0);
    _senduipi(0);
    CHECK(wait_until(&count, 1));
}

/* Signals and user interrupts each interrupt the other's handler, or not. */
static volatile unsigned signals, inside;
static int self_index;

static void on_signal(int signal)
{
    unsigned before = count;

    (void)signal;
    _senduipi(self_index);
    inside += wait_until(&count, before + 1);
    signals++;
}

static void __attribute__((interrupt)) raise_signal(struct __uintr_frame *frame,
                                                    unsigned long long vector)
{
    (void)frame;
    (void)vector;
    if (!count) {
        kill(getpid(), SIGUSR2);
    }
    count = count + 1;
}

static void only_count(int signal)
{
    (void)signal;
    inside += !_testui();
    signals++;
}

static void test_in_signal_handler(void)
{
    signal_handler(SIGUSR1, on_signal);
    receive(0);
    self_index = uintr_register_self(9, 0);
    for (int i = 0; i < 100; i++) {
        kill(getpid(), SIGUSR1);
    }
    CHECK(signals == 100 && inside == 100 && count == 100);
}

static void test_signal_in_handler(void)
{
    signal_handler(SIGUSR2, only_count);
    CHECK(!uintr_register_handler(raise_signal, 0));
    self_index = uintr_register_self(9, 0);
    _stui();
    _senduipi(self_index);
    CHECK(wait_until(&count, 1));
    CHECK(signals == 1 && inside == 1);
    CHECK(_testui());
}

/* M13: what a signal handler registers is there when it has returned. */
static void register_here(int signal)
{
    (void)signal;
    receive(0);
    self_index = uintr_register_self(3, 0);
}

static void test_registered_in_signal(void)
{
    signal_handler(SIGUSR1, register_here);
    kill(getpid(), SIGUSR1);
    CHECK(_testui());
    _senduipi(self_index);
    CHECK(wait_until(&count, 1) && seen == 1u << 3);
}

/* The red zone below RSP is nobody else's. */
static void test_red_zone(void)
{
    uint64_t changed;

    receive(0);
    self_index = uintr_register_self(0, 0);
    for (int i = 0; i < 1000; i++) {
        asm volatile("mov %%rsp, %%rax\n\t"
                     "mov $16, %%ecx\n"
                     "1: mov %%rcx, -128-8(%%rsp, %%rcx, 8)\n\t"
                     "loop 1b\n\t"
                     ".byte 0xf3, 0x0f, 0xc7, 0xf7\n\t"     /* senduipi rdi */
                     "mov $1000, %%ecx\n"
                     "2: loop 2b\n\t"
                     "xor %0, %0\n\t"
                     "mov $16, %%ecx\n"
                     "3: mov -128-8(%%rsp, %%rcx, 8), %%rdx\n\t"
                     "xor %%rcx, %%rdx\n\t"
                     "or %%rdx, %0\n\t"
                     "loop 3b"
                     : "=&r"(changed) : "D"((uint64_t)self_index)
                     : "rax", "rcx", "rdx", "memory", "cc");
        CHECK(!changed);
    }
    CHECK(count > 0);
}

/* What was posted to a registration is gone with it. */
static void test_registered_again(void)
{
    CHECK(!uintr_register_handler(note, 0));
    CHECK(uintr_register_self(0, 0) == 0);
    for (int i = 0; i < 10; i++) {
        _senduipi(i);
        usleep(1000);
        CHECK(!uintr_unregister_handler(0));
        receive(0);
        spin(10000);
        CHECK(count == 0);
        _clui();
        CHECK(uintr_register_self(0, 0) == i + 1);
    }
}

/* A program that closes what it does not know of has closed the library's device, too. */
static void test_closed_descriptors(void)
{
    receive(0);
    closefrom(RESULTS + 1);
    CHECK(uintr_register_self(0, 0) == 0);
    _senduipi(0);
    CHECK(wait_until(&count, 1));
    closefrom(RESULTS + 1);
    CHECK(open("/dev/null", O_RDWR) == RESULTS + 1);
    FAILS(uintr_register_sender(RESULTS + 1, 0), EOPNOTSUPP);
    closefrom(RESULTS + 1);
    FAILS(uintr_register_sender(99, 0), EBADF);
}

/* The kernel's entry for 32-bit programs, whose calls find nothing. */
static int ioctl_of_32_bits(int fd, unsigned int command, unsigned int argument)
{
    const long number = 54;
    long result;

    asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(fd), "c"(command), "d"(argument)
                 : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static void test_32_bits(void)
{
    int fd = open(UINTR_DEVICE, O_RDWR);

    receive(0);
    for (int number = 0; number < 16; number++) {
        CHECK(ioctl_of_32_bits(fd, _IO(UINTR_IOC_MAGIC, number), 0) == -ENOTTY);
    }
    CHECK(ioctl_of_32_bits(fd, UINTR_IOC_REGISTER_HANDLER, 0x10000) == -ENOTTY);
    CHECK(_testui());
}

/* For `unload`: receives, with nothing open. */
static int hold(void)
{
    receive(0);
    closefrom(3);
    sleep(3);
    return 0;
}

static const struct test_case cases[] = {
    { "self", test_self },
    { "begins-masked", test_begins_masked },
    { "sender-begins-masked", test_sender_begins_masked },
    { "others-uif", test_others_uif },
    { "64-vectors", test_vectors },
    { "receiver-errors", test_receiver_errors },
    { "sender-errors", test_sender_errors },
    { "table-full", test_table_full },
    { "alt-stack", test_alt_stack },
    { "wild-operands", test_wild_operands },
    { "wild-handler", test_wild_handler },
    { "wild-stack", test_wild_stack },
    { "in-signal-handler", test_in_signal_handler },
    { "signal-in-handler", test_signal_in_handler },
    { "registered-in-signal", test_registered_in_signal },
    { "red-zone", test_red_zone },
    { "registered-again", test_registered_again },
    { "closed-descriptors", test_closed_descriptors },
    { "32-bits", test_32_bits },
};

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--hold")) {
        return hold();
    }
    return run_cases(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
