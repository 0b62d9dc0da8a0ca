/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User interrupts on the stock kernel, by libfarbell: what the library's calls promise.
 *
 *   uintr [CASE...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <x86gprintrin.h>

#include "cases.h"
#include "farbell-uintr.h"

#define PATIENCE 2000000000ul       /* looks until something is given up */

static volatile uint64_t seen;      /* vectors */
static volatile unsigned count;
static volatile uint64_t order[256];

static void __attribute__((interrupt)) handler(struct __uintr_frame *frame,
                                               unsigned long long vector)
{
    (void)frame;
    seen |= 1ull << vector;
    order[count++ % 256] = vector;
}

static bool wait_until(volatile unsigned *what, unsigned value)
{
    for (unsigned long i = 0; *what < value && i < PATIENCE; i++) {
        __builtin_ia32_pause();
    }
    return *what >= value;
}

static void test_self(void)
{
    int index;

    CHECK(!uintr_register_handler(handler, 0));
    index = uintr_register_self(5, 0);
    CHECK(index >= 0);
    _senduipi(index);
    CHECK(count == 0 && !_testui());
    _stui();
    CHECK(wait_until(&count, 1));
    CHECK(seen == 1u << 5);
    for (int i = 0; i < 1000; i++) {
        _senduipi(index);
        CHECK(wait_until(&count, 2 + i));
    }
    CHECK(!uintr_unregister_handler(0));
    CHECK(!_testui());
}

static const struct test_case cases[] = {
    { "self", test_self },
};

int main(int argc, char **argv)
{
    return run_cases(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
