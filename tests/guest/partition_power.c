/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first partition switches the machine to sleep (how=s3) or off, and after
 * sleep says that it is there again (docs/partitions.md, P25).  Who runs both
 * is tests/partition/test-life.
 */
#include "lib.h"
#include "agent.h"
#include "pci.h"

const char *const test_group = "/partition/power";

#define LPC             ((volatile uint32_t *)(0xb0000000 | 0xf8 << 12))
#define LPC_PM_BASE     (0x40 / 4)
#define LPC_PM_ENABLE   (0x44 / 4)
#define PM_BASE         0x600
#define PM_CONTROL      (PM_BASE + 4)
#define SLEEP           0x2000
#define S3              0x0400
#define LIFE            (*(volatile uint32_t *)0x900000)    /* of this side */

static void test_power(void)
{
    pci_init();
    LPC[LPC_PM_BASE] = PM_BASE | 1;
    LPC[LPC_PM_ENABLE] = 0x80;
    if (!LIFE++) {
        outw(PM_CONTROL, SLEEP | (arg_is("how", "s3") ? S3 : 0));
    }
    for (;;) {
        cpu_relax();
    }
}

void payload_start(void)
{
    WAIT_FOR(AGENT->starts);
}

const struct test tests[] = {
    { "power", test_power },
    {}
};
