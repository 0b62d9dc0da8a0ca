/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile partition: in each round it loads, stores, uses ports, sends
 * interrupts, aims its disk's DMA at anything that it can name, spoils the
 * disk's registers and configuration, or begins a new life.  All comes
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

#define DISK_BARS       0x8000          /* of these, the first ones */
#define CONFIG_WORDS    64
#define RESET_CONTROL   0xcf9

static struct blk disk;
static uint32_t saved[CONFIG_WORDS];

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

/* What a device stores where messages become interrupts is none (P11). */
static void any_dma(uint64_t r)
{
    bool messages = !(r >> 4 & 7);
    uint64_t at = messages ? APIC | (r >> 8 & 0xff0) : any_address(r);

    if (messages || may_touch(at, BLK_SECTOR)) {
        HOSTILE->failures +=
            (r & 2 ? blk_read : blk_write)(&disk, 0, at) != BLK_OK;
    }
}

static void poke(uint64_t r, uint64_t value)
{
    int size = 1 << (r >> 1 & 3) % 3;
    uint64_t at = r & 1 ? ECAM_PAGE | (r >> 8 & 0xfff) :
                  BARS | (r >> 8 & (DISK_BARS - 1));

    at &= -size;
    if (size == 1) {
        *(volatile uint8_t *)at = value;
    } else if (size == 2) {
        *(volatile uint16_t *)at = value;
    } else {
        *(volatile uint32_t *)at = value;
    }
}

static void save_config(void)
{
    for (int i = 0; i < CONFIG_WORDS; i++) {
        saved[i] = pci_read32(&disk.v.pci, 4 * i);
    }
}

static void mend_disk(void)
{
    pci_write16(&disk.v.pci, PCI_COMMAND, 0);
    for (int i = PCI_BAR(0) / 4; i < CONFIG_WORDS; i++) {
        pci_write32(&disk.v.pci, 4 * i, saved[i]);
    }
    pci_write16(&disk.v.pci, PCI_COMMAND, PCI_COMMAND_MEM_MASTER);
    HOSTILE->failures += !blk_start(&disk, (uint64_t)&disk.rings);
}

/* Its own device's configuration, base addresses, queues and messages. */
static void any_device(uint64_t *seed)
{
    for (int n = random64(seed) % 8; n >= 0; n--) {
        uint64_t r = random64(seed);

        poke(r, random64(seed));
    }
    blk_notify(&disk);
    mend_disk();
}

static void restart_itself(void)
{
    outb(RESET_CONTROL, 6);
    for (;;) {
        cpu_relax();
    }
}

/* Interrupts to itself, which it survives; and now and then a new life. */
static void any_of_its_own(uint64_t r)
{
    uint8_t vector = r >> 8;

    if (!(r & 0x1f)) {
        restart_itself();
    }
    if (vector >= 32 && vector != VEC_EXIT) {
        apic_icr(apic_id(), r & 0x80 ? ICR_NMI : vector);
    }
}

static void round(uint64_t *seed)
{
    uint64_t r = random64(seed), what = r >> 60;

    if (what < 6) {
        any_memory(r, random64(seed));
    } else if (what < 9) {
        any_port(r, random64(seed));
    } else if (what < 11) {
        any_ipi(r);
    } else if (what < 12) {
        any_msi(r);
    } else if (what < 14) {
        any_dma(r);
    } else if (what < 15) {
        any_of_its_own(r);
    } else {
        any_device(seed);
    }
}

static void end_interrupt(struct frame *f)
{
    apic_eoi();
    (void)f;
}

static void take_interrupts(void)
{
    for (int vector = 32; vector < 256; vector++) {
        if (vector != VEC_EXIT) {
            trap_handle(vector, end_interrupt);
        }
    }
    trap_handle(VEC_NMI, end_interrupt);
    sti();
}

/* What it may leave behind: a CPU that waits for a SIPI, or a crash. */
static void die(uint64_t r)
{
    static const struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } none;

    if (r & 1) {
        apic_icr(apic_id(), ICR_INIT);
    }
    asm volatile("lidt %0; ud2" : : "m"(none));
}

static void test_rounds(void)
{
    uint64_t seed, own;

    HOSTILE->lives++;
    pci_init();
    CHECK(blk_find(&disk, 0));
    save_config();
    CHECK(blk_start(&disk, (uint64_t)&disk.rings));
    take_interrupts();
    while (!HOSTILE->begin) {
        cpu_relax();
    }
    while (HOSTILE->left) {
        seed = HOSTILE->seed;
        own = random64(&seed);
        HOSTILE->seed = seed;       /* a restart goes on with the next one */
        HOSTILE->left--;
        round(&own);
    }
    HOSTILE->done = 1;
    die(HOSTILE->seed);
}

const struct test tests[] = {
    { "rounds", test_rounds },
    {}
};
