/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files in memory, pipes, and the console; pointers are of ring 3. */
#ifndef GP_FILES_H
#define GP_FILES_H

#include "space.h"

#define FILES_OPEN  16              /* of a process */

struct file;

struct files {
    struct file *open[FILES_OPEN];
};

#define O_WRONLY    01
#define O_RDWR      02
#define O_CREAT     0100
#define O_TRUNC     01000
#define O_APPEND    02000

/* 0 to 2 are the console. */
void files_init(struct files *fs);
void files_close_all(struct files *fs);
void files_copy(struct files *to, const struct files *from);

/* As Linux has them; -EAGAIN: it has to wait. */
long file_read(struct files *fs, uint64_t fd, uint64_t to, uint64_t bytes);
long file_write(struct files *fs, uint64_t fd, uint64_t from, uint64_t bytes);
long file_open(struct files *fs, uint64_t path, uint64_t flags);
long file_close(struct files *fs, uint64_t fd);
long file_stat(uint64_t path, uint64_t to);
long file_fstat(struct files *fs, uint64_t fd, uint64_t to);
long file_seek(struct files *fs, uint64_t fd, int64_t offset, uint64_t from);
long file_pipe(struct files *fs, uint64_t to);
long file_dup(struct files *fs, uint64_t fd);
long file_unlink(uint64_t path);

#endif
