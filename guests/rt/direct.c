/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queue of version 2 for a process: it fills descriptors and executes
 * SENDUIPI itself, and its shadow answers without a word to this kernel
 * (F15-F17).  The kernel has shown the shadow its pages and shaken hands, and
 * never reads what is in the queue.
 */
#include "errno.h"
#include "memmap.h"
#include "remote.h"
#include "syscalls.h"

static uint8_t *page_of(unsigned slot)
{
    return (uint8_t *)(uint64_t)(SCF2_QUEUES + slot * SCF_PAGE_SIZE);
}

/* Or a server would take what is left there of a life before this one. */
void direct_start(void)
{
    for (unsigned slot = 0; slot < SCF2_SLOTS; slot++) {
        memset(page_of(slot), 0, SCF_PAGE_SIZE);
    }
}

/* From the magic on: without it nobody looks at the page. */
static void clear(uint8_t *page)
{
    for (int part = 0; part < FRAME_PARTS; part++) {
        frame_clear((uint64_t)page, part);
        thread_pause();
    }
}

static void set_up(uint8_t *page)
{
    clear(page);
    *(volatile uint16_t *)(page + SCF_META_CAPACITY) = SCF2_CAPACITY;
    wire_set((uint32_t *)(page + SCF_META_MAGIC), SCF_MAGIC);
}

void direct_end(struct process *p)
{
    if (p->queued) {
        clear(page_of(p->scf.slot));
        p->queued = false;
    }
}

/* The server shows the slot's epoch: it has left what was there before. */
static int give_queue(struct process *p)
{
    uint8_t *page = page_of(p->scf.slot);
    int error;

    set_up(page);
    error = space_map(&p->space, QUEUE_PAGE, (uint64_t)page,
                      SPACE_READ | SPACE_WRITE | SPACE_FOREIGN);
    p->queued = true;
    if (error) {
        direct_end(p);
    }
    return error;
}

/* Where its queue is; SENDUIPI 0 announces what is in it. */
long sys_scf_queue(struct frame *f __attribute__((unused)),
                   const uint64_t *a __attribute__((unused)))
{
    struct process *p = process_current();
    int error;

    if (!p->attached || !remote_mirror(p) || !scf_has_target(p)) {
        return -ENOTCONN;
    }
    if (p->scf.slot >= SCF2_SLOTS) {
        return -ENOSPC;
    }
    error = process_lock(p);
    if (!error) {
        error = p->queued ? 0 : give_queue(p);
        process_unlock(p);
    }
    return error ? error : QUEUE_PAGE;
}

/* ---- for who measures ---- */

/* How many system calls its threads have made, this one included. */
long sys_scf_entries(struct frame *f __attribute__((unused)),
                     const uint64_t *a __attribute__((unused)))
{
    return process_current()->entries;
}
