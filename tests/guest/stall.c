/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Posts that do not arrive, each in a way of its own (docs/ledger.md).  A test
 * makes its mistake, waits longer than the ledger does, and ends the machine
 * with it.  Run by tests/ledger/test-stalls, which compares what is told.
 */
#include "recv.h"
#include "xsave.h"

const char *const test_group = "/ledger/stalls";

#define V       9
#define LONGER  60000000ull     /* TSC: 30 ms at least, where a stall is 10 */
#define TESTDEV 0xff000000ull   /* pc-testdev: MMIO that keeps data */

static struct uitte table[1] __attribute__((aligned(64)));
static struct upid other_upid __attribute__((aligned(4096)));

CODE(stall_window, "nop; nop; nop; " EXIT_ASM);
/* A handler that waits for what will not come, and the code before it. */
CODE(stall_spin, "1: pause; jmp 1b");
/* A handler that the kernel is called from, and never goes back to. */
CODE(stall_leave, EXIT_ASM);

static void wait_long(void)
{
    delay(LONGER);
}

static void begin(void)
{
    recv_begin();
    table[0] = uitte(V, recv_upid);
    uintr_sender(table, 1);
}

static void post(void)
{
    senduipi(0);
}

static void open_windows(uint64_t times)
{
    while (times--) {
        irq_window();
    }
}

/* The notification is wanted as an ordinary interrupt. */
static void expect_irq(void)
{
    uint32_t before = irq_counts[NV];

    trap_handle(NV, irq_count);
    post();
    irq_window();
    CHECK_EQ(irq_counts[NV], before + 1);
    wait_long();
}

static void test_nothing(void)
{
    begin();
    post();
    stui();
    run_code(stall_window, RFLAGS_IF);
    CHECK_EQ(ui_count, 1);
    wait_long();
}

/* A task that is switched away waits as long as it likes. */
static void test_switched_away(void)
{
    begin();
    recv_upid->low |= UPID_SN;
    wrmsr(UINTR_MSR_MISC, misc(0, 0));
    post();
    wait_long();
}

static void test_sn_set(void)
{
    begin();
    recv_upid->low |= UPID_SN;
    post();
    wait_long();
}

static void test_not_notified(void)
{
    begin();
    recv_upid->low |= UPID_SN;
    post();
    recv_upid->low &= ~UPID_SN;
    wait_long();
}

static void test_on_set(void)
{
    begin();
    post();
    stui();
    run_code(stall_window, RFLAGS_IF);
    CHECK_EQ(ui_count, 1);
    recv_upid->low |= UPID_ON;
    post();
    wait_long();
}

/* A process has died with a notification under way; the next gets its UPID. */
static void test_reused(void)
{
    begin();
    wrmsr(UINTR_MSR_MISC, misc(0, 0));
    trap_handle(NV, irq_count);
    post();
    irq_window();
    uintr_receiver(UI_RECORD, recv_upid, NV);
    post();
    wait_long();
}

static void test_uinv_mismatch(void)
{
    begin();
    wrmsr(UINTR_MSR_MISC, misc(NV + 1, 0));
    expect_irq();
}

/* A kernel's own handler takes PIR and leaves ON as it is. */
static void test_by_hand(void)
{
    begin();
    wrmsr(UINTR_MSR_MISC, misc(0, 0));
    trap_handle(NV, irq_count);
    post();
    irq_window();
    recv_upid->pir = 0;
    post();
    wait_long();
}

/* The same, and ON is cleared by hand behind it: the vector is still there. */
static void test_on_cleared_behind(void)
{
    begin();
    wrmsr(UINTR_MSR_MISC, misc(NV + 1, 0));
    trap_handle(NV, irq_count);
    post();
    irq_window();
    recv_upid->low &= ~UPID_ON;
    wait_long();
}

/* It was taken; the IDT has a later one, and ON is set by hand behind that. */
static void test_on_set_behind(void)
{
    begin();
    post();
    stui();
    run_code(stall_window, RFLAGS_IF);
    CHECK_EQ(ui_count, 1);
    wrmsr(UINTR_MSR_MISC, misc(0, 0));
    trap_handle(NV, irq_count);
    recv_request();
    irq_window();
    wrmsr(UINTR_MSR_MISC, misc(NV, 0));
    recv_upid->low |= UPID_ON;
    post();
    wait_long();
}

static void test_cr4_off(void)
{
    begin();
    post();
    irq_window();
    wrmsr(UINTR_MSR_RR, 0);
    trap_handle(NV, irq_count);
    post();
    write_cr4(read_cr4() & ~CR4_UINTR);
    irq_window();
    wait_long();
}

static void receive_without_cr4(uint64_t upid)
{
    write_cr4(read_cr4() & ~CR4_UINTR);
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)UI_RECORD);
    wrmsr(UINTR_MSR_PD, upid);
    wrmsr(UINTR_MSR_MISC, misc(NV, 0));
    upid_init(recv_upid, NV, apic_id());
}

/* The sender's CPU has it, the receiver's never had. */
static void test_cr4_never_set(void)
{
    trap_handle(NV, irq_count);
    smp_run(1, receive_without_cr4, (uint64_t)recv_upid);
    smp_wait(1);
    uintr_enable();
    table[0] = uitte(V, recv_upid);
    uintr_sender(table, 1);
    post();
    smp_run(1, open_windows, 1);
    smp_wait(1);
    wait_long();
}

static void test_state_lost(void)
{
    static struct area nothing;

    begin();
    xsave_enable_all();
    nothing.xcomp_bv = XCOMP_COMPACTED | UINTR;
    wrmsr(UINTR_MSR_MISC, misc(0, 0));
    xsave_do(XRSTORS, &nothing, UINTR);
    uintr_sender(table, 1);
    expect_irq();
}

static void receive_here(uint64_t upid)
{
    uintr_receiver(UI_RECORD, (struct upid *)upid, NV);
}

/* The receiver has moved to CPU 1; NDST still names this one. */
static void post_to_former_cpu(void)
{
    begin();
    uintr_receiver(UI_RECORD, &other_upid, NV);
    upid_init(&other_upid, NV, apic_id());
    smp_run(1, receive_here, (uint64_t)recv_upid);
    smp_wait(1);
    post();
    irq_window();
}

static void test_stale_ndst(void)
{
    post_to_former_cpu();
    wait_long();
}

/* The same, and SN is set only then: that is not what has lost it. */
static void test_sn_behind(void)
{
    post_to_former_cpu();
    recv_upid->low |= UPID_SN;
    wait_long();
}

/* No CPU runs the receiver; that of NDST has another, with the same UINV. */
static void test_stolen(void)
{
    begin();
    uintr_receiver(UI_RECORD, &other_upid, NV);
    upid_init(&other_upid, NV, apic_id());
    uintr_sender(table, 1);
    post();
    irq_window();
    CHECK(recv_upid->low & UPID_ON);
    wait_long();
}

/* What the other APIC mode would want: to nobody, or to the wrong CPU. */
static void test_ndst_format(void)
{
    uint32_t id = 1;
    uint32_t ndst = apic_is_x2() ? id << UPID_NDST_XAPIC_SHIFT : id;

    begin();
    smp_run(1, receive_here, (uint64_t)recv_upid);
    smp_wait(1);
    uintr_receiver(NULL, NULL, 0);
    uintr_sender(table, 1);
    trap_handle(NV, irq_count);
    recv_upid->low = NV << UPID_NV_SHIFT |
                     (uint64_t)ndst << UPID_NDST_SHIFT;
    post();
    irq_window();
    wait_long();
}

static void test_lost(void)
{
    begin();
    recv_upid->low = upid_low(5, apic_id(), 0);
    post();
    wait_long();
}

/* uintr-route sends global ID 40H to APIC 9, which there is not. */
static void test_peer_gone(void)
{
    begin();
    recv_upid->low = upid_low(NV, 0x40, 0);
    post();
    wait_long();
}

/* Another UPID's notification goes nowhere: it is in no RAM. */
static void test_lost_elsewhere(void)
{
    struct upid *device = (struct upid *)(TESTDEV + 0x40);

    begin();
    post();             /* with IF=0 */
    vm_map(TESTDEV, TESTDEV, PTE_P | PTE_W);
    upid_init(device, 5, apic_id());
    table[0] = uitte(V, device);
    post();
    CHECK_EQ(device->pir, BIT(V));
    wait_long();
}

static void test_held_back(void)
{
    begin();
    post();
    wait_long();        /* with IF=0 */
}

/* The UPID is not there when the notification comes. */
static void test_dropped(void)
{
    uint64_t pte;

    begin();
    post();
    pte = vm_change(recv_upid, PTE_P, 0);
    CHECK_EQ(run_kernel(open_windows, 1, 0), VEC_PF);
    vm_restore(recv_upid, pte);
    CHECK_EQ(recv_upid->pir, BIT(V));
    wait_long();
}

static void test_uif_clear(void)
{
    begin();
    post();
    irq_window();
    wait_long();
}

static const void *handler;

static void spin_here(uint64_t upid)
{
    uintr_receiver(handler, (struct upid *)upid, NV);
    upid_init((struct upid *)upid, NV, apic_id());
    stui();
    run_code(stall_spin, RFLAGS_IF);
}

static void test_no_uiret(void)
{
    begin();
    handler = USER((const void *)stall_spin);
    smp_run(1, spin_here, (uint64_t)recv_upid);
    delay(LONGER / 100);
    CHECK_EQ(recv_upid->low, upid_low(NV, 1, 0));
    post();
    CHECK(WAIT_FOR(!recv_upid->pir));
    delay(LONGER / 100);
    post();
    wait_long();
}

/* In the handler another one comes and returns: the first one has not. */
CODE(stall_nest,
    "btsq $0, stall_nested(%rip); jc 2f; " STUI_BYTES "\n"
    "1: pause; testq $1, stall_inner(%rip); jz 1b; " CLUI_BYTES "; jmp 1b\n"
    "2: movq $1, stall_inner(%rip); lea 8(%rsp), %rsp\n" UIRET_BYTES);
volatile uint64_t stall_nested, stall_inner;

static void test_nested(void)
{
    begin();
    handler = USER((const void *)stall_nest);
    smp_run(1, spin_here, (uint64_t)recv_upid);
    delay(LONGER / 100);
    post();
    CHECK(WAIT_FOR(!recv_upid->pir));
    post();
    CHECK(WAIT_FOR(stall_inner));
    delay(LONGER / 100);
    post();
    wait_long();
}

/* A kernel that switches tasks by WRMSR: the handler is another task's. */
static void test_switched_by_hand(void)
{
    begin();
    uintr_receiver(USER((const void *)stall_leave), recv_upid, NV);
    post();
    stui();
    run_code(stall_window, RFLAGS_IF);
    CHECK(!testui());
    uintr_receiver(UI_RECORD, recv_upid, NV);
    post();
    irq_window();
    wait_long();
}

static void start_anew(int cpu)
{
    smp_init(cpu);
    smp_startup(cpu);
}

static void take_here(uint64_t unused __attribute__((unused)))
{
    uintr_enable();
    irq_window();
}

/* INIT ends the handler, and leaves UIF clear. */
static void test_init_in_handler(void)
{
    begin();
    handler = USER((const void *)stall_spin);
    smp_run(1, spin_here, (uint64_t)recv_upid);
    delay(LONGER / 100);
    post();
    CHECK(WAIT_FOR(!recv_upid->pir));
    delay(LONGER / 100);
    start_anew(1);
    post();
    smp_run(1, take_here, 0);
    smp_wait(1);
    CHECK_EQ(recv_upid->pir, 0);
    wait_long();
}

/* Behind INIT a CPU has not had CR4.UINTR. */
static void test_init_cr4(void)
{
    begin();
    uintr_receiver(NULL, NULL, 0);
    uintr_sender(table, 1);
    smp_run(1, receive_here, (uint64_t)recv_upid);
    smp_wait(1);
    upid_init(recv_upid, NV, 1);
    start_anew(1);
    trap_handle(NV, irq_count);
    post();
    smp_run(1, open_windows, 1);
    smp_wait(1);
    wait_long();
}

/* Under icount CPU 1 has no turn while this one computes. */
static void test_no_turn(void)
{
    begin();
    uintr_receiver(NULL, NULL, 0);
    uintr_sender(table, 1);
    handler = UI_RECORD;
    smp_run(1, spin_here, (uint64_t)recv_upid);
    delay(LONGER / 100);
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t end = rdtsc() + LONGER / 2;

        post();
        while (rdtsc() < end) {
            /* no PAUSE */
        }
        CHECK(WAIT_FOR(ui_count == i + 1));
    }
}

static void test_not_in_user_mode(void)
{
    begin();
    post();
    irq_window();
    stui();
    wait_long();
}

const struct test tests[] = {
    { "nothing", test_nothing },
    { "switched-away", test_switched_away },
    { "no-turn", test_no_turn, 2 },
    { "sn-set", test_sn_set },
    { "not-notified", test_not_notified },
    { "on-set", test_on_set },
    { "reused", test_reused },
    { "uinv-mismatch", test_uinv_mismatch },
    { "on-cleared-behind", test_on_cleared_behind },
    { "on-set-behind", test_on_set_behind },
    { "by-hand", test_by_hand },
    { "cr4-off", test_cr4_off },
    { "cr4-never-set", test_cr4_never_set, 2 },
    { "state-lost", test_state_lost },
    { "stale-ndst", test_stale_ndst, 2 },
    { "sn-behind", test_sn_behind, 2 },
    { "stolen", test_stolen },
    { "ndst-format", test_ndst_format, 2 },
    { "lost", test_lost },
    { "peer-gone", test_peer_gone },
    { "lost-elsewhere", test_lost_elsewhere },
    { "held-back", test_held_back },
    { "dropped", test_dropped },
    { "uif-clear", test_uif_clear },
    { "no-uiret", test_no_uiret, 2 },
    { "nested", test_nested, 2 },
    { "switched-by-hand", test_switched_by_hand },
    { "init-in-handler", test_init_in_handler, 2 },
    { "init-cr4", test_init_cr4, 2 },
    { "not-in-user-mode", test_not_in_user_mode },
    {}
};
