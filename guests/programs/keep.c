/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keep [PAGES [MILLISECONDS]]: fills memory that the other side sees, too, and
 * fails if any of it changes in that time.  What becomes of its calls does not
 * matter: it may go, and come back.
 */
#include "libc.h"

#define PAGES           64
#define PAGES_MAX       1024
#define TIME            2000
#define STEP            5000000ull
#define WORDS           (4096 / sizeof(uint64_t))

static uint64_t word(size_t i)
{
    uint64_t state = i;

    return random64(&state);
}

static size_t changed(const volatile uint64_t *memory, size_t words)
{
    size_t n = 0;

    for (size_t i = 0; i < words; i++) {
        n += memory[i] != word(i);
    }
    return n;
}

static size_t watch(const volatile uint64_t *memory, size_t words,
                    uint64_t until)
{
    size_t n = 0;

    while (!n && now() < until) {
        n = changed(memory, words);
        null_call();
        sleep_for(STEP);
    }
    return n;
}

int main(int argc, char **argv)
{
    long pages = argc > 1 ? number(argv[1]) : PAGES;
    uint64_t time = argc > 2 ? number(argv[2]) : TIME;
    size_t words = pages * WORDS, n;
    uint64_t *memory = pages > 0 && pages <= PAGES_MAX ?
                       mmap(NULL, words * sizeof(*memory),
                            PROT_READ | PROT_WRITE) : NULL;

    if (!memory) {
        printf("usage: keep [PAGES [MILLISECONDS]]\n");
        return 2;
    }
    for (size_t i = 0; i < words; i++) {
        memory[i] = word(i);
    }
    printf("keep %ld pages\n", pages);
    n = watch(memory, words, now() + time * (SECOND / 1000));
    printf("RESULT keep pages %ld changed %lu\n", pages, n);
    return n != 0;
}
