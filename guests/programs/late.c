/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * late [exit|munmap|exec]: a process gives back the memory that a read of its
 * will still come into, by its end or otherwise, and whoever has that memory
 * next looks whether it does (F35).  The shadow of the second process must be
 * slow (slow=1).
 */
#include "libc.h"

#define PAGE            4096
#define BUFFER          (16 * PAGE)     /* of the read */
#define MEMORY          (1024 * PAGE)   /* of who comes after it */
#define MARK            0xee
#define O_RDWR_CREAT    0102
#define SEEK_CALL       8
#define TRIES           100
#define MOMENT          (SECOND / 10)
#define TIMED_OUT       7
#define CHANGED         8
#define WATCH           (10 * SECOND)

static bool is_other_side_there(void)
{
    for (int i = 0; i < TRIES; i++) {
        if (!null_call()) {
            return true;
        }
        sleep_for(MOMENT);
    }
    return false;
}

static int read_late(uint8_t *buffer)
{
    long fd = open("/late", O_RDWR_CREAT, 0600);

    if (!buffer || fd < 0) {
        return 1;
    }
    memset(buffer, MARK, BUFFER);
    if (write(fd, buffer, BUFFER) != BUFFER || call(SEEK_CALL, fd, 0, 0)) {
        return 2;
    }
    memset(buffer, 0, BUFFER);
    return read(fd, buffer, BUFFER) == -ETIMEDOUT ? TIMED_OUT : 3;
}

static size_t changed(const volatile uint64_t *memory)
{
    size_t n = 0;

    for (size_t i = 0; i < MEMORY / sizeof(*memory); i++) {
        n += memory[i] != 0;
    }
    return n;
}

/* What was given back last is the first that is given. */
static int watch(void)
{
    const volatile uint64_t *memory = mmap(NULL, MEMORY,
                                           PROT_READ | PROT_WRITE);
    uint64_t end = now() + WATCH;
    size_t n = memory ? 0 : 1;

    while (!n && now() < end) {
        sleep_for(MOMENT);
        n = changed(memory);
    }
    return n ? CHANGED : TIMED_OUT;
}

static int wait_for(int pid)
{
    int status = -1;

    return waitpid(pid, &status, 0) == pid ? exit_code(status) : -1;
}

static int read_and_give_back(const char *how)
{
    char *argv[] = { "late", "watch", NULL };
    uint8_t *buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE);
    int result = read_late(buffer);

    if (result == TIMED_OUT && !strcmp(how, "munmap")) {
        munmap(buffer, BUFFER);
        return watch();
    }
    if (result == TIMED_OUT && !strcmp(how, "exec")) {
        execve("late", argv);
        return 4;
    }
    return result;
}

static int result_of(const char *how)
{
    int pid = fork(), result;

    if (!pid) {
        exit_group(read_and_give_back(how));
    }
    result = wait_for(pid);
    return result == TIMED_OUT && !strcmp(how, "exit") ? watch() : result;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "exit";
    int result;

    if (!strcmp(how, "watch")) {
        return watch();
    }
    if (!is_other_side_there()) {
        return 1;
    }
    result = result_of(how);
    if (result != TIMED_OUT && result != CHANGED) {
        printf("late: the reader ended with %d\n", result);
        return 2;
    }
    printf("RESULT late %s changed %d\n", how, result == CHANGED);
    return result == CHANGED;
}
