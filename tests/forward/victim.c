/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RT beside a hostile GP (hostile.c): a cyclic task keeps its deadlines, what
 * is private stays as it was, calls end with a result or an error, and work
 * again when the attack is over.  Args: n= rounds of the attack.
 */
#include <errno.h>

#include "cyclic.h"
#include "rounds.h"
#include "rt_lite.h"

const char *const test_group = "/forward/hostile";

#define PROCESSES       3
#define PERIOD          1000000
#define TIMEOUT         2000000     /* of a call */
#define PATIENT     50000000        /* the same, of a server that is well */
#define MOST            256         /* bytes; copied with interrupts off */
#define CANARY          0x5aa5c33c
#define O_CREAT         0100
#define O_RDWR          02

static struct process many[PROCESSES];
static struct cyclic task;
static uint64_t data[65536];        /* what GP must not reach */
static uint64_t seed = 1, calls, errors;
static struct {
    uint32_t before, text[MOST / 4], after;
} buffer = { .before = CANARY, .after = CANARY };

static uint64_t hash(void)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < sizeof(data) / 8; i++) {
        sum = (sum ^ data[i]) * 0x100000001b3;
    }
    return sum;
}

static uint32_t rounds(void)
{
    const struct scf_caller *c = &many[0].scf;

    return wire_word(rounds_word(c->peer - c->slot));
}

static void call_anything(void)
{
    static const char name[] = "name";
    static const uint16_t numbers[] = { 0, 1, 2, 4, 8, 87,
                                        SCF3_CALL_NULL, SCF3_CALL_NULL };
    static const uint8_t modes[] = { SCF3_MODE_UIPI, SCF3_MODE_IRQ,
                                     SCF3_MODE_POSTED, SCF3_MODE_POLL,
                                     SCF3_MODE_IPI };
    int n = arg_number("two", 0) ? 4 : 5;   /* F40 */
    unsigned number = numbers[random64(&seed) % 8];
    uint64_t to = (uint64_t)buffer.text, bytes = random64(&seed) % MOST;
    bool path = number == 2 || number == 4 || number == 87;
    long result;

    scf_set_modes(&current->scf, modes[random64(&seed) % n],
                  modes[random64(&seed) % n], 0);
    result = ask(number, path ? (uint64_t)name : 3,
                 number == 2 ? O_CREAT | O_RDWR : to, bytes);
    calls++;
    errors += result < 0;
    if (result == -ENOTCONN) {
        look();                     /* as a kernel's tick does */
    }
    CHECK(result >= -4095);
    CHECK(number > 1 || result <= (long)bytes);
}

static void begin_all(void)
{
    for (int i = 0; i < PROCESSES; i++) {
        CHECK_EQ(scf_attach(&many[i].scf, i), 0);
    }
}

/* F33: each call ends, and none of them stores beyond where it is told to. */
static void suffer(uint32_t n)
{
    while (rounds() < n) {
        run_as(&many[calls % PROCESSES]);
        call_anything();
        irq_window();
        if (buffer.before != CANARY || buffer.after != CANARY) {
            break;
        }
    }
    CHECK_EQ(buffer.before, CANARY);
    CHECK_EQ(buffer.after, CANARY);
}

/* F29 */
static bool works_again(struct process *p)
{
    uint64_t limit = rdtsc() + 4 * SPIN_TICKS;

    run_as(p);
    while (ask(SCF3_CALL_NULL, 0, 0, 0)) {
        if (rdtsc() > limit) {
            return false;
        }
        look();
        irq_window();
    }
    return true;
}

static void recover(void)
{
    scf_timeout = PATIENT;
    for (int i = 0; i < PROCESSES; i++) {
        CHECK(works_again(&many[i]));
    }
}

/* F23-F26, F31, F35, F45: whatever GP writes, sends and does not do */
static void test_hostile(void)
{
    uint64_t before;

    for (size_t i = 0; i < sizeof(data) / 8; i++) {
        data[i] = random64(&seed);
    }
    before = hash();
    patience = TIMEOUT / 10;
    scf_timeout = TIMEOUT;
    cyclic_task_begin(&task, PERIOD);
    begin_all();
    suffer(arg_number("n", 10000));
    apic_write(APIC_TIMER_INIT, 0);
    printf("# %lu calls, %lu errors, %lu ticks, %lu missed, latest %lu\n",
           calls, errors, task.ticks, task.missed, task.latest);
    CHECK(errors && errors < calls);
    CHECK_EQ(hash(), before);
    if (arg_is("accel", "icount")) {
        CHECK_EQ(task.missed, 0);
    }
    recover();
}

void payload_start(void)
{
    if (!scf_start()) {
        fatal("there is no mailbox");
    }
}

const struct test tests[] = {
    { "F31-hostile-server", test_hostile },
    {}
};
