/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs: ELF64, static or static and position independent. */
#ifndef GUESTS_ELF_H
#define GUESTS_ELF_H

#include "space.h"

struct program {
    uint64_t entry;
    uint64_t base;              /* 0, or where a position-independent one is */
    uint64_t end;               /* of its last segment */
};

/*
 * Map an image of @size bytes into a fresh space and relocate it: 0,
 * -ENOEXEC, -ENOMEM.  After an error the space holds a part of it.
 */
int elf_load(struct space *s, const void *image, size_t size,
             struct program *program);

#endif
