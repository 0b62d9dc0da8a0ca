/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two machines count in one word of shared memory, ivshmem's BAR 2; the sum
 * must be exact. Args: n=INCREMENTS. The word is zero when both start.
 */
#include "lib.h"

const char *const test_group = "/uintr/shared";

#define PCI_ADDRESS     0xcf8
#define PCI_DATA        0xcfc
#define IVSHMEM_ID      0x11101af4
#define BAR2            0x18
#define BAR2_BASE       0xe0000000u
#define COMMAND         0x04
#define COMMAND_MEMORY  0x2

struct shared {
    volatile uint64_t started, counter, finished;
};

static uint32_t config_read(int slot, int reg)
{
    outl(PCI_ADDRESS, 0x80000000u | slot << 11 | reg);
    return inl(PCI_DATA);
}

static void config_write(int slot, int reg, uint32_t value)
{
    outl(PCI_ADDRESS, 0x80000000u | slot << 11 | reg);
    outl(PCI_DATA, value);
}

/* No firmware ran: the BAR is ours to place. */
static struct shared *map_shared(void)
{
    for (int slot = 0; slot < 32; slot++) {
        if (config_read(slot, 0) == IVSHMEM_ID) {
            config_write(slot, BAR2, BAR2_BASE);
            config_write(slot, BAR2 + 4, 0);
            config_write(slot, COMMAND, COMMAND_MEMORY);
            return (struct shared *)(uint64_t)BAR2_BASE;
        }
    }
    skip("no ivshmem device: run by tests/shared");
    return NULL;
}

static void meet(volatile uint64_t *count)
{
    asm volatile("lock incq %0" : "+m"(*count));
    while (*count < 2) {
        cpu_relax();
    }
}

static void test_sum(void)
{
    struct shared *shared = map_shared();
    uint64_t n = arg_number("n", 1000000);

    meet(&shared->started);
    for (uint64_t i = 0; i < n; i++) {
        asm volatile("lock incq %0" : "+m"(shared->counter));
    }
    meet(&shared->finished);
    CHECK_EQ(shared->counter, 2 * n);
}

const struct test tests[] = {
    { "locked-sum-is-exact", test_sum },
    {}
};
