/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "channel.h"

#define BUCKETS         64

/* On the stack of the thread that sleeps. */
struct waiter {
    struct waiter *next;
    uint64_t channel;
    struct thread *thread;
    bool woken;
};

static struct waiter *buckets[BUCKETS];

static struct waiter **bucket_of(uint64_t channel)
{
    return &buckets[(channel >> 3 ^ channel >> 12) % BUCKETS];
}

static struct waiter **find(const struct waiter *w)
{
    struct waiter **at = bucket_of(w->channel);

    while (*at && *at != w) {
        at = &(*at)->next;
    }
    return at;
}

bool channel_sleep(uint64_t channel, uint64_t until)
{
    struct waiter w = { .channel = channel, .thread = thread_current() };

    if (w.thread->killed) {
        return false;
    }
    *find(&w) = &w;
    thread_block(until);
    *find(&w) = w.next;
    return w.woken;
}

int channel_wake(uint64_t channel, int n)
{
    int woken = 0;

    for (struct waiter *w = *bucket_of(channel); w && woken < n; w = w->next) {
        if (w->channel == channel && !w->woken) {
            w->woken = true;
            thread_wake(w->thread);
            woken++;
        }
    }
    return woken;
}

int channel_wake_all(const volatile void *channel)
{
    return channel_wake(CHANNEL(channel), THREADS_MAX);
}
