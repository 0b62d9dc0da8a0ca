/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls of memory: anonymous and private, there from the start. */
#include "errno.h"
#include "memmap.h"
#include "remote.h"
#include "syscalls.h"

#define PROT_ALL        (SPACE_READ | SPACE_WRITE | SPACE_EXEC)
#define MAP_PRIVATE     0x02
#define MAP_FIXED       0x10
#define MAP_ANONYMOUS   0x20

static bool is_program_range(uint64_t va, uint64_t bytes)
{
    return va % PAGE_SIZE == 0 && bytes && space_user_range(va, bytes) &&
           va + bytes <= PROGRAM_END;
}

/* Whole pages; 0 if there are not so many. */
static uint64_t pages_of(uint64_t bytes)
{
    return bytes <= PROGRAM_END ? (bytes + PAGE_SIZE - 1) / PAGE_SIZE : 0;
}

static bool is_right(uint64_t prot)
{
    return prot & SPACE_READ && !(prot & ~(uint64_t)PROT_ALL);
}

/* Behind what was given last, so that nobody looks through all the others. */
static uint64_t find_place(struct process *p, uint64_t pages)
{
    uint64_t va = space_find(&p->space, pages, p->next_map, PROGRAM_END);

    if (!va) {
        va = space_find(&p->space, pages, MMAP_BASE, PROGRAM_END);
    }
    if (va) {
        p->next_map = va + pages * PAGE_SIZE;
    }
    return va;
}

/* The other side first: nobody may see a frame that is another's. */
static long unmap(struct process *p, uint64_t va, uint64_t pages)
{
    long error = remote_unmap(p, va, pages);

    if (error == -EINTR) {
        return -EINTR;                  /* it ends, and then all goes */
    }
    if (error) {
        late_keep(p);
    }
    space_unmap_range(&p->space, va, pages);
    p->space.keeper = 0;
    return 0;
}

static long map(struct process *p, const uint64_t *a, uint64_t pages)
{
    uint64_t va = a[0], bytes = pages * PAGE_SIZE;
    long error;

    if (a[3] & MAP_FIXED) {
        error = is_program_range(va, bytes) ? unmap(p, va, pages) : -EINVAL;
        if (error) {
            return error;
        }
    } else {
        va = find_place(p, pages);
        if (!va) {
            return -ENOMEM;
        }
    }
    error = space_map_range(&p->space, va, pages, a[2]);
    if (!error) {
        remote_map(p, va, pages);
    }
    return error ? error : (long)va;
}

/* Who asks for more than there is shall not wait until all is taken. */
static bool is_there(struct process *p, uint64_t pages)
{
    return pages <= frames_free(p->space.pool);
}

long sys_mmap(struct frame *f __attribute__((unused)), const uint64_t *a)
{
    struct process *p = process_current();
    uint64_t pages = pages_of(a[1]);
    long result;

    if (!pages || !is_right(a[2]) || !(a[3] & MAP_PRIVATE) ||
        !(a[3] & MAP_ANONYMOUS)) {
        return -EINVAL;
    }
    if (!is_there(p, pages)) {
        return -ENOMEM;
    }
    result = process_lock(p);
    if (!result) {
        result = map(p, a, pages);
        process_unlock(p);
    }
    return result;
}

long sys_munmap(struct frame *f __attribute__((unused)), const uint64_t *a)
{
    struct process *p = process_current();
    uint64_t pages = pages_of(a[1]);
    long result;

    if (!is_program_range(a[0], pages * PAGE_SIZE)) {
        return -EINVAL;
    }
    result = process_lock(p);
    if (!result) {
        result = unmap(p, a[0], pages);
        process_unlock(p);
    }
    return result;
}

long sys_mprotect(struct frame *f __attribute__((unused)), const uint64_t *a)
{
    struct process *p = process_current();
    uint64_t pages = pages_of(a[1]);
    long result;

    if (!is_program_range(a[0], pages * PAGE_SIZE) || !is_right(a[2])) {
        return -EINVAL;
    }
    result = process_lock(p);
    if (!result) {
        result = space_protect(&p->space, a[0], pages, a[2]);
        if (!result) {
            remote_unmap(p, a[0], pages);
            remote_map(p, a[0], pages);
        }
        process_unlock(p);
    }
    return result;
}
