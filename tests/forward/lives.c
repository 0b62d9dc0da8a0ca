/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a thread: calls whose results it can tell, with each type of
 * argument that the table has (F3), and what it finds.
 */
#include <errno.h>
#include <string.h>

#include "world.h"

/* The calls of one thread all have other numbers, and none is 0. */
static uint64_t fresh_id(void)
{
    return 1 + (running - threads) * CALLS + running->calls;
}

static uint8_t *memory(void)
{
    return running->process->memory[running->number];
}

static uint64_t address(const uint8_t *at)
{
    return USER_MEMORY + (at - running->process->memory[0]);
}

/* F33: what may come in place of a result */
static bool is_fault(long result)
{
    struct process *p = running->process;

    return (result == -EINTR && running->killed) ||
           (faults && (result == -ETIMEDOUT || result == -ECONNRESET ||
                       result == -ENOTCONN)) ||
           (p->hostile && result < 0);
}

static void check_untouched(size_t from, size_t to)
{
    for (size_t i = 0; i < ROOM; i++) {
        if ((i < from || i >= to) && memory()[i] != CANARY) {
            found("a byte is changed that was not asked for, at %zu", i);
        }
    }
}

/* What it gets by raw pointers can be written over by a call that is late. */
static bool is_certain(void)
{
    struct process *p = running->process;

    return !p->hostile && !(p->mirrored && faults);
}

static long ask(unsigned call, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t args[6] = { a, b, c };

    return forward(running->process, call, args);
}

static void check(bool good, const char *what, long result)
{
    if (!good && !is_fault(result) && !running->process->hostile) {
        found("%s gives %ld", what, result);
    }
}

/* F33: what it says is done, is done once */
static void do_seek(void)
{
    uint64_t id = fresh_id();
    long result = ask(8, id, 0x12345, 0);

    check(result == (long)(id ^ 0x12345), "lseek", result);
    if (running->process->hostile) {
        return;
    }
    if (times_executed(id) > 1 || (result >= 0 && times_executed(id) != 1)) {
        found("executed %u times", times_executed(id));
    }
}

static size_t piece(size_t length)
{
    const struct scf_caller *c = &running->process->caller;
    bool raw = running->process->mirrored && !c->lost;

    return raw || length < SCF3_BUFFER_SIZE ? length : SCF3_BUFFER_SIZE;
}

static void do_read(void)
{
    size_t at = draw(64), length = draw(3000), n = piece(length);
    uint64_t id = fresh_id();
    long result = ask(0, id, address(memory() + at), length);

    check(result >= 0 && (size_t)result <= length, "read", result);
    if (result > (long)length) {
        found("read %ld of %zu", result, length);
    }
    for (long i = 0; i < result && is_certain(); i++) {
        if (memory()[at + i] != pattern(id, i)) {
            found("other bytes than were read, of %zu", n);
        }
    }
    if (!running->process->mirrored) {
        check_untouched(at, at + (result > 0 ? (size_t)result :
                                  result == -ECONNRESET ? length : 0));
    }
}

/* A server that is lost takes the mirror with it, even while this waits. */
static void do_write(void)
{
    size_t at = draw(64), length = draw(faults ? SCF3_BUFFER_SIZE : 3000);
    size_t n = piece(length);
    long result;

    for (size_t i = 0; i < length; i++) {
        memory()[at + i] = draw(256);
    }
    result = ask(1, sum_of(memory() + at, n), address(memory() + at), n);
    check(result == (long)n, "write", result);
    if (!running->process->mirrored) {
        check_untouched(at, at + length);
    }
}

static void do_stat(void)
{
    size_t n = draw(200);
    long result;

    memset(memory(), 'a', n);
    memory()[n] = 0;
    result = ask(4, address(memory()), address(memory() + 1000), 0);
    check(!result, "stat", result);
    for (size_t i = 0; !result && is_certain() && i < 144; i++) {
        if (memory()[1000 + i] != pattern(n, i)) {
            found("other bytes than of the file");
        }
    }
}

/* F28; the last one is the shadow's memory */
static void do_bad_pointer(void)
{
    static const uint64_t bad[] = { 0, 1, USER_MEMORY - 1, 0x3fff00000000,
                                    UINT64_MAX, SCF3_RAW_END - 1,
                                    SCF3_RAW_END + 0x100000 };
    uint64_t pointer = bad[draw(sizeof(bad) / sizeof(*bad))];
    long result = ask(draw(2) ? 1 : 4, pointer, pointer, 100);

    check(result == -EFAULT, "a bad pointer", result);
}

static void do_unknown(void)
{
    long result = ask(draw(2) ? 777 : 35, 0, 0, 0);

    check(result == -ENOSYS, "no such call", result);
}

/* F37: one that waits */
static void do_dup(void)
{
    uint64_t id = fresh_id();
    long result = ask(32, id, 0, 0);

    check(result == (long)id, "dup", result);
}

static void do_null(void)
{
    long result = ask(SCF3_CALL_NULL, 0, 0, 0);

    check(!result, "null", result);
}

void thread_life(void)
{
    static void (*const calls[])(void) = {
        do_seek, do_read, do_write, do_stat, do_bad_pointer, do_unknown,
        do_dup, do_null,
    };

    while (running->calls < CALLS && !running->killed) {
        if (!running->process->mirrored) {
            check_untouched(0, 0);
        }
        calls[draw(sizeof(calls) / sizeof(*calls))]();
        memset(memory(), CANARY, ROOM);
        running->calls++;
    }
}
