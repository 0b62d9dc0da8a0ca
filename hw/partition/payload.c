/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image of a partition: ELF64 for x86-64, loaded at its physical
 * addresses, or flat.  It is read and checked when it is named and kept, so
 * that a restart cannot fail.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "elf.h"
#include "partition.h"

static bool is_elf(const uint8_t *data, gsize size)
{
    return size >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG);
}

static bool check_elf(const char *name, const uint8_t *data, gsize size,
                      Error **errp)
{
    const Elf64_Ehdr *e = (const void *)data;

    if (size < sizeof(*e) || e->e_ident[EI_CLASS] != ELFCLASS64 ||
        e->e_ident[EI_DATA] != ELFDATA2LSB || e->e_machine != EM_X86_64 ||
        e->e_phentsize != sizeof(Elf64_Phdr) || e->e_phoff > size ||
        e->e_phnum > (size - e->e_phoff) / sizeof(Elf64_Phdr)) {
        error_setg(errp, "payload=%s: it is no ELF64 file for x86-64: link it "
                   "as one, or make a flat image with objcopy -O binary", name);
        return false;
    }
    return true;
}

/* The headers need not be aligned in the file. */
static Elf64_Phdr segment(const uint8_t *data, unsigned i)
{
    const Elf64_Ehdr *e = (const void *)data;
    Elf64_Phdr ph;

    memcpy(&ph, data + e->e_phoff + i * sizeof(ph), sizeof(ph));
    return ph;
}

static bool check_segments(UintrPartition *p, const char *name,
                           const uint8_t *data, gsize size, Error **errp)
{
    const Elf64_Ehdr *e = (const void *)data;

    for (unsigned i = 0; i < e->e_phnum; i++) {
        Elf64_Phdr ph = segment(data, i);

        if (ph.p_type != PT_LOAD || !ph.p_memsz) {
            continue;
        }
        if (ph.p_filesz > ph.p_memsz || ph.p_offset > size ||
            ph.p_filesz > size - ph.p_offset) {
            error_setg(errp, "payload=%s: segment %u is longer than the file: "
                       "link it again", name, i);
            return false;
        }
        if (!partition_contains(p, ph.p_paddr, ph.p_memsz)) {
            error_setg(errp, "payload=%s: segment %u, 0x%" PRIx64 " bytes at "
                       "0x%" PRIx64 ", is not in memory=%s: link it to "
                       "physical addresses there", name, i,
                       ph.p_memsz, ph.p_paddr, p->text[WINDOW_MEMORY]);
            return false;
        }
    }
    return true;
}

/* An object file or a core dump has no such segment. */
static bool check_entry(const char *name, const uint8_t *data, uint64_t entry,
                        Error **errp)
{
    const Elf64_Ehdr *e = (const void *)data;

    for (unsigned i = 0; i < e->e_phnum; i++) {
        Elf64_Phdr ph = segment(data, i);

        if (ph.p_type == PT_LOAD && entry >= ph.p_paddr &&
            entry - ph.p_paddr < ph.p_memsz) {
            return true;
        }
    }
    error_setg(errp, "payload=%s: the entry 0x%" PRIx64 " is in no segment "
               "that is loaded: link an executable, or choose entry= in one",
               name, entry);
    return false;
}

static uint64_t load_address(UintrPartition *p)
{
    return p->load != UINT64_MAX ? p->load :
           p->windows[WINDOW_MEMORY].list[0].base;
}

static bool check_flat(UintrPartition *p, const char *name, gsize size,
                       Error **errp)
{
    if (!size || !partition_contains(p, load_address(p), size)) {
        error_setg(errp, "payload=%s: %zu bytes at 0x%" PRIx64 " are not in "
                   "memory=%s: choose another load address, more memory, or "
                   "an image that is not empty", name, size,
                   load_address(p), p->text[WINDOW_MEMORY]);
        return false;
    }
    return true;
}

/* The caller's choice, or the user's, or the image's. */
static uint64_t choose_entry(UintrPartition *p, const uint8_t *data,
                             gsize size, uint64_t entry)
{
    return entry != UINT64_MAX ? entry :
           p->entry != UINT64_MAX ? p->entry :
           is_elf(data, size) ? ((const Elf64_Ehdr *)data)->e_entry :
           load_address(p);
}

static bool check_image(UintrPartition *p, const char *name,
                        const uint8_t *data, gsize size, uint64_t entry,
                        Error **errp)
{
    if (is_elf(data, size) ? !check_elf(name, data, size, errp) ||
                             !check_segments(p, name, data, size, errp) :
                             !check_flat(p, name, size, errp)) {
        return false;
    }
    if (!partition_contains(p, entry, 1)) {
        error_setg(errp, "entry=0x%" PRIx64 " is not in memory=%s: choose a "
                   "physical address there", entry, p->text[WINDOW_MEMORY]);
        return false;
    }
    return !is_elf(data, size) || check_entry(name, data, entry, errp);
}

bool partition_take_payload(UintrPartition *p, const char *name, uint8_t *data,
                            gsize size, uint64_t entry, Error **errp)
{
    char *old = p->payload_file;

    entry = choose_entry(p, data, size, entry);
    if (!check_image(p, name, data, size, entry, errp)) {
        g_free(data);
        return false;
    }
    g_clear_pointer(&p->payload, g_bytes_unref);
    p->payload = g_bytes_new_take(data, size);
    p->payload_file = g_strdup(name);
    p->entry_now = entry;
    g_free(old);
    return true;
}

bool partition_read_payload(UintrPartition *p, const char *file, Error **errp)
{
    g_autoptr(GError) gerr = NULL;
    char *data;
    gsize size;

    if (!g_file_get_contents(file, &data, &size, &gerr)) {
        error_setg(errp, "payload=%s: %s: name an image that can be read",
                   file, gerr->message);
        return false;
    }
    if (p->load != UINT64_MAX && is_elf((uint8_t *)data, size)) {
        error_setg(errp, "load=0x%" PRIx64 ": payload=%s is an ELF file, which "
                   "has addresses of its own: leave load out, or name a flat "
                   "image", p->load, file);
        g_free(data);
        return false;
    }
    return partition_take_payload(p, file, (uint8_t *)data, size, UINT64_MAX,
                                  errp);
}

static void put(UintrPartition *p, uint64_t at, const void *data, gsize size)
{
    address_space_write(&p->as, at, MEMTXATTRS_UNSPECIFIED, data, size);
}

static void load_segment(UintrPartition *p, const uint8_t *data,
                         const Elf64_Phdr *ph)
{
    put(p, ph->p_paddr, data + ph->p_offset, ph->p_filesz);
    address_space_set(&p->as, ph->p_paddr + ph->p_filesz, 0,
                      ph->p_memsz - ph->p_filesz, MEMTXATTRS_UNSPECIFIED);
}

void partition_load_payload(UintrPartition *p)
{
    gsize size;
    const uint8_t *data = g_bytes_get_data(p->payload, &size);

    if (!is_elf(data, size)) {
        put(p, load_address(p), data, size);
        return;
    }
    for (unsigned i = 0; i < ((const Elf64_Ehdr *)data)->e_phnum; i++) {
        Elf64_Phdr ph = segment(data, i);

        if (ph.p_type == PT_LOAD && ph.p_memsz) {
            load_segment(p, data, &ph);
        }
    }
}
