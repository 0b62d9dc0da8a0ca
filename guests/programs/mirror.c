/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror: the other side reads and writes the same memory as this process,
 * whatever is mapped, unmapped, protected, copied by fork or replaced by exec.
 * "mirror again" is what it executes.
 */
#include "libc.h"
#include "numbers.h"

#define PAGE            4096
#define O_RDWR          2
#define O_CREAT         0100
#define EFAULT          14
#define AT              ((uint64_t *)0x20000000000)
#define BEFORE          0x1234567
#define RIGHTS          (PROT_READ | PROT_WRITE)

static uint64_t word = BEFORE, got;
static long fd;
static int failures;

static void check(bool good, const char *what)
{
    if (!good) {
        printf("mirror: %s\n", what);
        failures++;
    }
}

static long rewind(void)
{
    return call(CALL_lseek, fd, 0, 0);
}

/* By a file, whose first word is what the other side saw. */
static bool is_seen(const uint64_t *at, uint64_t want)
{
    got = ~want;
    return !rewind() && write(fd, at, sizeof(*at)) == sizeof(*at) &&
           !rewind() && read(fd, &got, sizeof(got)) == sizeof(got) &&
           got == want;
}

static bool is_refused(uint64_t *at, bool to_read)
{
    return !rewind() &&
           (to_read ? read(fd, at, sizeof(*at)) :
                      write(fd, at, sizeof(*at))) == -EFAULT;
}

/* The same place has another frame, for @other has taken the first one. */
static void move(void)
{
    uint64_t *other;

    check(mmap(AT, PAGE, RIGHTS) == AT, "no memory");
    *AT = 1;
    check(is_seen(AT, 1), "what is mapped is not seen");
    check(!munmap(AT, PAGE) && is_refused(AT, false),
          "what is unmapped is seen");
    other = mmap(NULL, PAGE, RIGHTS);
    check(other && mmap(AT, PAGE, RIGHTS) == AT, "no memory");
    *AT = 2;
    *other = 3;
    check(is_seen(AT, 2) && is_seen(other, 3), "other frames are seen");
}

static void protect(void)
{
    check(!mprotect(AT, PAGE, PROT_READ) && is_seen(AT, 2) &&
          is_refused(AT, true) && *AT == 2, "rights are not seen");
    check(!mprotect(AT, PAGE, RIGHTS) && !rewind() &&
          read(fd, AT, sizeof(*AT)) == sizeof(*AT), "they stay");
}

static void split(void)
{
    int status;
    long pid = fork();

    if (!pid) {
        *AT = 5;
        exit_group(!is_seen(AT, 5));
    }
    check(pid > 0 && waitpid(pid, &status, 0) == pid && !status,
          "a child's memory is not seen");
    check(is_seen(AT, 2), "a child's memory is seen as its parent's");
}

static void open_file(void)
{
    fd = open("mirror", O_RDWR | O_CREAT, 0600);
    check(fd >= 0, "no file");
}

/* There the same place has the word that it begins with. */
static void again(void)
{
    char *argv[] = { "mirror", "again", NULL };

    word = ~word;
    check(is_seen(&word, ~(uint64_t)BEFORE), "a word is not seen");
    execve("mirror", argv);
    check(false, "no new program");
}

int main(int argc, char **argv)
{
    bool second = argc > 1 && !strcmp(argv[1], "again");

    open_file();
    if (second) {
        check(is_seen(&word, BEFORE), "the old program is seen");
        check(is_refused(AT, false), "its memory is seen");
        printf("RESULT mirror failures %d\n", failures);
        return failures;
    }
    move();
    protect();
    split();
    if (!failures) {
        again();
    }
    return failures;
}
