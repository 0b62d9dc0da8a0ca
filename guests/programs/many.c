/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * many [PROCESSES [THREADS [ROUNDS]]]: all of them call at the same time, and
 * each call has its own result.  The processes begin when a pipe lets them,
 * on which all of them wait.
 */
#include <farbell/scf.h>

#include "libc.h"
#include "numbers.h"

#define PROCESSES       64              /* as many as there are slots */
#define THREADS         1
#define THREADS_MAX     32
#define ROUNDS          50
#define O_RDWR          2
#define O_CREAT         0100
#define WORDS           512

struct caller {
    struct pthread thread;
    uint64_t seed;
    long fd, failures;
};

static long rounds = ROUNDS;

static uint64_t word(uint64_t i)
{
    return random64(&i);
}

/* A place in the file, which nobody else seeks. */
static void seek(struct caller *c)
{
    long at = random64(&c->seed) >> 8;

    c->failures += call(CALL_lseek, c->fd, at, 0) != at;
}

/* The first one has a file of its own: what it reads is what is there. */
static void seek_and_read(struct caller *c)
{
    uint64_t i = random64(&c->seed) % WORDS, value = 0;
    long at = i * sizeof(value);

    c->failures += call(CALL_lseek, c->fd, at, 0) != at ||
                   read(c->fd, &value, sizeof(value)) != sizeof(value) ||
                   value != word(i);
}

static void seek_on(void *caller)
{
    for (long i = 0; i < rounds; i++) {
        seek(caller);
    }
}

static long run_threads(int threads, uint64_t name)
{
    struct caller callers[THREADS_MAX] = { 0 };
    long own = open("/many", O_RDWR, 0), shared = open("/many", O_RDWR, 0);
    long failures = own < 0 || shared < 0;

    for (int i = 0; i < threads; i++) {
        callers[i].seed = name * THREADS_MAX + i;
        callers[i].fd = i ? shared : own;
        if (i && thread_create(&callers[i].thread, seek_on, &callers[i]) < 0) {
            failures++;
        }
    }
    for (long i = 0; i < rounds; i++) {
        seek_and_read(&callers[0]);
    }
    for (int i = 0; i < threads; i++) {
        if (i) {
            thread_join(&callers[i].thread);
        }
        failures += callers[i].failures;
    }
    return failures;
}

static long make_file(void)
{
    long fd = open("/many", O_RDWR | O_CREAT, 0600), failures = fd < 0;

    for (uint64_t i = 0; i < WORDS; i++) {
        uint64_t value = word(i);

        failures += write(fd, &value, sizeof(value)) != sizeof(value);
    }
    return failures + (close(fd) < 0);
}

static void __attribute__((noreturn)) child(int begin, int threads, int name)
{
    char byte;

    exit_group(read(begin, &byte, 1) != 1 || run_threads(threads, name));
}

static long run(int processes, int threads)
{
    long pids[PROCESSES], failures = make_file();
    int ends[2];

    failures += call(CALL_pipe, ends) != 0;
    for (int i = 1; i < processes; i++) {
        pids[i] = fork();
        if (!pids[i]) {
            child(ends[0], threads, i);
        }
    }
    for (int i = 1; i < processes; i++) {
        failures += write(ends[1], ".", 1) != 1;
    }
    failures += run_threads(threads, 0);
    for (int i = 1; i < processes; i++) {
        int status;

        failures += waitpid(pids[i], &status, 0) != pids[i] || status;
    }
    return failures;
}

int main(int argc, char **argv)
{
    int processes = argc > 1 ? number(argv[1]) : PROCESSES;
    int threads = argc > 2 ? number(argv[2]) : THREADS;
    long failures;

    rounds = argc > 3 ? number(argv[3]) : ROUNDS;
    if (processes < 1 || processes > PROCESSES || threads < 1 ||
        threads > THREADS_MAX) {
        printf("usage: many [PROCESSES [THREADS [ROUNDS]]], at most %d and "
               "%d\n", PROCESSES, THREADS_MAX);
        return 2;
    }
    failures = run(processes, threads);
    printf("RESULT many processes %d threads %d failures %ld\n", processes,
           threads, failures);
    return failures != 0;
}
