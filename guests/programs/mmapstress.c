/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapstress [STEPS [SEED]]: maps and unmaps at random, and looks whether
 * memory is zero when it comes and unchanged when it goes.
 */
#include "libc.h"

#define STEPS           1000
#define PLACES          32
#define PAGES_MAX       64
#define PAGE            4096
#define WORDS           (PAGE / 8)

static struct {
    uint64_t *at, pages, mark;
} places[PLACES];

static uint64_t seed = 1;

static bool is_all(int i, uint64_t mark)
{
    for (uint64_t page = 0; page < places[i].pages; page++) {
        uint64_t *words = places[i].at + page * WORDS;

        if (words[0] != mark || words[WORDS - 1] != mark) {
            return false;
        }
    }
    return true;
}

static void mark_all(int i)
{
    for (uint64_t page = 0; page < places[i].pages; page++) {
        uint64_t *words = places[i].at + page * WORDS;

        words[0] = words[WORDS - 1] = places[i].mark;
    }
}

static bool take(int i)
{
    places[i].pages = random64(&seed) % PAGES_MAX + 1;
    places[i].mark = random64(&seed);
    places[i].at = mmap(NULL, places[i].pages * PAGE, PROT_READ | PROT_WRITE);
    if (!places[i].at) {
        return true;                    /* no memory is no mistake */
    }
    if (!is_all(i, 0)) {
        return false;
    }
    mark_all(i);
    return true;
}

static bool give(int i)
{
    bool good = is_all(i, places[i].mark) &&
                !munmap(places[i].at, places[i].pages * PAGE);

    places[i].at = NULL;
    return good;
}

int main(int argc, char **argv)
{
    long steps = argc > 1 ? number(argv[1]) : STEPS;

    seed = argc > 2 ? number(argv[2]) : 1;
    for (long step = 0; step < steps; step++) {
        int i = random64(&seed) % PLACES;

        if (!(places[i].at ? give(i) : take(i))) {
            printf("mmapstress: step %ld: wrong contents\n", step);
            return 1;
        }
    }
    return 0;
}
