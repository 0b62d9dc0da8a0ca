// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/module.h>

MODULE_DESCRIPTION("User interrupts for the tasks of a stock kernel");
MODULE_LICENSE("GPL");
