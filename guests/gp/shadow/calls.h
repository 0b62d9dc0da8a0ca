/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between GP's kernel and a shadow: addresses, and calls of its own. */
#ifndef GP_SHADOW_CALLS_H
#define GP_SHADOW_CALLS_H

#define SHADOW_OWN      0x700010000000  /* its slot, GP's half */
#define SHADOW_PEER     0x700010010000  /* RT's half */
#define SHADOW_FIRST    0x700010020000  /* RT's half of slot 0 */
#define SHADOW_OLD      0x700010030000  /* queue of version 1 or 2 */
#define SHADOW_DATA     0x700010100000  /* version 1's data area */
#define SHADOW_MARKS    0x700010200000  /* the mark page, for who measures */
#define SHADOW_STACK    0x700020000000  /* its end */
#define SHADOW_RED_ZONE 128

#define SHADOW_VECTOR   0               /* the user vector of all posts */

/* What it does instead of what is asked for (F47) */
#define SHADOW_WELL     0
#define SHADOW_LOOPS    1
#define SHADOW_FAULTS   2
#define SHADOW_MUTE     3               /* it does not name its UPID (F6) */
#define SHADOW_SLOW     4               /* with what it reads (F35) */

#define SHADOW_INIT     600             /* handler: what INIT_UINTR answers */
#define SHADOW_WAIT     601             /* at most so many ms; 0 for ever */
#define SHADOW_TELL     602             /* SCF3_MODE_* but those of ring 3 */
#define SHADOW_RENEW    603
#define SHADOW_MAIL     604             /* messages have been posted to it */
#define SHADOW_ALONE    605             /* 1: nobody else is to run */

#endif
