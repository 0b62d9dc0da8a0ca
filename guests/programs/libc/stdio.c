/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libc.h"

#define STDOUT          1

struct line {
    size_t n;
    char text[256];
};

static void put(struct line *line, char c)
{
    if (line->n < sizeof(line->text)) {
        line->text[line->n++] = c;
    }
}

static void put_string(struct line *line, const char *s)
{
    while (*s) {
        put(line, *s++);
    }
}

static void put_number(struct line *line, uint64_t value, unsigned base,
                       bool negative, int width)
{
    char digits[24];
    int n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
    } while (value /= base);
    if (negative) {
        digits[n++] = '-';
    }
    for (; width > n; width--) {
        put(line, ' ');
    }
    while (n) {
        put(line, digits[--n]);
    }
}

static void put_integer(struct line *line, char conversion, bool wide,
                        int width, va_list *args)
{
    if (conversion == 'd') {
        int64_t v = wide ? va_arg(*args, int64_t) : va_arg(*args, int);

        put_number(line, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0, width);
    } else {
        uint64_t v = wide ? va_arg(*args, uint64_t) : va_arg(*args, unsigned);

        put_number(line, v, conversion == 'x' ? 16 : 10, false, width);
    }
}

static const char *put_conversion(struct line *line, const char *s,
                                  va_list *args)
{
    bool wide = false;
    int width = 0;

    for (; *s >= '0' && *s <= '9'; s++) {
        width = width * 10 + (*s - '0');
    }
    for (; *s == 'l'; s++) {
        wide = true;
    }
    if (*s == 's') {
        put_string(line, va_arg(*args, const char *));
    } else if (*s == 'c' || *s == '%') {
        put(line, *s == 'c' ? va_arg(*args, int) : '%');
    } else {
        put_integer(line, *s, wide, width, args);
    }
    return s;
}

/* A line at a time: what one call writes is not mixed with others' output. */
int printf(const char *s, ...)
{
    struct line line = { 0 };
    va_list args;

    va_start(args, s);
    for (; *s; s++) {
        if (*s == '%') {
            s = put_conversion(&line, s + 1, &args);
        } else {
            put(&line, *s);
        }
    }
    va_end(args);
    return write(STDOUT, line.text, line.n);
}
