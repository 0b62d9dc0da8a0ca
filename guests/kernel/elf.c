/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System V ABI, chapters 4 and 5; AMD64 supplement, section 4.4. */
#include "elf.h"
#include "errno.h"
#include "memmap.h"

#define ELF_MAGIC       0x464c457f
#define ELF_CLASS64_LE  0x0102          /* EI_CLASS, EI_DATA */
#define ET_EXEC         2
#define ET_DYN          3
#define EM_X86_64       62
#define PT_LOAD         1
#define PT_DYNAMIC      2
#define PT_INTERP       3
#define PF_EXEC         1
#define PF_WRITE        2
#define DT_NULL         0
#define DT_RELA         7
#define DT_RELASZ       8
#define DT_RELAENT      9
#define R_X86_64_RELATIVE 8
#define HEADERS_MAX     64

struct header {
    uint32_t magic;
    uint16_t class_data;
    uint8_t ident[10];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct dynamic {
    uint64_t tag, value;
};

struct relocation {
    uint64_t offset, info, addend;
};

static bool inside(uint64_t offset, uint64_t bytes, uint64_t size)
{
    return offset <= size && bytes <= size - offset;
}

static bool is_program(const struct header *h, size_t size)
{
    return inside(0, sizeof(*h), size) && h->magic == ELF_MAGIC &&
           h->class_data == ELF_CLASS64_LE && h->machine == EM_X86_64 &&
           (h->type == ET_EXEC || h->type == ET_DYN) &&
           h->phentsize == sizeof(struct segment) && h->phnum &&
           h->phnum <= HEADERS_MAX && h->phoff % 8 == 0 &&
           inside(h->phoff, h->phnum * sizeof(struct segment), size);
}

static unsigned rights_of(uint32_t flags)
{
    return SPACE_READ | (flags & PF_WRITE ? SPACE_WRITE : 0) |
           (flags & PF_EXEC ? SPACE_EXEC : 0);
}

/* A page that two segments share has the rights of both. */
static int map_page(struct space *s, uint64_t va, unsigned prot)
{
    unsigned old;
    uint64_t frame = space_frame(s, va, &old);

    return frame ? space_protect(s, va, 1, old | prot) :
                   space_map_new(s, va, prot);
}

static int load_segment(struct space *s, const struct segment *p,
                        uint64_t base, const void *image, size_t size)
{
    uint64_t start = base + p->vaddr, end = start + p->memsz;

    if (!p->memsz) {
        return 0;
    }
    if (!inside(p->offset, p->filesz, size) || p->filesz > p->memsz ||
        !space_user_range(start, p->memsz)) {
        return -ENOEXEC;
    }
    for (uint64_t va = start & -PAGE_SIZE; va < end; va += PAGE_SIZE) {
        int error = map_page(s, va, rights_of(p->flags));

        if (error) {
            return error == -ENOMEM ? error : -ENOEXEC;
        }
        space_pause();
    }
    return space_write(s, start, image + p->offset, p->filesz);
}

static int relocate(struct space *s, uint64_t base, uint64_t table,
                    uint64_t bytes)
{
    struct relocation r;

    for (; bytes >= sizeof(r); bytes -= sizeof(r), table += sizeof(r)) {
        uint64_t value;

        if (space_read(s, table, &r, sizeof(r)) ||
            r.info != R_X86_64_RELATIVE) {
            return -ENOEXEC;
        }
        value = base + r.addend;
        if (space_write(s, base + r.offset, &value, sizeof(value))) {
            return -ENOEXEC;
        }
        space_pause();
    }
    return 0;
}

static int read_dynamic(struct space *s, const struct segment *p,
                        uint64_t base)
{
    uint64_t table = 0, bytes = 0, entry = sizeof(struct relocation);
    struct dynamic d = { DT_NULL, 0 };

    for (uint64_t at = 0; at + sizeof(d) <= p->memsz; at += sizeof(d)) {
        if (space_read(s, base + p->vaddr + at, &d, sizeof(d))) {
            return -ENOEXEC;
        }
        if (d.tag == DT_NULL) {
            break;
        }
        table = d.tag == DT_RELA ? d.value : table;
        bytes = d.tag == DT_RELASZ ? d.value : bytes;
        entry = d.tag == DT_RELAENT ? d.value : entry;
    }
    return entry == sizeof(struct relocation) ?
           relocate(s, base, base + table, bytes) : -ENOEXEC;
}

static int each_segment(struct space *s, const void *image, size_t size,
                        struct program *program)
{
    const struct header *h = image;
    const struct segment *p = image + h->phoff;
    int error = 0;

    for (int i = 0; i < h->phnum && !error; i++) {
        if (p[i].type == PT_INTERP) {
            error = -ENOEXEC;
        } else if (p[i].type == PT_LOAD) {
            uint64_t end = program->base + p[i].vaddr + p[i].memsz;

            error = load_segment(s, &p[i], program->base, image, size);
            program->end = end > program->end ? end : program->end;
        }
    }
    for (int i = 0; i < h->phnum && !error; i++) {
        if (p[i].type == PT_DYNAMIC) {
            error = read_dynamic(s, &p[i], program->base);
        }
    }
    return error;
}

int elf_load(struct space *s, const void *image, size_t size,
             struct program *program)
{
    const struct header *h = image;
    int error;

    if (!is_program(h, size)) {
        return -ENOEXEC;
    }
    *program = (struct program) {
        .base = h->type == ET_DYN ? PIE_BASE : 0,
    };
    program->entry = program->base + h->entry;
    error = each_segment(s, image, size, program);
    if (!error && !space_user_range(program->entry, 1)) {
        error = -ENOEXEC;
    }
    return error;
}
