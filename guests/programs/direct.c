/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * direct FILE: a file of the other side to the console, without this side's
 * kernel: the process fills the descriptors and executes SENDUIPI itself.
 */
#include "queue.h"

static long copy(struct queue *q, const char *path)
{
    char buffer[512];
    long fd = queue_call(q, SCF2_OPEN, (uint64_t)path, 0, 0), n, all = 0;

    if (fd < 0) {
        return fd;
    }
    while ((n = queue_call(q, SCF2_READ, fd, (uint64_t)buffer,
                           sizeof(buffer))) > 0) {
        if (queue_call(q, SCF2_WRITE, 1, (uint64_t)buffer, n) != n) {
            return -EIO;
        }
        all += n;
    }
    queue_call(q, SCF2_CLOSE, fd, 0, 0);
    return n < 0 ? n : all;
}

int main(int argc, char **argv)
{
    static const char line[] = "direct: from ring 3 to ring 3\n";
    long n = sizeof(line) - 1, error, before, used;
    struct queue q;

    error = argc > 1 ? queue_open(&q) : -EINVAL;
    if (error) {
        printf("direct: error %ld\n", -error);
        return 1;
    }
    before = entries();
    if (queue_call(&q, SCF2_WRITE, 1, (uint64_t)line, n) == n) {
        n = copy(&q, argv[1]);
    } else {
        n = -EIO;
    }
    used = entries() - before - 1;
    printf("RESULT direct bytes %ld calls %u entries %ld\n", n, q.made, used);
    return n < 0 || used;
}
