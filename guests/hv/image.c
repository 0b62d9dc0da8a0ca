/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RT's image: an ELF file for x86-64, in the hypervisor's own copy. */
#include "hv.h"

#define ELF_MAGIC       0x464c457f
#define PT_LOAD         1
#define ROOM            (HV_RT_IMAGE_END - HV_RT_IMAGE)

struct elf {
    uint32_t magic;
    uint8_t identity[12];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, segments, sections;
    uint32_t flags;
    uint16_t size, segment_size, segment_count;
} __attribute__((packed));

struct segment {
    uint32_t type, flags;
    uint64_t offset, virtual, physical, file_size, memory_size, align;
};

static const struct elf *const kept = (const struct elf *)HV_RT_IMAGE;

static const struct segment *segment(const struct elf *image, unsigned i)
{
    return (const void *)((uint64_t)image + image->segments +
                          i * sizeof(struct segment));
}

static bool in_memory(uint64_t at, uint64_t size)
{
    uint64_t room = rt.windows[0].size;

    at -= rt.windows[0].base;
    return at < room && size <= room - at;
}

static bool is_good(const struct segment *s)
{
    return s->type != PT_LOAD ||
           (s->offset < ROOM && s->file_size <= ROOM - s->offset &&
            s->file_size <= s->memory_size &&
            in_memory(s->physical, s->memory_size));
}

/* The copy is checked, not what its owner may change meanwhile. */
bool image_keep(uint64_t from)
{
    memcpy((void *)HV_RT_IMAGE, (const void *)from, ROOM);
    if (kept->magic != ELF_MAGIC || kept->segments > PAGE_SIZE ||
        kept->segment_size != sizeof(struct segment) ||
        !in_memory(kept->entry, 1)) {
        return false;
    }
    for (unsigned i = 0; i < kept->segment_count; i++) {
        if (!is_good(segment(kept, i))) {
            return false;
        }
    }
    return true;
}

uint64_t image_load(void)
{
    for (unsigned i = 0; i < kept->segment_count; i++) {
        const struct segment *s = segment(kept, i);

        if (s->type == PT_LOAD) {
            memcpy((void *)s->physical, (const void *)(HV_RT_IMAGE + s->offset),
                   s->file_size);
            memset((void *)(s->physical + s->file_size), 0,
                   s->memory_size - s->file_size);
        }
    }
    return kept->entry;
}
