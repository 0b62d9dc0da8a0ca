/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables.  The boot tables map 4 GiB twice with 2 MiB pages; a test that
 * wants other rights for a 4 KiB page asks for its entry and gets the large
 * page split.
 */
#include "lib.h"
#include "machine.h"

#define PTE_ADDRESS 0x000ffffffffff000ull

extern uint64_t boot_pml4[512];
extern char __bss_end[];

void *pages_alloc(int n)
{
    static uint64_t next;
    uint64_t first;

    if (!next) {
        next = (uint64_t)__bss_end;
    }
    first = next;
    next += n * PAGE_SIZE;
    if (next > machine.free_end) {
        fatal("out of payload memory");
    }
    return memset((void *)first, 0, n * PAGE_SIZE);
}

void *page_alloc(void)
{
    return pages_alloc(1);
}

static void split(uint64_t *pde)
{
    uint64_t *table = page_alloc();

    for (int i = 0; i < 512; i++) {
        table[i] = (*pde & ~(uint64_t)PTE_PS) + i * PAGE_SIZE;
    }
    *pde = (uint64_t)table | PTE_P | PTE_W | PTE_U;
}

/* Rights are decided at the leaf; every level above allows all. */
static uint64_t *next_level(uint64_t *entry)
{
    if (!(*entry & PTE_P)) {
        *entry = (uint64_t)page_alloc() | PTE_P | PTE_W | PTE_U;
    } else if (*entry & PTE_PS) {
        split(entry);
    } else {
        *entry |= PTE_U;
    }
    return (uint64_t *)(*entry & PTE_ADDRESS);
}

uint64_t *vm_pte(uint64_t va)
{
    uint64_t *table = boot_pml4;

    for (int shift = 39; shift > 12; shift -= 9) {
        table = next_level(&table[va >> shift & 511]);
    }
    return &table[va >> 12 & 511];
}

void vm_map(uint64_t va, uint64_t pa, uint64_t flags)
{
    *vm_pte(va) = (pa & PTE_ADDRESS) | flags;
    invlpg(va);
}

uint64_t vm_change(const volatile void *va, uint64_t clear, uint64_t set)
{
    uint64_t *pte = vm_pte((uint64_t)va);
    uint64_t old = *pte;

    *pte = (old & ~clear) | set;
    invlpg((uint64_t)va);
    return old;
}

void vm_restore(const volatile void *va, uint64_t pte)
{
    *vm_pte((uint64_t)va) = pte;
    invlpg((uint64_t)va);
}
