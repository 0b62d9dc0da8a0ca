/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The options of a partition.  A list has colons between its parts, because
 * the comma is the command line's: windows are BASE+SIZE, ranges FIRST-LAST.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "exec/cpu-common.h"
#include "partition.h"

#define PAGE 4096u

static const struct {
    const char *name;
    uint64_t unit, limit;
    const char *unit_text, *example;
} kinds[WINDOW__MAX] = {
    [WINDOW_MEMORY] = { "memory", PAGE, PARTITION_BOOT_BASE,
                        "whole pages of 4096 bytes", "0x42000000+128M" },
    [WINDOW_MMIO] = { "mmio", PAGE, PARTITION_BOOT_BASE,
                      "whole pages of 4096 bytes", "0xfe000000+16K" },
    [WINDOW_SHARED] = { "shared", PAGE, PARTITION_BOOT_BASE,
                        "whole pages of 4096 bytes", "0x41ffe000+8K" },
    [WINDOW_CONTROL] = { "control", PAGE, PARTITION_BOOT_BASE,
                         "whole pages of 4096 bytes", "0xfd000000+4K" },
    [WINDOW_PORTS] = { "ports", 1, 0x10000, "ports", "0x2f8-0x2ff" },
};

/* The number at *@s; *@s moves behind it. */
static bool parse_number(const char **s, uint64_t *value)
{
    return g_ascii_isdigit(**s) && !qemu_strtou64(*s, s, 0, value);
}

static bool parse_size(const char **s, uint64_t *value)
{
    return g_ascii_isdigit(**s) && !qemu_strtosz(*s, s, value);
}

static bool parse_range(const char **s, uint64_t *first, uint64_t *last)
{
    if (!parse_number(s, first)) {
        return false;
    }
    *last = *first;
    if (**s == '-') {
        (*s)++;
        if (!parse_number(s, last)) {
            return false;
        }
    }
    return *first <= *last && (!**s || **s == ':');
}

/* Behind the colon that ends a part there is another one. */
static bool skip_colon(const char **s)
{
    return **s != ':' || *++*s;
}

static bool parse_bitmap(const char *name, const char *text, uint64_t least,
                         uint64_t limit, unsigned long *map, Error **errp)
{
    const char *s = text;
    uint64_t first, last;

    bitmap_zero(map, limit);
    while (s && *s) {
        if (!parse_range(&s, &first, &last) || !skip_colon(&s)) {
            error_setg(errp, "%s=%s: write numbers and ranges with colons "
                       "between them, such as 2-3:5", name, text);
            return false;
        }
        if (first < least || last >= limit) {
            error_setg(errp, "%s=%s: choose from %" PRIu64 " to %" PRIu64,
                       name, text, least, limit - 1);
            return false;
        }
        bitmap_set(map, first, last - first + 1);
    }
    return true;
}

bool partition_parse_vectors(const char *name, const char *text,
                             unsigned long *map, Error **errp)
{
    return parse_bitmap(name, text, PARTITION_FIRST_VECTOR, PARTITION_VECTORS,
                        map, errp);
}

static bool parse_window(WindowKind kind, const char **s, Window *w)
{
    uint64_t last;

    if (kind == WINDOW_PORTS) {
        if (!parse_range(s, &w->base, &last)) {
            return false;
        }
        w->size = last - w->base + 1;
        return true;
    }
    if (!parse_number(s, &w->base) || **s != '+') {
        return false;
    }
    (*s)++;
    return parse_size(s, &w->size) && (!**s || **s == ':');
}

static bool check_window(WindowKind kind, const char *text, const Window *w,
                         Error **errp)
{
    if (!w->size || w->base % kinds[kind].unit || w->size % kinds[kind].unit) {
        error_setg(errp, "%s=%s: choose %s", kinds[kind].name, text,
                   kinds[kind].unit_text);
        return false;
    }
    if (w->base >= kinds[kind].limit ||
        w->size > kinds[kind].limit - w->base) {
        error_setg(errp, "%s=%s: end it below 0x%" PRIx64, kinds[kind].name,
                   text, kinds[kind].limit);
        return false;
    }
    return true;
}

static bool parse_windows(UintrPartition *p, WindowKind kind, Error **errp)
{
    const char *text = p->text[kind], *s = text;
    Windows *all = &p->windows[kind];

    while (s && *s) {
        Window w = { };

        if (!parse_window(kind, &s, &w) || !skip_colon(&s)) {
            error_setg(errp, "%s=%s: write windows with colons between them, "
                       "such as %s", kinds[kind].name, text,
                       kinds[kind].example);
            return false;
        }
        if (!check_window(kind, text, &w, errp)) {
            return false;
        }
        all->list = g_renew(Window, all->list, all->count + 1);
        all->list[all->count++] = w;
    }
    return true;
}

static bool check_control(UintrPartition *p, Error **errp)
{
    const Windows *all = &p->windows[WINDOW_CONTROL];

    if (all->count && (all->count > 1 || all->list[0].size != PAGE)) {
        error_setg(errp, "control=%s: choose one page, such as %s",
                   p->text[WINDOW_CONTROL], kinds[WINDOW_CONTROL].example);
        return false;
    }
    return true;
}

static bool parse_devices(UintrPartition *p, Error **errp)
{
    const char *text = p->devices_text ?: "";

    p->devices = g_strsplit(text, ":", 0);
    if (g_strv_contains((const char *const *)p->devices, "")) {
        error_setg(errp, "devices=%s: write ids with colons between them, "
                   "such as disk:nic", text);
        return false;
    }
    return true;
}

static bool ranges_meet(uint64_t base, uint64_t size, uint64_t other,
                        uint64_t other_size)
{
    return base < other + other_size && other < base + size;
}

/* Windows that both sides see may be the same for several partitions. */
static bool may_meet(UintrPartition *p, WindowKind kind, UintrPartition *other,
                     WindowKind other_kind)
{
    return (kind == WINDOW_PORTS) != (other_kind == WINDOW_PORTS) ||
           (p != other && kind == other_kind && kind == WINDOW_SHARED);
}

static const Window *find_meeting(UintrPartition *p, WindowKind kind,
                                  const Window *w, UintrPartition *other,
                                  WindowKind other_kind)
{
    const Windows *all = &other->windows[other_kind];

    if (may_meet(p, kind, other, other_kind)) {
        return NULL;
    }
    for (unsigned i = 0; i < all->count; i++) {
        if (&all->list[i] != w && ranges_meet(w->base, w->size,
                                              all->list[i].base,
                                              all->list[i].size)) {
            return &all->list[i];
        }
    }
    return NULL;
}

static bool check_meetings(UintrPartition *p, WindowKind kind, const Window *w,
                           UintrPartition *other, Error **errp)
{
    for (int k = 0; k < WINDOW__MAX; k++) {
        const Window *met = find_meeting(p, kind, w, other, k);

        if (met) {
            error_setg(errp, "%s=%s: overlaps 0x%" PRIx64 " to 0x%" PRIx64
                       " of %s in partition %s: choose another place",
                       kinds[kind].name, p->text[kind], met->base,
                       met->base + met->size - 1, kinds[k].name,
                       partition_name(other));
            return false;
        }
    }
    return true;
}

static bool check_windows(UintrPartition *p, WindowKind kind, Error **errp)
{
    UintrPartition *other;

    for (unsigned i = 0; i < p->windows[kind].count; i++) {
        const Window *w = &p->windows[kind].list[i];

        if (!partition_check_place(kinds[kind].name, p->text[kind], kind,
                                   w->base, w->size, errp) ||
            !check_meetings(p, kind, w, p, errp)) {
            return false;
        }
        QLIST_FOREACH(other, &partitions, next) {
            if (!check_meetings(p, kind, w, other, errp)) {
                return false;
            }
        }
    }
    return true;
}

static bool check_cpus(UintrPartition *p, Error **errp)
{
    UintrPartition *other;

    if (bitmap_empty(p->cpus, PARTITION_MAX_CPUS)) {
        error_setg(errp, "cpus is empty: name at least one, such as cpus=1");
        return false;
    }
    if (test_bit(0, p->cpus)) {
        error_setg(errp, "cpus=%s: CPU 0 runs the firmware and belongs to the "
                   "first partition: begin at 1", p->cpus_text);
        return false;
    }
    QLIST_FOREACH(other, &partitions, next) {
        if (bitmap_intersects(p->cpus, other->cpus, PARTITION_MAX_CPUS)) {
            error_setg(errp, "cpus=%s: partition %s has one of them: choose "
                       "others", p->cpus_text, partition_name(other));
            return false;
        }
    }
    return true;
}

bool partition_window_has(UintrPartition *p, WindowKind kind, uint64_t base,
                          uint64_t size)
{
    const Windows *all = &p->windows[kind];

    for (unsigned i = 0; i < all->count; i++) {
        const Window *w = &all->list[i];

        if (base >= w->base && base - w->base <= w->size &&
            size <= w->size - (base - w->base)) {
            return true;
        }
    }
    return false;
}

bool partition_contains(UintrPartition *p, uint64_t base, uint64_t size)
{
    return partition_window_has(p, WINDOW_MEMORY, base, size);
}

uint64_t partition_memory_size(UintrPartition *p)
{
    const Windows *all = &p->windows[WINDOW_MEMORY];
    uint64_t size = 0;

    for (unsigned i = 0; i < all->count; i++) {
        size += all->list[i].size;
    }
    return size;
}

bool partition_parse(UintrPartition *p, Error **errp)
{
    if (!parse_bitmap("cpus", p->cpus_text, 0, PARTITION_MAX_CPUS, p->cpus,
                      errp) ||
        !partition_parse_vectors("vectors-in", p->vectors_in_text,
                                 p->vectors_in, errp) ||
        !partition_parse_vectors("vectors-out", p->vectors_out_text,
                                 p->vectors_out, errp) ||
        !check_cpus(p, errp) || !parse_devices(p, errp)) {
        return false;
    }
    for (int kind = 0; kind < WINDOW__MAX; kind++) {
        if (!parse_windows(p, kind, errp)) {
            return false;
        }
    }
    if (!check_control(p, errp)) {
        return false;
    }
    if (!p->windows[WINDOW_MEMORY].count) {
        error_setg(errp, "memory is empty: give at least one window, such as "
                   "memory=%s", kinds[WINDOW_MEMORY].example);
        return false;
    }
    for (int kind = 0; kind < WINDOW__MAX; kind++) {
        if (!check_windows(p, kind, errp)) {
            return false;
        }
    }
    if (p->bits != 64 && p->bits != 32) {
        error_setg(errp, "bits=%u: choose 64 or 32", p->bits);
        return false;
    }
    return true;
}
