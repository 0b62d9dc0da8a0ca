/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ordinary guests do, for comparing the speed of emulators: integers,
 * memory, branches, calls, page tables, ring changes and interrupts.  Nothing
 * waits and nothing depends on time, so every run executes the same
 * instructions.  Args: n=UNITS, of some 4 ms each; pages=N that one part maps.
 */
#include "lib.h"

const char *const test_group = "/compute";

#define WORDS           (1 << 16)
#define SORTED          512
#define FIBONACCI       17
#define WINDOW          0x10000000000   /* nothing else is there */
#define RING_CHANGES    200
#define INTERRUPTS      200
#define VEC_TICK        0x51

static uint64_t words[WORDS], copy[WORDS];
static uint32_t sorted[SORTED];
static void *pages[2];
static uint64_t mapped_pages;
static volatile uint64_t user_sum;

static uint64_t integers(uint64_t x)
{
    for (int i = 1; i < 20000; i++) {
        x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9ull;
        x += (x << 13 | x >> 51) / (i | 1);
        x ^= (uint32_t)x % 1000003;
    }
    return x;
}

static uint64_t memory(uint64_t x)
{
    uint64_t at = 0;

    for (int i = 0; i < WORDS; i++) {
        words[i] = x += i;
    }
    for (int i = 0; i < WORDS; i++) {
        at = (at * 5 + words[at]) % WORDS;
        words[at] ^= i;
    }
    memcpy(copy, words, sizeof(words));
    write_cr3(read_cr3());
    return x + copy[at];
}

static uint64_t branches(uint64_t x)
{
    for (int i = 0; i < SORTED; i++) {
        uint32_t value;
        int at = i;

        x = x * 6364136223846793005ull + 1442695040888963407ull;
        value = x;
        for (; at && sorted[at - 1] > value; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = value;
    }
    return x ^ sorted[SORTED / 2];
}

static uint64_t fibonacci(uint64_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static uint64_t twice(uint64_t x)
{
    return 2 * x;
}

static uint64_t calls(uint64_t x)
{
    static uint64_t (*volatile const table[2])(uint64_t) = { fibonacci, twice };

    for (int i = 0; i < 4; i++) {
        x += table[0](FIBONACCI) + table[1](x);
    }
    return x;
}

/*
 * The same window on one page and on the other.  CR3 is loaded only when all
 * memory was in use: QEMU sizes its TLB by what a flush finds in it during a
 * tenth of a second of the host, and the work should not depend on that.
 */
static uint64_t page_tables(uint64_t x)
{
    for (uint64_t i = 0; i < 16 * mapped_pages; i++) {
        uint64_t va = WINDOW + i % mapped_pages * PAGE_SIZE;

        vm_map(va, (uint64_t)pages[i / mapped_pages & 1], PTE_P | PTE_W);
        *(volatile uint64_t *)va += i;
        x += *(volatile uint64_t *)va;
    }
    return x;
}

static void in_ring_3(uint64_t x)
{
    user_sum += x;
}

static uint64_t rings(uint64_t x)
{
    user_sum = x;
    for (int i = 0; i < RING_CHANGES; i++) {
        CHECK_EQ(run_user(in_ring_3, i, 0), VEC_EXIT);
    }
    return user_sum;
}

static uint64_t interrupts(uint64_t x)
{
    uint32_t before = irq_counts[VEC_TICK];

    for (int i = 0; i < INTERRUPTS; i++) {
        apic_icr(apic_id(), ICR_ASSERT | VEC_TICK);
        irq_window();
    }
    return x + irq_counts[VEC_TICK] - before;
}

static uint64_t unit(void)
{
    memset(pages[0], 0, PAGE_SIZE);
    memset(pages[1], 0, PAGE_SIZE);
    return interrupts(rings(page_tables(calls(branches(memory(integers(1)))))));
}

static void test_units(void)
{
    uint64_t n = arg_number("n", 600), first;

    mapped_pages = arg_number("pages", 64);
    pages[0] = page_alloc();
    pages[1] = page_alloc();
    trap_handle(VEC_TICK, irq_count);
    first = unit();
    for (uint64_t i = 1; i < n; i++) {
        CHECK_EQ(unit(), first);
    }
    printf("# compute: %lu units, sum 0x%lx\n", n, first);
}

const struct test tests[] = {
    { "units", test_units },
    {}
};
