/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <farbell/scf.h>

#include "calls.h"
#include "mark.h"

volatile uint64_t *scf_marks;

/* Initialisers of the types, however many there are */
#define TYPES(...)  TYPES_(__VA_ARGS__, NONE, NONE, NONE, NONE, NONE, NONE)
#define TYPES_(_, a, b, c, d, e, f, ...)                                    \
    { SCF_##a, SCF_##b, SCF_##c, SCF_##d, SCF_##e, SCF_##f }

#define SCF_CALL(name, number, class, ...)                                  \
    [number] = { #name, number, SCF_##class, TYPES(_, ##__VA_ARGS__) },

/* By number, and not to be searched: real-time threads wait meanwhile. */
static const struct scf_call_type calls[] = {
#include "calls.def"
};

const struct scf_call_type *scf_call_type(unsigned call)
{
    return call < sizeof(calls) / sizeof(*calls) && calls[call].name ?
           &calls[call] : NULL;
}

enum scf_class scf_class(unsigned call)
{
    const struct scf_call_type *type = scf_call_type(call);

    return type ? type->class : SCF_NO_CALL;
}

size_t scf_fixed_size(enum scf_type type)
{
    switch (type) {
    case SCF_STAT:
        return 144;
    case SCF_PAIR:
        return 8;
    case SCF_TIME:
        return 16;
    default:
        return 0;
    }
}
