/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RT's image, in the hypervisor's own copy: an ELF file for x86-64, which
 * begins in long mode, or one for i386, which begins in protected mode with
 * paging off, as the users' images do.
 */
#include "hv.h"

#define ELF_MAGIC       0x464c457f
#define PT_LOAD         1
#define ROOM            (HV_RT_IMAGE_END - HV_RT_IMAGE)

struct elf {
    uint32_t magic;
    uint8_t bits;                       /* 1: 32, 2: 64 */
    uint8_t identity[11];
    uint16_t type, machine;
    uint32_t version;
    union {
        struct {
            uint32_t entry, segments, sections, flags;
            uint16_t size, segment_size, segment_count;
        } elf32;
        struct {
            uint64_t entry, segments, sections;
            uint32_t flags;
            uint16_t size, segment_size, segment_count;
        } __attribute__((packed)) elf64;
    };
};

struct segment32 {
    uint32_t type, offset, virtual, physical, file_size, memory_size;
    uint32_t flags, align;
};

struct segment {
    uint32_t type, flags;
    uint64_t offset, virtual, physical, file_size, memory_size, align;
};

static const struct elf *const kept = (const struct elf *)HV_RT_IMAGE;

static bool is_32(void)
{
    return kept->bits == 1;
}

static unsigned segment_count(void)
{
    return is_32() ? kept->elf32.segment_count : kept->elf64.segment_count;
}

static uint64_t segments_at(void)
{
    return is_32() ? kept->elf32.segments : kept->elf64.segments;
}

static struct segment segment(unsigned i)
{
    uint64_t at = HV_RT_IMAGE + segments_at();
    const struct segment32 *s = (const struct segment32 *)at + i;

    if (!is_32()) {
        return ((const struct segment *)at)[i];
    }
    return (struct segment) {
        .type = s->type, .offset = s->offset, .physical = s->physical,
        .file_size = s->file_size, .memory_size = s->memory_size,
    };
}

static struct start image_start(void)
{
    return is_32() ? (struct start) { kept->elf32.entry, 32 } :
                     (struct start) { kept->elf64.entry, 64 };
}

static bool in_memory(uint64_t at, uint64_t size)
{
    uint64_t room = rt.windows[0].size;

    at -= rt.windows[0].base;
    return at < room && size <= room - at;
}

static bool is_good(struct segment s)
{
    return s.type != PT_LOAD ||
           (s.offset < ROOM && s.file_size <= ROOM - s.offset &&
            s.file_size <= s.memory_size &&
            in_memory(s.physical, s.memory_size));
}

static bool header_is_good(void)
{
    return kept->magic == ELF_MAGIC && segments_at() <= PAGE_SIZE &&
           in_memory(image_start().entry, 1) &&
           (is_32() ? kept->elf32.segment_size == sizeof(struct segment32) :
                      kept->elf64.segment_size == sizeof(struct segment));
}

/* The copy is checked, not what its owner may change meanwhile. */
bool image_keep(uint64_t from)
{
    memcpy((void *)HV_RT_IMAGE, (const void *)from, ROOM);
    if (!header_is_good()) {
        return false;
    }
    for (unsigned i = 0; i < segment_count(); i++) {
        if (!is_good(segment(i))) {
            return false;
        }
    }
    return true;
}

struct start image_load(void)
{
    for (unsigned i = 0; i < segment_count(); i++) {
        struct segment s = segment(i);

        if (s.type == PT_LOAD) {
            memcpy((void *)s.physical, (const void *)(HV_RT_IMAGE + s.offset),
                   s.file_size);
            memset((void *)(s.physical + s.file_size), 0,
                   s.memory_size - s.file_size);
        }
    }
    return image_start();
}
