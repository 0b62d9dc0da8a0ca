/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mark page (MB25): a guest says that it has come to a point that nobody
 * else can see.  Nothing happens but that the time of it is known.
 */
#include "qemu/osdep.h"
#include "hw/core/cpu.h"
#include "target/i386/uintr/observe.h"
#include "../trace.h"
#include "mailbox.h"

static uint64_t marks_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0;
}

static void marks_write(void *opaque, hwaddr addr, uint64_t value,
                        unsigned size)
{
    VirtIOMailbox *m = opaque;
    unsigned number = addr / MBOX_MARK(1);

    if (addr != MBOX_MARK(number)) {
        mailbox_guest_error(m, "mark at 0x%" HWADDR_PRIx
                            ", which is none's place", addr);
    } else if (number < MBOX_MARKS) {
        trace_mailbox_mark(mailbox_name(m), number, value);
        UINTR_TELL(mark, current_cpu, number, value);
    } else {
        mailbox_guest_error(m, "mark %u, which is above %u", number,
                            MBOX_MARKS - 1);
    }
}

static const MemoryRegionOps marks_ops = {
    .read = marks_read,
    .write = marks_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 8 },
};

void mailbox_marks_init(VirtIOMailbox *m)
{
    memory_region_init_io(&m->marks, OBJECT(m->pci), &marks_ops, m,
                          "mailbox-marks", MBOX_PAGE_SIZE);
    m->marks.disable_reentrancy_guard = true;   /* nothing comes of it */
    memory_region_add_subregion(&m->bar, MBOX_MARK_OFFSET, &m->marks);
}
