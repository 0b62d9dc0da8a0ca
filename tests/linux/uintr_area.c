/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * M16: UPIDs in memory that a peer sees, by farbell_area_test.ko, whose peer is this kernel.
 *
 *   uintr_area [CASE...]       in this order: the last one removes the areas
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area_test.h"
#include "uintr_common.h"

#define UPID    64
#define FAILS(call, error)  CHECK((call) == -1 && errno == (error))

static int device;

static int ask(unsigned long command, unsigned long arg)
{
    return ioctl(device, command, arg);
}

static void open_device(void)
{
    device = open(AREA_TEST_DEVICE, O_RDWR);
    CHECK(device >= 0);
}

static int receive_in_area(void)
{
    int offset = ask(AREA_TEST_RECEIVE, (uintptr_t)note);

    CHECK(offset >= 0 && offset < AREA_TEST_PART && offset % UPID == 0);
    return offset;
}

static unsigned long at(unsigned offset, unsigned long vector)
{
    return offset | vector << 32;
}

static void test_posts(void)
{
    int offset, index;

    open_device();
    offset = receive_in_area();
    index = ask(AREA_TEST_SEND, at(offset, 7));
    CHECK(index >= 0);
    _stui();
    for (unsigned i = 1; i <= 500; i++) {
        pin_to(i);
        _senduipi(index);
        CHECK(wait_until(&count, i));
    }
    CHECK(seen == 1u << 7);
    CHECK(!uintr_unregister_sender(index, 0));
}

static void test_errors(void)
{
    open_device();
    FAILS(ask(AREA_TEST_RECEIVE, 0), EFAULT);
    FAILS(ask(AREA_TEST_SEND_PEER, at(0, 0)), EINVAL);
    FAILS(ask(AREA_TEST_SEND_PEER, at(AREA_TEST_PART - UPID, 0)), EINVAL);
    FAILS(ask(AREA_TEST_SEND_PEER, at(2 * AREA_TEST_PART, 0)), EINVAL);
    FAILS(ask(AREA_TEST_SEND_PEER, at(-UPID, 0)), EINVAL);
    FAILS(ask(AREA_TEST_SEND_PEER, at(AREA_TEST_PART + 1, 0)), EINVAL);
    FAILS(ask(AREA_TEST_SEND_PEER, at(AREA_TEST_PART, 64)), EINVAL);
    CHECK(ask(AREA_TEST_SEND_PEER, at(AREA_TEST_PART, 63)) >= 0);
    receive_in_area();
    FAILS(ask(AREA_TEST_RECEIVE, (uintptr_t)note), EBUSY);
    FAILS(uintr_register_self(0, 0), EXDEV);
    FAILS(uintr_vector_fd(0, 0), EXDEV);
}

/* The UPID that was given back last is the last to be handed out, and it is clear. */
static void test_in_turn(void)
{
    int first, index, offset, before = 0;

    open_device();
    first = receive_in_area();
    index = ask(AREA_TEST_SEND, at(first, 1));
    _senduipi(index);
    CHECK(!uintr_unregister_handler(0));
    _senduipi(index);
    before = ask(AREA_TEST_GONE, 0);
    for (int i = 1; i < AREA_TEST_SLOTS; i++) {
        offset = receive_in_area();
        CHECK(offset != first);
        CHECK(!uintr_unregister_handler(0));
    }
    CHECK(ask(AREA_TEST_GONE, 0) == before + AREA_TEST_SLOTS - 1);
    CHECK(receive_in_area() == first);
    _stui();
    spin(100000);
    CHECK(count == 0);
}

static pid_t start_receiver(void)
{
    pid_t child = fork();

    if (!child) {
        receive_in_area();
        pause();
        _exit(0);
    }
    CHECK(child > 0);
    return child;
}

static void test_full(void)
{
    pid_t children[AREA_TEST_SLOTS];
    int status;

    open_device();
    for (int i = 0; i < AREA_TEST_SLOTS; i++) {
        children[i] = start_receiver();
    }
    usleep(500000);
    FAILS(ask(AREA_TEST_RECEIVE, (uintptr_t)note), ENOSPC);
    for (int i = 0; i < AREA_TEST_SLOTS; i++) {
        kill(children[i], SIGKILL);
        CHECK(waitpid(children[i], &status, 0) == children[i]);
    }
    receive_in_area();
}

/* Until this thread has slept: on a busy host a short sleep may be over before it begins. */
static void sleep_once(void)
{
    struct rusage before, now;

    CHECK(!getrusage(RUSAGE_THREAD, &before));
    do {
        usleep(100);
        CHECK(!getrusage(RUSAGE_THREAD, &now));
    } while (now.ru_nvcsw == before.ru_nvcsw);
}

/* Whatever the peer writes: after the next task switch the UPID is right again. */
static void test_scribble(void)
{
    int offset, index;

    open_device();
    offset = receive_in_area();
    index = ask(AREA_TEST_SEND, at(offset, 3));
    CHECK(index >= 0);
    _stui();
    for (unsigned i = 1; i <= 100; i++) {
        CHECK(!ask(AREA_TEST_SCRIBBLE, offset));
        sleep_once();
        _senduipi(index);
        CHECK(wait_until(&count, i));
    }
}

/* A receiver keeps its area, the area its memory and its module. */
static void test_remove(void)
{
    int offset, index, released;

    open_device();
    offset = receive_in_area();
    index = ask(AREA_TEST_SEND, at(offset, 9));
    released = ask(AREA_TEST_RELEASED, 0);
    close(device);
    CHECK(system("rmmod farbell_area_test 2>/dev/null") != 0);
    open_device();
    CHECK(!ask(AREA_TEST_REMOVE, 0));
    FAILS(ask(AREA_TEST_SEND, at(offset, 9)), ENODEV);
    usleep(100000);
    CHECK(ask(AREA_TEST_RELEASED, 0) == released);
    _stui();
    _senduipi(index);
    CHECK(wait_until(&count, 1) && seen == 1u << 9);
    CHECK(!uintr_unregister_handler(0));
    CHECK(!uintr_unregister_sender(index, 0));
    for (int i = 0; i < 100 && ask(AREA_TEST_RELEASED, 0) != released + 2; i++) {
        usleep(100000);
    }
    CHECK(ask(AREA_TEST_RELEASED, 0) == released + 2);
    close(device);
    CHECK(system("rmmod farbell_area_test") == 0);
}

static const struct test_case cases[] = {
    { "posts", test_posts },
    { "errors", test_errors },
    { "in-turn", test_in_turn },
    { "full", test_full },
    { "scribble", test_scribble },
    { "remove", test_remove },
};

int main(int argc, char **argv)
{
    return run_cases(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
