/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two guests on two CPUs, with private nested tables and one window. */
#include "svmguest.h"

const char *const test_group = "/uintr/svm";

#define VEC_WAKE        0x51
#define ROUNDS          200
#define STRETCH         50              /* rounds with an NMI at least */
#define HALT_LOOK       2000            /* PAUSEs in which nothing may happen */

static volatile uint32_t nmis_taken[MAX_CPUS];
static struct {
    volatile uint32_t nmi, nested, ends, others;
} exits[GUESTS_MAX];

static volatile bool guest_failed[GUESTS_MAX];

/* ---- one host per CPU; it repairs, and takes NMIs out of the way ---- */

static void host_nmi(struct frame *f __attribute__((unused)))
{
    nmis_taken[this_cpu()->index]++;
}

static void unmap_window(struct guest *guest)
{
    for (int i = 0; i < GUESTS_MAX; i++) {
        nested_change(guest, GUEST_WINDOW + i * PAGE_SIZE, PTE_P, 0);
    }
}

static bool repair(struct guest *guest)
{
    uint64_t gpa = guest->vmcb->exit_info_2 & ~(PAGE_SIZE - 1);

    if (gpa - GUEST_WINDOW >= GUESTS_MAX * PAGE_SIZE) {
        return false;
    }
    nested_change(guest, gpa, 0, PTE_P);
    return true;
}

/* Every NMI costs the guest its window, so that its next use is an exit. */
static bool handle_exit(struct guest *guest, uint64_t code)
{
    int n = guest->number;

    if (code == VMEXIT_NMI) {
        exits[n].nmi++;
        unmap_window(guest);
        return true;
    }
    if (code == VMEXIT_NPF && repair(guest)) {
        exits[n].nested++;
        return true;
    }
    if (code == VMEXIT_VMMCALL && guest->rdi == HYPERCALL_END) {
        exits[n].ends++;
    } else {
        exits[n].others++;
        printf("# guest %d: exit %lx (%lx, %lx) at %lx\n", n, code,
               guest->vmcb->exit_info_1, guest->vmcb->exit_info_2,
               guest->vmcb->rip);
    }
    return false;
}

static void run_until_done(struct guest *guest)
{
    bool goes_on;

    do {
        goes_on = handle_exit(guest, svm_run(guest));
    } while (goes_on);
}

static void (*guest_fns[GUESTS_MAX])(uint64_t);

/* Guest n runs on CPU 1 + n; CPU 0 looks on. */
static void host(uint64_t n)
{
    struct guest *guest;

    uintr_reset();
    svm_enable();
    guest = svm_guest(n, guest_fns[n], n);
    run_until_done(guest);
    svm_disable();
}

static void start_guests(void (*first)(uint64_t), void (*second)(uint64_t))
{
    memset(exits, 0, sizeof(exits));
    guest_failed[0] = guest_failed[1] = false;
    guest_fns[0] = first;
    guest_fns[1] = second;
    for (int n = 0; n < GUESTS_MAX; n++) {
        svm_guest(n, guest_fns[n], n);  /* allocates; clears the windows */
    }
    trap_handle(VEC_NMI, host_nmi);
    for (int n = 0; n < GUESTS_MAX; n++) {
        smp_run(1 + n, host, n);
    }
}

static void check_ended(void)
{
    for (int n = 0; n < GUESTS_MAX; n++) {
        CHECK_EQ(exits[n].ends, 1);
        CHECK_EQ(exits[n].others, 0);
        CHECK(!guest_failed[n]);
        CHECK_EQ(host_window_of(n)->upid.pir, 0);
        CHECK_EQ(host_window_of(n)->upid.low & UPID_ON, 0);
    }
}

/* ---- in the guests ---- */

static uint64_t spin(uint64_t pauses)
{
    while (pauses--) {
        cpu_relax();
    }
    return 0;
}

/* A host clears its guest's page of the window first: wait for that. */
static volatile uint64_t ready[GUESTS_MAX];

static void meet(uint64_t me)
{
    ready[me]++;
    guest_failed[me] |= !WAIT_FOR(ready[!me] >= ready[me]);
}

static volatile uint64_t *own_count(void)
{
    return &((struct private *)(USER_OFFSET + GUEST_UITT))->count;
}

static bool wait_for_count(uint64_t count)
{
    return WAIT_FOR(*own_count() == count);
}

/*
 * However busy the machine that runs us: a guest that shall be disturbed does
 * not get to its end before it was, in the midst of the rounds and not beside.
 */
static volatile bool disturbing;

static bool disturbed_by_now(uint64_t me, uint64_t round)
{
    return !disturbing || round % STRETCH ||
           WAIT_FOR(exits[me].nmi >= round / STRETCH);
}

/* In ring 3, to and fro; the first to send is guest 0. */
static uint64_t ping_pong(uint64_t me)
{
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        if (me == 0) {
            senduipi(TO_PEER);
        }
        if (!wait_for_count(i) || !disturbed_by_now(me, i)) {
            return 0;
        }
        if (me == 1) {
            senduipi(TO_PEER);
        }
    }
    return 1;
}

static void guest_ping_pong(uint64_t me)
{
    svmguest_setup(me, SVMGUEST_COUNT);
    meet(me);
    guest_failed[me] |= svmguest_user(ping_pong, me) != 1;
    meet(me);
    guest_failed[me] |= GUEST_OWN->count != ROUNDS;
}

static void reset_meeting(void)
{
    ready[0] = ready[1] = 0;
}

static void test_ping_pong(void)
{
    reset_meeting();
    start_guests(guest_ping_pong, guest_ping_pong);
    smp_wait(1);
    smp_wait(2);
    check_ended();
}

/* The next one only when this one was taken, so that the guests get on. */
static void disturb(int cpu)
{
    uint32_t before = nmis_taken[cpu];

    apic_icr(cpus[cpu].apic_id, ICR_NMI | ICR_ASSERT);
    while (nmis_taken[cpu] == before && !smp_done(cpu)) {
        cpu_relax();
    }
    spin(4);
}

/* The same under NMIs, each of which takes the window away. */
static void test_disturbed(void)
{
    memset((void *)nmis_taken, 0, sizeof(nmis_taken));
    reset_meeting();
    disturbing = true;
    start_guests(guest_ping_pong, guest_ping_pong);
    while (!smp_done(1) || !smp_done(2)) {
        disturb(1);
        disturb(2);
    }
    disturbing = false;
    check_ended();
    CHECK(exits[0].nmi >= ROUNDS / STRETCH && exits[1].nmi >= ROUNDS / STRETCH);
    CHECK(exits[0].nested && exits[1].nested);
    CHECK(nmis_taken[1] && nmis_taken[2]);
    printf("# %u and %u NMIs, %u and %u nested faults\n", exits[0].nmi,
           exits[1].nmi, exits[0].nested, exits[1].nested);
}

/* R74 holds in a guest whose HLT is not intercepted. */
static void guest_halts(uint64_t me)
{
    svmguest_setup(me, SVMGUEST_COUNT);
    trap_handle(VEC_WAKE, irq_count);
    meet(me);
    guest_window_of(me)->flag = 1;
    asm volatile("sti; hlt; cli" : : : "memory");
    guest_window_of(me)->flag = 2;
    guest_failed[me] |= GUEST_OWN->count != 0;
    svmguest_user(spin, 0);
    guest_failed[me] |= GUEST_OWN->count != 1;
}

static void guest_sends(uint64_t me)
{
    struct window *peer = guest_window_of(!me);

    svmguest_setup(me, SVMGUEST_COUNT);
    meet(me);
    guest_failed[me] |= !WAIT_FOR(peer->flag == 1);
    spin(HALT_LOOK);
    senduipi(TO_PEER);
    guest_failed[me] |= !WAIT_FOR(!(peer->upid.low & UPID_ON));
    spin(HALT_LOOK);
    guest_failed[me] |= peer->flag != 1;
    apic_icr(cpus[GUEST_CPU(!me)].apic_id, ICR_FIXED | ICR_ASSERT | VEC_WAKE);
    guest_failed[me] |= !WAIT_FOR(peer->flag == 2);
}

static void test_halted(void)
{
    reset_meeting();
    start_guests(guest_sends, guest_halts);
    smp_wait(1);
    smp_wait(2);
    check_ended();
    CHECK_EQ(irq_counts[VEC_WAKE], 1);
    trap_handle(VEC_WAKE, NULL);
}

/* INTR intercepted while halted: the exit, with nothing taken. */
static struct {
    uint64_t code, low, pir, rr;
    bool requested, in_service;
} at_exit;

static void host_intercepting(uint64_t n)
{
    struct guest *guest;

    uintr_reset();
    svm_enable();
    guest = svm_guest(n, guest_fns[n], n);
    guest->vmcb->intercepts |= INTERCEPT_INTR;
    at_exit.code = svm_run(guest);
    at_exit.low = host_window_of(n)->upid.low;
    at_exit.pir = host_window_of(n)->upid.pir;
    at_exit.rr = rdmsr(UINTR_MSR_RR);
    at_exit.requested = apic_requested(NV);
    at_exit.in_service = apic_in_service(NV);
    guest->vmcb->intercepts &= ~INTERCEPT_INTR;
    run_until_done(guest);
    svm_disable();
}

static void guest_halts_once(uint64_t me)
{
    svmguest_setup(me, SVMGUEST_COUNT);
    guest_window_of(me)->flag = 1;
    asm volatile("sti; hlt; cli" : : : "memory");
    svmguest_user(spin, 0);
    guest_failed[me] |= GUEST_OWN->count != 1;
}

static void test_halted_intercept(void)
{
    memset(exits, 0, sizeof(exits));
    guest_fns[0] = guest_halts_once;
    svm_guest(0, guest_halts_once, 0);
    smp_run(1, host_intercepting, 0);
    CHECK(WAIT_FOR(host_window_of(0)->flag == 1));
    spin(HALT_LOOK);
    host_window_of(0)->upid.pir = BIT(9);
    __atomic_fetch_or(&host_window_of(0)->upid.low, UPID_ON, __ATOMIC_SEQ_CST);
    apic_icr(cpus[1].apic_id, ICR_FIXED | ICR_ASSERT | NV);
    smp_wait(1);
    CHECK_EQ(at_exit.code, VMEXIT_INTR);
    CHECK_EQ(at_exit.low & UPID_ON, UPID_ON);
    CHECK_EQ(at_exit.pir, BIT(9));
    CHECK_EQ(at_exit.rr, 0);
    CHECK(at_exit.requested && !at_exit.in_service);
    CHECK(!guest_failed[0]);
    CHECK_EQ(exits[0].ends, 1);
    CHECK_EQ(host_window_of(0)->upid.pir, 0);
}

/* What is one guest's alone is an exit for the other. */
static void guest_looks(uint64_t address)
{
    (void)*(volatile uint64_t *)address;
}

static void test_private(void)
{
    struct guest *guest;

    svm_enable();
    svm_guest(1, guest_looks, 0);
    guest = svm_guest(0, guest_looks, (uint64_t)guests[1].private_pages);
    svmguest_expect_exit(guest, VMEXIT_NPF);
    CHECK_EQ(guest->vmcb->exit_info_2, (uint64_t)guests[1].private_pages);
    guest = svm_guest(0, guest_looks, GUEST_PRIVATE);
    svmguest_expect_end(guest);
    svm_disable();
}

const struct test tests[] = {
    { "R164-private-memory", test_private },
    { "R164-two-guests-send", test_ping_pong, 3 },
    { "R164-two-guests-send-under-exits", test_disturbed, 3 },
    { "R164-halted-guest-stays-halted", test_halted, 3 },
    { "R164-intr-intercept-wins-over-hlt", test_halted_intercept, 2 },
    {}
};
