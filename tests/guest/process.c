/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notification processing (R77-R87, R26): what happens to the UPID, what to
 * UIRR, and what is left when the UPID cannot be reached.
 */
#include "device.h"
#include "recv.h"

const char *const test_group = "/uintr/process";

CODE(window_code, "nop; nop; nop; " EXIT_ASM);
CODE(kernel_window, "sti; before_fault: nop; at_fault: nop; cli; " EXIT_ASM);
extern char at_fault[];

static void test_on_clear(void)
{
    uint64_t low = upid_low(NV, apic_id(), UPID_SN);

    recv_begin();
    recv_upid->low = low | UPID_ON;
    recv_notify();
    CHECK_EQ(recv_upid->low, low);
    CHECK_TAKEN();
}

/* All bits but ON stay, the reserved ones too, and so do the other bytes. */
static void test_other_bits_kept(void)
{
    for (int bit = 1; bit < 64; bit++) {
        recv_begin();
        memset(recv_upid->unused, 0xa5, sizeof(recv_upid->unused));
        recv_upid->low = BIT(bit) | UPID_ON;
        recv_upid->pir = BIT(bit);
        recv_notify();
        CHECK_EQ(recv_upid->low, BIT(bit));
        CHECK_EQ(recv_rr(), BIT(bit));
    }
    recv_upid->low = ~0ull;
    recv_notify();
    CHECK_EQ(recv_upid->low, ~(uint64_t)UPID_ON);
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(recv_upid->unused[i], 0xa5a5a5a5a5a5a5a5);
    }
}

static void test_pir_taken(void)
{
    recv_begin();
    recv_post(~0ull);
    recv_notify();
    CHECK_EQ(recv_rr(), ~0ull);
    CHECK_TAKEN();
    recv_notify();
    CHECK_EQ(recv_rr(), ~0ull);
}

static void test_dirty_bit(void)
{
    uint64_t pte;

    recv_begin();
    vm_change(recv_upid, PTE_A | PTE_D, 0);
    recv_post(0);
    vm_change(recv_upid, PTE_A | PTE_D, 0);
    recv_notify();
    pte = *vm_pte((uint64_t)recv_upid);
    CHECK_EQ(pte & (PTE_A | PTE_D), PTE_A | PTE_D);
}

static void test_or(void)
{
    recv_begin();
    wrmsr(UINTR_MSR_RR, BIT(2));
    recv_post(BIT(5));
    recv_notify();
    CHECK_EQ(recv_rr(), BIT(2) | BIT(5));
    recv_post(BIT(5) | BIT(63));
    recv_notify();
    CHECK_EQ(recv_rr(), BIT(2) | BIT(5) | BIT(63));
}

static void test_empty_pir(void)
{
    recv_begin();
    wrmsr(UINTR_MSR_RR, BIT(17));
    recv_post(0);
    recv_notify();
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(17));
    wrmsr(UINTR_MSR_RR, 0);
    recv_post(0);
    recv_notify();
    CHECK_EQ(recv_rr(), 0);
}

/* Taken now, delivered when ring 3 allows it, much later. */
static void test_delivery_is_later(void)
{
    recv_pend(0);
    recv_post(BIT(30));
    recv_notify();
    CHECK_EQ(ui_count, 0);
    CHECK_TAKEN();
    delay(100000);
    CHECK_EQ(recv_rr(), BIT(30));
    CHECK_EQ(run_code(window_code, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_DELIVERED(0, 30, USER(window_code));
}

/* ---- access rights ---- */

/* Notify in ring 3 or in ring 0, with more RFLAGS; the state it ends in. */
static struct frame notify_in(int ring, uint64_t rflags)
{
    struct frame f = ring ? frame_user(window_code, 0, 0)
                          : frame_kernel(kernel_window, 0, 0);

    f.rflags |= rflags | (ring ? RFLAGS_IF : 0);
    recv_request();
    run(&f);
    return f;
}

#define CHECK_FAULT(f, want_vector, want_error, want_rip)                   \
    do {                                                                    \
        CHECK_EQ((f).vector, want_vector);                                  \
        CHECK_EQ((f).error, want_error);                                    \
        CHECK_EQ((f).rip, (uint64_t)(want_rip));                            \
    } while (0)

/* Acknowledged and ended; the post waits for a notification that works. */
#define CHECK_ONLY_NOTIFICATION_GONE(vectors)                               \
    do {                                                                    \
        CHECK(!apic_requested(NV));                                         \
        CHECK(!apic_in_service(NV));                                        \
        CHECK_POSTED(vectors);                                              \
        CHECK_EQ(recv_rr(), 0);                                             \
        CHECK_EQ(ui_count, 0);                                              \
    } while (0)

/* In both rings: the page is not reached, and is reached again once mended. */
static void check_page_fault(uint64_t address, uint64_t error, uint64_t rflags)
{
    for (int ring = 0; ring <= 3; ring += 3) {
        struct frame f;

        wrmsr(UINTR_MSR_PD, address);
        f = notify_in(ring, rflags);
        CHECK_FAULT(f, VEC_PF, error,
                    ring ? (char *)USER(window_code) : at_fault);
        CHECK_EQ(trap_cr2(), address);
        CHECK_EQ(f.cs, ring ? SEL_UCODE : SEL_KCODE);
    }
}

static void test_supervisor_access(void)
{
    recv_begin();
    recv_post(BIT(1));
    CHECK_EQ(notify_in(3, 0).vector, VEC_EXIT);
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(1));
}

static void test_user_page(void)
{
    recv_begin();
    recv_post(BIT(1));
    wrmsr(UINTR_MSR_PD, (uint64_t)USER(recv_upid));
    CHECK_EQ(notify_in(0, 0).vector, VEC_EXIT);
    CHECK_TAKEN();
    recv_post(BIT(2));
    CHECK_EQ(notify_in(3, 0).vector, VEC_EXIT);
    CHECK_EQ(recv_rr(), BIT(1) | BIT(2));
}

static void test_smap(void)
{
    recv_begin();
    recv_post(BIT(1));
    write_cr4(read_cr4() | CR4_SMAP);
    check_page_fault((uint64_t)USER(recv_upid), PF_P | PF_W, 0);
    check_page_fault((uint64_t)USER(recv_upid), PF_P | PF_W, RFLAGS_AC);
    CHECK_ONLY_NOTIFICATION_GONE(BIT(1));
    wrmsr(UINTR_MSR_PD, (uint64_t)recv_upid);
    CHECK_EQ(notify_in(3, RFLAGS_AC).vector, VEC_EXIT);
    CHECK_EQ(recv_rr(), BIT(1));
    write_cr4(read_cr4() & ~CR4_SMAP);
}

static void test_unmapped(void)
{
    uint64_t pte;

    recv_begin();
    recv_post(BIT(12));
    pte = vm_change(recv_upid, PTE_P, 0);
    check_page_fault((uint64_t)recv_upid, PF_W, 0);
    check_page_fault((uint64_t)recv_upid + 0x7c0, PF_W, 0);
    check_page_fault((uint64_t)recv_upid + 0xfc0, PF_W, 0);
    vm_restore(recv_upid, pte);
    CHECK_ONLY_NOTIFICATION_GONE(BIT(12));
}

static void test_unmapped_pending(void)
{
    uint64_t pte;
    struct frame f;

    recv_pend(0);
    recv_post(BIT(12));
    pte = vm_change(recv_upid, PTE_P, 0);
    f = notify_in(3, 0);
    vm_restore(recv_upid, pte);
    CHECK_FAULT(f, VEC_PF, PF_W, USER(window_code));
    CHECK_ONLY_NOTIFICATION_GONE(BIT(12));
    CHECK(testui());
}

COMPAT_PROGRAM(compat_window, "nop; nop; nop; " EXIT_ASM);

static void test_unmapped_compat(void)
{
    struct frame f = FRAME_COMPAT(compat_window);
    uint64_t pte;

    recv_begin();
    recv_post(BIT(12));
    wrmsr(UINTR_MSR_PD, (uint64_t)USER(recv_upid));
    pte = vm_change(USER(recv_upid), PTE_P, 0);
    recv_request();
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_PF);
    CHECK_EQ(f.error, PF_W);
    CHECK_EQ(trap_cr2(), USER(recv_upid));
    CHECK_EQ(f.cs, SEL_UCODE32);
    vm_restore(USER(recv_upid), pte);
    CHECK_ONLY_NOTIFICATION_GONE(BIT(12));
}

/* Reading alone would be possible: it is a write all the same. */
static void test_read_only(void)
{
    uint64_t pte;

    recv_begin();
    recv_post(BIT(12));
    pte = vm_change(recv_upid, PTE_W, 0);
    check_page_fault((uint64_t)recv_upid, PF_P | PF_W, 0);
    CHECK_ONLY_NOTIFICATION_GONE(BIT(12));
    write_cr0(read_cr0() & ~CR0_WP);
    CHECK_EQ(notify_in(3, 0).vector, VEC_EXIT);
    write_cr0(read_cr0() | CR0_WP);
    vm_restore(recv_upid, pte);
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(12));
}

static void store(volatile uint64_t *to)
{
    *to = 0;
}

/* The error code is that of any store to the page. */
static void test_reserved_pte_bit(void)
{
    struct frame f = frame_kernel(store, (uint64_t)recv_upid, 0);
    uint64_t pte;

    recv_begin();
    recv_post(BIT(12));
    pte = vm_change(recv_upid, 0, BIT(50));
    CHECK_EQ(run(&f), VEC_PF);
    CHECK_EQ(f.error & PF_RSVD, PF_RSVD);
    check_page_fault((uint64_t)recv_upid, f.error, 0);
    vm_restore(recv_upid, pte);
    CHECK_ONLY_NOTIFICATION_GONE(BIT(12));
}

/* WRMSR takes 57 bits, the page tables have 48. */
static void test_non_canonical(void)
{
    recv_begin();
    recv_post(BIT(12));
    for (int ring = 0; ring <= 3; ring += 3) {
        wrmsr(UINTR_MSR_PD, 0x0000800000000000);
        CHECK_FAULT(notify_in(ring, 0), VEC_GP, 1,
                    ring ? (char *)USER(window_code) : at_fault);
        wrmsr(UINTR_MSR_PD, 0xff7fffffffffffc0);
        CHECK_FAULT(notify_in(ring, 0), VEC_GP, 1,
                    ring ? (char *)USER(window_code) : at_fault);
    }
    CHECK_ONLY_NOTIFICATION_GONE(BIT(12));
    wrmsr(UINTR_MSR_PD, 0xffffffffffffffc0);
    CHECK_FAULT(notify_in(3, 0), VEC_PF, PF_W, USER(window_code));
    CHECK_EQ(trap_cr2(), 0xffffffffffffffc0);
}

/* With five levels the same address is only unmapped. */
static void test_canonical_la57(void)
{
    recv_begin();
    recv_post(BIT(12));
    wrmsr(UINTR_MSR_PD, 0x0000800000000000);
    vm_la57(true);
    recv_request();
    CHECK_FAULT(notify_in(3, 0), VEC_PF, PF_W, USER(window_code));
    vm_la57(false);
    CHECK_EQ(trap_cr2(), 0x0000800000000000);
    CHECK_ONLY_NOTIFICATION_GONE(BIT(12));
}

static volatile uint32_t repairs;
static uint64_t good_pte;

static void repair(struct frame *f)
{
    (void)f;
    repairs++;
    vm_restore(recv_upid, good_pte);
}

/* The handler mends the page and returns: that brings nothing back. */
static void check_no_replay(int ring)
{
    recv_begin();
    recv_post(BIT(19));
    good_pte = vm_change(recv_upid, PTE_P, 0);
    repairs = 0;
    trap_handle(VEC_PF, repair);
    CHECK_EQ(notify_in(ring, 0).vector, VEC_EXIT);
    trap_handle(VEC_PF, NULL);
    CHECK_EQ(repairs, 1);
    irq_window();
    CHECK_ONLY_NOTIFICATION_GONE(BIT(19));
    recv_notify();
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(19));
}

static void test_no_replay(void)
{
    check_no_replay(0);
    check_no_replay(3);
}

/* ---- a UPID where no sane kernel puts one ---- */

static void test_device_memory(void)
{
    volatile struct upid *upid;

    if (!edu_find()) {
        skip("no edu device");
    }
    upid = edu_registers();
    recv_begin();
    wrmsr(UINTR_MSR_PD, (uint64_t)upid);
    upid->low = upid_low(NV, apic_id(), UPID_ON | BIT(7));
    upid->pir = BIT(63) | BIT(31);
    CHECK_EQ(upid->pir, BIT(63) | BIT(31));
    recv_notify();
    CHECK_EQ(recv_rr(), BIT(63) | BIT(31));
    CHECK_EQ(upid->low, upid_low(NV, apic_id(), BIT(7)));
    CHECK_EQ(upid->pir, 0);
}

/* The bits cannot be cleared there, and nothing else goes wrong. */
static void test_rom(void)
{
    volatile struct upid *rom = (void *)0xffffffc0ull;
    uint64_t low = rom->low, pir = rom->pir;

    recv_begin();
    wrmsr(UINTR_MSR_PD, (uint64_t)rom);
    recv_notify();
    recv_notify();
    CHECK_EQ(recv_rr(), pir);
    CHECK_EQ(rom->low, low);
    CHECK_EQ(rom->pir, pir);
    CHECK(!apic_in_service(NV));
}

static void test_no_memory(void)
{
    recv_begin();
    wrmsr(UINTR_MSR_PD, 0xa0000000);
    recv_notify();
    CHECK(!apic_in_service(NV));
    wrmsr(UINTR_MSR_PD, (uint64_t)recv_upid);
    wrmsr(UINTR_MSR_RR, 0);
    recv_post(BIT(1));
    recv_notify();
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(1));
}

/* ---- many senders ---- */

#define MAX_SENDERS 3

static volatile uint64_t received[UINTR_VECTORS];
static volatile int senders_left;
static int cpu_total;
static struct uitte table[MAX_SENDERS + 1];

/* received[vector]++; flags and registers stay. */
CODE(count_handler,
    "push %rax; push %rbx; pushfq\n"
    "mov 24(%rsp), %rax; lea received(%rip), %rbx\n"
    "lock incq (%rbx,%rax,8)\n"
    "popfq; pop %rbx; pop %rax; lea 8(%rsp), %rsp\n"
    UIRET_BYTES);

#define VECTOR_OF(sender) ((sender) * 21)

static bool all_received(uint64_t rounds)
{
    for (int i = 1; i < cpu_total; i++) {
        if (received[VECTOR_OF(i)] < rounds) {
            return false;
        }
    }
    return true;
}

/*
 * All senders post once in a round, a little apart; nobody posts in the next
 * one before all were seen, so that no later post brings a lost one along.
 */
static void send_in_step(uint64_t sender)
{
    uint64_t rounds = arg_number("n", 100), seed = sender;

    uintr_sender(table, MAX_SENDERS + 1);
    for (uint64_t i = 1; i <= rounds; i++) {
        delay(random64(&seed) % 8000);
        senduipi(sender);
        if (!WAIT_FOR(all_received(i))) {
            printf("# round %lu: a post was not seen\n", i);
            break;
        }
    }
    __atomic_fetch_sub(&senders_left, 1, __ATOMIC_SEQ_CST);
}

static void receive_all(void)
{
    while (senders_left) {
        cpu_relax();
    }
}

static void test_senders(void)
{
    struct frame f = frame_user(receive_all, 0, 0);
    int senders = (cpu_total = cpu_count()) - 1;

    memset((void *)received, 0, sizeof(received));
    recv_pend(0);
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)USER(count_handler));
    senders_left = senders;
    for (int i = 1; i <= senders; i++) {
        table[i] = uitte(VECTOR_OF(i), recv_upid);
        smp_run(i, send_in_step, i);
    }
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_EXIT);
    for (int i = 1; i <= senders; i++) {
        smp_wait(i);
        CHECK_EQ(received[VECTOR_OF(i)], arg_number("n", 100));
    }
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), 0);
}

const struct test tests[] = {
    { "R26-reserved-bits-ignored", test_other_bits_kept },
    { "R77-supervisor-access", test_supervisor_access },
    { "R77-user-page", test_user_page },
    { "R77-smap-ignores-ac", test_smap },
    { "R78-on-clear", test_on_clear },
    { "R78-dirty-bit", test_dirty_bit },
    { "R78-device-memory", test_device_memory },
    { "R78-rom", test_rom },
    { "R78-no-memory", test_no_memory },
    { "R79-pir-taken", test_pir_taken },
    { "R80-senders-in-step", test_senders, 2 },
    { "R81-or", test_or },
    { "R82-empty-pir", test_empty_pir },
    { "R83-other-bits-kept", test_other_bits_kept },
    { "R84-delivery-is-later", test_delivery_is_later },
    { "R85-unmapped", test_unmapped },
    { "R85-unmapped-ring-3-with-uif", test_unmapped_pending },
    { "R85-unmapped-compat-mode", test_unmapped_compat },
    { "R85-non-canonical", test_non_canonical },
    { "R85-canonical-with-la57", test_canonical_la57 },
    { "R86-read-only", test_read_only },
    { "R86-reserved-pte-bit", test_reserved_pte_bit },
    { "R87-no-replay", test_no_replay },
    {}
};
