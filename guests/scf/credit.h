/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between attach.c and credit.c (F48) */
#ifndef SCF_CREDIT_H
#define SCF_CREDIT_H

void credit_spend(void);            /* an interrupt of the other side */
void credit_earn(void);             /* a reply was taken */

#endif
