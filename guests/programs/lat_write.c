/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lat_write [CALLS [REQUEST [REPLY [stages]]]]: a byte into /dev/null. */
#include "latency.h"

#define O_WRONLY        1
#define O_CREAT         0100

static int file = 1;

static long write_byte(void)
{
    return write(file, ".", 1);
}

int main(int argc, char **argv)
{
    long fd = open("/dev/null", O_WRONLY | O_CREAT, 0600);

    if (fd < 0) {
        printf("lat_write: no /dev/null: error %ld\n", -fd);
        return 1;
    }
    file = fd;
    return latency_main("lat_write", argc, argv, write_byte);
}
