/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verdicts.  One TAP line per test on port 0xE9, then a SUMMARY line, then
 * a word to isa-debug-exit: the host sees status 33 for pass, 35 for fail,
 * and anything else means that the payload died without reporting.  In a
 * partition the port is another one, and at the end it switches itself off,
 * if "verdict=1" does not say that it may end all.
 */
#include <stdarg.h>

#include "lib.h"
#include "machine.h"

#define DEBUG_EXIT      0xf4
#define PM1A_CONTROL    0x604
#define SLEEP_ENABLE    0x2000
#define EXIT_PASS       0x10
#define EXIT_FAIL       0x11

static int console_lock;
static volatile bool test_failed;
static const char *skip_reason;
static struct frame test_frame;

void uintr_reset(void);
void boot_main(void);

static void put(char c)
{
    outb(machine.console, c);
}

static void put_number(uint64_t value, unsigned base, bool negative, int width,
                       char pad)
{
    char digits[24];
    int n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
    } while (value /= base);
    if (negative) {
        digits[n++] = '-';
    }
    for (; width > n; width--) {
        put(pad);
    }
    while (n) {
        put(digits[--n]);
    }
}

static void put_string(const char *s)
{
    while (*s) {
        put(*s++);
    }
}

static void put_integer(const char conversion, bool wide, int width, char pad,
                        va_list *args)
{
    if (conversion == 'd') {
        int64_t v = wide ? va_arg(*args, int64_t) : va_arg(*args, int);

        put_number(v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0, width, pad);
    } else {
        uint64_t v = wide ? va_arg(*args, uint64_t) : va_arg(*args, unsigned);

        put_number(v, conversion == 'x' ? 16 : 10, false, width, pad);
    }
}

/* %d %u %x with l, 0 and a width; %s %c %%. */
static void format_out(const char *s, va_list *args)
{
    for (; *s; s++) {
        bool wide = false;
        char pad = ' ';
        int width = 0;

        if (*s != '%') {
            put(*s);
            continue;
        }
        if (*++s == '0') {
            pad = *s++;
        }
        for (; *s >= '0' && *s <= '9'; s++) {
            width = width * 10 + (*s - '0');
        }
        for (; *s == 'l'; s++) {
            wide = true;
        }
        if (*s == 's') {
            put_string(va_arg(*args, const char *));
        } else if (*s == 'c') {
            put(va_arg(*args, int));
        } else if (*s == '%') {
            put('%');
        } else {
            put_integer(*s, wide, width, pad, args);
        }
    }
}

void printf(const char *format, ...)
{
    va_list args;

    while (__atomic_exchange_n(&console_lock, 1, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
    va_start(args, format);
    format_out(format, &args);
    va_end(args);
    __atomic_store_n(&console_lock, 0, __ATOMIC_RELEASE);
}

/* The emulator ends a little later than the store; nothing may follow it. */
static void __attribute__((noreturn)) end_machine(uint32_t verdict)
{
    if (machine.whole || arg_given("verdict")) {
        outl(DEBUG_EXIT, verdict);
    } else {
        outw(PM1A_CONTROL, SLEEP_ENABLE);
    }
    for (;;) {
        cli();
        hlt();
    }
}

void fatal(const char *format, ...)
{
    va_list args;

    put_string("Bail out! ");
    va_start(args, format);
    format_out(format, &args);
    va_end(args);
    put('\n');
    end_machine(EXIT_FAIL);
}

void check_failed(const char *file, int line, const char *text)
{
    test_failed = true;
    printf("# %s:%d: not true: %s\n", file, line, text);
}

void check_equal_failed(const char *file, int line, const char *what,
                        uint64_t got, uint64_t want)
{
    test_failed = true;
    printf("# %s:%d: %s is 0x%lx, should be 0x%lx\n", file, line, what, got,
           want);
}

void skip(const char *reason)
{
    skip_reason = reason;
    asm volatile("int %0" : : "i"(VEC_EXIT));
    __builtin_unreachable();
}

static void call_test(const struct test *test)
{
    test->fn();
}

/*
 * A test runs as a frame of its own on this CPU, so that a stray exception
 * ends that test and not the payload.
 */
static bool run_test(const struct test *test, int number)
{
    test_failed = false;
    skip_reason = NULL;
    if (cpu_count() < (test->cpus ? test->cpus : 1)) {
        skip_reason = "needs more CPUs";
    } else {
        uintr_reset();
        test_frame = frame_kernel(call_test, (uint64_t)test, 0);
        test_frame.rsp = (uint64_t)stack_top(0, STACK_MAIN) - 8;
        *(uint64_t *)test_frame.rsp = (uint64_t)frame_exit;
        if (run(&test_frame) != VEC_EXIT) {
            test_failed = true;
            printf("# unexpected vector %d error 0x%lx rip 0x%lx rsp 0x%lx "
                   "cr2 0x%lx\n", (int)test_frame.vector, test_frame.error,
                   test_frame.rip, test_frame.rsp, trap_cr2());
        }
    }
    printf("%sok %d - %s/%s%s%s\n", test_failed ? "not " : "", number,
           test_group, test->name, skip_reason ? " # SKIP " : "",
           skip_reason ? skip_reason : "");
    return !test_failed;
}

static bool selected(const struct test *test)
{
    return !arg_given("only") || arg_is("only", test->name);
}

void __attribute__((weak)) payload_start(void)
{
}

void boot_main(void)
{
    int ran = 0, failed = 0, skipped = 0;

    cpus[0].self = &cpus[0];
    cpu_setup(&cpus[0]);
    apic_init();
    cpus[0].apic_id = apic_id();
    payload_start();
    for (const struct test *test = tests; test->name; test++) {
        if (selected(test)) {
            ran++;
            failed += !run_test(test, ran);
            skipped += skip_reason != NULL;
        }
    }
    printf("1..%d\nSUMMARY: %d passed, %d failed, %d skipped\n", ran,
           ran - failed - skipped, failed, skipped);
    end_machine(ran && !failed ? EXIT_PASS : EXIT_FAIL);
}
