/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wild [ROUNDS]: processes with a queue of their own that break its rules, one
 * after the other, each followed by one that keeps them (F17).
 */
#include "queue.h"

#define ROUNDS          300
#define SIGSEGV         11
#define FORGED          0x8000

static long rounds;

static void announce(void)
{
    for (long i = 0; i < rounds; i++) {
        senduipi(0);
        __builtin_ia32_pause();
    }
}

static bool forge_counts(struct queue *q)
{
    *queue_half(q, SCF_META_REQ_INDEX) = FORGED;
    announce();
    *queue_half(q, SCF_META_REQ_INDEX) = 1;
    *queue_half(q, SCF2_REQ_RING) = FORGED;
    announce();
    return *queue_half(q, SCF_META_RSP_INDEX) == 0;
}

/* With a request in the ring that nobody will ever be able to take. */
static bool keep_lock(struct queue *q)
{
    q->page[SCF_META_LOCK] = 1;
    *queue_half(q, SCF_META_REQ_INDEX) = 1;
    announce();
    return *queue_half(q, SCF_META_RSP_INDEX) == 0;
}

static bool write_anything(struct queue *q)
{
    uint64_t state = getpid();

    for (long i = 0; i < rounds; i++) {
        for (int k = 0; k < 64; k++) {
            q->page[SCF_META_LOCK + random64(&state) % 0x100] =
                random64(&state);
        }
        q->page[SCF_META_LOCK] = 0;
        *queue_half(q, SCF_META_CAPACITY) = SCF2_CAPACITY;
        senduipi(0);
    }
    return true;
}

static bool is_refused(struct queue *q, uint64_t at)
{
    return queue_call(q, SCF2_WRITE, 1, at, 8) == -EFAULT &&
           queue_call(q, SCF2_READ, 0, at, 8) <= 0 &&
           queue_call(q, SCF2_OPEN, at, 0, 0) == -EFAULT &&
           queue_call(q, SCF2_STAT, (uint64_t)"/wild", at, 0) < 0;
}

/* Where nobody is, the kernel's, the windows, the shadow's own, no address. */
static bool point_anywhere(struct queue *q)
{
    const uint64_t places[] = {
        0, 0x20000000, 0x42000000, SCF_UPID_WINDOW, SCF_WINDOW, SCF2_QUEUES,
        0x50000000, 0x700010000000, 0x700010030000, 0x70001fffff00,
        (uint64_t)q->page, 0x800000000000, -8ull,
    };

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        if (!is_refused(q, places[i])) {
            printf("wild: %lx is not refused\n", places[i]);
            return false;
        }
    }
    return true;
}

/* Frames of others, which only the kernel may show (F15). */
static bool take_frames(struct queue *q)
{
    const uint64_t va = 0x20000000;

    for (int i = 0; i < 2; i++) {
        if (queue_call(q, i ? SCF2_MAP_LATER : SCF2_MAP, va, SCF_WINDOW, 1) !=
            -EPERM ||
            queue_call(q, i ? SCF2_UNMAP_LATER : SCF2_UNMAP, va, 1, 0) !=
            -EPERM) {
            return false;
        }
    }
    return queue_call(q, SCF2_EXIT, 0, 0, 0) == -EPERM &&
           queue_call(q, SCF2_WRITE, 1, va, 8) == -EFAULT;
}

static bool send_beside(struct queue *q __attribute__((unused)))
{
    senduipi(1);
    return false;
}

static bool send_far(struct queue *q __attribute__((unused)))
{
    senduipi(1ull << 40);
    return false;
}

/* The new program asks again, and is given an empty one (F16). */
static bool become_another(struct queue *q)
{
    char *argv[] = { "wild", "again", NULL };
    uint64_t at = (uint64_t)&argv;

    queue_call(q, SCF2_STAT, at, at, 0);
    execve("wild", argv);
    return false;
}

static bool keep_rules(struct queue *q)
{
    static const char line[] = "wild: served\n";
    long n = sizeof(line) - 1;

    return queue_call(q, SCF2_WRITE, 1, (uint64_t)line, n) == n;
}

static const struct {
    bool (*fn)(struct queue *q);
    int signal;
} ways[] = {
    { forge_counts }, { keep_lock }, { write_anything }, { point_anywhere },
    { take_frames }, { send_beside, SIGSEGV }, { send_far, SIGSEGV },
    { become_another },
};

/* In a process of its own; the parent's queue is not the child's. */
static int run(bool (*fn)(struct queue *q))
{
    int status = -1, pid = fork();
    struct queue q;

    if (!pid) {
        exit_group(queue_open(&q) || !fn(&q));
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static int again(void)
{
    struct queue q;

    return queue_open(&q) || *queue_half(&q, SCF_META_REQ_INDEX) ||
           !keep_rules(&q);
}

int main(int argc, char **argv)
{
    struct queue own;
    int failed;

    if (argc > 1 && !strcmp(argv[1], "again")) {
        return again();
    }
    failed = queue_open(&own) != 0;

    rounds = argc > 1 ? number(argv[1]) : ROUNDS;
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        int status = run(ways[i].fn), behind = run(keep_rules);

        if (status != ways[i].signal || behind) {
            printf("wild: way %lu: status %x, behind it %x\n", i, status,
                   behind);
            failed = 1;
        }
    }
    failed |= !keep_rules(&own);
    printf("RESULT wild ways %lu failed %d\n", sizeof(ways) / sizeof(*ways),
           failed);
    return failed;
}
