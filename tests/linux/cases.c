/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"

#define SECONDS 120     /* for each, until SIGALRM */

void check(bool good, const char *file, int line, const char *what)
{
    if (!good) {
        dprintf(RESULTS, "# %s:%d: not true: %s (errno %d, %s)\n", file, line, what, errno,
                strerror(errno));
        _exit(1);
    }
}

int cpus(void)
{
    return sysconf(_SC_NPROCESSORS_ONLN);
}

bool can_pin_to(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu % cpus(), &set);
    return !sched_setaffinity(0, sizeof(set), &set);
}

void pin_to(int cpu)
{
    CHECK(can_pin_to(cpu));
}

void send_fd(int socket, int fd)
{
    char byte = 0, room[CMSG_SPACE(sizeof(int))] = {};
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room,
                              .msg_controllen = sizeof(room) };
    struct cmsghdr *control = CMSG_FIRSTHDR(&message);

    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(control), &fd, sizeof(fd));
    CHECK(sendmsg(socket, &message, 0) == 1);
}

int receive_fd(int socket)
{
    char byte, room[CMSG_SPACE(sizeof(int))];
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room,
                              .msg_controllen = sizeof(room) };
    int fd;

    CHECK(recvmsg(socket, &message, 0) == 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    return fd;
}

static bool run_case(const struct test_case *one)
{
    int status;
    pid_t child = fork();

    if (!child) {
        alarm(SECONDS);
        one->run();
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child) {
        return false;
    }
    if (WIFSIGNALED(status)) {
        dprintf(RESULTS, "# %s: signal %d\n", one->name, WTERMSIG(status));
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], name)) {
            return true;
        }
    }
    return argc == 1;
}

int run_cases(const struct test_case *cases, int count, int argc, char **argv)
{
    int failed = 0;

    for (int i = 0; i < count; i++) {
        if (wanted(cases[i].name, argc, argv)) {
            bool good = run_case(&cases[i]);

            failed += !good;
            dprintf(RESULTS, "%s %d - /linux/%s/%s\n", good ? "ok" : "not ok", i + 1,
                    program_invocation_short_name, cases[i].name);
        }
    }
    return failed != 0;
}
