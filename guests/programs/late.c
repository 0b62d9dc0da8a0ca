/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * late: a process ends before its read does, and another one looks whether
 * what is read then comes into its memory (F35).  The shadow of the second
 * process must be slow (slow=1).
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

static int read_late(void)
{
    uint8_t *buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE);
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

/* Those of the one that has ended are the first that are given. */
static size_t watch(void)
{
    const volatile uint64_t *memory = mmap(NULL, MEMORY,
                                           PROT_READ | PROT_WRITE);
    uint64_t end = now() + WATCH;
    size_t n = memory ? 0 : 1;

    while (!n && now() < end) {
        sleep_for(MOMENT);
        n = changed(memory);
    }
    return n;
}

int main(void)
{
    int status = -1, pid;
    size_t n;

    if (!is_other_side_there()) {
        return 1;
    }
    pid = fork();
    if (!pid) {
        exit_group(read_late());
    }
    if (waitpid(pid, &status, 0) != pid || exit_code(status) != TIMED_OUT) {
        printf("late: the reader ended with %x\n", status);
        return 2;
    }
    n = watch();
    printf("RESULT late words changed %lu\n", n);
    return n != 0;
}
