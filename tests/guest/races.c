/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens to a receiver while it is busy with something else: a poll, a
 * page that changes under it, a data breakpoint.  Each of these has lost an
 * interrupt or ended QEMU once.
 */
#include "recv.h"
#include "send.h"

const char *const test_group = "/uintr/races";

#define LONG_ENOUGH     6000000000      /* ticks; then it is lost */

static struct upid first_upid, second_upid;
static struct uitte table[2];
static volatile bool ready, stop;

static void wait_random(uint64_t *seed, uint64_t range)
{
    delay(random64(seed) % range);
}

static uint64_t rounds(void)
{
    return arg_number("n", arg_is("accel", "mttcg") ? 3000 : 30);
}

/* ---- HLT ---- */

#define TPR_OVER_LOW    0x50

static void only_eoi(struct frame *f)
{
    (void)f;
    apic_eoi();
}

static void sleep_deaf_to_low(uint64_t unused)
{
    (void)unused;
    uintr_receiver(UI_RECORD, &first_upid, NV);
    wrmsr(UINTR_MSR_RR, 0);
    clui();
    apic_write(APIC_TPR, TPR_OVER_LOW);
    ready = true;
    while (!stop) {
        asm volatile("sti; hlt; cli" : : : "memory");
    }
    apic_write(APIC_TPR, 0);
}

/*
 * R74: an IPI that the task priority holds back makes the halted CPU look; a
 * post that comes while it looks must be seen too.  Nothing else wakes it.
 */
static void test_post_in_poll(void)
{
    uint64_t seed = arg_number("seed", 1), lost = 0;

    trap_handle(VEC_LOW, only_eoi);
    trap_handle(VEC_HIGH, only_eoi);
    ready = stop = false;
    upid_init(&first_upid, NV, 1);
    table[0] = uitte(5, &first_upid);
    uintr_sender(table, 1);
    smp_run(1, sleep_deaf_to_low, 0);
    CHECK(WAIT_FOR(ready));
    for (uint64_t i = 5 * rounds(); i && !lost; i--) {
        apic_icr(1, ICR_ASSERT | VEC_LOW);
        wait_random(&seed, 60000);
        senduipi(0);
        lost = !WAIT_FOR(!(first_upid.low & UPID_ON));
    }
    CHECK_EQ(lost, 0);
    stop = true;
    apic_icr(1, ICR_ASSERT | VEC_HIGH);
    smp_wait(1);
}

/* ---- two UPIDs with one vector, as two tasks of one CPU have them ---- */

CODE(count_delivery,
     "lock incq ui_count(%rip); lea 8(%rsp), %rsp; " UIRET_BYTES);
CODE(loop_until_told,
     "1: cmpq $0, races_told(%rip); je 1b; " EXIT_ASM);

uint64_t races_told;
static volatile uint64_t asked, answered;

/* Another sender, whose post the receiver's UPID does not hold. */
static void send_second(uint64_t unused)
{
    uint64_t seed = 99;

    (void)unused;
    uintr_sender(table, 2);
    while (!stop) {
        if (asked == answered) {
            cpu_relax();
            continue;
        }
        wait_random(&seed, 6000);
        second_upid.low &= ~(uint64_t)UPID_ON;
        senduipi(1);
        answered = asked;
    }
}

static bool delivered_since(uint64_t before)
{
    uint64_t end = rdtsc() + LONG_ENOUGH;

    while (*(volatile uint64_t *)&ui_count == before && rdtsc() < end) {
        cpu_relax();
    }
    return ui_count != before;
}

static volatile uint64_t undelivered;

static void send_first(uint64_t count)
{
    uint64_t seed = arg_number("seed", 1);

    uintr_sender(table, 2);
    while (!ready) {
        cpu_relax();
    }
    for (uint64_t i = 1; i <= count && !undelivered; i++) {
        uint64_t before = ui_count;

        asked = i;
        wait_random(&seed, 6000);
        senduipi(0);
        undelivered = delivered_since(before) ? 0 : i;
        while (answered != i) {
            cpu_relax();
        }
    }
    stop = true;
    races_told = 1;
}

/*
 * R99: the second notification is often posted while the first is processed.
 * To look for it must not use up the turn in which the first is delivered:
 * the loop in ring 3 never leaves its block by itself.
 */
static void test_two_upids(void)
{
    struct frame f = frame_user(loop_until_told, 0, 0);

    ready = stop = false;
    races_told = undelivered = asked = answered = 0;
    upid_init(&first_upid, NV, 0);
    upid_init(&second_upid, NV, 0);
    table[0] = uitte(5, &first_upid);
    table[1] = uitte(6, &second_upid);
    uintr_receiver(USER(count_delivery), &first_upid, NV);
    wrmsr(UINTR_MSR_RR, 0);
    stui();
    smp_run(2, send_second, 0);
    smp_run(1, send_first, 2 * rounds());
    f.rflags |= RFLAGS_IF;
    ready = true;
    run(&f);
    smp_wait(1);
    smp_wait(2);
    CHECK_EQ(undelivered, 0);
}

/* ---- a page that another CPU unmaps and maps ---- */

static volatile uint64_t *pte;
static uint64_t mapped;

static void flip_pte(uint64_t unused)
{
    (void)unused;
    while (!stop) {
        *pte = mapped & ~(uint64_t)PTE_P;
        asm volatile("nop; nop; nop");
        *pte = mapped;
    }
}

static void ignore(struct frame *f)
{
    (void)f;
}

/* R85: either it faults or it is processed, whatever is seen when. */
static void test_page_flips(void)
{
    recv_begin();
    stop = false;
    pte = vm_pte((uint64_t)recv_upid);
    mapped = *pte | PTE_A | PTE_D;
    trap_handle(VEC_PF, ignore);
    smp_run(1, flip_pte, 0);
    for (uint64_t i = 10 * rounds(); i; i--) {
        invlpg((uint64_t)recv_upid);
        recv_notify();
    }
    stop = true;
    smp_wait(1);
    trap_handle(VEC_PF, NULL);
    *pte = mapped;
    invlpg((uint64_t)recv_upid);
    recv_post(BIT(7));
    recv_notify();
    CHECK(recv_rr() & BIT(7));
}

/* ---- data breakpoints ---- */

#define DR7_ON          BIT(1)
#define DR7_WRITE_8     (1u << 16 | 2u << 18)

CODE(send_nothing_else, SENDUIPI_RAX_BYTES "; nop; nop; " EXIT_ASM);
CODE(do_nothing_much, "nop; nop; nop; nop; " EXIT_ASM);

static uint64_t breaks;

static void count_break(struct frame *f)
{
    (void)f;
    breaks++;
}

static void break_on_store(uint64_t address)
{
    breaks = 0;
    trap_handle(VEC_DB, count_break);
    asm volatile("mov %0, %%dr0" : : "r"(address));
    asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ul));
    asm volatile("mov %0, %%dr7" : :
                 "r"((uint64_t)(address ? DR7_ON | DR7_WRITE_8 : 0)));
}

/* R52: SENDUIPI stores like any other instruction. */
static void test_break_on_post(void)
{
    recv_begin();
    recv_upid->low |= UPID_SN;
    table[0] = uitte(5, recv_upid);
    uintr_sender(table, 1);
    break_on_store((uint64_t)&recv_upid->pir);
    CHECK_EQ(run_user(send_nothing_else, 0, 0), VEC_EXIT);
    CHECK_EQ(breaks, 1);
    CHECK_EQ(recv_upid->pir, BIT(5));
    break_on_store(0);
}

/* R118: a delivery that stores into a watched page happens once. */
static void test_break_on_frame(void)
{
    static uint64_t stack[64] __attribute__((aligned(4096)));
    struct frame f = frame_user(do_nothing_much, 0, 0);

    f.rsp = USER((uint64_t)(stack + 64));
    recv_pend(BIT(9));
    wrmsr(UINTR_MSR_STACKADJUST, 0);
    break_on_store(USER((uint64_t)(stack + 62)));
    run(&f);
    CHECK_EQ(f.vector, VEC_EXIT);
    CHECK_EQ(breaks, 1);
    CHECK_EQ(ui_count, 1);
    break_on_store(0);
}

const struct test tests[] = {
    { "R74-post-in-poll", test_post_in_poll, 2 },
    { "R99-two-upids", test_two_upids, 3 },
    { "R85-page-flips", test_page_flips, 2 },
    { "R52-break-on-post", test_break_on_post },
    { "R118-break-on-frame", test_break_on_frame },
    {}
};
