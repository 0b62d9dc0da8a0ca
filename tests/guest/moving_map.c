/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One CPU reads a device while another one takes devices out of the map of
 * memory and puts them back: whoever reads must reach the device he named.
 * Args: n, how often.  Stock QEMU is caught once in some 4,000 times.
 */
#include "pci.h"

const char *const test_group = "/stock";

#define EDU_VENDOR      0x1234
#define EDU_DEVICE      0x11e8
#define HPET_PERIOD     ((volatile uint32_t *)0xfed00004)
#define PAUSE_MOST      12000           /* as long as a change takes, or so */

static uint32_t period;
static volatile bool over;
static volatile uint64_t reads, wrong;

/* Mostly without the big lock, which is held while the map changes. */
static void read_period(uint64_t random)
{
    while (!over) {
        for (uint64_t n = random64(&random) % PAUSE_MOST; n; n--) {
            asm volatile("nop");
        }
        wrong += *HPET_PERIOD != period;
        reads++;
    }
}

/* The device lies below the HPET: its number comes first in QEMU's list. */
static void test_each_at_its_own(void)
{
    struct pci edu;
    uint64_t n = arg_number("n", 3000);

    pci_init();
    CHECK(pci_find(&edu, EDU_VENDOR, EDU_DEVICE, 0));
    pci_enable(&edu);
    period = *HPET_PERIOD;
    smp_run(1, read_period, 0);
    for (uint64_t i = 0; i < n; i++) {
        pci_write16(&edu, PCI_COMMAND, 0);
        pci_write16(&edu, PCI_COMMAND, PCI_COMMAND_MEM_MASTER);
    }
    over = true;
    smp_wait(1);
    printf("# %lu reads, %lu wrong\n", reads, wrong);
    CHECK(period);
    CHECK(reads);
    CHECK_EQ(wrong, 0);
}

const struct test tests[] = {
    { "reads-reach-their-device", test_each_at_its_own, 2 },
    {}
};
