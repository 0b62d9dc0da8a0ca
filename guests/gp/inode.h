/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a file is made of: an inode with pages, or a pipe. */
#ifndef GP_INODE_H
#define GP_INODE_H

#include "space.h"

#define INODES      64
#define NAME_ROOM   64
#define INODE_PAGES 64
#define INODE_MAX   (INODE_PAGES * PAGE_SIZE)
#define PIPES       32
#define PIPE_ROOM   4096

struct inode {
    char name[NAME_ROOM];           /* empty: unlinked, or free */
    int opened;
    uint64_t size;
    uint64_t pages[INODE_PAGES];
};

struct pipe {
    int readers, writers;           /* both 0: free */
    uint32_t made, taken;           /* bytes, free running */
    uint8_t data[PIPE_ROOM];
};

/* Null if there is none, or no room for one. */
struct inode *inode_find(const char *name);
struct inode *inode_make(const char *name);
/* Nobody has it open and it has no name: its pages go back. */
void inode_drop(struct inode *i);
void inode_truncate(struct inode *i);
/* Bytes, or -EFAULT if not even one could be copied; -ENOSPC. */
long inode_read(struct inode *i, uint64_t offset, uint64_t to,
                uint64_t bytes);
long inode_write(struct inode *i, uint64_t offset, uint64_t from,
                 uint64_t bytes);

struct pipe *pipe_make(void);
long pipe_read(struct pipe *p, uint64_t to, uint64_t bytes);
long pipe_write(struct pipe *p, uint64_t from, uint64_t bytes);

#endif
