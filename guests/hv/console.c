/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hv.h"

#define PORT            0x3e9
#define PATIENCE        1000000

static int lock;

static void put_text(const char *s)
{
    while (*s) {
        outb(PORT, *s++);
    }
}

static void put_hex(uint64_t value)
{
    int shift = 60;

    while (shift && !(value >> shift)) {
        shift -= 4;
    }
    for (; shift >= 0; shift -= 4) {
        outb(PORT, "0123456789abcdef"[value >> shift & 15]);
    }
}

/* Who holds it may have been sent INIT, and then nobody gives it back. */
static void take(void)
{
    for (int i = 0; i < PATIENCE; i++) {
        if (!__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) {
            return;
        }
        cpu_relax();
    }
}

void say(const char *guest, const char *what, const struct word *words, int n)
{
    take();
    put_text(guest);
    put_text(": ");
    put_text(what);
    for (int i = 0; i < n; i++) {
        put_text(i ? ", " : ": ");
        put_text(words[i].name);
        put_text(" ");
        put_hex(words[i].value);
    }
    put_text("\n");
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}
