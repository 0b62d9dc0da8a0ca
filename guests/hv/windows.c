/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nested tables from a guest's windows, and its map of ports. */
#include "hv.h"

#define PAGE_2M         0x200000ull
#define PTE_ADDRESS     0x000ffffffffff000ull
#define TABLES          64
#define IOPM_PAGES      3

static uint64_t tables[TABLES][512] __attribute__((aligned(4096)));
static uint8_t iopms[2][IOPM_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));

static uint64_t *new_table(void)
{
    static unsigned used;

    if (used == TABLES) {
        say("hypervisor", "no room for nested tables", NULL, 0);
        cpu_halt();
    }
    return tables[used++];
}

/* The entry of an address at the level whose entries span 1 << @shift. */
static uint64_t *entry_of(struct guest *guest, uint64_t gpa, int shift)
{
    uint64_t *table = guest->nested;

    for (int at = 39; at > shift; at -= 9) {
        uint64_t *entry = &table[gpa >> at & 511];

        if (!*entry) {
            *entry = (uint64_t)new_table() | PTE_P | PTE_W | PTE_U;
        }
        table = (uint64_t *)(*entry & PTE_ADDRESS);
    }
    return &table[gpa >> shift & 511];
}

static bool fits_large(const struct window *w, uint64_t done)
{
    return !((w->base + done) % PAGE_2M) && !((w->host + done) % PAGE_2M) &&
           w->size - done >= PAGE_2M;
}

static void map(struct guest *guest, const struct window *w, uint64_t rights)
{
    uint64_t step;

    for (uint64_t done = 0; done < w->size; done += step) {
        bool large = fits_large(w, done);

        step = large ? PAGE_2M : PAGE_SIZE;
        *entry_of(guest, w->base + done, large ? 21 : 12) =
            rights ? (w->host + done) | rights | (large ? PTE_PS : 0) : 0;
    }
}

static void allow_ports(struct guest *guest)
{
    memset(guest->iopm, 0xff, IOPM_PAGES * PAGE_SIZE);
    for (const struct ports *p = guest->ports; p->first; p++) {
        for (unsigned port = p->first; port <= p->last; port++) {
            guest->iopm[port / 8] &= ~(1 << port % 8);
        }
    }
}

void windows_build(struct guest *guest)
{
    guest->nested = new_table();
    guest->iopm = iopms[guest == &rt];
    for (const struct window *w = guest->windows; w->size; w++) {
        map(guest, w, PTE_P | PTE_U |
            (w->flags & WINDOW_READ_ONLY ? 0 : PTE_W));
    }
    allow_ports(guest);
}

void windows_drop_starter(struct guest *guest)
{
    for (const struct window *w = guest->windows; w->size; w++) {
        if (w->flags & WINDOW_STARTER) {
            map(guest, w, 0);
        }
    }
}
