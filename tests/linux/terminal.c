/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * farbell-shadow at a terminal, where RT runs "cat": somebody types a line with a mistake in it, then
 * the end of the file. Last the key that interrupts whoever is in the foreground.
 */
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TYPED       "kept by Linxx\177\177ux\n"
#define SHOWN       "\nkept by Linux\r\n"  /* echoed it has the mistake */
#define END         "\004"
#define INTERRUPT   "\003"
#define PATIENCE    60          /* seconds */

static char shown[65536];
static size_t length;
static int keyboard, failures;

static void rule(int good, const char *name)
{
    dprintf(3, "%sok 1 - /linux/terminal/%s\n", good ? "" : "not ", name);
    failures += !good;
}

static void type(const char *keys)
{
    if (write(keyboard, keys, strlen(keys)) < 0) {
        perror("keyboard");
    }
}

/* What is on the screen; nothing more when it has gone, or after PATIENCE. */
static int comes(const char *text)
{
    while (!strstr(shown, text)) {
        ssize_t n;

        alarm(PATIENCE);
        n = read(keyboard, shown + length, sizeof(shown) - 1 - length);
        if (n <= 0) {
            break;
        }
        length += n;
    }
    alarm(0);
    return strstr(shown, text) != NULL;
}

static int file_comes(const char *path)
{
    struct stat stat_of;

    for (int i = 0; i < PATIENCE * 10; i++) {
        if (!stat(path, &stat_of)) {
            return 1;
        }
        usleep(100000);
    }
    return 0;
}

static void too_late(int signal)
{
    (void)signal;
}

int main(void)
{
    struct sigaction late = { .sa_handler = too_late };     /* it ends read() */
    int status = 0;
    pid_t shadow;

    sigaction(SIGALRM, &late, NULL);
    mkdir("/dev/pts", 0755);
    mount("devpts", "/dev/pts", "devpts", 0, NULL);
    shadow = forkpty(&keyboard, NULL, NULL, NULL);
    if (!shadow) {
        execl("/tests/farbell-shadow", "farbell-shadow", NULL);
        _exit(1);
    }
    type(TYPED);
    rule(comes(SHOWN), "line");
    type(END);
    rule(file_comes("/tmp/over"), "end-of-file");
    type(INTERRUPT);
    rule(waitpid(shadow, &status, 0) == shadow && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT,
         "interrupt");
    printf("%s", shown);
    return failures != 0;
}
