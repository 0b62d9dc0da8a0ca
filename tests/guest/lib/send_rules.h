/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of SENDUIPI that are asked for twice: by their R-number, and as a
 * regression test of the emulator that people used before.
 */
#ifndef SEND_RULES_H
#define SEND_RULES_H

#include "send.h"

/* ---- send_rules.c: operand, table entry, UPID ---- */

void rule_all_registers(void);          /* R39 */
void rule_wide_index(void);             /* R43 */
void rule_neighbour_encodings(void);    /* R38 */
void rule_undefined(void);              /* R31 */
void rule_table_disabled(void);         /* R41, R42 */
void rule_table_register_bits(void);    /* R18, R44 */
void rule_uitte_fields(void);           /* R46 */
void rule_upid_reserved(void);          /* R53 */
void rule_all_vectors(void);            /* R54 */

/* ---- send_pages.c: addresses and rights ---- */

void rule_scattered_table(void);        /* R44 */
void rule_unmapped(void);               /* R49 */
void rule_read_only(void);              /* R51 */
void rule_dirty_bit(void);
void rule_smap(void);                   /* R50 */
void rule_canonical_upid(void);         /* R47 */
void rule_locked(uint64_t posts);       /* R52; four CPUs */

/* ---- send_ipis.c: the notification; three CPUs ---- */

void rule_on_sn(void);                  /* R54, R55 */
void rule_destination(void);            /* R56 */
void rule_absent_id(void);              /* R58 */
void rule_broadcast(void);              /* R58 */
void rule_receiver_shorthand(void);     /* R56 */
void rule_icr(void);                    /* R59 */

#endif
