/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz SEED INPUTS: random inputs, for where there is no libFuzzer. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LONGEST 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state, number;

static uint64_t next(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void tell(int signal)
{
    fprintf(stderr, "found: repeat it with SEED:%" PRIu64 " 1\n", number);
    _exit(1);
}

/* Each input depends on its number only, so that one can be repeated. */
static void one(uint64_t seed, uint64_t n)
{
    static uint8_t data[LONGEST];
    size_t size;

    number = n;
    state = seed * 0xd1342543de82ef95 + n;
    size = next() % LONGEST;
    for (size_t i = 0; i < size; i++) {
        data[i] = next();
    }
    LLVMFuzzerTestOneInput(data, size);
}

int main(int argc, char **argv)
{
    uint64_t seed, first = 0, inputs;
    char *rest;

    if (argc != 3) {
        fprintf(stderr, "usage: fuzz SEED[:INPUT] INPUTS\n");
        return 2;
    }
    signal(SIGABRT, tell);
    seed = strtoull(argv[1], &rest, 0);
    if (*rest == ':') {
        first = strtoull(rest + 1, NULL, 0);
    }
    inputs = strtoull(argv[2], NULL, 0);
    for (uint64_t n = first; n < first + inputs; n++) {
        one(seed, n);
    }
    printf("%" PRIu64 " inputs\n", inputs);
    return 0;
}
