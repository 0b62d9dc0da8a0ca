/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs with many cases: each runs in a process of its own, so that none leaves anything for
 * the next, and has a line on descriptor 3.
 */
#ifndef TESTS_LINUX_CASES_H
#define TESTS_LINUX_CASES_H

#include <stdbool.h>

#define RESULTS 3   /* the descriptor */

struct test_case {
    const char *name;
    void (*run)(void);
};

/* Ends the case. */
#define CHECK(condition) check(condition, __FILE__, __LINE__, #condition)
void check(bool good, const char *file, int line, const char *what);

/* Without arguments all cases; 0 if all were good. */
int run_cases(const struct test_case *cases, int count, int argc, char **argv);

void pin_to(int cpu);
bool can_pin_to(int cpu);       /* it may have gone off line */
int cpus(void);

/* A descriptor through a socket. */
void send_fd(int socket, int fd);
int receive_fd(int socket);

#endif
