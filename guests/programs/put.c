/* SPDX-License-Identifier: GPL-2.0-or-later */
/* put FILE WORD...: the words into a file of the other side. */
#include "libc.h"

#define O_WRONLY        1
#define O_CREAT         0100

static bool put(long fd, const char *word, const char *behind)
{
    long n = strlen(word);

    return write(fd, word, n) == n && write(fd, behind, 1) == 1;
}

int main(int argc, char **argv)
{
    long fd = argc > 2 ? open(argv[1], O_WRONLY | O_CREAT, 0600) : -EINVAL;
    bool good = fd >= 0;

    for (int i = 2; i < argc && good; i++) {
        good = put(fd, argv[i], i < argc - 1 ? " " : "\n");
    }
    if (!good) {
        printf("put: error %ld\n", fd < 0 ? -fd : EIO);
    }
    return !good || close(fd) < 0;
}
