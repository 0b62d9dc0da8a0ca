/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs that are linked into the image (guests/programs). */
#ifndef RT_ARCHIVE_H
#define RT_ARCHIVE_H

#include <stdint.h>

struct archived {
    char name[32];
    uint64_t at, size;
};

extern const struct archived archive[];     /* ends with an empty name */

#endif
