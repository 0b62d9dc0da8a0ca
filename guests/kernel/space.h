/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address spaces: page tables of four levels, whose tables are private
 * frames.  Pages are there from the start, there is no paging on demand.
 */
#ifndef GUESTS_SPACE_H
#define GUESTS_SPACE_H

#include "frames.h"

#define SPACE_READ      1
#define SPACE_WRITE     2
#define SPACE_EXEC      4
#define SPACE_FOREIGN   8       /* frames of others: not freed when unmapped */

struct space {
    uint64_t pml4;              /* 0: none */
    struct pool *pool;          /* where the frames of its pages are from */
    uint32_t pages, tables;     /* own pages; tables, the first included */
    unsigned keeper;            /* of frames that go (frame_keep), 0: freed */
};

/* 0, or -ENOMEM with nothing taken. */
int space_create(struct space *s, struct pool *pool);
/* Frees all; it must not be in use on any CPU (space_leave). */
void space_destroy(struct space *s);
void space_use(const struct space *s);
void space_leave(void);         /* on to the kernel's own tables */

/* Ranges of whole pages that ring 3 may have. */
bool space_user_range(uint64_t va, uint64_t bytes);

/* A new frame (zeroed) or that frame; -ENOMEM, -EEXIST, -EINVAL. */
int space_map_new(struct space *s, uint64_t va, unsigned prot);
int space_map(struct space *s, uint64_t va, uint64_t frame, unsigned prot);
/* @pages from @va: -EEXIST, -ENOMEM, and nothing is changed. */
int space_map_range(struct space *s, uint64_t va, uint64_t pages,
                    unsigned prot);
/* What is mapped there; tables that become empty are freed as well. */
void space_unmap_range(struct space *s, uint64_t va, uint64_t pages);
int space_protect(struct space *s, uint64_t va, uint64_t pages,
                  unsigned prot);
/* All pages of ring 3 from @from to @to of another space: copies. */
int space_copy(struct space *to, const struct space *from);

/* The frame at @va with its rights, or 0. */
uint64_t space_frame(const struct space *s, uint64_t va, unsigned *prot);
/* The first page at or behind *@va that is mapped; false if there is none. */
bool space_next(const struct space *s, uint64_t *va, uint64_t *frame,
                unsigned *prot);
/* A free range of so many pages between the two, or 0. */
uint64_t space_find(const struct space *s, uint64_t pages, uint64_t from,
                    uint64_t to);

/*
 * Called between pages by what takes long: a kernel lets more urgent threads
 * run here.  The default does nothing.
 */
void space_pause(void);

/* ---- the memory of ring 3, of the space that is in use ---- */

/* 0, or -EFAULT; what was copied before the fault stays. */
int copy_from_user(void *to, uint64_t from, size_t bytes);
int copy_to_user(uint64_t to, const void *from, size_t bytes);
/* Length of the string, or -EFAULT, or -ENAMETOOLONG. */
long copy_string(char *to, uint64_t from, size_t room);

/* ---- the memory of any space, whether it is in use or not ---- */

int space_write(const struct space *s, uint64_t va, const void *from,
                size_t bytes);
int space_read(const struct space *s, uint64_t va, void *to, size_t bytes);

#endif
