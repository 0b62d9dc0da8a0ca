/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * M5, M6: no post is lost, while receivers and senders move between CPUs, are pre-empted and block.
 *
 *   uintr_stress [POSTS]       20000 unless given, of all senders together
 *
 * Each sender has a vector of each receiver and counts its posts to it before it posts; the
 * handler notes the count that it finds. What was posted last has arrived, or it was lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "uintr_common.h"

#define RECEIVERS   4
#define SENDERS     4
#define ARRIVAL     30      /* seconds that the last ones may take */

static struct {
    volatile uint64_t posted, arrived, handled;
} pairs[RECEIVERS][SENDERS];

static int descriptors[RECEIVERS][SENDERS];
static volatile unsigned ready;
static volatile bool sent;
static uint64_t posts = 20000;

static __thread int self;

static void __attribute__((interrupt)) arrive(struct __uintr_frame *frame,
                                              unsigned long long vector)
{
    (void)frame;
    pairs[self][vector].arrived = pairs[self][vector].posted;
    pairs[self][vector].handled++;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static bool all_arrived(int receiver)
{
    for (int i = 0; i < SENDERS; i++) {
        if (pairs[receiver][i].arrived != pairs[receiver][i].posted) {
            return false;
        }
    }
    return true;
}

/* What a task does: compute, yield, sleep, mask, wait, move. */
static void do_something(uint64_t *random)
{
    uint64_t word = next_random(random);

    switch (word % 16) {
    case 0:
        usleep(word >> 8 & 0xff);
        break;
    case 1:
        sched_yield();
        break;
    case 2:
        can_pin_to(word >> 8 & 0xff);
        break;
    case 3:
        _clui();
        spin(word >> 8 & 0x3ff);
        _stui();
        break;
    case 4:
        _clui();
        uintr_wait(word >> 8 & 0x1ff, 0);
        _stui();
        break;
    default:
        spin(word >> 8 & 0xfff);
    }
}

static void *receiver(void *arg)
{
    uint64_t random = 1000 + (uintptr_t)arg;
    time_t end = 0;

    self = (uintptr_t)arg;
    CHECK(!uintr_register_handler(arrive, self & 1 ? UINTR_HANDLER_FLAG_WAITING_ANY : 0));
    for (int i = 0; i < SENDERS; i++) {
        descriptors[self][i] = uintr_vector_fd(i, 0);
        CHECK(descriptors[self][i] >= 0);
    }
    _stui();
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    while (!sent) {
        do_something(&random);
    }
    while (!all_arrived(self) && (!end || time(NULL) < end)) {
        end = end ? end : time(NULL) + ARRIVAL;
        usleep(1000);
    }
    return NULL;
}

static void *sender(void *arg)
{
    int number = (uintptr_t)arg, index[RECEIVERS];
    uint64_t random = number;

    for (int i = 0; i < RECEIVERS; i++) {
        index[i] = uintr_register_sender(descriptors[i][number], 0);
        CHECK(index[i] >= 0);
    }
    for (uint64_t n = 0; n < posts / SENDERS; n++) {
        uint64_t word = next_random(&random);
        int to = word % RECEIVERS;

        pairs[to][number].posted++;
        _senduipi(index[to]);
        if (word >> 8 & 1) {
            spin(word >> 16 & 0x1ff);
        }
        if (!(word >> 9 & 0x3ff)) {
            do_something(&random);
        }
    }
    return NULL;
}

static int report(void)
{
    uint64_t posted = 0, handled = 0;
    int lost = 0;

    for (int i = 0; i < RECEIVERS; i++) {
        for (int j = 0; j < SENDERS; j++) {
            posted += pairs[i][j].posted;
            handled += pairs[i][j].handled;
            lost += pairs[i][j].posted != pairs[i][j].arrived;
        }
    }
    dprintf(3, "# stress: %lu posts, %lu handled, %d lost\n", posted, handled, lost);
    return lost || posted != posts;
}

int main(int argc, char **argv)
{
    pthread_t receivers[RECEIVERS], senders[SENDERS];

    posts = argc > 1 ? strtoul(argv[1], NULL, 0) : posts;
    for (uintptr_t i = 0; i < RECEIVERS; i++) {
        CHECK(!pthread_create(&receivers[i], NULL, receiver, (void *)i));
    }
    while (ready < RECEIVERS) {
        usleep(1000);
    }
    for (uintptr_t i = 0; i < SENDERS; i++) {
        CHECK(!pthread_create(&senders[i], NULL, sender, (void *)i));
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i], NULL);
    }
    sent = true;
    for (int i = 0; i < RECEIVERS; i++) {
        pthread_join(receivers[i], NULL);
    }
    return report();
}
