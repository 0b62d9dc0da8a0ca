/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of calls.def, as both sides use it. */
#ifndef SCF_CALLS_H
#define SCF_CALLS_H

#include <stddef.h>
#include <stdint.h>

enum scf_class { SCF_NO_CALL, SCF_REAL_TIME, SCF_REMOTE, SCF_DUAL,
                 SCF_INTERNAL };

enum scf_type { SCF_NONE, SCF_VALUE, SCF_STRING, SCF_IN, SCF_OUT, SCF_LENGTH,
                SCF_STAT, SCF_PAIR, SCF_TIME, SCF_FD };

struct scf_call_type {
    const char *name;
    uint16_t number;
    uint8_t class;
    uint8_t args[6];
};

#define SCF_STRING_ROOM 256     /* a path with its zero */

/* Null if there is no such call. */
const struct scf_call_type *scf_call_type(unsigned call);
enum scf_class scf_class(unsigned call);
/* Bytes of an argument that comes out, whatever its length; 0 for others. */
size_t scf_fixed_size(enum scf_type type);

#endif
