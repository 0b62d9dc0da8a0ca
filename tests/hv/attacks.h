/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HV_ATTACKS_H
#define HV_ATTACKS_H

#define ATTACKS 12

/* None of them comes back. */
extern void (*const attacks[ATTACKS])(void);

#endif
