/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cat [FILE...]: files of the other side, or what is typed there. */
#include "libc.h"

static int copy(long fd)
{
    char buffer[512];
    long n;

    while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
        write(1, buffer, n);
    }
    return n < 0;
}

static int copy_file(const char *path)
{
    long fd = open(path, 0, 0);
    int failed;

    if (fd < 0) {
        printf("cat: %s: error %ld\n", path, -fd);
        return 1;
    }
    failed = copy(fd);
    close(fd);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = argc > 1 ? 0 : copy(0);

    for (int i = 1; i < argc; i++) {
        failed |= copy_file(argv[i]);
    }
    return failed;
}
