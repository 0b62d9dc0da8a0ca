/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check.h"

bool check_failed;

int status_of(void (*fn)(void))
{
    int status = -1;
    long pid = fork();

    if (!pid) {
        check_failed = false;
        fn();
        exit_group(check_failed ? CHECK_FAILED : 0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

int main(int argc, char **argv)
{
    int failed = 0;

    for (const struct check_case *c = cases; c->name; c++) {
        if (argc == 1 || !strcmp(argv[1], c->name)) {
            check_failed = false;
            c->fn();
            if (check_failed) {
                printf("%s: %s failed\n", argv[0], c->name);
                failed++;
            }
        }
    }
    return failed;
}
