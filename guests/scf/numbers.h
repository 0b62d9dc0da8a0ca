/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The numbers of the calls: CALL_read, CALL_write, ... */
#ifndef SCF_NUMBERS_H
#define SCF_NUMBERS_H

#include <farbell/scf.h>

#define SCF_CALL(name, number, ...) CALL_##name = number,
enum call_number {
#include "calls.def"
};
#undef SCF_CALL

#endif
