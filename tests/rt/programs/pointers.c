/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every call with every pointer wrong, then calls at random. */
#include "check.h"
#include "numbers.h"

#define PAGE            4096
#define ROUNDS          2000

static const uint64_t wrong[] = {
    1, 8, 0xffff, 0x3ffffffe, 0x42000000, 0xfee00000, 0x100000000,
    0x7fffffffff, 0x20000000000, 0x7ffffffff000, 0x800000000000,
    0xffff800000000000, 0xfffffffffffffff8, 0x8000000000000000,
};

static const uint64_t read_only = (uint64_t)"a constant";

/* P is the wrong pointer. */
#define P               0x5050505050505050

static const struct {
    const char *name;
    int number;
    uint64_t args[5];
    bool writes;                        /* so it must not be read-only */
} calls[] = {
#define CALL(name, ...) { #name, CALL_##name, { __VA_ARGS__ }, false }
#define OUT(name, ...)  { #name, CALL_##name, { __VA_ARGS__ }, true }
    CALL(write, 1, P, 10), CALL(execve, P, 0), CALL(nanosleep, P, 0),
    CALL(clock_nanosleep, 1, 0, P, 0), CALL(clock_nanosleep, 1, 1, P, 0),
    OUT(clock_gettime, 1, P), OUT(wait4, -1ul, P, 0),
    CALL(sched_setparam, 0, P), OUT(sched_getparam, 0, P),
};

static long try_call(int i, uint64_t pointer)
{
    uint64_t a[5];

    for (int k = 0; k < 5; k++) {
        a[k] = calls[i].args[k] == P ? pointer : calls[i].args[k];
    }
    return call(calls[i].number, a[0], a[1], a[2], a[3], a[4]);
}

static void expect_fault(int i, uint64_t pointer)
{
    long result = try_call(i, pointer);

    if (result != -EFAULT) {
        printf("%s with %lx gives %ld\n", calls[i].name, pointer, result);
        check_failed = true;
    }
}

static void wrong_pointers_fail(void)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        for (size_t k = 0; k < sizeof(wrong) / sizeof(*wrong); k++) {
            expect_fault(i, wrong[k]);
        }
        if (calls[i].writes) {
            expect_fault(i, read_only);
        }
    }
}

/* A buffer that ends in the middle of a page that is there. */
static void ends_are_seen(void)
{
    char *two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE);

    munmap(two + PAGE, PAGE);
    for (int room = 1; room < 16; room++) {
        CHECK_EQ(call(CALL_clock_gettime, 1, two + PAGE - room), -EFAULT);
    }
    CHECK_EQ(call(CALL_clock_gettime, 1, two + PAGE - 16), 0);
    memset(two, 'x', PAGE);             /* a string without its end */
    CHECK_EQ(call(CALL_execve, two + PAGE - 100, 0), -EFAULT);
    munmap(two, PAGE);
}

static void words_are_checked(void)
{
    volatile uint32_t word = 5;
    struct timespec bad[] = { { -1, 0 }, { 0, -1 }, { 0, 1000000000 } };

    CHECK_EQ(futex((void *)&word + 1, FUTEX_WAIT, 5), -EINVAL);
    CHECK_EQ(futex(&word, FUTEX_WAIT, 6), -EAGAIN);
    CHECK_EQ(futex((void *)8, FUTEX_WAIT, 0), -EFAULT);
    CHECK_EQ(futex((void *)8, FUTEX_WAKE, 1), -EFAULT);
    CHECK_EQ(call(CALL_futex, &word, FUTEX_WAIT, 5, 8), -EFAULT);
    CHECK_EQ(call(CALL_futex, &word, 99, 5, 0), -ENOSYS);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(call(CALL_nanosleep, &bad[i], 0), -EINVAL);
        CHECK_EQ(call(CALL_futex, &word, FUTEX_WAIT, 5, &bad[i]), -EINVAL);
    }
    CHECK_EQ(call(CALL_clock_gettime, 77, &bad[0]), -EINVAL);
    CHECK_EQ(set_priority(0, 0), -EINVAL);
    CHECK_EQ(set_priority(0, 64), -EINVAL);
    CHECK_EQ(set_priority(12345, 5), -ESRCH);
    CHECK_EQ(call(CALL_clone, 0, 0), -EINVAL);
    CHECK_EQ(call(CALL_clone, 0x10100, 0x42000000), -EINVAL);
    CHECK_EQ(call(CALL_arch_prctl, 0x1002, 0x42000000), -EINVAL);
    CHECK_EQ(call(CALL_uintr_register_handler, 0x42000000, 128), -EINVAL);
    CHECK_EQ(call(CALL_uintr_register_handler, 0x400000, 1ul << 47), -EINVAL);
    CHECK_EQ(uintr_sender(12345, 0), -ESRCH);
    CHECK_EQ(call(511), -ENOSYS);
    CHECK_EQ(call(-1), -ENOSYS);
    CHECK_EQ(call(1ul << 32), -ENOSYS);
}

static uint64_t random_word(uint64_t *seed)
{
    uint64_t r = random64(seed);

    switch (r & 3) {
    case 0:
        return r >> 2 & 0xff;
    case 1:
        return wrong[(r >> 2) % (sizeof(wrong) / sizeof(*wrong))];
    case 2:
        return 0x10000000000 + (r >> 2) % 16 * PAGE;
    default:
        return r;
    }
}

/* Not those that could kill the others, or wait for ever. */
static bool is_tame(int number)
{
    return number != CALL_kill && number != CALL_nanosleep &&
           number != CALL_clock_nanosleep && number != CALL_futex &&
           number != CALL_write && number != CALL_clone;
}

static uint64_t seed;

static void call_at_random(void)
{
    for (int i = 0; i < 50; i++) {
        int n = random64(&seed) % 512;

        if (is_tame(n)) {
            call(n, random_word(&seed), random_word(&seed),
                 random_word(&seed), random_word(&seed), random_word(&seed),
                 random_word(&seed));
        }
    }
}

static void random_calls_harm_nobody(void)
{
    for (int round = 0; round < ROUNDS / 50; round++) {
        seed = round;
        status_of(call_at_random);
    }
}

const struct check_case cases[] = {
    { "RT3-wrong-pointers-fail", wrong_pointers_fail },
    { "RT3-ends-are-seen", ends_are_seen },
    { "RT3-words-are-checked", words_are_checked },
    { "RT3-random-calls", random_calls_harm_nobody },
    { 0 }
};
