/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls while either side is killed and started again.  Args: n= calls,
 * resets= how many ends of its server it must have seen.
 */
#include <errno.h>

#include "rt_lite.h"

const char *const test_group = "/forward/restarts";

#define O_CREAT     0100
#define O_RDWR      02

static struct process p;
static uint64_t results, errors, absent;

static bool is_end_of_server(long result)
{
    return result == -ECONNRESET || result == -ETIMEDOUT;
}

/* The next server has no files: it says so, or that it is not there. */
static long open_file(void)
{
    static const char name[] = "restarts";
    long fd;

    while ((fd = ask(2, (uint64_t)name, O_CREAT | O_RDWR, 0)) < 0) {
        CHECK(is_end_of_server(fd) || fd == -ENOTCONN);
        absent++;
        look();
    }
    return fd;
}

/* F33: each returns once, with its own result or with an error */
static bool call_once(long fd, uint64_t id)
{
    long result = ask(8, fd, id, 0);

    if (result == (long)id) {
        results++;
        return true;
    }
    CHECK(is_end_of_server(result) || result == -EBADF ||
          result == -ENOTCONN);
    errors++;
    return false;
}

static void test_calls(void)
{
    uint64_t n = arg_number("n", 20000);
    long fd;

    begin(&p);
    fd = open_file();
    for (uint64_t i = 0; i < n; i++) {
        if (i % (n / 20) == 0) {
            printf("# at %lu\n", i * 100 / n);
        }
        if (!call_once(fd, i)) {
            fd = open_file();
        }
    }
    CHECK_EQ(results + errors, n);
    CHECK(p.scf.resets >= arg_number("resets", 0));
    CHECK_EQ(p.scf.violations, 0);
    CHECK_EQ(p.scf.strays, 0);
    printf("# %lu results, %lu errors, %lu tries without a server, "
           "%lu servers lost\n", results, errors, absent, p.scf.resets);
    end(&p);
}

/* F39: a slot that is never given back is free in the next life */
static void test_given_back(void)
{
    static struct process left;
    uint64_t limit = rdtsc() + SPIN_TICKS;

    while (!scf_quiet() && rdtsc() < limit) {
        cpu_relax();
    }
    CHECK(scf_quiet());
    begin(&p);
    begin(&left);
    run_as(&p);
    end(&p);
    CHECK(!scf_quiet());
}

void payload_start(void)
{
    patience = SPIN_TICKS / 200;
    if (!scf_start()) {
        fatal("there is no mailbox");
    }
}

const struct test tests[] = {
    { "F39-given-back", test_given_back },
    { "F33-exactly-once", test_calls },
    {}
};
