/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile partition: in each round it loads, stores, uses ports, sends
 * interrupts or aims its disk's DMA, at anything that it can name.  All comes
 * from a seed; it spares only itself, or it would not live to the end.  The
 * victim is tests/guest/partition_fuzz.c.
 */
#include "blk.h"
#include "hostile.h"

const char *const test_group = "/partition/hostile";

#define APIC            0xfee00000ull
#define APIC_MSI        4               /* in the same page: a message */
#define ECAM_PAGE       0xb0028000ull
#define BARS            0xfa000000ull
#define BARS_SIZE       0x2000000ull
#define MEMORY          0x42000000ull
#define MEMORY_SIZE     0x8000000ull
#define BOOT_PAGE       0xffff8000ull
#define FIRST_RAM       0x3ffffff       /* 64 MiB */

static struct blk disk;

static const struct { uint64_t base, size; } spared[] = {
    { (uint64_t)HOSTILE, PAGE_SIZE }, { MEMORY, MEMORY_SIZE },
    { APIC, PAGE_SIZE }, { ECAM_PAGE, PAGE_SIZE }, { BARS, BARS_SIZE },
    { BOOT_PAGE, 0x8000 },
};

/* Nothing of [at, at + size) is in what is spared. */
static bool may_touch(uint64_t at, uint64_t size)
{
    for (unsigned i = 0; i < sizeof(spared) / sizeof(spared[0]); i++) {
        if (at + size > spared[i].base &&
            at < spared[i].base + spared[i].size) {
            return false;
        }
    }
    return true;
}

/* Half of them in the first partition's RAM */
static uint64_t any_address(uint64_t r)
{
    return r & 1 ? r >> 8 & FIRST_RAM : r >> 8 & 0xffffffff;
}

static void any_memory(uint64_t r, uint64_t value)
{
    uint64_t at = any_address(r);

    if (!may_touch(at, 8)) {
        return;
    }
    if (r & 2) {
        *(volatile uint32_t *)at = value;
    } else {
        (void)*(volatile uint64_t *)at;
    }
}

/* But those that reset it, and four bytes reach three further. */
static bool resets(uint16_t port)
{
    static const uint16_t ports[] = { 0x64, 0x92, 0x604, 0x605, 0xcf9 };

    for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        if ((uint16_t)(ports[i] - port) < 4) {
            return true;
        }
    }
    return false;
}

static void any_port(uint64_t r, uint32_t value)
{
    uint16_t port = r & 1 ? r >> 8 : r >> 8 & 0x3ff;

    if (resets(port) || (uint16_t)(0x2e9 - port) < 4) {
        return;
    }
    if (r & 2) {
        outl(port, value);
    } else {
        inl(port);
    }
}

/* Any mode, logical or physical, to the first's CPU or to all others */
static void any_ipi(uint64_t r)
{
    apic_icr(0, (r & 1 ? ICR_OTHERS : 0) | (r >> 8 & 0xcfff));
}

static void any_msi(uint64_t r)
{
    *(volatile uint32_t *)(APIC + APIC_MSI) = r >> 8 & 0xc7ff;
}

static void any_dma(uint64_t r)
{
    uint64_t at = any_address(r);

    if (may_touch(at, BLK_SECTOR)) {
        HOSTILE->failures +=
            (r & 2 ? blk_read : blk_write)(&disk, 0, at) != BLK_OK;
    }
}

static void round(uint64_t *seed)
{
    uint64_t r = random64(seed), what = r >> 60;

    if (what < 8) {
        any_memory(r, random64(seed));
    } else if (what < 11) {
        any_port(r, random64(seed));
    } else if (what < 13) {
        any_ipi(r);
    } else if (what < 14) {
        any_msi(r);
    } else {
        any_dma(r);
    }
}

static void test_rounds(void)
{
    uint64_t seed;

    HOSTILE->lives++;
    pci_init();
    CHECK(blk_find(&disk) && blk_start(&disk, (uint64_t)&disk.rings));
    while (!HOSTILE->begin) {
        cpu_relax();
    }
    seed = HOSTILE->seed;
    for (uint64_t n = HOSTILE->rounds; n; n--) {
        round(&seed);
    }
    HOSTILE->done = 1;
}

const struct test tests[] = {
    { "rounds", test_rounds },
    {}
};
