/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every way in which a vector of a UPID comes and goes (docs/ledger.md). Prints
 * what became of it as a line "BOOK upid vector posted injected delivered
 * coalesced pending discarded"; upid is 0 for vectors that belong to none. Run
 * by tests/ledger/test-books, which compares the ledger's own books.
 */
#include "recv.h"
#include "xsave.h"

const char *const test_group = "/ledger/books";

#define V       9           /* the user vector of the tests */
#define SN      UPID_SN

static struct uitte table[1] __attribute__((aligned(64)));
static struct area *area;

CODE(ledger_window, "nop; nop; nop; " EXIT_ASM);

void payload_start(void)
{
    area = pages_alloc(2);
    xsave_enable_all();
}

struct book {
    int posted, injected, delivered, coalesced, pending, discarded;
};

static void book_of(const void *upid, int vector, struct book b)
{
    printf("BOOK 0x%lx %u %u %u %u %u %u %u\n", (uint64_t)upid, vector,
           b.posted, b.injected, b.delivered, b.coalesced, b.pending,
           b.discarded);
}

#define BOOK(...) book_of(recv_upid, V, (struct book) { __VA_ARGS__ })
#define BOOK_OF_NONE(...) book_of(NULL, V, (struct book) { __VA_ARGS__ })

/* Receiver and sender in one: SENDUIPI posts V to recv_upid. */
static void begin(void)
{
    recv_begin();
    table[0] = uitte(V, recv_upid);
    uintr_sender(table, 1);
}

static void post(int times)
{
    while (times--) {
        senduipi(0);
    }
}

/* The notification is taken in ring 0, and so nothing is delivered. */
static void take(void)
{
    irq_window();
    CHECK_EQ(recv_upid->pir, 0);
}

static void deliver(void)
{
    uint64_t before = ui_count;

    stui();
    run_code(ledger_window, RFLAGS_IF);
    clui();
    CHECK_EQ(ui_count, before + 1);
}

static void test_delivered(void)
{
    begin();
    for (int i = 0; i < 3; i++) {
        post(1);
        deliver();
    }
    BOOK(.posted = 3, .delivered = 3);
}

static void test_coalesced_in_pir(void)
{
    begin();
    post(4);
    deliver();
    BOOK(.posted = 4, .delivered = 1, .coalesced = 3);
}

static void test_coalesced_in_uirr(void)
{
    begin();
    for (int i = 0; i < 3; i++) {
        post(1);
        take();
    }
    deliver();
    BOOK(.posted = 3, .delivered = 1, .coalesced = 2);
}

static void test_pending_in_pir(void)
{
    begin();
    recv_upid->low |= SN;
    post(1);
    BOOK(.posted = 1, .pending = 1);
}

static void test_pending_in_uirr(void)
{
    begin();
    post(1);
    take();
    BOOK(.posted = 1, .pending = 1);
}

static void test_stored(void)
{
    begin();
    recv_post(BIT(V));
    recv_notify();
    deliver();
    BOOK(.injected = 1, .delivered = 1);
}

/* As an allocator does that clears what it hands out. */
static void test_cleared(void)
{
    extern char ledger_clear[];

    begin();
    printf("STORE AT 0x%lx\n", (uint64_t)ledger_clear);
    recv_upid->low |= SN;
    post(2);
    asm volatile(".globl ledger_clear; ledger_clear: movq $0, 8(%0)"
                 : : "r"(recv_upid) : "memory");
    BOOK(.posted = 2, .coalesced = 1, .discarded = 1);
}

/* Two stores that undo each other, with a post between that sees the first. */
static void test_stored_and_cleared(void)
{
    begin();
    recv_upid->low |= SN;
    recv_post(BIT(V));
    post(1);
    recv_upid->pir = 0;
    if (arg_is("accel", "mttcg")) {
        BOOK(.posted = 1, .coalesced = 1);
    } else {
        BOOK(.posted = 1, .injected = 1, .coalesced = 1, .discarded = 1);
    }
}

static void test_wrmsr_makes(void)
{
    begin();
    wrmsr(UINTR_MSR_RR, BIT(V));
    deliver();
    BOOK_OF_NONE(.injected = 1, .delivered = 1);
}

static void test_wrmsr_takes(void)
{
    begin();
    post(1);
    take();
    wrmsr(UINTR_MSR_RR, 0);
    BOOK(.posted = 1, .discarded = 1);
}

/* The kernel has seen what it gives up. */
static void test_wrmsr_after_a_look(void)
{
    begin();
    post(1);
    take();
    CHECK_EQ(recv_rr(), BIT(V));
    wrmsr(UINTR_MSR_RR, 0);
    BOOK(.posted = 1, .discarded = 1);
}

/* It writes what is there, and so changes nothing. */
static void test_wrmsr_keeps(void)
{
    begin();
    post(1);
    take();
    wrmsr(UINTR_MSR_RR, recv_rr());
    deliver();
    BOOK(.posted = 1, .delivered = 1);
}

static void save(struct area *to)
{
    xsave_do(XSAVES, to, UINTR);
}

static void restore(struct area *from)
{
    xsave_do(XRSTORS, from, UINTR);
}

/* Another task's state: nothing. */
static void switch_away(void)
{
    struct area *empty = area + 1;

    memset(empty, 0, sizeof(*empty));
    empty->xcomp_bv = XCOMP_COMPACTED | UINTR;
    restore(empty);
    CHECK_EQ(recv_rr(), 0);
}

static void test_saved(void)
{
    begin();
    post(1);
    take();
    save(area);
    switch_away();
    BOOK(.posted = 1, .pending = 1);
}

static void test_restored(void)
{
    begin();
    post(1);
    take();
    for (int i = 0; i < 3; i++) {
        save(area);
        switch_away();
        restore(area);
    }
    deliver();
    BOOK(.posted = 1, .delivered = 1);
}

static void test_overwritten(void)
{
    begin();
    post(1);
    take();
    save(area);
    switch_away();
    save(area);
    BOOK(.posted = 1, .discarded = 1);
}

/* Saved, but the task went on: what is restored later is old. */
static void test_stale_image(void)
{
    begin();
    post(1);
    take();
    save(area);
    restore(area);
    deliver();
    wrmsr(UINTR_MSR_MISC, 0);
    switch_away();
    restore(area);
    BOOK(.posted = 1, .delivered = 1);
    BOOK_OF_NONE(.injected = 1, .pending = 1);
}

/* XSAVES leaves UIRR in place: the image is old once it is delivered. */
static void test_delivered_after_save(void)
{
    begin();
    post(1);
    take();
    save(area);
    deliver();
    switch_away();
    restore(area);
    BOOK(.posted = 1, .delivered = 1);
    BOOK_OF_NONE(.injected = 1, .pending = 1);
}

static void restore_here(uint64_t image)
{
    xsave_enable_all();
    uintr_enable();
    restore((struct area *)image);
}

/* The task goes to another CPU before this one has another task's state. */
static void test_restored_elsewhere(void)
{
    begin();
    post(1);
    take();
    save(area);
    smp_run(1, restore_here, (uint64_t)area);
    smp_wait(1);
    switch_away();
    BOOK(.posted = 1, .pending = 1);
}

/* The same UPID by the addresses of ring 0 and of ring 3. */
static void test_aliases(void)
{
    begin();
    post(1);
    table[0] = uitte(V, USER(recv_upid));
    post(1);
    deliver();
    BOOK(.posted = 2, .delivered = 1, .coalesced = 1);
    book_of(USER(recv_upid), V, (struct book) {
        .posted = 2, .delivered = 1, .coalesced = 1 });
}

/* The first one in a handler's code. */
static const char *uiret_of(const char *handler)
{
    static const uint8_t uiret[] = { 0xf3, 0x0f, 0x01, 0xec };

    while (memcmp(handler, uiret, sizeof(uiret))) {
        handler++;
    }
    return handler;
}

static void test_events(void)
{
    extern char ledger_post[];

    begin();
    printf("POST AT 0x%lx\n", (uint64_t)ledger_post);
    printf("UIRET AT 0x%lx\n", (uint64_t)USER(uiret_of(ui_record)));
    asm volatile("nop; .globl ledger_post; ledger_post: " SENDUIPI_RAX_BYTES
                 : : "a"(0ull) : "memory");
    deliver();
}

const struct test tests[] = {
    { "delivered", test_delivered },
    { "coalesced-in-pir", test_coalesced_in_pir },
    { "coalesced-in-uirr", test_coalesced_in_uirr },
    { "pending-in-pir", test_pending_in_pir },
    { "pending-in-uirr", test_pending_in_uirr },
    { "stored", test_stored },
    { "cleared", test_cleared },
    { "stored-and-cleared", test_stored_and_cleared },
    { "wrmsr-makes", test_wrmsr_makes },
    { "wrmsr-takes", test_wrmsr_takes },
    { "wrmsr-after-a-look", test_wrmsr_after_a_look },
    { "wrmsr-keeps", test_wrmsr_keeps },
    { "saved", test_saved },
    { "restored", test_restored },
    { "overwritten", test_overwritten },
    { "stale-image", test_stale_image },
    { "delivered-after-save", test_delivered_after_save },
    { "restored-elsewhere", test_restored_elsewhere },
    { "aliases", test_aliases },
    { "events", test_events },
    {}
};
