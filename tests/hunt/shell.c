/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that people bring, as far as scripts/hunt sees it: a prompt on its
 * serial port, and a command that now and then loses an interrupt.  The
 * mistake is on_cleared_late's; built with -DFIXED it is correct.
 */
#include "handler.h"

#define COM1            0x3f8
#define LINE_STATUS     (COM1 + 5)
#define DATA_READY      0x01
#define MAY_SEND        0x20
#define POSTS           12
#define BETWEEN         60000
#define ROUNDS          800000
#define FEW             24              /* of the neighbour, meanwhile */

static volatile uint64_t neighbours_rounds;

static void say(const char *text)
{
    for (; *text; text++) {
        while (!(inb(LINE_STATUS) & MAY_SEND)) {
            cpu_relax();
        }
        outb(COM1, *text);
    }
}

static char next_char(void)
{
    while (!(inb(LINE_STATUS) & DATA_READY)) {
        cpu_relax();
    }
    return inb(COM1);
}

/* The first letter of a line, which is echoed. */
static char read_command(void)
{
    char c, command = 0, echo[2] = "";

    while ((c = next_char()) != '\r') {
        echo[0] = c;
        say(echo);
        command = command ?: c;
    }
    say("\r\n");
    return command;
}

static void kernel(uint64_t unused __attribute__((unused)))
{
    for (;;) {
        other_work();
        neighbours_rounds++;
    }
}

/* Who has turns, and how many, is up to a schedule's priorities. */
static void count_turns(void)
{
    uint64_t before = neighbours_rounds;

    for (int i = 0; i < ROUNDS; i++) {
        asm volatile("");
    }
    say(neighbours_rounds - before > FEW ? "many turns\r\n" : "few turns\r\n");
}

static void send_posts(void)
{
    uint64_t seed = 1;

    for (int post = 0; post < POSTS; post++) {
        uint64_t before = task.received;

        senduipi(0);
        if (!SOON(task.received != before)) {
            say("a post was lost\r\n");
            return;
        }
        say(".");
        work_a_while(&seed, BETWEEN);
    }
    say("\r\nall were handled\r\n");
}

static void test_shell(void)
{
    trap_handle(KERNEL_VECTOR, on_interrupt);
    upid_init(&task.upid, KERNEL_VECTOR, 1);
    sender_setup(&task.upid);
    smp_run(1, kernel, 0);
    for (char command = 0; command != 'q'; ) {
        say("# ");
        command = read_command();
        if (command == 's') {
            send_posts();
        } else if (command == 't') {
            count_turns();
        }
    }
    printf("TICKS %lu\n", rdtsc());
}

const struct test tests[] = {
    { "shell", test_shell, 2 },
    {}
};
