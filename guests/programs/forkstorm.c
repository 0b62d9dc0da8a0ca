/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forkstorm [ROUNDS [AT-ONCE]]: processes that fork, exec and exit; each child
 * is this program again, "forkstorm exit CODE".
 */
#include "libc.h"

#define ROUNDS          100
#define AT_ONCE         4
#define MOST            32

static void child(int code)
{
    char text[4] = { '0' + code / 100, '0' + code / 10 % 10, '0' + code % 10 };
    char *argv[] = { "forkstorm", "exit", text, NULL };

    execve("forkstorm", argv);
    exit_group(255);
}

static bool start(int i, long *pid, int code)
{
    pid[i] = fork();
    if (pid[i] == 0) {
        child(code);
    }
    return pid[i] > 0;
}

static bool end(long pid, int code)
{
    int status;

    return waitpid(pid, &status, 0) == pid && status == code << 8;
}

static int storm(long rounds, int at_once)
{
    long pids[MOST];

    for (long r = 0; r < rounds; r += at_once) {
        for (int i = 0; i < at_once; i++) {
            if (!start(i, pids, (r + i) % 200)) {
                printf("forkstorm: fork %ld: error %ld\n", r + i, -pids[i]);
                return 1;
            }
        }
        for (int i = 0; i < at_once; i++) {
            if (!end(pids[i], (r + i) % 200)) {
                printf("forkstorm: process %ld ended otherwise\n", pids[i]);
                return 1;
            }
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? number(argv[1]) : ROUNDS;
    int at_once = argc > 2 ? number(argv[2]) : AT_ONCE;

    if (argc > 2 && !strcmp(argv[1], "exit")) {
        return number(argv[2]);
    }
    if (at_once < 1 || at_once > MOST) {
        printf("usage: forkstorm [ROUNDS [AT-ONCE]], at most %d\n", MOST);
        return 2;
    }
    return storm(rounds, at_once);
}
