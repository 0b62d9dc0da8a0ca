/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ends a guest: test-hv knows the exit of each. */
#include "attacks.h"
#include "lib.h"

#define HYPERVISOR      0x3a000000
#define KEPT_ENTRY      0x3c000018      /* of RT's image: where lives begin */
#define GP_MEMORY       0x50000000
#define LOW_PAGE        0x55000
#define NOBODY          0x80000000
#define FAR             0xff00000000     /* within 40 bits */
#define GP_CONFIG       0xb0020000
#define GP_DEVICE       0x90000000
#define SOMEWHERE       0x10000000000   /* a linear address */
#define POWER           0x604
#define POWER_OFF       0x2000
#define ELCR            0x4d0

static void store(uint64_t at)
{
    *(volatile uint64_t *)at = 0;
}

static void store_hypervisor(void)
{
    store(KEPT_ENTRY);
}

static void load_gp(void)
{
    (void)*(volatile uint64_t *)GP_MEMORY;
}

/* Where CPUs start, and where their hypervisor is on the way to them */
static void store_low(void)
{
    store(LOW_PAGE);
}

static void locked_store(void)
{
    __atomic_fetch_add((uint64_t *)KEPT_ENTRY, 1, __ATOMIC_SEQ_CST);
}

static void fetch_nobody(void)
{
    ((void (*)(void))NOBODY)();
}

static void tables_of_hypervisor(void)
{
    write_cr3(HYPERVISOR);
}

static void store_far(void)
{
    vm_map(SOMEWHERE, FAR, PTE_P | PTE_W);
    store(SOMEWHERE);
}

static void other_config(void)
{
    store(GP_CONFIG);
}

static void other_device(void)
{
    store(GP_DEVICE);
}

static void triple_fault(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) none;

    asm volatile("lidt %0; int3" : : "m"(none));
}

static void power_off(void)
{
    outw(POWER, POWER_OFF);
}

static void string_to_port(void)
{
    static const char text[4];
    const char *from = text;
    uint64_t n = sizeof(text);

    asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(ELCR) : "memory");
}

void (*const attacks[ATTACKS])(void) = {
    store_hypervisor, load_gp, store_low, locked_store, fetch_nobody,
    tables_of_hypervisor, store_far, other_config, other_device, triple_fault,
    power_off, string_to_port,
};
