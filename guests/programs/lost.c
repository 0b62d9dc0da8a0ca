/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lost: waits until the other side has gone and come again.  What it has in
 * memory the new one does not see: pointers are copied (F27), and there is no
 * queue that it could use (F16).  "lost again" is what it executes then, whose
 * memory is seen again.
 */
#include "queue.h"

#define O_RDWR          2
#define O_CREAT         0100
#define PAUSE           5000000         /* ns */
#define TRIES           1000
#define BYTES           1000

static int failures;

static void check(bool good, const char *what)
{
    if (!good) {
        printf("lost: %s\n", what);
        failures++;
    }
}

static long open_file(void)
{
    long fd = -1;

    for (int i = 0; i < TRIES && fd < 0; i++) {
        fd = open("/lost", O_RDWR | O_CREAT, 0600);
        sleep_for(PAUSE);
    }
    return fd;
}

/* The next server has no files. */
static void wait_for_other(long fd)
{
    while (write(fd, ".", 1) == 1) {
        sleep_for(PAUSE);
    }
}

static void check_pointers(void)
{
    static char from[BYTES], to[BYTES];
    long fd = open_file(), again = open_file();

    for (int i = 0; i < BYTES; i++) {
        from[i] = i % 251;
    }
    check(write(fd, from, BYTES) == BYTES, "it does not write");
    check(read(again, to, BYTES) == BYTES, "it does not read");
    check(!memcmp(from, to, BYTES), "it reads something else");
}

static int again(void)
{
    struct queue q;

    check_pointers();
    check(!queue_open(&q), "it has no queue");
    printf("RESULT lost again failures %d\n", failures);
    return failures;
}

int main(int argc, char **argv)
{
    char *words[] = { argv[0], "again", NULL };
    struct queue q;
    long fd;

    if (argc > 1) {
        return again();
    }
    fd = open_file();
    printf("lost has a file\n");
    wait_for_other(fd);
    check_pointers();
    check(queue_open(&q) == -ENOTCONN, "it has a queue");
    printf("RESULT lost failures %d\n", failures);
    return failures ? failures : execve("lost", words);
}
