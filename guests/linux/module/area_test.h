/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /dev/farbell-area-test, for tests/linux/uintr_area.c: one memory, seen by two "machines". */
#ifndef FARBELL_LINUX_AREA_TEST_H
#define FARBELL_LINUX_AREA_TEST_H

#include <linux/ioctl.h>

#define AREA_TEST_DEVICE	"/dev/farbell-area-test"
#define AREA_TEST_PART		0x1000		/* ours; the peer's follows */
#define AREA_TEST_SLOTS		(AREA_TEST_PART / 64)

/* The handler's address; an offset in our part */
#define AREA_TEST_RECEIVE	_IO(0xfc, 1)
/* Offset and, from bit 32, vector: the peer's sender to our part; an operand */
#define AREA_TEST_SEND		_IO(0xfc, 2)
/* The same for our sender, which may name only the peer's part */
#define AREA_TEST_SEND_PEER	_IO(0xfc, 3)
/* Offset: the peer writes all ones to the UPID there */
#define AREA_TEST_SCRIBBLE	_IO(0xfc, 4)
/* How many offsets have been given back */
#define AREA_TEST_GONE		_IO(0xfc, 5)
/* Both areas are removed; how many of them have been released since */
#define AREA_TEST_REMOVE	_IO(0xfc, 6)
#define AREA_TEST_RELEASED	_IO(0xfc, 7)

#endif
