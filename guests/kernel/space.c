/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "space.h"
#include "errno.h"
#include "memmap.h"

#define PTE_NX          BIT(63)
#define PTE_FOREIGN     BIT(9)          /* a bit for software */
#define PTE_FRAME       0x000ffffffffff000ull
#define LEVELS          4
#define ENTRIES         512
#define SEEK_ENTRIES    32              /* without space_pause() */
#define STRING_PART     64
#define SHARED_FIRST    1               /* of the lowest PDPT: from 1 GiB on */
#define SHARED_LAST     3

extern uint64_t boot_pml4[ENTRIES];

void __attribute__((weak)) space_pause(void)
{
}

static uint64_t *table_at(uint64_t entry)
{
    return (uint64_t *)(entry & PTE_FRAME);
}

/* Bytes that an entry of a table of that level stands for; 1: pages. */
static uint64_t reach(int level)
{
    return PAGE_SIZE << (9 * (level - 1));
}

static int index_of(uint64_t va, int level)
{
    return va / reach(level) % ENTRIES;
}

/* As frame_alloc(), but others run meanwhile. */
static uint64_t new_frame(struct pool *pool)
{
    uint64_t frame = frame_alloc_dirty(pool);

    for (int part = 0; frame && part < FRAME_PARTS; part++) {
        frame_clear(frame, part);
        space_pause();
    }
    return frame;
}

static void copy_frame(uint64_t to, uint64_t from)
{
    for (int part = 0; part < FRAME_PARTS; part++) {
        frame_copy(to, from, part);
        space_pause();
    }
}

static uint64_t new_table(struct space *s)
{
    uint64_t table = new_frame(&private_frames);

    s->tables += table != 0;
    return table;
}

static void free_table(struct space *s, uint64_t table)
{
    frame_free(&private_frames, table);
    s->tables--;
}

/* The kernel's part of the lowest PDPT is the same in all. */
int space_create(struct space *s, struct pool *pool)
{
    uint64_t lowest;

    *s = (struct space) { .pool = pool };
    s->pml4 = new_table(s);
    space_pause();
    lowest = s->pml4 ? new_table(s) : 0;
    if (!lowest) {
        if (s->pml4) {
            free_table(s, s->pml4);
        }
        s->pml4 = 0;
        return -ENOMEM;
    }
    table_at(s->pml4)[0] = lowest | PTE_P | PTE_W | PTE_U;
    for (int i = SHARED_FIRST; i <= SHARED_LAST; i++) {
        table_at(lowest)[i] = table_at(boot_pml4[0])[i];
    }
    return 0;
}

void space_use(const struct space *s)
{
    write_cr3(s->pml4);
}

void space_leave(void)
{
    write_cr3((uint64_t)boot_pml4);
}

static bool is_used(const struct space *s)
{
    return read_cr3() == s->pml4;
}

bool space_user_range(uint64_t va, uint64_t bytes)
{
    uint64_t end = va + bytes;

    return end >= va && ((va >= USER_LOW && end <= USER_LOW_END) ||
                         (va >= USER_HIGH && end <= USER_HIGH_END));
}

/* ---- walking ---- */

/* The entry of that page; a missing table is made, if @s may grow. */
static uint64_t *leaf(struct space *s, uint64_t va, bool grow)
{
    uint64_t *table = (uint64_t *)s->pml4;

    for (int level = LEVELS; level > 1; level--) {
        uint64_t *entry = &table[index_of(va, level)];

        if (!(*entry & PTE_P)) {
            uint64_t below = grow ? new_table(s) : 0;

            if (!below) {
                return NULL;
            }
            *entry = below | PTE_P | PTE_W | PTE_U;
            space_pause();
        }
        table = table_at(*entry);
    }
    return &table[index_of(va, 1)];
}

static uint64_t entry_of(uint64_t frame, unsigned prot)
{
    return frame | PTE_P | PTE_U | (prot & SPACE_WRITE ? PTE_W : 0) |
           (prot & SPACE_EXEC ? 0 : PTE_NX) |
           (prot & SPACE_FOREIGN ? PTE_FOREIGN : 0);
}

static unsigned rights(uint64_t entry)
{
    return SPACE_READ | (entry & PTE_W ? SPACE_WRITE : 0) |
           (entry & PTE_NX ? 0 : SPACE_EXEC) |
           (entry & PTE_FOREIGN ? SPACE_FOREIGN : 0);
}

uint64_t space_frame(const struct space *s, uint64_t va, unsigned *prot)
{
    uint64_t *entry;

    if (!space_user_range(va & -PAGE_SIZE, PAGE_SIZE)) {
        return 0;
    }
    entry = leaf((struct space *)s, va, false);
    if (!entry || !(*entry & PTE_P)) {
        return 0;
    }
    *prot = rights(*entry);
    return *entry & PTE_FRAME;
}

/* Is this what all spaces share? */
static bool is_shared(uint64_t va)
{
    return va >= USER_LOW_END && va < USER_HIGH;
}

/*
 * From *@at to the entry that it needs, or to the next one that is there, a
 * few of them at a time; true if it is a page.
 */
static bool seek(const struct space *s, uint64_t *at, uint64_t *entry)
{
    uint64_t *table = (uint64_t *)s->pml4;
    int level = LEVELS, i;

    while (level > 1 && table[index_of(*at, level)] & PTE_P) {
        table = table_at(table[index_of(*at, level)]);
        level--;
    }
    i = index_of(*at, level);
    if (level == 1 && table[i] & PTE_P) {
        *entry = table[i];
        return true;
    }
    *at &= -reach(level);
    for (int n = 0; n < SEEK_ENTRIES && i < ENTRIES && !(table[i] & PTE_P);
         n++, i++) {
        *at += reach(level);
    }
    return false;
}

bool space_next(const struct space *s, uint64_t *va, uint64_t *frame,
                unsigned *prot)
{
    uint64_t at = *va & -PAGE_SIZE, entry;

    while (at < USER_HIGH_END) {
        if (is_shared(at)) {
            at = USER_HIGH;
        }
        if (seek(s, &at, &entry)) {
            *va = at;
            *frame = entry & PTE_FRAME;
            *prot = rights(entry);
            return true;
        }
        space_pause();
    }
    return false;
}

/* ---- mapping ---- */

static void forget(const struct space *s, uint64_t va)
{
    if (is_used(s)) {
        invlpg(va);
    }
}

int space_map(struct space *s, uint64_t va, uint64_t frame, unsigned prot)
{
    uint64_t *entry;

    if (va % PAGE_SIZE || !space_user_range(va, PAGE_SIZE)) {
        return -EINVAL;
    }
    entry = leaf(s, va, true);
    if (!entry) {
        return -ENOMEM;
    }
    if (*entry & PTE_P) {
        return -EEXIST;
    }
    *entry = entry_of(frame, prot);
    s->pages += !(prot & SPACE_FOREIGN);
    return 0;
}

static int map_taken(struct space *s, uint64_t va, uint64_t frame,
                     unsigned prot)
{
    int error = space_map(s, va, frame, prot);

    if (error) {
        frame_free(s->pool, frame);
    }
    return error;
}

int space_map_new(struct space *s, uint64_t va, unsigned prot)
{
    uint64_t frame = new_frame(s->pool);

    return frame ? map_taken(s, va, frame, prot) : -ENOMEM;
}

int space_map_range(struct space *s, uint64_t va, uint64_t pages,
                    unsigned prot)
{
    for (uint64_t i = 0; i < pages; i++) {
        int error = space_map_new(s, va + i * PAGE_SIZE, prot);

        if (error) {
            space_unmap_range(s, va, i);
            return error;
        }
        space_pause();
    }
    return 0;
}

static void drop_frame(struct space *s, uint64_t frame)
{
    s->pages--;
    if (s->keeper) {
        frame_keep(s->pool, frame, s->keeper);
    } else {
        frame_free(s->pool, frame);
    }
}

static void clear_leaf(struct space *s, uint64_t *entry, uint64_t va)
{
    uint64_t old = *entry;

    *entry = 0;
    forget(s, va);
    if (!(old & PTE_FOREIGN)) {
        drop_frame(s, old & PTE_FRAME);
    }
}

/* One instruction, and under icount one for each entry. */
static bool is_empty(const uint64_t *table)
{
    uint64_t n = ENTRIES;
    bool all;

    asm("repe scasq" : "+D"(table), "+c"(n), "=@ccz"(all) : "a"(0)
        : "memory");
    return all;
}

/* Behind the last page of a table: from the lowest level upwards. */
static void free_empty_tables(struct space *s, uint64_t va)
{
    for (int level = 2; level <= LEVELS; level++) {
        uint64_t *table = (uint64_t *)s->pml4, *entry;
        int at = LEVELS;

        for (; at > level && table[index_of(va, at)] & PTE_P; at--) {
            table = table_at(table[index_of(va, at)]);
        }
        entry = &table[index_of(va, level)];
        if (at > level || !(*entry & PTE_P)) {
            continue;
        }
        if (!is_empty(table_at(*entry))) {
            return;
        }
        free_table(s, *entry & PTE_FRAME);
        *entry = 0;
        space_pause();
    }
}

void space_unmap_range(struct space *s, uint64_t va, uint64_t pages)
{
    uint64_t end = va + pages * PAGE_SIZE, at = va, last = va, frame;
    unsigned prot;

    while (space_next(s, &at, &frame, &prot) && at < end) {
        if (at / reach(2) != last / reach(2)) {
            free_empty_tables(s, last);
        }
        clear_leaf(s, leaf(s, at, false), at);
        last = at;
        at += PAGE_SIZE;
        space_pause();
    }
    free_empty_tables(s, last);
}

int space_protect(struct space *s, uint64_t va, uint64_t pages,
                  unsigned prot)
{
    uint64_t end = va + pages * PAGE_SIZE;
    unsigned old;

    for (uint64_t at = va; at < end; at += PAGE_SIZE) {
        if (!space_frame(s, at, &old)) {
            return -ENOMEM;
        }
        space_pause();
    }
    for (uint64_t at = va; at < end; at += PAGE_SIZE) {
        uint64_t *entry = leaf(s, at, false);

        *entry = entry_of(*entry & PTE_FRAME,
                          prot | (rights(*entry) & SPACE_FOREIGN));
        forget(s, at);
        space_pause();
    }
    return 0;
}

int space_copy(struct space *to, const struct space *from)
{
    uint64_t va = 0, frame, copy;
    unsigned prot;
    int error;

    for (; space_next(from, &va, &frame, &prot); va += PAGE_SIZE) {
        if (prot & SPACE_FOREIGN) {
            error = space_map(to, va, frame, prot);
        } else {
            copy = frame_alloc_dirty(to->pool);
            if (!copy) {
                return -ENOMEM;
            }
            copy_frame(copy, frame);
            error = map_taken(to, va, copy, prot);
        }
        if (error) {
            return error;
        }
        space_pause();
    }
    return 0;
}

/* Tables below @table, which are private, with the pages in them. */
static void free_below(struct space *s, uint64_t *table, int level,
                       uint64_t va)
{
    for (int i = 0; i < ENTRIES; i++) {
        uint64_t at = va + i * reach(level);

        if (i % SEEK_ENTRIES == 0) {
            space_pause();
        }
        if (!(table[i] & PTE_P) || is_shared(at)) {
            continue;
        }
        if (level == 1) {
            clear_leaf(s, &table[i], at);
            space_pause();
        } else {
            free_below(s, table_at(table[i]), level - 1, at);
            free_table(s, table[i] & PTE_FRAME);
            space_pause();
        }
    }
}

void space_destroy(struct space *s)
{
    free_below(s, (uint64_t *)s->pml4, LEVELS, 0);
    free_table(s, s->pml4);
    s->pml4 = 0;
    if (s->pages || s->tables) {
        fatal("an address space left %u pages and %u tables", s->pages,
              s->tables);
    }
}

/* First fit; what is mapped says where to look next. */
uint64_t space_find(const struct space *s, uint64_t pages, uint64_t from,
                    uint64_t to)
{
    uint64_t va = from, frame;
    unsigned prot;

    while (pages <= (to - from) / PAGE_SIZE) {
        uint64_t next = va;

        if (to - va < pages * PAGE_SIZE) {
            return 0;
        }
        if (!space_next(s, &next, &frame, &prot) ||
            next >= va + pages * PAGE_SIZE) {
            return va;
        }
        va = next + PAGE_SIZE;
    }
    return 0;
}

/* ---- contents ---- */

int user_copy(void *to, const void *from, size_t bytes);

int copy_from_user(void *to, uint64_t from, size_t bytes)
{
    return space_user_range(from, bytes) ?
           user_copy(to, (const void *)from, bytes) : -EFAULT;
}

int copy_to_user(uint64_t to, const void *from, size_t bytes)
{
    return space_user_range(to, bytes) ?
           user_copy((void *)to, from, bytes) : -EFAULT;
}

/* As many bytes of a string as are asked for at once, within a page. */
static size_t string_part(uint64_t from, size_t room)
{
    size_t in_page = PAGE_SIZE - from % PAGE_SIZE;
    size_t n = in_page < STRING_PART ? in_page : STRING_PART;

    return n < room ? n : room;
}

long copy_string(char *to, uint64_t from, size_t room)
{
    for (size_t at = 0, n; at < room; at += n) {
        n = string_part(from + at, room - at);
        if (copy_from_user(to + at, from + at, n)) {
            return -EFAULT;
        }
        for (size_t i = at; i < at + n; i++) {
            if (!to[i]) {
                return i;
            }
        }
        space_pause();
    }
    return -ENAMETOOLONG;
}

static int transfer(const struct space *s, uint64_t va, void *kernel,
                    size_t bytes, bool write)
{
    unsigned prot;

    while (bytes) {
        uint64_t frame = space_frame(s, va, &prot), in_page = va % PAGE_SIZE;
        size_t n = PAGE_SIZE - in_page;

        if (!frame) {
            return -EFAULT;
        }
        n = n < bytes ? n : bytes;
        memcpy(write ? (void *)(frame + in_page) : kernel,
               write ? kernel : (void *)(frame + in_page), n);
        va += n;
        kernel += n;
        bytes -= n;
        space_pause();
    }
    return 0;
}

int space_write(const struct space *s, uint64_t va, const void *from,
                size_t bytes)
{
    return transfer(s, va, (void *)from, bytes, true);
}

int space_read(const struct space *s, uint64_t va, void *to, size_t bytes)
{
    return transfer(s, va, to, bytes, false);
}
