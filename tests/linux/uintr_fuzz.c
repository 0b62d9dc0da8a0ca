/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of /dev/uintr with wild arguments, raced by several threads of processes that come and
 * go, with posts, signals, forks and kills among them. The kernel must stay sound; the objects
 * are counted by the next test.
 *
 *   uintr_fuzz [CALLS [SEED]]      100000 calls, seed 1
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uintr_common.h"

#define THREADS     4
#define PROCESSES   4       /* at a time */
#define CALLS_EACH  500     /* of a process */
#define ENOUGH      50000   /* for each call to have been good once */
#define FDS         32      /* that wild calls are about */

static struct {
    volatile uint64_t calls, good, posts, kinds;
} *total;

static __thread uint64_t state;
static __thread sigjmp_buf escape;
static __thread volatile bool may_escape;
static int device;

static uint64_t any(void)
{
    uint64_t x = state += 0x9e3779b97f4a7c15;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* Small, large, negative, a pointer that is good, one that is not. */
static uint64_t any_argument(void)
{
    static uint64_t room[4];
    uint64_t word = any();

    switch (word % 8) {
    case 0 ... 3:
        return word >> 8 & 0x3f;
    case 4:
        return word >> 8 & 0x1ff;
    case 5:
        return -(word >> 56);
    case 6:
        return (uintptr_t)room;
    default:
        return word;
    }
}

static long register_handler(void)
{
    struct uintr_handler_args args = {
        .handler = any() % 16 ? (uintptr_t)note : any_argument(),
        .flags = any() % 2 ? 0 : any() % 8 ? UINTR_HANDLER_FLAG_WAITING_ANY : any(),
        .reserved = any() % 32 ? 0 : any(),
    };

    return ioctl(device, UINTR_IOC_REGISTER_HANDLER, any() % 32 ? (uintptr_t)&args : any());
}

static long alt_stack(void)
{
    static __thread uint8_t stack[8192];
    struct uintr_stack_args args = { .sp = any() % 8 ? (uintptr_t)stack : any_argument(),
                                     .size = any() % 8 ? sizeof(stack) : any() };

    return ioctl(device, UINTR_IOC_ALT_STACK, any() % 32 ? (uintptr_t)&args : any());
}

static void post(void)
{
    may_escape = true;
    if (!sigsetjmp(escape, 1)) {
        _senduipi(any() % 8 ? any() % 8 : any_argument());
        total->posts++;
    }
    may_escape = false;
}

static void toggle(void)
{
    if (any() % 4) {
        _stui();
    } else {
        _clui();
    }
}

static void other_thing(void)
{
    switch (any() % 8) {
    case 0 ... 3:
        post();
        break;
    case 4:
        toggle();
        break;
    case 5:
        close(device + 1 + any() % FDS);
        break;
    case 6:
        pin_to(any() & 0xff);
        break;
    default:
        if (any() % 16 == 0) {
            kill(getpid(), SIGUSR1);
        }
        usleep(any() % 100);
    }
}

static void one_call(void)
{
    unsigned number = any() % 11;
    long ret;

    if (number == 1) {
        ret = register_handler();
    } else if (number == 6) {
        ret = ioctl(device, UINTR_IOC_WAIT, any() % 16 ? any() % 300 : any() | 1ull << 40);
    } else if (number == 8) {
        ret = alt_stack();
    } else if (number == 4 || number == 9) {
        ret = ioctl(device, _IO(UINTR_IOC_MAGIC, number),
                    any() % 8 ? device + 1 + any() % FDS : any_argument());
    } else {
        ret = ioctl(device, any() % 64 ? _IO(UINTR_IOC_MAGIC, number) : any(), any_argument());
    }
    __atomic_fetch_add(&total->calls, 1, __ATOMIC_RELAXED);
    if (ret >= 0) {
        __atomic_fetch_or(&total->kinds, 1ull << number, __ATOMIC_RELAXED);
        __atomic_fetch_add(&total->good, 1, __ATOMIC_RELAXED);
    }
}

static void on_fault(int signal)
{
    if (may_escape) {
        siglongjmp(escape, signal);
    }
    _exit(0);       /* a handler or a stack that was wild */
}

static void nothing(int signal)
{
    (void)signal;
}

static void *work(void *arg)
{
    state = (uintptr_t)arg;
    for (int i = 0; i < CALLS_EACH / THREADS; i++) {
        one_call();
        other_thing();
    }
    return NULL;
}

/* Signals are handled on a stack of their own, because RSP may be wild. */
static void set_signals(void)
{
    static uint8_t room[65536];
    stack_t stack = { .ss_sp = room, .ss_size = sizeof(room) };
    struct sigaction fault = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_NODEFER };
    struct sigaction other = { .sa_handler = nothing };

    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &fault, NULL);
    sigaction(SIGILL, &fault, NULL);
    sigaction(SIGBUS, &fault, NULL);
    sigaction(SIGUSR1, &other, NULL);
}

static void process(uint64_t seed)
{
    pthread_t threads[THREADS];

    alarm(20);
    set_signals();
    device = open(UINTR_DEVICE, O_RDWR);
    CHECK(device >= 0);
    for (uintptr_t i = 0; i < THREADS; i++) {
        CHECK(!pthread_create(&threads[i], NULL, work, (void *)(seed * THREADS + i)));
    }
    if (seed % 4 == 0) {
        usleep(seed % 50000);
        kill(getpid(), SIGKILL);
    }
    if (seed % 8 == 1) {
        usleep(seed % 30000);
        execl("/bin/true", "true", NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    _exit(0);
}

/*
 * Where a handler's stack is wild its delivery faults, and faults again at the first instruction of
 * on_fault(), until no stack is left. That is the program's own death, and not to be in the log.
 */
static void tell_of_deaths(bool told)
{
    int fd = open("/proc/sys/debug/exception-trace", O_WRONLY);

    CHECK(fd >= 0 && write(fd, told ? "1" : "0", 1) == 1);
    close(fd);
}

int main(int argc, char **argv)
{
    uint64_t calls = argc > 1 ? strtoul(argv[1], NULL, 0) : 100000;
    uint64_t seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1, number = 0;
    int status, running = 0;

    total = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(total != MAP_FAILED);
    tell_of_deaths(false);
    while (total->calls < calls || running) {
        if (total->calls < calls && running < PROCESSES) {
            seed++;
            number++;
            if (!fork()) {
                process(seed);
            }
            running++;
        } else if (wait(&status) > 0) {
            running--;
        }
    }
    tell_of_deaths(true);
    dprintf(3, "# fuzz: %lu processes, %lu calls, %lu good, %lu posts, kinds %#lx\n", number,
            total->calls, total->good, total->posts, total->kinds);
    return (calls >= ENOUGH && (total->kinds & 0x3fe) != 0x3fe) || !total->good || !total->posts;
}
