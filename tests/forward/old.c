/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest as they are in the field, with queues of versions 1 and 2.  Only the
 * mailbox, which such a guest does not have, is started as elsewhere.  The
 * word "late=1" has it wait for a server that begins later than it does.
 */
#include "queues.h"

const char *const test_group = "/forward/old";

#define UPIDS       0x41ffe000u
#define OWN_UPID    0x41fff000u
#define BEYOND      0x0feff000      /* of DATA1: the shadow has a stack there */
#define ORDINARY    41
#define ENOENT      2
#define EFAULT      14
#define ENOSYS      38

struct mbox m;
bool by_uipi;
static volatile uint32_t replies;       /* interrupts of that vector */
static struct uitte table[1];

/* The kernel clears ON by hand, or no second one ever comes. */
static void on_reply(struct frame *f __attribute__((unused)))
{
    struct upid *upid = (struct upid *)(uint64_t)OWN_UPID;

    replies++;
    __atomic_fetch_and(&upid->low, ~1ull, __ATOMIC_SEQ_CST);
    upid->pir = 0;
    apic_eoi();
}

struct queue set_up(uint64_t page, int version)
{
    struct queue q = {
        .page = page, .capacity = version == 1 ? 128 : 64,
        .size = version == 1 ? 24 : 48, .result = version == 1 ? 16 : 40,
        .replies = version == 1 ? 0xd10 : 0xc90,
    };

    memset((void *)page, 0, 4096);
    *half(&q, 6) = q.capacity;
    *(volatile uint32_t *)page = MAGIC;
    by_uipi = false;
    return q;
}

unsigned push(struct queue *q, uint8_t opcode, const uint64_t *args, int n)
{
    unsigned i = q->next++ % q->capacity, d = 16 + i * q->size;

    lock(q);
    *byte(q, d) = 1;
    *byte(q, d + 1) = opcode;
    for (int k = 0; k < n; k++) {
        *word(q, d + 8 + 8 * k) = args[k];
    }
    *half(q, REQUESTS + *half(q, 8) % q->capacity * 2) = i;
    (*half(q, 8))++;
    unlock(q);
    return d;
}

static void announce(void)
{
    if (by_uipi) {
        senduipi(0);
    } else {
        mbox_write(&m, MBOX_REG_DOORBELL, 0);
    }
}

/* By the interrupt, and not by looking; one for another queue may come late. */
static long wait_for(struct queue *q, unsigned d, uint32_t before)
{
    CHECK(WAIT_FOR((irq_window(), replies != before &&
                                  *half(q, 10) != (uint16_t)q->seen)));
    lock(q);
    CHECK_EQ(*half(q, 10), (uint16_t)(q->seen + 1));
    CHECK_EQ(*half(q, q->replies + q->seen % q->capacity * 2),
             (d - 16) / q->size);
    q->seen++;
    unlock(q);
    *byte(q, d) = 0;
    return *word(q, d + q->result);
}

static long ask(struct queue *q, uint8_t opcode, const uint64_t *args, int n)
{
    uint32_t before = replies;
    unsigned d = push(q, opcode, args, n);

    announce();
    return wait_for(q, d, before);
}

/* Version 1: what args point at lies at the beginning of the data area. */
static long ask1(struct queue *q, uint8_t opcode, uint64_t fd,
                 uint64_t buffer, uint64_t length)
{
    volatile uint64_t *at = (volatile uint64_t *)(uint64_t)DATA1;
    const uint64_t args[] = { 0 };

    at[0] = fd;
    at[1] = buffer;
    at[2] = length;
    return ask(q, opcode, args, 1);
}

long ask2(struct queue *q, uint8_t opcode, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t args[] = { a, b, c, 0 };

    return ask(q, opcode, args, 4);
}

/* F6: the first one by an ordinary interrupt, the others by SENDUIPI */
void shake_hands(long upid)
{
    CHECK(upid >= UPIDS && upid < OWN_UPID && upid % 64 == 0);
    table[0] = uitte(0, (struct upid *)upid);
    uintr_sender(table, 1);
    by_uipi = true;
}

/* F10-F14, version 1 */
static void test_first(void)
{
    struct queue q = set_up(QUEUE1, 1);
    const uint64_t args[] = { 0 }, far[] = { 0x100000 - 8 };
    char *data = (char *)(uint64_t)DATA1;

    shake_hands(ask(&q, 5, args, 1));
    CHECK_EQ(ask(&q, 0, args, 1), 0);
    memcpy(data + 64, "first", 6);
    memcpy(data + 128, "hello", 5);
    CHECK_EQ(ask1(&q, 3, 0102, 64, 6), 3);
    CHECK_EQ(ask1(&q, 2, 3, 128, 5), 5);
    CHECK_EQ(ask(&q, 4, (uint64_t[]) { 3 }, 1), 0);
    CHECK_EQ(ask1(&q, 3, 02, 64, 6), 3);
    CHECK_EQ(ask1(&q, 1, 3, 4096, 100), 5);
    CHECK(!memcmp(data + 4096, "hello", 5));
    CHECK_EQ(ask1(&q, 2, 9, 128, 5), -EBADF);
    CHECK_EQ(ask1(&q, 1, 3, 0xfffff, 2), -EFAULT);
    CHECK_EQ(ask1(&q, 1, 3, 0, ~0ull), -EFAULT);
    CHECK_EQ(ask1(&q, 2, 3, BEYOND, 5), -EFAULT);
    CHECK_EQ(ask(&q, 1, far, 1), -EFAULT);
    CHECK_EQ(ask(&q, 77, args, 1), -ENOSYS);
    CHECK_EQ(ask(&q, 255, args, 1), -ENOSYS);
    CHECK_EQ(ask(&q, 4, (uint64_t[]) { 3 }, 1), 0);
    memset((void *)(uint64_t)QUEUE1, 0, 4096);
}

/* The same of version 2; pointers are the process's. */
static void test_second(void)
{
    struct queue q = set_up(QUEUE2(2), 2);
    char *page = (char *)0x46020000;
    const uint64_t va = 0x10000000;

    shake_hands(ask2(&q, 100, 0, 0, 0));
    CHECK_EQ(ask2(&q, 1, 1, va, 5), -EFAULT);
    CHECK_EQ(ask(&q, 253, (uint64_t[]) { va, (uint64_t)page, 1, 3 }, 4), 0);
    memcpy(page, "second", 7);
    CHECK_EQ(ask2(&q, 2, va, 0102, 0), 3);
    CHECK_EQ(ask2(&q, 1, 3, va, 6), 6);
    CHECK_EQ(ask2(&q, 4, va, va + 1024, 0), 0);
    CHECK_EQ(*(uint64_t *)(page + 1024 + 48), 6);
    CHECK_EQ(ask2(&q, 3, 3, 0, 0), 0);
    CHECK_EQ(ask2(&q, 2, va + 1024, 02, 0), -ENOENT);
    CHECK_EQ(ask2(&q, 1, 1, 0x700010030000, 8), -EFAULT);
    CHECK_EQ(ask2(&q, 56, 0, 0, 0), -ENOSYS);
    CHECK_EQ(ask2(&q, 57, 0, 0, 0), -ENOSYS);
    CHECK_EQ(ask2(&q, 254, va, 1, 0), 0);
    CHECK_EQ(ask2(&q, 1, 1, va, 5), -EFAULT);
    CHECK_EQ(ask(&q, 5, (uint64_t[]) { va, (uint64_t)page, 1, 3 }, 4), 0);
    CHECK_EQ(ask2(&q, 4, va + 2048, va + 1024, 0), -ENOENT);
    CHECK_EQ(ask2(&q, 6, va, 1, 0), 0);
    CHECK_EQ(ask2(&q, 4, va + 2048, va + 1024, 0), -EFAULT);
    CHECK_EQ(ask2(&q, 60, 0, 0, 0), 0);
    memset((void *)(uint64_t)QUEUE2(2), 0, 4096);
}

/* F11: as many as there are descriptors, announced once */
static void test_batch(void)
{
    struct queue q = set_up(QUEUE2(1), 2);
    const uint64_t none[4] = { 0 };
    unsigned d[64];

    shake_hands(ask2(&q, 100, 0, 0, 0));
    for (int i = 0; i < 64; i++) {
        d[i] = push(&q, 3, (uint64_t[]) { 100 + i, 0, 0, 0 }, 4);
    }
    announce();
    CHECK(WAIT_FOR(*half(&q, 10) == 65));
    for (int i = 0; i < 64; i++) {
        CHECK_EQ(*word(&q, d[i] + 40), -EBADF);
    }
    q.seen = 65;
    irq_window();
    CHECK_EQ(ask(&q, 57, none, 4), -ENOSYS);
    memset((void *)(uint64_t)QUEUE2(1), 0, 4096);
}

/* F10, F11: a lock that is held, and what cannot be; then it goes on. */
static void test_hostile(void)
{
    struct queue q = set_up(QUEUE2(3), 2);
    uint32_t before;
    unsigned d;

    shake_hands(ask2(&q, 100, 0, 0, 0));
    d = push(&q, 3, (uint64_t[]) { 50, 0, 0, 0 }, 4);
    lock(&q);
    before = replies;
    announce();
    for (int i = 0; i < 1000000; i++) {
        cpu_relax();
    }
    CHECK_EQ(*half(&q, 10), 1);
    unlock(&q);
    CHECK_EQ(wait_for(&q, d, before), -EBADF);
    *half(&q, 8) += 65;
    announce();
    for (int i = 0; i < 1000000; i++) {
        cpu_relax();
    }
    CHECK_EQ(*half(&q, 10), 2);
    *half(&q, 8) -= 65;
    CHECK_EQ(ask2(&q, 3, 50, 0, 0), -EBADF);
    memset((void *)(uint64_t)QUEUE2(3), 0, 4096);
}

static void start_mailbox(void)
{
    pci_init();
    if (!mbox_find(&m, 0) || !mbox_start(&m)) {
        fatal("there is no mailbox");
    }
    mbox_write64(&m, MBOX_REG_ALLOW_DEST, 1);
    mbox_write64(&m, MBOX_REG_ALLOW_VECTOR, BIT(ORDINARY));
    while (mbox_read(&m, MBOX_REG_LINK) != MBOX_LINK_UP) {
        cpu_relax();
    }
    upid_init((struct upid *)(uint64_t)OWN_UPID, ORDINARY,
              mbox_config(&m, MBOX_CFG_APIC_FIRST));
    trap_handle(ORDINARY, on_reply);
}

/* A request that somebody answers some day, and tells it. */
static void wait_for_server(void)
{
    struct queue q = set_up(QUEUE2(1), 2);

    printf("# waits for a server\n");
    push(&q, 3, (uint64_t[]) { 50, 0, 0, 0 }, 4);
    while (!replies) {
        irq_window();
        cpu_relax();
    }
    memset((void *)(uint64_t)QUEUE2(1), 0, 4096);
}

void payload_start(void)
{
    start_mailbox();
    if (arg_given("late")) {
        wait_for_server();
    }
}

/* What tests/linux/forward waits for. */
static void write_file(struct queue *q, const char *name, const char *text)
{
    char *page = (char *)0x46020000;
    const uint64_t va = 0x10000000;

    memcpy(page, name, strlen(name) + 1);
    memcpy(page + 64, text, strlen(text));
    CHECK_EQ(ask2(q, 2, va, 0102, 0600), 3);
    CHECK_EQ(ask2(q, 1, 3, va + 64, strlen(text)), strlen(text));
    CHECK_EQ(ask2(q, 3, 3, 0, 0), 0);
}

static void test_over(void)
{
    struct queue q = set_up(QUEUE2(3), 2);

    CHECK_EQ(ask(&q, 253, (uint64_t[]) { 0x10000000, 0x46020000, 1, 3 }, 4), 0);
    write_file(&q, "/tmp/note", "kept by Linux");
    write_file(&q, "/tmp/over", "it is");
    memset((void *)(uint64_t)QUEUE2(3), 0, 4096);
}

const struct test tests[] = {
    { "F12-version-1", test_first },
    { "F13-version-2", test_second },
    { "F11-batch", test_batch },
    { "F10-hostile", test_hostile },
    { "F10-others-are-served", test_others },
    { "F11-anything", test_anything },
    { "F13-over", test_over },
    {}
};
