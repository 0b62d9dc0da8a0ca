/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tests/uintr/inspect and tests/uintr/gdb look at from outside: CPUs
 * that hold a user interrupt back, known sequences of events, code to step
 * through.  Each test is run alone, with only=NAME.  The payload prints
 * "NAME value" for the addresses that the host must know.
 */
#include "modes.h"
#include "svmguest.h"

const char *const test_group = "/uintr/inspect";

#define CMOS_INDEX      0x70
#define CMOS_DATA       0x71
#define CMOS_FREE       0x70            /* a byte that nobody uses */
#define APIC_BASE_ENABLES 0xc00

#define NOWHERE         BIT(50)         /* canonical only with CR4.LA57 */

static struct upid upids[2];
static struct uitte table[8];

static void nothing(void) { }
static void do_senduipi(uint64_t index) { senduipi(index); }

static void tell(const char *name, const volatile void *address)
{
    printf("%s %lx\n", name, (uint64_t)address);
}

/* ---- waiting for the host, which writes the CMOS byte, in any mode ---- */

/*
 * Ends the line that the caller began, so that the host knows that the code
 * runs.  In ring 3 it needs IOPL 3.  The bytes mean the same in 32-bit code.
 */
extern char wait_code[], wait_code_end[], pending_code[], pending_due[],
    pending_shadow[];
asm(".text\n"
    ".macro WAIT\n"
    "        mov     $'\\n', %al\n"
    "        out     %al, $0xe9\n"
    "1:      pause\n"
    "        in      $0x71, %al\n"
    "        test    %al, %al\n"
    "        jz      1b\n"
    ".endm\n"
    "wait_code:\n"
    "        WAIT\n"
    "wait_code_end:\n"
    "        int     $0x80\n"
    /* A debugger can stop after each of the next two. */
    "pending_code:\n"
    "        WAIT\n"
    "        mov     $0x2b, %ecx\n"
    "        " STUI_BYTES "\n"
    "pending_due:\n"
    "        mov     %ecx, %ss\n"
    "pending_shadow:\n"
    "        nop\n"
    "        nop\n"
    "        int     $0x80\n");
_Static_assert(SEL_UDATA == 0x2b, "pending_code");

static void announce(const char *state)
{
    outb(CMOS_INDEX, CMOS_FREE);
    outb(CMOS_DATA, 0);
    printf("AT %s", state);
}

static void wait_in_frame(struct frame f)
{
    f.rflags |= RFLAGS_IOPL;
    CHECK_EQ(run(&f), VEC_EXIT);
}

static void wait_in_ring3(const void *code)
{
    wait_in_frame(frame_user(code, 0, 0));
}

/* ---- the registers: values that are nowhere else ---- */

#define PENDING         (BIT(63) | BIT(3))
#define FILLED_PD       0x123000

static void fill(uint64_t cpu)
{
    uintr_enable();
    clui();
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)UI_RECORD + cpu);
    wrmsr(UINTR_MSR_STACKADJUST, 128 + 64 * cpu);
    wrmsr(UINTR_MSR_MISC, misc(NV + cpu, 7 + cpu));
    wrmsr(UINTR_MSR_PD, FILLED_PD + 64 * cpu);
    wrmsr(UINTR_MSR_TT, 0x456000 + 16 * cpu + UINTR_TT_ENABLE);
    wrmsr(UINTR_MSR_RR, PENDING >> cpu);
}

static void fill_both(void)
{
    tell("ui_record", UI_RECORD);
    fill(0);
    smp_run(1, fill, 1);
    smp_wait(1);
}

/* ---- one state for each answer of `info uintr` ---- */

static void show(const char *state, uint64_t low, uint64_t pir)
{
    struct upid *upid = (struct upid *)FILLED_PD;

    upid->low = low;
    upid->pir = pir;
    announce(state);
    wait_in_ring3(USER((const void *)wait_code));
    upid->low = upid->pir = 0;
}

/* UIRR is 0, and PD leads nowhere. */
static void show_nowhere(const char *state, uint64_t pd)
{
    wrmsr(UINTR_MSR_PD, pd);
    announce(state);
    wait_in_ring3(USER((const void *)wait_code));
    wrmsr(UINTR_MSR_PD, FILLED_PD);
}

static void show_interruptible(const char *state)
{
    struct frame f = frame_user(USER((const void *)wait_code), 0, 0);

    f.rflags |= RFLAGS_IF;
    announce(state);
    wait_in_frame(f);
}

/* The notification is in the local APIC, and something holds it back. */
static void show_notified(void)
{
    uint32_t svr = apic_read(APIC_SVR);

    apic_write(APIC_TPR, 0xf0);
    apic_icr(apic_id(), ICR_ASSERT | NV);
    show_interruptible("behind");
    apic_write(APIC_SVR, svr & ~0x100u);
    show_interruptible("apic-off");
    apic_write(APIC_SVR, svr);
    svm_enable();
    uintr_enable();
    clgi();
    show_interruptible("behind-gif");
    stgi();
    svm_disable();
    uintr_enable();
    announce("masked");
    wait_in_ring3(USER((const void *)wait_code));
    apic_write(APIC_TPR, 0);
    irq_window();
}

/* UIRR is 0, but something stands in the UPID. */
static void show_posted(void)
{
    show("unnotified", 0, BIT(3));
    show("suppressed", UPID_SN, BIT(3));
    show("lost", UPID_ON, BIT(3));
    show_notified();
}

static void test_states(void)
{
    fill_both();
    tell("due", USER((const char *)pending_due));
    tell("shadow", USER((const char *)pending_shadow));
    announce("uif");                    /* and more, with a debugger */
    wait_in_ring3(USER((const void *)pending_code));
    CHECK_EQ(ui_count, 2);
    for (int i = 0; i < 2; i++) {       /* R101 */
        CHECK(ui_log[i].rip != USER((uint64_t)pending_shadow));
    }

    fill(0);
    stui();
    announce("cpl");
    wait_in_frame(frame_kernel(wait_code, 0, 0));

    announce("compat");
    wait_in_frame(frame_compat(3, wait_code, wait_code_end - wait_code));

    announce("legacy");
    CHECK_EQ(mode_run(MODE_PROTECTED0, wait_code,
                      wait_code_end - wait_code).vector, VEC_EXIT);

    write_cr4(read_cr4() & ~CR4_UINTR);
    announce("cr4");
    wait_in_ring3(USER((const void *)wait_code));

    svm_enable();
    uintr_enable();
    clgi();
    announce("gif");
    wait_in_ring3(USER((const void *)wait_code));
    clui();
    stgi();
    svm_disable();

    wrmsr(UINTR_MSR_RR, 0);
    uintr_enable();
    stui();
    announce("nothing");
    wait_in_ring3(USER((const void *)wait_code));
    CHECK_EQ(ui_count, 2);
    show_nowhere("no-upid", 0);
    show_nowhere("bad-upid", BIT(46));
    show_posted();
    CHECK_EQ(ui_count, 2);
}

/* ---- without the facility ---- */

static void test_absent(void)
{
    announce("absent");
    wait_in_ring3(USER((const void *)wait_code));
}

/* ---- a sequence of events ---- */

static void set_up_events(void)
{
    upid_init(&upids[0], NV, 0);
    upid_init(&upids[1], NV + 1, 1);
    table[1] = uitte(33, &upids[0]);
    table[2] = uitte(5, &upids[0]);
    table[3] = uitte(6, &upids[1]);
    tell("upid0", &upids[0]);
    tell("upid1", &upids[1]);
    tell("table", table);
    tell("handler", UI_RECORD);
    tell("nothing", USER(nothing));
    uintr_receiver(UI_RECORD, &upids[0], NV);
    uintr_sender(table, 8);
}

static void send_from_other_cpu(uint64_t index)
{
    uintr_sender(table, 8);
    senduipi(index);
}

static void test_events(void)
{
    static const uint64_t bits[] = { 0, UPID_ON, UPID_SN, UPID_ON | UPID_SN };
    struct frame f = frame_user(nothing, 0, 0);

    set_up_events();
    for (int i = 0; i < 4; i++) {
        upids[0].low = upid_low(NV, 0, bits[i]);
        CHECK_EQ(run_user(do_senduipi, 1, 0), VEC_EXIT);
    }
    irq_window();                       /* UIF is 0, CPL is 0 */
    senduipi(3);                        /* to CPU 1, which takes none */
    upids[0].low = upid_low(NV, 0, 0);
    smp_run(1, send_from_other_cpu, 2);
    smp_wait(1);
    stui();
    tell("rsp", (void *)f.rsp);
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_EXIT);        /* two deliveries, 33 and 5 */
    CHECK_EQ(ui_count, 2);
    CHECK_EQ(wrmsr_fault(UINTR_MSR_MISC, BIT(40)), VEC_GP);
}

/* ---- every fault, in an order that the host knows ---- */

extern char do_stui[], do_clui[], do_testui[], do_uiret[];
asm("do_stui:        " STUI_BYTES "\n ret\n"
    "do_clui:        " CLUI_BYTES "\n ret\n"
    "do_testui:      " TESTUI_BYTES "\n ret\n"
    "do_uiret:       " UIRET_BYTES "\n");

static void *absent_page;

static void expect_send(uint64_t index, uint64_t vector)
{
    CHECK_EQ(run_user(do_senduipi, index, 0), vector);
}

static void fault_disabled(void)
{
    static const char *const insns[] = {
        do_stui, do_clui, do_testui, do_uiret,
    };

    for (int i = 0; i < 4; i++) {
        CHECK_EQ(run_user(insns[i], 0, 0), VEC_UD);
    }
    expect_send(3, VEC_UD);
}

static void fault_table(void)
{
    uintr_enable();
    expect_send(1, VEC_UD);                             /* TT[0]=0 */
    uintr_sender(table, 8);
    expect_send(8, VEC_GP);                             /* UITTSZ */
    wrmsr(UINTR_MSR_TT, UINTR_TT_ENABLE);
    expect_send(0, VEC_GP);                             /* null table */
    uintr_sender((void *)(BIT(47) - PAGE_SIZE), 257);
    expect_send(256, VEC_GP);                           /* not canonical */
    uintr_sender(absent_page, 1);
    expect_send(0, VEC_PF);
}

static void fault_entry(void)
{
    uintr_sender(table, 8);
    table[0] = (struct uitte) { };
    expect_send(0, VEC_GP);                             /* V=0 */
    table[1] = uitte(1, &upids[0]);
    table[1].low |= BIT(1);
    expect_send(1, VEC_GP);                             /* reserved */
    table[2] = uitte(1, (void *)NOWHERE);
    expect_send(2, VEC_GP);                             /* not canonical */
    table[3] = uitte(1, absent_page);
    expect_send(3, VEC_PF);
    table[4] = uitte(1, &upids[0]);
    upid_init(&upids[0], NV, 0);
    upids[0].low |= BIT(2);
    expect_send(4, VEC_GP);                             /* reserved */
}

/* An NDST as xAPIC mode has it for CPU 1; then with the APIC off. */
static void lose_in_other_modes(uint64_t index)
{
    uintr_sender(table, 8);
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLES);
    upids[0].low = 1ull << 40 | (uint64_t)NV << UPID_NV_SHIFT;
    senduipi(index);
    upids[0].low &= ~(uint64_t)UPID_ON;
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~APIC_BASE_ENABLES);
    senduipi(index);
}

static void lose_ipis(void)
{
    table[5] = uitte(1, &upids[0]);
    upid_init(&upids[0], 15, 0);
    expect_send(5, VEC_EXIT);
    upid_init(&upids[0], NV, 2);
    expect_send(5, VEC_EXIT);
    smp_run(1, lose_in_other_modes, 5);
    smp_wait(1);
}

static void fault_notification(const void *pd, uint64_t vector)
{
    uintr_receiver(UI_RECORD, pd, NV);
    apic_icr(apic_id(), NV | ICR_ASSERT);
    CHECK_EQ(run_kernel(irq_window, 0, 0), vector);
}

static void fault_delivery(uint64_t handler, uint64_t stack, uint64_t vector)
{
    wrmsr(UINTR_MSR_HANDLER, handler);
    wrmsr(UINTR_MSR_STACKADJUST, stack | UINTR_STACKADJUST_LOAD);
    wrmsr(UINTR_MSR_RR, BIT(1));
    stui();
    CHECK_EQ(run_user(nothing, 0, 0), vector);
    clui();
    wrmsr(UINTR_MSR_RR, 0);
}

static void fault_uiret(uint64_t rsp, uint64_t rflags, uint64_t vector)
{
    struct frame f = frame_user(do_uiret, 0, 0);

    f.rsp = rsp;
    f.rflags |= rflags;
    CHECK_EQ(run(&f), vector);
}

static void fault_returns(void)
{
    static uint64_t image[3] = { NOWHERE };
    uint64_t stack = USER((uint64_t)image);

    tell("image", (void *)stack);
    write_cr0(read_cr0() | CR0_AM);
    fault_uiret(stack + 4, RFLAGS_AC, VEC_AC);
    fault_uiret(NOWHERE, 0, VEC_SS);
    fault_uiret(USER((uint64_t)absent_page), 0, VEC_PF);
    fault_uiret(USER((uint64_t)absent_page) - 4, 0, VEC_PF);
    fault_uiret(stack, 0, VEC_GP);
}

static void test_faults(void)
{
    char *pages = pages_alloc(2);

    absent_page = pages + PAGE_SIZE;
    vm_change(absent_page, PTE_P, 0);
    vm_change(USER((char *)absent_page), PTE_P, 0);
    tell("absent", absent_page);
    tell("nothing", USER(nothing));
    fault_disabled();
    fault_table();
    fault_entry();
    fault_notification(absent_page, VEC_PF);
    fault_notification((void *)NOWHERE, VEC_GP);
    fault_delivery(NOWHERE, 0, VEC_GP);
    fault_delivery((uint64_t)UI_RECORD, NOWHERE, VEC_SS);
    fault_delivery((uint64_t)UI_RECORD,
                   USER((uint64_t)absent_page) + PAGE_SIZE, VEC_PF);
    fault_returns();
    lose_ipis();
}

/* ---- a UPID that the hypervisor took away ---- */

static void notify_self(uint64_t unused __attribute__((unused)))
{
    svmguest_setup(0, UI_RECORD);
    senduipi(TO_SELF);
    hypercall(1);
    irq_window();
}

static void test_nested(void)
{
    struct guest *guest = svmguest_start(notify_self, 0);
    uint64_t entry = nested_change(guest, GUEST_WINDOW, PTE_P, 0);

    tell("upid", (void *)GUEST_WINDOW);
    svmguest_expect_exit(guest, VMEXIT_NPF);
    nested_restore(guest, GUEST_WINDOW, entry);
    svmguest_expect_end(guest);
    svm_disable();
}

/* ---- code to step through ---- */

/*
 * RBX, RBP and the flags are what a handler must bring back; RCX counts how
 * far the code came, and the handler counts in memory.
 */
extern char step_start[], step_send[], step_sent[], step_stui[],
    step_open[], step_handler[], step_uiret[];
extern volatile uint64_t step_handled;
asm("step_start:\n"
    "        mov     %rdi, %rax\n"
    "        xor     %ecx, %ecx\n"
    "        stc\n"
    "step_send:\n"
    "        " SENDUIPI_RAX_BYTES "\n"
    "step_sent:\n"
    "        lea     1(%rcx), %rcx\n"
    "        " CLUI_BYTES "\n"
    "        " SENDUIPI_RAX_BYTES "\n"
    "        lea     1(%rcx), %rcx\n"
    "step_stui:\n"
    "        " STUI_BYTES "\n"
    "step_open:\n"
    "        lea     1(%rcx), %rcx\n"
    "        mov     %rcx, %rax\n"
    "        ret\n"
    "step_handler:\n"
    "        push    %rax\n"
    "        incq    step_handled(%rip)\n"
    "        pop     %rax\n"
    "        lea     8(%rsp), %rsp\n"
    "step_uiret:\n"
    "        " UIRET_BYTES "\n"
    ".bss\n"
    ".balign 8\n"
    "step_handled:\n"
    "        .skip 8\n"
    ".text\n");

static void tell_step_code(void)
{
    static const struct { const char *name, *at; } labels[] = {
        { "send", step_send }, { "sent", step_sent }, { "stui", step_stui },
        { "open", step_open }, { "handler", step_handler },
        { "uiret", step_uiret },
    };

    for (int i = 0; i < 6; i++) {
        tell(labels[i].name, USER(labels[i].at));
    }
}

static void test_step(void)
{
    struct frame f;

    fill_both();
    tell_step_code();
    upid_init(&upids[0], NV, 0);
    table[1] = uitte(33, &upids[0]);
    tell("upid0", &upids[0]);
    announce("step");
    wait_in_frame(frame_kernel(wait_code, 0, 0));
    wrmsr(UINTR_MSR_RR, 0);
    uintr_receiver(USER(step_handler), &upids[0], NV);
    uintr_sender(table, 8);
    stui();
    f = frame_user(step_start, 1, 0);
    f.rflags |= RFLAGS_IF;
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.rax, 3);
    CHECK(testui());
    printf("handled %lx\n", step_handled);
}

const struct test tests[] = {
    { "states", test_states, 2 },
    { "absent", test_absent },
    { "events", test_events, 2 },
    { "faults", test_faults, 2 },
    { "nested", test_nested },
    { "step", test_step, 2 },
    {}
};
