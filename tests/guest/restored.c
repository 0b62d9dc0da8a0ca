/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a snapshot takes back: the payload waits, is saved, does one thing, is
 * put back to where it waited, and does another one that makes a stall.  Which
 * of the two is in a byte of CMOS.  Run by tests/ledger/test-restored, which
 * compares what is told.
 */
#include "recv.h"

const char *const test_group = "/ledger/restored";

#define V       9
#define LONGER  60000000ull     /* TSC: 30 ms at least, where a stall is 10 */
#define CMOS_INDEX      0x70
#define CMOS_DATA       0x71
#define CMOS_FREE       0x60    /* what the host says; 0: nothing yet */

static struct uitte table[1] __attribute__((aligned(64)));
static struct upid other_upid __attribute__((aligned(4096)));

static uint8_t said(void)
{
    outb(CMOS_INDEX, CMOS_FREE);
    return inb(CMOS_DATA);
}

/* Later than all that comes behind the snapshot, and it leaves nothing. */
static void take_back(void (*fn)(void))
{
    delay(4 * LONGER);
    fn();
    recv_upid->pir = 0;
    recv_upid->low = upid_low(NV, apic_id(), 0);
    wrmsr(UINTR_MSR_RR, 0);
    printf("READY 2\n");
    for (;;) {
        cpu_relax();
    }
}

static void begin(void)
{
    trap_handle(NV, irq_count);
    recv_begin();
    table[0] = uitte(V, recv_upid);
    uintr_sender(table, 1);
}

static void wait_for_host(void)
{
    printf("READY 1\n");
    while (!said()) {
        cpu_relax();
    }
}

static void test(void (*before)(void), void (*behind)(void))
{
    begin();
    wait_for_host();
    if (said() == 1) {
        take_back(before);
    }
    behind();
    delay(LONGER);
}

static void post(void)
{
    senduipi(0);
}

/* ---- what is taken back, and what is made ---- */

static void to_idt(void)
{
    wrmsr(UINTR_MSR_MISC, misc(0, 0));
    post();
    irq_window();
    wrmsr(UINTR_MSR_MISC, misc(NV, 0));
}

static void to_idt_and_clear_on(void)
{
    to_idt();
    recv_upid->low &= ~UPID_ON;
}

static void open_windows(uint64_t times)
{
    while (times--) {
        irq_window();
    }
}

static void dropped(void)
{
    uint64_t pte;

    post();
    pte = vm_change(recv_upid, PTE_P, 0);
    CHECK_EQ(run_kernel(open_windows, 1, 0), VEC_PF);
    vm_restore(recv_upid, pte);
}

static void take_for_another(void)
{
    uintr_receiver(UI_RECORD, &other_upid, NV);
    upid_init(&other_upid, NV, apic_id());
    uintr_sender(table, 1);
    post();
    irq_window();
}

static void take(void)
{
    post();
    irq_window();
}

static void lost(void)
{
    recv_upid->low = upid_low(5, apic_id(), 0);
    post();
}

static void attach(void)
{
    post();
    uintr_receiver(UI_RECORD, recv_upid, NV);
}

static void post_with_sn(void)
{
    recv_upid->low |= UPID_SN;
    post();
}

static void post_by_hand(void)
{
    recv_post(BIT(V));
}

static void nothing(void) { }

/* ---- on CPU 1 ---- */

static void receive_other(uint64_t unused __attribute__((unused)))
{
    uintr_receiver(UI_RECORD, &other_upid, NV);
    upid_init(&other_upid, NV, apic_id());
}

static void take_there(void)
{
    smp_run(1, receive_other, 0);
    smp_wait(1);
    table[0] = uitte(V, &other_upid);
    post();
    smp_run(1, open_windows, 1);
    smp_wait(1);
}

/* It waits in the local APIC, and is gone with it. */
static void forget_by_init(void)
{
    uintr_receiver(NULL, NULL, 0);
    uintr_sender(table, 1);
    smp_run(1, open_windows, 0);
    smp_wait(1);
    upid_init(recv_upid, NV, 1);
    post();
    smp_init(1);
}

/* Many runs begin here, with a vector in UIRR that is of none of them. */
static void test_runs(void)
{
    begin();
    take();
    wait_for_host();
    CHECK_EQ(recv_rr(), BIT(V));
    wrmsr(UINTR_MSR_RR, 0);
}

static void test_dropped(void) { test(to_idt, dropped); }
static void test_stolen(void) { test(dropped, take_for_another); }
static void test_forgotten(void) { test(take_there, forget_by_init); }
static void test_idt(void) { test(take, to_idt_and_clear_on); }
static void test_stored(void) { test(lost, post_by_hand); }
static void test_attached(void) { test(attach, post_with_sn); }
static void test_unread(void) { test(take, nothing); }

const struct test tests[] = {
    { "dropped", test_dropped },
    { "stolen", test_stolen },
    { "forgotten", test_forgotten, 2 },
    { "to-idt", test_idt },
    { "stored", test_stored },
    { "attached", test_attached },
    { "unread", test_unread },
    { "runs", test_runs },
    {}
};
