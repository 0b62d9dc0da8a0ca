/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cat FILE...: files of the other side to the console. */
#include "libc.h"

static int copy(const char *path)
{
    char buffer[512];
    long fd = open(path, 0, 0), n;

    if (fd < 0) {
        printf("cat: %s: error %ld\n", path, -fd);
        return 1;
    }
    while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
        write(1, buffer, n);
    }
    close(fd);
    return n < 0;
}

int main(int argc, char **argv)
{
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        failed |= copy(argv[i]);
    }
    return failed;
}
