/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is the extension part of this emulator?  Kconfig's FARBELL says so. */
#ifndef TARGET_I386_UINTR_BUILT_H
#define TARGET_I386_UINTR_BUILT_H

#if !defined(CONFIG_USER_ONLY) && defined(TARGET_X86_64) && defined(CONFIG_TCG)
#include CONFIG_DEVICES
#ifdef CONFIG_FARBELL
#define HAVE_X86_UINTR
#endif
#endif

#endif
