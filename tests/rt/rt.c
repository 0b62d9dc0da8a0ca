/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RT's processes, alone in a machine. */
#include "memmap.h"
#include "rt.h"

static void run_well(const char *command)
{
    CHECK_EQ(rt_run(command), 0);
}

static void hello(void)
{
    rt_start();
    run_well("hello");
    run_well("hello_pie with arguments");
}

const char *const test_group = "/rt/life";
const struct test tests[] = {
    { "hello", hello },
    { 0 }
};
