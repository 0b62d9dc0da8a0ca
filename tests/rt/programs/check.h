/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test programs: each is a table of cases.  Without an argument all of them
 * run; the exit code is the number of cases that failed.
 */
#ifndef CHECK_H
#define CHECK_H

#include "libc.h"

struct check_case {
    const char *name;
    void (*fn)(void);
};

extern const struct check_case cases[];         /* ends with a null name */
extern bool check_failed;

#define CHECK(cond)                                                         \
    do {                                                                    \
        if (!(cond)) {                                                      \
            printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #cond);     \
            check_failed = true;                                            \
        }                                                                   \
    } while (0)

#define CHECK_EQ(got, want)                                                 \
    do {                                                                    \
        long got_ = (long)(got), want_ = (long)(want);                      \
        if (got_ != want_) {                                                \
            printf("%s:%d: %s is %ld, should be %ld\n", __FILE__, __LINE__, \
                   #got, got_, want_);                                      \
            check_failed = true;                                            \
        }                                                                   \
    } while (0)

/* A child that runs fn and exits with 0, if all its checks hold; its status. */
#define CHECK_FAILED    99
int status_of(void (*fn)(void));

#endif
