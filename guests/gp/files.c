/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "errno.h"
#include "files.h"
#include "inode.h"
#include "machine.h"

#define FILES       256
#define PATH_ROOM   256
#define PIECE       256

enum kind { FREE, CONSOLE, REGULAR, PIPE_END };

struct file {
    enum kind kind;
    int uses;                       /* descriptors that name it */
    bool readable, writable, append;
    uint64_t offset;
    struct inode *inode;
    struct pipe *pipe;
};

static struct file all[FILES];
static struct file console = { CONSOLE, 1, true, true };

/* ---- descriptors ---- */

static struct file *get(struct files *fs, uint64_t fd)
{
    return fd < FILES_OPEN ? fs->open[fd] : NULL;
}

static struct file *file_make(enum kind kind)
{
    for (int i = 0; i < FILES; i++) {
        if (all[i].kind == FREE) {
            all[i] = (struct file) { .kind = kind };
            return &all[i];
        }
    }
    return NULL;
}

static void unuse(struct file *f)
{
    if (--f->uses > 0) {
        return;
    }
    if (f->kind == REGULAR) {
        f->inode->opened--;
        inode_drop(f->inode);
    } else if (f->kind == PIPE_END) {
        f->pipe->readers -= f->readable;
        f->pipe->writers -= f->writable;
    }
    f->kind = FREE;
}

/* The lowest free descriptor for it, which then uses it. */
static long install(struct files *fs, struct file *f)
{
    for (int fd = 0; fd < FILES_OPEN; fd++) {
        if (!fs->open[fd]) {
            fs->open[fd] = f;
            f->uses++;
            return fd;
        }
    }
    return -EMFILE;
}

void files_init(struct files *fs)
{
    *fs = (struct files) { .open = { &console, &console, &console } };
    console.uses += 3;
}

long file_close(struct files *fs, uint64_t fd)
{
    struct file *f = get(fs, fd);

    if (!f) {
        return -EBADF;
    }
    fs->open[fd] = NULL;
    unuse(f);
    return 0;
}

void files_close_all(struct files *fs)
{
    for (int fd = 0; fd < FILES_OPEN; fd++) {
        file_close(fs, fd);
    }
}

void files_copy(struct files *to, const struct files *from)
{
    files_close_all(to);
    *to = *from;
    for (int fd = 0; fd < FILES_OPEN; fd++) {
        if (to->open[fd]) {
            to->open[fd]->uses++;
        }
    }
}

/* ---- reading and writing ---- */

static long console_write(uint64_t from, uint64_t bytes)
{
    char piece[PIECE];
    uint64_t done = 0;

    while (done < bytes) {
        uint64_t n = bytes - done < PIECE ? bytes - done : PIECE;

        if (copy_from_user(piece, from + done, n)) {
            return done ? (long)done : -EFAULT;
        }
        for (uint64_t i = 0; i < n; i++) {
            outb(machine.console, piece[i]);
        }
        done += n;
    }
    return done;
}

long file_read(struct files *fs, uint64_t fd, uint64_t to, uint64_t bytes)
{
    struct file *f = get(fs, fd);
    long n = 0;

    if (!f || !f->readable) {
        return -EBADF;
    }
    if (f->kind == PIPE_END) {
        return pipe_read(f->pipe, to, bytes);
    }
    if (f->kind == REGULAR) {
        n = inode_read(f->inode, f->offset, to, bytes);
        f->offset += n > 0 ? n : 0;
    }
    return n;
}

long file_write(struct files *fs, uint64_t fd, uint64_t from, uint64_t bytes)
{
    struct file *f = get(fs, fd);
    long n;

    if (!f || !f->writable) {
        return -EBADF;
    }
    if (f->kind == PIPE_END) {
        return pipe_write(f->pipe, from, bytes);
    }
    if (f->kind == CONSOLE) {
        return console_write(from, bytes);
    }
    f->offset = f->append ? f->inode->size : f->offset;
    n = inode_write(f->inode, f->offset, from, bytes);
    f->offset += n > 0 ? n : 0;
    return n;
}

long file_seek(struct files *fs, uint64_t fd, int64_t offset, uint64_t from)
{
    struct file *f = get(fs, fd);
    int64_t base[] = { 0, f ? f->offset : 0,
                       f && f->inode ? f->inode->size : 0 };

    if (!f) {
        return -EBADF;
    }
    if (f->kind != REGULAR) {
        return -ESPIPE;
    }
    if (from > 2 || __builtin_add_overflow(base[from], offset, &offset) ||
        offset < 0) {
        return -EINVAL;
    }
    f->offset = offset;
    return offset;
}

/* ---- names ---- */

static long opened(struct files *fs, struct inode *inode, uint64_t flags)
{
    struct file *f = file_make(REGULAR);
    long fd;

    if (!f) {
        return -EMFILE;
    }
    f->inode = inode;
    f->readable = !(flags & O_WRONLY);
    f->writable = flags & (O_WRONLY | O_RDWR);
    f->append = flags & O_APPEND;
    fd = install(fs, f);
    if (fd < 0) {
        f->kind = FREE;
        return fd;
    }
    inode->opened++;
    if (flags & O_TRUNC && f->writable) {
        inode_truncate(inode);
    }
    return fd;
}

long file_open(struct files *fs, uint64_t path, uint64_t flags)
{
    char name[PATH_ROOM];
    long length = copy_string(name, path, sizeof(name));
    struct inode *inode;

    if (length < 0) {
        return length;
    }
    if (length >= NAME_ROOM) {
        return -ENAMETOOLONG;
    }
    inode = inode_find(name);
    if (!inode && flags & O_CREAT) {
        inode = inode_make(name);
        if (!inode) {
            return -ENOSPC;
        }
    }
    return inode ? opened(fs, inode, flags) : -ENOENT;
}

long file_unlink(uint64_t path)
{
    char name[PATH_ROOM];
    long length = copy_string(name, path, sizeof(name));
    struct inode *inode;

    if (length < 0) {
        return length;
    }
    inode = inode_find(name);
    if (!inode) {
        return -ENOENT;
    }
    inode->name[0] = 0;
    inode_drop(inode);
    return 0;
}

/* ---- what is told of them: struct stat of Linux ---- */

struct stat {
    uint64_t dev, ino, nlink;
    uint32_t mode, uid, gid, zero;
    uint64_t rdev, size, blksize, blocks;
    uint64_t times[6], unused[3];
};

_Static_assert(sizeof(struct stat) == 144, "struct stat");

#define S_IFIFO     0010000
#define S_IFCHR     0020000
#define S_IFREG     0100000

static long tell(uint64_t to, uint32_t mode, uint64_t size)
{
    struct stat s = {
        .nlink = 1, .mode = mode | 0600, .size = size, .blksize = PAGE_SIZE,
        .blocks = (size + 511) / 512,
    };

    return copy_to_user(to, &s, sizeof(s));
}

long file_stat(uint64_t path, uint64_t to)
{
    char name[PATH_ROOM];
    long length = copy_string(name, path, sizeof(name));
    struct inode *inode = length < 0 ? NULL : inode_find(name);

    if (length < 0) {
        return length;
    }
    return inode ? tell(to, S_IFREG, inode->size) : -ENOENT;
}

long file_fstat(struct files *fs, uint64_t fd, uint64_t to)
{
    struct file *f = get(fs, fd);

    if (!f) {
        return -EBADF;
    }
    return f->kind == REGULAR ? tell(to, S_IFREG, f->inode->size) :
           tell(to, f->kind == CONSOLE ? S_IFCHR : S_IFIFO, 0);
}

/* ---- more descriptors ---- */

long file_dup(struct files *fs, uint64_t fd)
{
    struct file *f = get(fs, fd);

    return f ? install(fs, f) : -EBADF;
}

static long pipe_end(struct files *fs, struct pipe *p, bool readable)
{
    struct file *f = file_make(PIPE_END);
    long fd;

    if (!f) {
        return -EMFILE;
    }
    f->pipe = p;
    f->readable = readable;
    f->writable = !readable;
    fd = install(fs, f);
    if (fd < 0) {
        f->kind = FREE;
    }
    return fd;
}

long file_pipe(struct files *fs, uint64_t to)
{
    struct pipe *p = pipe_make();
    long in = p ? pipe_end(fs, p, true) : -ENOSPC;
    long out = in < 0 ? in : pipe_end(fs, p, false);
    int32_t fds[2] = { in, out };

    if (p && in < 0) {
        *p = (struct pipe) { 0 };
    } else if (in >= 0 && out < 0) {
        p->writers = 0;
        file_close(fs, in);
    } else if (out >= 0 && copy_to_user(to, fds, sizeof(fds))) {
        file_close(fs, in);
        file_close(fs, out);
        return -EFAULT;
    }
    return out < 0 ? out : 0;
}
