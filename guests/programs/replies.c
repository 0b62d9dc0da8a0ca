/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replies [ROUNDS]: processes that wait for replies, each of which is told,
 * while a more urgent one computes most of the time.  How often RT is told
 * meanwhile is for its kernel to say (RT11).
 */
#include <farbell/scf.h>

#include "libc.h"
#include "numbers.h"

#define ROUNDS          50
#define PROCESSES       12
#define URGENT          40
#define CALLS           10
#define PERIOD          30000000ull     /* ns */
#define ASKS            1000000ull      /* so that all have asked */
#define RESTS           4000000ull
#define BYTES           65536           /* so that each takes a while */
#define PIECES          4               /* of these are a file */
#define O_RDWR          2
#define O_CREAT         0100
#define SIGKILL         9

/* A call in each period, at its beginning. */
static void __attribute__((noreturn)) call_on(uint64_t at)
{
    long fd = open("/replies", O_RDWR, 0), n = BYTES;
    char *bytes = mmap(NULL, BYTES, PROT_READ | PROT_WRITE);

    if (scf_mode(SCF3_MODE_UIPI, SCF3_MODE_UIPI, SCF3_POLICY_ALWAYS)) {
        exit_group(2);
    }
    for (int i = 0; n == BYTES; i++) {
        if (i % PIECES == 0) {
            call(CALL_lseek, fd, 0, 0);
        }
        sleep_until(at + i * PERIOD);
        n = read(fd, bytes, BYTES);
    }
    exit_group(1);
}

static bool start(long *pid, uint64_t at)
{
    *pid = fork();
    if (!*pid) {
        call_on(at);
    }
    return *pid > 0;
}

/* It has called until now, and no call has failed. */
static bool end(long pid)
{
    int status = 0;

    return !kill(pid, SIGKILL) && waitpid(pid, &status, 0) == pid &&
           exit_signal(status) == SIGKILL;
}

static void compute_until(uint64_t end)
{
    while (now() < end) {
        asm volatile("pause");
    }
}

static bool make_file(void)
{
    static const char bytes[1024];
    long fd = open("/replies", O_RDWR | O_CREAT, 0600), n = 0;

    while (n < PIECES * BYTES && write(fd, bytes, sizeof(bytes)) > 0) {
        n += sizeof(bytes);
    }
    return n == PIECES * BYTES;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? number(argv[1]) : ROUNDS, pids[PROCESSES];
    uint64_t at = now() + SECOND;
    int failures = !make_file();

    set_priority(0, CALLS);
    for (int i = 0; i < PROCESSES; i++) {
        failures += !start(&pids[i], at);
    }
    set_priority(0, URGENT);
    for (long i = 0; i < rounds; i++) {
        sleep_until(at + i * PERIOD + ASKS);
        compute_until(at + (i + 1) * PERIOD - RESTS);
    }
    for (int i = 0; i < PROCESSES; i++) {
        failures += !end(pids[i]);
    }
    printf("RESULT replies failures %d\n", failures);
    return failures;
}
