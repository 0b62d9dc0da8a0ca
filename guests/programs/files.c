/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * files [PORT]: what a whole operating system on the other side has: folders,
 * a file that is written and read in places, /proc, a device, a FIFO between
 * programs, and a socket to who sends back what it gets (at PORT, on its host).
 */
#include "libc.h"
#include "numbers.h"

#define O_RDWR          2
#define O_CREAT         0100
#define O_TRUNC         01000
#define AT              "/tmp/files"
#define FILE_AT         AT "/one"
#define FIFO_AT         "/tmp/fifo"     /* the test's, who writes "abc" */
#define ENOENT          2
#define EBADF           9
#define SHADOWS         300             /* a descriptor of its own */
#define HUGE            0x7000000000    /* no descriptor of anybody */
#define AF_INET         2
#define SOCK_STREAM     1

static int failures;

static void check(bool good, const char *what)
{
    if (!good) {
        printf("files: %s\n", what);
        failures++;
    }
}

static uint64_t size_of(long fd)
{
    uint64_t stat[18] = { 0 };

    return call(CALL_fstat, fd, stat) ? ~0ull : stat[6];
}

static void in_places(long fd)
{
    char text[8] = "";

    check(write(fd, "0123456789", 10) == 10, "it cannot be written");
    check(call(CALL_pwrite64, fd, "ab", 2, 3) == 2 &&
          call(CALL_pread64, fd, text, 4, 2) == 4 && !strcmp(text, "2ab5"),
          "it is not written in places");
    check(size_of(fd) == 10 && !call(CALL_ftruncate, fd, 4) &&
          size_of(fd) == 4 && !call(CALL_fsync, fd), "its size is another");
}

static void folders(void)
{
    static char entries[1024];
    long fd, copy, folder;

    check(!call(CALL_mkdir, AT, 0700), "no folder");
    fd = open(FILE_AT, O_RDWR | O_CREAT | O_TRUNC, 0600);
    in_places(fd);
    copy = call(CALL_dup2, fd, 77);
    check(copy == 77 && size_of(77) == 4 && !close(77), "it has no copy");
    check(!close(fd) && close(fd) == -EBADF, "it is not closed");
    folder = open(AT, 0, 0);
    check(call(CALL_getdents64, folder, entries, sizeof(entries)) > 0,
          "the folder has no entries");
    close(folder);
    check(!call(CALL_unlink, FILE_AT) && !call(CALL_rmdir, AT) &&
          call(CALL_access, AT, 0) == -ENOENT, "the folder stays");
}

static void others(void)
{
    char text[64];
    long fd = open("/proc/version", 0, 0);

    check(read(fd, text, 5) == 5 && !memcmp(text, "Linux", 5), "no /proc");
    close(fd);
    check(!call(CALL_chdir, "/tmp") &&
          call(CALL_getcwd, text, sizeof(text)) == 5 && !strcmp(text, "/tmp"),
          "it is elsewhere");
    check(write(SHADOWS, "x", 1) == -EBADF && close(SHADOWS) == -EBADF &&
          call(CALL_close, HUGE) == -EBADF &&
          call(CALL_read, HUGE, text, 1) == -EBADF,
          "the shadow's descriptors are its own");
}

/* It waits until there is something. */
static void fifo(void)
{
    char text[8] = "";
    long fd = open(FIFO_AT, O_RDWR, 0);

    check(fd >= 0 && read(fd, text, sizeof(text) - 1) == 3 &&
          !strcmp(text, "abc"), "nothing comes by the FIFO");
    close(fd);
}

static void sockets(long port)
{
    struct {
        uint16_t family, port;
        uint8_t address[4], zero[8];
    } to = { AF_INET, (port & 0xff) << 8 | port >> 8, { 127, 0, 0, 1 } };
    long fd = call(CALL_socket, AF_INET, SOCK_STREAM, 0);
    char text[8] = "";

    check(fd >= 0 && !call(CALL_connect, fd, &to, sizeof(to)),
          "nobody answers");
    check(write(fd, "hello\n", 6) == 6 && read(fd, text, sizeof(text)) == 6 &&
          !memcmp(text, "hello\n", 6), "it does not come back");
    check(!call(CALL_shutdown, fd, 2) && !close(fd), "it does not end");
}

int main(int argc, char **argv)
{
    folders();
    others();
    if (argc > 1) {
        fifo();
        sockets(number(argv[1]));
    }
    printf("RESULT files failures %d\n", failures);
    return failures;
}
