/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "errno.h"
#include "inode.h"

static struct inode inodes[INODES];
static struct pipe pipes[PIPES];

/* ---- inodes ---- */

struct inode *inode_find(const char *name)
{
    for (int i = 0; i < INODES; i++) {
        if (*name && strcmp(inodes[i].name, name) == 0) {
            return &inodes[i];
        }
    }
    return NULL;
}

struct inode *inode_make(const char *name)
{
    size_t length = strlen(name);

    for (int i = 0; length && length < NAME_ROOM && i < INODES; i++) {
        if (!inodes[i].name[0] && !inodes[i].opened) {
            memcpy(inodes[i].name, name, length + 1);
            return &inodes[i];
        }
    }
    return NULL;
}

void inode_truncate(struct inode *i)
{
    for (int page = 0; page < INODE_PAGES; page++) {
        if (i->pages[page]) {
            frame_free(&private_frames, i->pages[page]);
            i->pages[page] = 0;
        }
    }
    i->size = 0;
}

void inode_drop(struct inode *i)
{
    if (!i->opened && !i->name[0]) {
        inode_truncate(i);
    }
}

/* Up to the end of a page. */
static uint64_t in_page(uint64_t offset, uint64_t bytes)
{
    uint64_t rest = PAGE_SIZE - offset % PAGE_SIZE;

    return bytes < rest ? bytes : rest;
}

long inode_read(struct inode *i, uint64_t offset, uint64_t to, uint64_t bytes)
{
    uint64_t done = 0;

    bytes = offset >= i->size ? 0 :
            bytes < i->size - offset ? bytes : i->size - offset;
    while (done < bytes) {
        uint64_t at = offset + done, n = in_page(at, bytes - done);
        uint64_t page = i->pages[at / PAGE_SIZE];

        if (copy_to_user(to + done, (void *)(page + at % PAGE_SIZE), n)) {
            return done ? (long)done : -EFAULT;
        }
        done += n;
    }
    return done;
}

static bool have_page(struct inode *i, uint64_t at)
{
    uint64_t *page = &i->pages[at / PAGE_SIZE];

    if (!*page) {
        *page = frame_alloc(&private_frames);
    }
    return *page;
}

/* Pages up to there, so that what lies between reads as zeroes. */
static bool have_pages(struct inode *i, uint64_t end)
{
    for (uint64_t at = 0; at < end; at += PAGE_SIZE) {
        if (!have_page(i, at)) {
            return false;
        }
    }
    return true;
}

long inode_write(struct inode *i, uint64_t offset, uint64_t from,
                 uint64_t bytes)
{
    uint64_t done = 0;

    if (offset >= INODE_MAX || !have_pages(i, offset)) {
        return -ENOSPC;
    }
    bytes = bytes < INODE_MAX - offset ? bytes : INODE_MAX - offset;
    while (done < bytes) {
        uint64_t at = offset + done, n = in_page(at, bytes - done);

        if (!have_page(i, at)) {
            return done ? (long)done : -ENOSPC;
        }
        if (copy_from_user((void *)(i->pages[at / PAGE_SIZE] + at % PAGE_SIZE),
                           from + done, n)) {
            return done ? (long)done : -EFAULT;
        }
        done += n;
        i->size = i->size > at + n ? i->size : at + n;
    }
    return done;
}

/* ---- pipes ---- */

struct pipe *pipe_make(void)
{
    for (int i = 0; i < PIPES; i++) {
        if (!pipes[i].readers && !pipes[i].writers) {
            pipes[i] = (struct pipe) { .readers = 1, .writers = 1 };
            return &pipes[i];
        }
    }
    return NULL;
}

/* Up to the end of the ring. */
static uint64_t in_ring(uint32_t count, uint64_t bytes)
{
    uint64_t rest = PIPE_ROOM - count % PIPE_ROOM;

    return bytes < rest ? bytes : rest;
}

long pipe_read(struct pipe *p, uint64_t to, uint64_t bytes)
{
    uint64_t there = p->made - p->taken;
    uint64_t n = in_ring(p->taken, bytes < there ? bytes : there);

    if (!there && bytes) {
        return p->writers ? -EAGAIN : 0;
    }
    if (copy_to_user(to, p->data + p->taken % PIPE_ROOM, n)) {
        return -EFAULT;
    }
    p->taken += n;
    return n;
}

long pipe_write(struct pipe *p, uint64_t from, uint64_t bytes)
{
    uint64_t room = PIPE_ROOM - (p->made - p->taken);
    uint64_t n = in_ring(p->made, bytes < room ? bytes : room);

    if (!p->readers) {
        return -EPIPE;
    }
    if (!room && bytes) {
        return -EAGAIN;
    }
    if (copy_from_user(p->data + p->made % PIPE_ROOM, from, n)) {
        return -EFAULT;
    }
    p->made += n;
    return n;
}
