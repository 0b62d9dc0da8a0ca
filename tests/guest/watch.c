/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stores to a UPID by everybody who may make them.  Prints a line
 * "STORE rip offset size" for each that the event uintr_upid_store must tell
 * of, in order; rip is 0 for a device.  Run by tests/uintr/stores.
 */
#include "device.h"
#include "recv.h"

const char *const test_group = "/uintr/watch";

#define POST            7
#define MOST_UPIDS      4096            /* that QEMU watches */

static void expect(const char *rip, unsigned offset, unsigned size)
{
    printf("STORE 0x%lx %u %u\n", (uint64_t)rip, offset, size);
}

/* Becomes known: the notification uses it. */
static void known_upid(void)
{
    recv_begin();
    recv_post(BIT(POST));
    recv_notify();
    CHECK_EQ(recv_rr(), BIT(POST));
}

/* One instruction at a label, so that the test can name its address. */
#define STORE(label, insn, offset, size, ...)                               \
    do {                                                                    \
        extern char label[];                                                \
        expect(label, offset, size);                                        \
        asm volatile(".globl " #label "; " #label ": " insn                 \
                     : __VA_ARGS__ : "memory");                             \
    } while (0)

static void test_plain(void)
{
    known_upid();
    STORE(watch_quad, "movq $3, 8(%0)", 8, 8, : "r"(recv_upid));
    STORE(watch_byte, "movb $0, 1(%0)", 1, 1, : "r"(recv_upid));
    STORE(watch_word, "movw $0, 4(%0)", 4, 2, : "r"(recv_upid));
    CHECK_EQ(recv_upid->pir, 3);
}

static void test_atomic(void)
{
    uint64_t value = 5;

    known_upid();
    STORE(watch_bts, "lock btsq $9, 8(%0)", 8, 8, : "r"(recv_upid));
    STORE(watch_and, "lock andl $0, 8(%0)", 8, 4, : "r"(recv_upid));
    STORE(watch_xchg, "xchgq %0, 8(%1)", 8, 8, "+r"(value) : "r"(recv_upid));
    CHECK_EQ(recv_upid->pir, 5);
}

/* Each iteration is a store of its own. */
static void test_string(void)
{
    extern char watch_string[];
    void *to = (char *)recv_upid + 8;
    uint64_t n = 4;

    known_upid();
    for (unsigned i = 0; i < n; i++) {
        expect(watch_string, 8 + 2 * i, 2);
    }
    asm volatile(".globl watch_string; watch_string: rep stosw"
                 : "+D"(to), "+c"(n) : "a"(0) : "memory");
}

/* In the middle of a block, and in ring 3 by another address. */
CODE(watch_ring3,
     "mov $1, %eax\nadd $2, %eax\n"
     ".globl watch_user; watch_user: mov %rax, 8(%rdi)\n" EXIT_ASM);

static void test_ring3(void)
{
    extern char watch_user[];
    struct frame f = frame_user(watch_ring3, (uint64_t)USER(recv_upid), 0);

    known_upid();
    expect(USER((const char *)watch_user), 8, 8);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(recv_upid->pir, 3);
}

/* What is beside the UPID, and what user interrupts write, is not told of. */
static void test_silent(void)
{
    static struct uitte table[1];

    known_upid();
    ((volatile uint64_t *)recv_upid)[8] = 1;
    ((volatile uint64_t *)recv_upid)[511] = 1;
    table[0] = uitte(7, recv_upid);
    uintr_sender(table, 1);
    senduipi(0);
    CHECK_POSTED(BIT(7));
    irq_window();
    CHECK_TAKEN();
}

static void test_dma(void)
{
    if (!edu_find()) {
        skip("no edu device");
    }
    known_upid();
    expect(0, 8, 8);
    edu_dma_to(&recv_upid->pir, 8);
    CHECK_EQ(recv_upid->pir, 0);
}

/* There is room for so many UPIDs, and the next one is nobody's concern. */
static void test_most(void)
{
    static struct uitte table[1];
    struct upid *upids = pages_alloc(MOST_UPIDS * 64 / PAGE_SIZE + 1);

    uintr_sender(table, 1);
    for (int i = 0; i <= MOST_UPIDS; i++) {
        upids[i].low = UPID_SN;
        table[0] = uitte(POST, &upids[i]);
        senduipi(0);
    }
    upids[MOST_UPIDS].pir = 3;
    STORE(watch_last, "movq $3, 8(%0)", 8, 8, : "r"(&upids[MOST_UPIDS - 1]));
    CHECK_EQ(upids[MOST_UPIDS - 1].pir, 3);
}

/* Code beside a UPID is still executed as it was written last. */
static void test_code(void)
{
    uint8_t *code = (uint8_t *)recv_upid + 0x200;
    int (*run_it)(void) = (int (*)(void))code;

    known_upid();
    code[0] = 0xb8;                     /* MOV of a word to EAX */
    code[5] = 0xc3;                     /* RET */
    for (int i = 0; i < 4; i++) {
        *(volatile uint32_t *)(code + 1) = i;
        CHECK_EQ(run_it(), i);
    }
}

const struct test tests[] = {
    { "plain-stores", test_plain },
    { "locked-stores", test_atomic },
    { "string-stores", test_string },
    { "ring-3-stores", test_ring3 },
    { "what-is-not-told", test_silent },
    { "device-writes", test_dma },
    { "code-beside", test_code },
    { "as-many-as-there-is-room-for", test_most },
    {}
};
