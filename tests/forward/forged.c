/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues of versions 1 and 2 whose owners break every rule, beside one that
 * is served all the time.
 */
#include "queues.h"

#define MOST_TICKS  4000000     /* a turn is 5 ms */
#define REST_TICKS  1000000     /* longer than a shadow is awake */
#define PHASE_TICKS 37000

/* One request, which cannot be taken. */
static void forge(struct queue *q, int how)
{
    *q = set_up(q->page, 2);
    by_uipi = true;
    switch (how) {
    case 0:
        *half(q, 8) = q->capacity;
        break;
    case 1:
        *half(q, REQUESTS) = q->capacity;
        break;
    case 2:
        *half(q, 6) = q->capacity - 1;
        break;
    default:
        *(volatile uint32_t *)q->page ^= 1;
    }
    (*half(q, 8))++;
}

static void hold(struct queue *q)
{
    lock(q);
    (*half(q, 8))++;
}

static void rest(uint64_t ticks)
{
    for (uint64_t end = rdtsc() + ticks; rdtsc() < end; ) {
        irq_window();
        cpu_relax();
    }
}

/* Ticks until the answer is here, with the others told as well. */
static uint64_t time_of_call(struct queue *q)
{
    uint64_t since = rdtsc();

    mbox_write(&m, MBOX_REG_DOORBELL, 0);
    CHECK_EQ(ask2(q, 3, 50, 0, 0), -EBADF);
    return rdtsc() - since;
}

/* The most ticks of a call among others, one of which is forged anew. */
static uint64_t worst_of_calls(struct queue *good, struct queue *forged)
{
    uint64_t most = 0;

    for (int i = 0; i < 40; i++) {
        uint64_t ticks;

        forge(forged, i % 4);
        rest(REST_TICKS + i * PHASE_TICKS);     /* it sleeps by then */
        ticks = time_of_call(good);
        most = ticks > most ? ticks : most;
        CHECK_EQ(*half(forged, 10), 0);
    }
    return most;
}

/* @held of @version has its lock held for ever, that of slot 2 is forged. */
static void spoil_two(uint64_t held, int version)
{
    struct queue stuck = set_up(held, version);
    struct queue forged = set_up(QUEUE2(2), 2), good = set_up(QUEUE2(1), 2);
    uint64_t most;

    shake_hands(ask2(&good, 100, 0, 0, 0));
    hold(&stuck);
    most = worst_of_calls(&good, &forged);
    CHECK_EQ(*half(&stuck, 10), 0);
    printf("# among spoilt queues: %lu ticks at most\n", most);
    CHECK(!arg_is("accel", "icount") || most < MOST_TICKS);
    memset((void *)held, 0, 4096);
    memset((void *)(uint64_t)QUEUE2(2), 0, 4096);
    memset((void *)(uint64_t)QUEUE2(1), 0, 4096);
}

/*
 * F10, F11: locks that are held for ever and queues that cannot be cost the
 * other processes nothing but the tries, which virtual time can tell.  The
 * page of version 1 is that of slot 3 in version 2.
 */
void test_others(void)
{
    spoil_two(QUEUE1, 1);
    spoil_two(QUEUE2(3), 2);
}

/* ---- anything ---- */

#define BAD         2
#define PAGE_OF_OWN 0x46030000
#define VA          0x10000000
#define DRAWN       0x46100000      /* what forged arguments name, from here */
#define O_CREAT     0100
#define O_RDWR      02

static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    return random64(&seed) % below;
}

/* Not the console, which would print it; near to limits and beyond. */
static uint64_t any_argument(void)
{
    static const uint8_t files[] = { 0, 3, 4, 50 };

    switch (draw(5)) {
    case 0:
        return files[draw(sizeof(files))];
    case 1:
        return DATA1_SIZE - 64 + draw(80);
    case 2:
        return DRAWN + draw(64) * 4096;
    case 3:
        return VA + draw(4) * 4096 + draw(2) * draw(4096);
    default:
        return random64(&seed);
    }
}

static void spoil_descriptor(const struct queue *q)
{
    static const uint8_t opcodes[] = { 0, 1, 2, 3, 4, 5, 6, 56, 57, 60, 100,
                                       253, 254, 255 };
    unsigned i = draw(q->capacity), d = 16 + i * q->size;

    *byte(q, d) = draw(256);
    *byte(q, d + 1) = draw(8) ? opcodes[draw(sizeof(opcodes))] : draw(256);
    for (unsigned at = d + 8; at < d + q->result; at += 8) {
        *word(q, at) = any_argument();
    }
    *half(q, REQUESTS + draw(q->capacity) * 2) = draw(16) ? i : draw(65536);
}

/* Most of what is forged would never be looked at if all of it were. */
static void spoil_head(const struct queue *q)
{
    *(volatile uint32_t *)q->page = draw(16) ? MAGIC : random64(&seed);
    *byte(q, 4) = draw(8) ? 0 : draw(256);
    *half(q, 6) = draw(16) ? q->capacity : 64u << draw(2);
    *half(q, 8) = draw(8) ? *half(q, 10) + 1 + draw(8) : random64(&seed);
    if (!draw(16)) {
        *half(q, 10) = random64(&seed);
    }
    if (draw(8)) {
        *half(q, REQUESTS + *half(q, 10) % q->capacity * 2) =
            draw(q->capacity);
    }
}

static void spoil_data(void)
{
    volatile uint64_t *data = (volatile uint64_t *)(uint64_t)DATA1;
    unsigned last = DATA1_SIZE / 8 - 8;

    data[draw(2) ? draw(8) : last + draw(8)] = any_argument();
}

static void spoil(const struct queue *q)
{
    for (int i = 0; i < 4; i++) {
        spoil_descriptor(q);
    }
    spoil_data();
    spoil_head(q);
}

/* By the ring: others are answered with the same interrupt. */
static long ask_alone(struct queue *q, uint8_t opcode, uint64_t a, uint64_t b,
                      uint64_t c, uint64_t rights)
{
    unsigned d = push(q, opcode, (uint64_t[]) { a, b, c, rights }, 4);

    mbox_write(&m, MBOX_REG_DOORBELL, 0);
    CHECK(WAIT_FOR((irq_window(), *half(q, 10) == q->next)));
    return *word(q, d + q->result);
}

static void open_file(struct queue *q)
{
    memcpy((void *)PAGE_OF_OWN, "anything", 9);
    CHECK_EQ(ask_alone(q, 253, VA, PAGE_OF_OWN, 1, 3), 0);
    CHECK_EQ(ask_alone(q, 2, VA, O_CREAT | O_RDWR, 0, 0), 3);
}

/* As if their owners began again. */
static void check_recovery(uint64_t page, int version, int opcode)
{
    struct queue q;

    memset((void *)page, 0, 4096);
    rest(REST_TICKS);
    q = set_up(page, version);
    CHECK_EQ(ask_alone(&q, opcode, 0, 0, 0, 0), -38);
    memset((void *)page, 0, 4096);
}

/*
 * F10-F13: GP's other processes are served, and each of these has its turns;
 * that none of their shadows faults is looked for in GP's words.
 */
void test_anything(void)
{
    struct queue bad[BAD] = { set_up(QUEUE1, 1), set_up(QUEUE2(2), 2) };
    struct queue good = set_up(QUEUE2(1), 2);
    uint64_t n = arg_number("n", 1000), most = 0, taken = 0;

    seed = arg_number("seed", 1);
    open_file(&good);
    for (uint64_t round = 0; round < n; round++) {
        struct queue *q = &bad[draw(BAD)];
        uint64_t since;

        taken += *half(q, 10) != q->seen;
        spoil(q);
        q->seen = *half(q, 10);
        mbox_write(&m, MBOX_REG_DOORBELL, 0);
        rest(REST_TICKS);           /* they are served, and sleep then */
        since = rdtsc();
        CHECK_EQ(ask_alone(&good, 1, 3, VA, 8, 0), 8);
        since = rdtsc() - since;
        most = since > most ? since : most;
    }
    CHECK_EQ(ask_alone(&good, 4, VA, VA + 1024, 0, 0), 0);
    CHECK_EQ(*(uint64_t *)(PAGE_OF_OWN + 1024 + 48), 8 * n);
    printf("# among queues of anything: %lu ticks at most, %lu of %lu taken\n",
           most, taken, n);
    CHECK(taken > n / 50);
    check_recovery(QUEUE1, 1, 77);
    check_recovery(QUEUE2(2), 2, 77);
    memset((void *)(uint64_t)QUEUE2(1), 0, 4096);
}
