/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RESET, INIT and SMM (R160-R162).  A reset starts the payload again from
 * its ROM; what it finds is noted in a page that the start does not touch,
 * and judged at the end.
 */
#include "uintr.h"

const char *const test_group = "/uintr/reset";

#define LOG_PAGE        0x7000
#define LOG_MAGIC       0x5245534554u

enum { BY_PORT_CF9, BY_KEYBOARD, BY_TRIPLE_FAULT, RESETS,
       BY_INIT = RESETS, STARTS };

struct state {
    uint64_t msr[6];
    uint64_t cr4, uif, xss;
};

struct log {
    uint64_t magic;
    uint64_t starts;                    /* how often it was reset so far */
    struct state found[STARTS][2];      /* after each, by CPU */
};

static struct log *const the_log = (struct log *)LOG_PAGE;

static struct upid upid;
static struct uitte table[1];

static void nothing(void) { }

/* ---- state to lose or to keep ---- */

static const uint64_t filled[6] = {
    BIT(3) | BIT(63), 0x7000, 0x81, (uint64_t)NV << 32 | 7, 0x12340, 0x45671,
};

/* UIRR and UIF are set: in ring 3 this would be a delivery. */
static void fill(uint64_t unused)
{
    (void)unused;
    uintr_enable();
    for (int i = 0; i < 6; i++) {
        wrmsr(UINTR_MSR_RR + i, filled[i]);
    }
    wrmsr(MSR_XSS, BIT(UINTR_XSTATE_BIT));
    stui();
}

static void take(uint64_t to)
{
    struct state *state = (struct state *)to;
    uint64_t cr4 = read_cr4();

    state->cr4 = boot_cr4;
    state->xss = rdmsr(MSR_XSS);
    for (int i = 0; i < 6; i++) {
        state->msr[i] = rdmsr(UINTR_MSR_RR + i);
    }
    uintr_enable();
    state->uif = testui();
    write_cr4(cr4);
}

static void check_state(const struct state *state, bool kept)
{
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(state->msr[i], kept ? filled[i] : 0);
    }
    CHECK_EQ(state->uif, kept);
    CHECK_EQ(state->xss, kept ? BIT(UINTR_XSTATE_BIT) : 0);
    CHECK_EQ(state->cr4, 0);
}

/* ---- R160: RESET; and INIT of the first CPU, which starts like one ---- */

void payload_start(void)
{
    if (the_log->magic != LOG_MAGIC) {
        memset(the_log, 0, sizeof(*the_log));
        the_log->magic = LOG_MAGIC;
        return;
    }
    take((uint64_t)&the_log->found[the_log->starts - 1][0]);
    smp_run(1, take, (uint64_t)&the_log->found[the_log->starts - 1][1]);
    smp_wait(1);
}

static void triple_fault(void)
{
    struct { uint16_t limit; uint64_t base; } __attribute__((packed))
        nowhere = { 0, 0 };

    asm volatile("lidt %0; ud2" : : "m"(nowhere));
}

static void start_again(int how)
{
    fill(0);
    smp_run(1, fill, 0);
    smp_wait(1);
    the_log->starts++;
    switch (how) {
    case BY_PORT_CF9:
        outb(0xcf9, 0x02);
        outb(0xcf9, 0x06);
        break;
    case BY_KEYBOARD:
        outb(0x64, 0xfe);
        break;
    case BY_TRIPLE_FAULT:
        triple_fault();
        break;
    case BY_INIT:
        smp_init(1);                    /* its stack is about to be cleared */
        apic_icr(apic_id(), ICR_INIT | ICR_ASSERT);
        break;
    }
    WAIT_FOR(false);
    fatal("reset %d does not happen", how);
}

/* All before the first verdict, lest a line be printed twice. */
static void go_through_all_starts(void)
{
    if (the_log->starts < STARTS) {
        start_again(the_log->starts);
    }
}

static void test_reset(void)
{
    go_through_all_starts();
    for (int how = 0; how < RESETS; how++) {
        check_state(&the_log->found[how][0], false);
        check_state(&the_log->found[how][1], false);
    }
}

/* R161 is open; the choice is that INIT leaves the registers alone. */
static void test_init_of_first_cpu(void)
{
    go_through_all_starts();
    check_state(&the_log->found[BY_INIT][0], true);
    check_state(&the_log->found[BY_INIT][1], true);
}

/* ---- R161: INIT of another CPU ---- */

static volatile uint64_t beats;

static void fill_and_spin(uint64_t unused)
{
    fill(unused);
    for (;;) {
        beats++;
        cpu_relax();
    }
}

static bool beating(void)
{
    uint64_t now = beats;

    for (int i = 0; i < 20000 && now == beats; i++) {
        cpu_relax();
    }
    return now != beats;
}

/* Deliverable as soon as CR4.UINTR is set and ring 3 is entered. */
static void enter_ring3(uint64_t with_uintr)
{
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)UI_RECORD);
    wrmsr(UINTR_MSR_STACKADJUST, 128);
    if (with_uintr) {
        uintr_enable();
    }
    run_user(nothing, 0, 0);
}

static void test_init_keeps_registers(void)
{
    struct state state = {};

    smp_run(1, fill_and_spin, 0);
    CHECK(WAIT_FOR(beats));
    CHECK(beating());
    smp_init(1);
    CHECK(!beating());
    smp_startup(1);
    smp_run(1, take, (uint64_t)&state);
    smp_wait(1);
    check_state(&state, true);
    smp_run(1, enter_ring3, false);
    smp_wait(1);
    CHECK_EQ(ui_count, 0);
    smp_run(1, enter_ring3, true);
    smp_wait(1);
    CHECK_EQ(ui_count, 2);
    CHECK_EQ(ui_log[0].vector, 63);
    CHECK_EQ(ui_log[1].vector, 3);
    CHECK_EQ(ui_log[1].rip, USER((uint64_t)nothing));
}

static volatile bool waiting;

static void receive_and_spin(uint64_t unused)
{
    (void)unused;
    uintr_receiver(UI_RECORD, &upid, NV);
    wrmsr(UINTR_MSR_RR, 0);
    clui();
    waiting = true;
    for (;;) {
        cpu_relax();
    }
}

static volatile uint64_t rr_before, rr_after;
static volatile bool requested_before;

static void notice(uint64_t unused)
{
    (void)unused;
    requested_before = apic_requested(NV);
    irq_window();
    rr_before = rdmsr(UINTR_MSR_RR);
    uintr_enable();
    apic_icr(apic_id(), ICR_ASSERT | NV);
    WAIT_FOR(apic_requested(NV));
    irq_window();
    rr_after = rdmsr(UINTR_MSR_RR);
}

/*
 * INIT clears the APIC's request, also one that has not reached IRR yet: the
 * post stays where it is, and whoever starts the CPU again asks for it with a
 * self-IPI (R68).
 */
static void test_init_drops_notification(void)
{
    waiting = false;
    upid_init(&upid, NV, 1);
    table[0] = uitte(9, &upid);
    uintr_sender(table, 1);
    smp_run(1, receive_and_spin, 0);
    CHECK(WAIT_FOR(waiting));
    senduipi(0);
    CHECK_EQ(upid.low, upid_low(NV, 1, UPID_ON));
    smp_init(1);
    smp_startup(1);
    smp_run(1, notice, 0);
    smp_wait(1);
    CHECK(!requested_before);
    CHECK_EQ(rr_before, 0);
    CHECK_EQ(rr_after, BIT(9));
    CHECK_EQ(upid.low, upid_low(NV, 1, 0));
    CHECK_EQ(upid.pir, 0);
}

/* ---- R162: SMM ---- */

#define SMM_ENTRY       0x38000         /* SMBASE is 0x30000 after reset */
#define SMM_SEGMENT     0x3000
#define SMM_DATA        0x6000
#define SMM_IVT         0x5000
#define SMM_STACK       0x6ff0

/* Offsets as the assembly below has them. */
struct smm_data {
    uint32_t entered, cr4, rr_low, rr_high;
    uint32_t write_rr, new_rr_low, new_rr_high, open_window;
    uint32_t irqs, x2apic;
    uint16_t ivt_limit;
    uint32_t ivt_base;
    uint32_t again, counter, count_seen;
} __attribute__((packed));

static volatile struct smm_data *const smm = (struct smm_data *)SMM_DATA;

extern char smm_entry[], smm_irq[], smm_end[];
asm(".code16\n"
    "smm_entry:\n"
    "   mov $0x6ff0, %sp\n"
    "   incl 0x6000\n"
    "   mov %cr4, %eax\n"
    "   mov %eax, 0x6004\n"
    "   mov $0x985, %ecx\n"
    "   rdmsr\n"
    "   mov %eax, 0x6008\n"
    "   mov %edx, 0x600c\n"
    "   cmpl $0, 0x6010\n"
    "   je 1f\n"
    "   mov 0x6014, %eax\n"
    "   mov 0x6018, %edx\n"
    "   wrmsr\n"
    "1: cmpl $0, 0x601c\n"
    "   je 1f\n"
    "   lidtl 0x6028\n"
    "   sti; nop; nop; cli\n"
    "1: mov 0x6032, %ecx\n"
    "   jecxz 1f\n"
    "   mov (%ecx), %eax\n"
    "   mov %eax, 0x6036\n"
    "1: cmpl $0, 0x602e\n"
    "   je 1f\n"
    "   decl 0x602e\n"
    "   mov $0x4200, %eax\n"            /* an SMI for CPU 0 */
    "   xor %edx, %edx\n"
    "   mov $0x830, %ecx\n"
    "   cmpl $0, 0x6024\n"
    "   jne 2f\n"
    "   mov $0xfee00310, %ecx\n"
    "   mov %edx, (%ecx)\n"
    "   mov $0xfee00300, %ecx\n"
    "   mov %eax, (%ecx)\n"
    "   rsm\n"
    "2: wrmsr\n"
    "1: rsm\n"
    "smm_irq:\n"
    "   incl 0x6020\n"
    "   xor %eax, %eax\n"
    "   xor %edx, %edx\n"
    "   cmpl $0, 0x6024\n"
    "   jne 1f\n"
    "   mov $0xfee000b0, %ecx\n"        /* EOI, xAPIC mode */
    "   mov %eax, (%ecx)\n"
    "   iret\n"
    "1: mov $0x80b, %ecx\n"
    "   wrmsr\n"
    "   iret\n"
    "smm_end:\n"
    ".code64\n");

static void install_smm(void)
{
    uint32_t *ivt = (uint32_t *)SMM_IVT;

    memcpy((void *)SMM_ENTRY, smm_entry, smm_end - smm_entry);
    memset((void *)smm, 0, sizeof(*smm));
    ivt[NV] = SMM_SEGMENT << 16 | (0x8000 + (smm_irq - smm_entry));
    smm->x2apic = apic_is_x2();
    smm->ivt_limit = 0x3ff;
    smm->ivt_base = SMM_IVT;
}

static void smi(uint64_t dest)
{
    apic_icr(dest, ICR_SMI | ICR_ASSERT);
}

static void test_smm_keeps_state(void)
{
    install_smm();
    fill(0);
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)UI_RECORD);
    smi(apic_id());
    CHECK(WAIT_FOR(smm->entered));
    CHECK_EQ(smm->entered, 1);
    CHECK_EQ(smm->cr4, 0);
    CHECK_EQ(smm->rr_low | (uint64_t)smm->rr_high << 32, filled[0]);
    CHECK(read_cr4() & CR4_UINTR);
    CHECK(testui());
    CHECK_EQ(rdmsr(UINTR_MSR_RR), filled[0]);
    CHECK_EQ(rdmsr(UINTR_MSR_HANDLER), UI_RECORD);
    for (int i = 2; i < 6; i++) {
        CHECK_EQ(rdmsr(UINTR_MSR_RR + i), filled[i]);
    }
    wrmsr(UINTR_MSR_STACKADJUST, 128);
    CHECK_EQ(ui_count, 0);
    CHECK_EQ(run_user(nothing, 0, 0), VEC_EXIT);
    CHECK_EQ(ui_count, 2);
}

/* UINV reaches SMM's own interrupt table, and nothing is processed. */
static void test_smm_does_not_identify(void)
{
    install_smm();
    upid_init(&upid, NV, apic_id());
    upid.pir = BIT(9);
    uintr_receiver(UI_RECORD, &upid, NV);
    apic_icr(apic_id(), ICR_ASSERT | NV);
    CHECK(WAIT_FOR(apic_requested(NV)));
    smm->open_window = 1;
    smi(apic_id());
    CHECK(WAIT_FOR(smm->entered));
    CHECK_EQ(smm->irqs, 1);
    CHECK_EQ(upid.pir, BIT(9));
    CHECK_EQ(rdmsr(UINTR_MSR_RR), 0);
    CHECK(!apic_requested(NV));
    smm->open_window = 0;
    apic_icr(apic_id(), ICR_ASSERT | NV);
    CHECK(WAIT_FOR(apic_requested(NV)));
    smi(apic_id());
    CHECK(WAIT_FOR(smm->entered == 2));
    CHECK_EQ(upid.pir, BIT(9));
    irq_window();
    CHECK_EQ(smm->irqs, 1);
    CHECK_EQ(upid.pir, 0);
    CHECK_EQ(rdmsr(UINTR_MSR_RR), BIT(9));
}

/* Ring 3 spins until it has been interrupted; it never looks at UIRR. */
extern char spin[], spin_end[];
asm("spin: pause; cmpq $0, ui_count(%rip); je spin; ret\n"
    "spin_end:\n");

static void pause_for(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        cpu_relax();
    }
}

static void smi_later(uint64_t dest)
{
    pause_for(1000);
    smi(dest);
}

static void test_rsm_recognises(void)
{
    install_smm();
    uintr_receiver(UI_RECORD, &upid, NV);
    stui();
    smm->write_rr = 1;
    smm->new_rr_high = BIT(40 - 32);
    smp_run(1, smi_later, apic_id());
    CHECK_EQ(run_user(spin, 0, 0), VEC_EXIT);
    smp_wait(1);
    CHECK_EQ(smm->entered, 1);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(ui_log[0].vector, 40);
    CHECK(ui_log[0].rip >= USER((uint64_t)spin));
    CHECK(ui_log[0].rip < USER((uint64_t)spin_end));
    CHECK_EQ(rdmsr(UINTR_MSR_RR), 0);
}

/*
 * R103: the first SMI makes a user interrupt deliverable and asks for a
 * second SMI, so that both are ready when RSM has returned to ring 3.
 */
static void test_smi_first(void)
{
    install_smm();
    uintr_receiver(UI_RECORD, &upid, NV);
    stui();
    smm->write_rr = 1;
    smm->new_rr_low = BIT(5);
    smm->again = 1;
    smm->counter = (uint64_t)&ui_count;
    smp_run(1, smi_later, apic_id());
    CHECK_EQ(run_user(spin, 0, 0), VEC_EXIT);
    smp_wait(1);
    CHECK_EQ(smm->entered, 2);
    CHECK_EQ(smm->count_seen, 0);
    CHECK_EQ(ui_count, 1);
}

/* The resets come first: what has been printed would be printed again. */
const struct test tests[] = {
    { "R160-reset", test_reset, 2 },
    { "R161-init-of-first-cpu", test_init_of_first_cpu, 2 },
    { "R161-init-keeps-registers", test_init_keeps_registers, 2 },
    { "R161-init-drops-notification", test_init_drops_notification, 2 },
    { "R162-smm-keeps-state", test_smm_keeps_state },
    { "R162-smm-does-not-identify", test_smm_does_not_identify },
    { "R162-rsm-recognises", test_rsm_recognises, 2 },
    { "R103-smi-first", test_smi_first, 2 },
    {}
};
