/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a notification may come from (R67, R68, R76), and what it may meet:
 * a string instruction in its middle (R73).
 */
#include "device.h"
#include "recv.h"

const char *const test_group = "/uintr/notify-sources";

#define MSI_WINDOW      0xfee00000ull

static void need_edu(void)
{
    if (!edu_find()) {
        skip("no edu device");
    }
}

static int pin_in_service(void)
{
    int pin = 16;

    while (pin < IOAPIC_PINS && !(ioapic_read(pin) & RTE_REMOTE_IRR)) {
        pin++;
    }
    return pin;
}

static void route_pci(uint32_t low)
{
    for (int pin = 16; pin < IOAPIC_PINS; pin++) {
        ioapic_route(pin, low);
    }
}

/* The I/O APIC hears of the EOI, or it would send no second interrupt. */
static void test_level_eoi(void)
{
    need_edu();
    edu_use_intx();
    route_pci(RTE_LEVEL | NV);
    recv_begin();
    for (int i = 0; i < 2; i++) {
        recv_post(BIT(i));
        edu_raise();
        CHECK(pin_in_service() < IOAPIC_PINS);
        edu_ack();
        CHECK(pin_in_service() < IOAPIC_PINS);
        irq_window();
        CHECK_EQ(pin_in_service(), IOAPIC_PINS);
        CHECK_TAKEN();
    }
    CHECK_EQ(recv_rr(), BIT(0) | BIT(1));
    route_pci(RTE_MASKED);
}

static void check_source(uint64_t bit)
{
    CHECK(WAIT_FOR(apic_requested(NV)));
    CHECK_EQ(recv_rr() & bit, 0);
    irq_window();
    CHECK_TAKEN();
    CHECK_EQ(recv_rr() & bit, bit);
}

static void test_source_icr(void)
{
    recv_begin();
    recv_post(BIT(0));
    apic_icr(apic_id(), ICR_ASSERT | NV);
    check_source(BIT(0));
    recv_post(BIT(1));
    apic_icr(0, ICR_SELF | ICR_ASSERT | NV);
    check_source(BIT(1));
    recv_post(BIT(2));
    apic_icr(0, ICR_ALL | ICR_ASSERT | NV);
    check_source(BIT(2));
    if (apic_is_x2()) {
        recv_post(BIT(3));
        wrmsr(0x83f, NV);
        check_source(BIT(3));
    }
}

/* Linux does this when it resumes a receiver: nobody set ON. */
static void test_source_self_on_clear(void)
{
    recv_begin();
    recv_upid->pir = BIT(44);
    recv_notify();
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(44));
}

static void test_source_timer(void)
{
    recv_begin();
    recv_post(BIT(4));
    apic_write(APIC_TIMER_DIV, 0xb);
    apic_write(APIC_LVT_TIMER, NV);
    apic_write(APIC_TIMER_INIT, 1000);
    check_source(BIT(4));
    apic_write(APIC_LVT_TIMER, 0x10000);
}

static void test_source_ioapic(void)
{
    recv_begin();
    recv_post(BIT(5));
    pit_interrupt(200, NV);
    check_source(BIT(5));
    pit_mask();
}

static void test_source_msi(void)
{
    need_edu();
    recv_begin();
    recv_post(BIT(6));
    edu_use_msi(apic_id(), NV);
    edu_raise();
    check_source(BIT(6));
    edu_ack();
    edu_use_intx();
}

/* The MSI window takes a CPU's store as well as a device's. */
static void test_source_store(void)
{
    recv_begin();
    recv_post(BIT(8));
    *(volatile uint32_t *)(MSI_WINDOW | apic_id() << 12) = NV;
    check_source(BIT(8));
}

static void test_source_senduipi(void)
{
    static struct uitte table[1];

    recv_begin();
    table[0] = uitte(7, recv_upid);
    uintr_sender(table, 1);
    senduipi(0);
    CHECK_POSTED(BIT(7));
    check_source(BIT(7));
}

static volatile uint32_t gate_calls;

static void count_gate(struct frame *f)
{
    (void)f;
    gate_calls++;
}

/* An ExtINT vector is the 8259's affair, whatever UINV is (R76, decided). */
static void test_extint(void)
{
    recv_begin();
    recv_post(BIT(3));
    pic_on(NV);
    apic_write(APIC_LVT_LINT0, 0x700);
    trap_handle(NV, count_gate);
    gate_calls = 0;
    pit_once(20);
    sti();
    CHECK(WAIT_FOR(gate_calls));
    cli();
    pic_off();
    pic_eoi();
    apic_write(APIC_LVT_LINT0, 0x10000);
    trap_handle(NV, NULL);
    CHECK_POSTED(BIT(3));
    CHECK_EQ(recv_rr(), 0);
}

static volatile uint64_t pir_at_gate;

static void look_from_gate(struct frame *f)
{
    (void)f;
    gate_calls++;
    pir_at_gate = recv_upid->pir;
    pic_off();
    pic_eoi();
}

/* With both waiting the 8259 comes first; the notification is not lost. */
static void test_extint_and_notification(void)
{
    recv_begin();
    recv_post(BIT(4));
    pic_on(VEC_HIGH);
    gate_calls = 0;
    trap_handle(VEC_HIGH, look_from_gate);
    apic_write(APIC_LVT_LINT0, 0x700);
    pit_once(20);
    CHECK(WAIT_FOR(pic_requested()));
    recv_request();
    sti();
    CHECK(WAIT_FOR(gate_calls && !recv_upid->pir));
    cli();
    apic_write(APIC_LVT_LINT0, 0x10000);
    trap_handle(VEC_HIGH, NULL);
    CHECK_EQ(gate_calls, 1);
    CHECK_EQ(pir_at_gate, BIT(4));
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(4));
}

/*
 * A long string instruction in ring 3, met by the timer in its middle.  Every
 * page of its source is the UPID's page, so the copy tells when PIR was taken.
 */
#define STRING_PAGES    64
#define STRING_SOURCE   0x71000000ull

CODE(string_code, "rep movsb; " EXIT_ASM);

static void copy_upids(uint8_t *to, uint32_t ticks)
{
    struct frame f = frame_user(string_code, 0, 0);

    recv_begin();
    recv_post(BIT(13));
    f.rsi = STRING_SOURCE;
    f.rdi = (uint64_t)USER(to);
    f.rcx = STRING_PAGES * PAGE_SIZE;
    f.rflags |= RFLAGS_IF;
    apic_write(APIC_LVT_TIMER, NV);
    apic_write(APIC_TIMER_INIT, ticks);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.rcx, 0);
    CHECK_EQ(f.rsi, STRING_SOURCE + STRING_PAGES * PAGE_SIZE);
    CHECK_EQ(f.rdi, (uint64_t)USER(to) + STRING_PAGES * PAGE_SIZE);
    apic_write(APIC_TIMER_INIT, 0);
    irq_window();
}

/* How many of the copies still have the post; the rest of each is as it was. */
static int copies_before(const uint8_t *copy)
{
    int before = 0;

    for (int i = 0; i < STRING_PAGES; i++, copy += PAGE_SIZE) {
        bool posted = ((struct upid *)copy)->pir != 0;

        CHECK(!posted || before == i);
        before += posted;
        CHECK(!memcmp(copy + 16, (uint8_t *)recv_upid + 16, PAGE_SIZE - 16));
    }
    return before;
}

static void test_rep(void)
{
    uint8_t *to = pages_alloc(STRING_PAGES);
    int before = 0;

    memset(recv_upid, 0x5a, PAGE_SIZE);
    for (int i = 0; i < STRING_PAGES; i++) {
        vm_map(STRING_SOURCE + i * PAGE_SIZE, (uint64_t)recv_upid,
               PTE_P | PTE_W | PTE_U);
    }
    apic_write(APIC_TIMER_DIV, 0xb);
    for (int i = 0; i < 500 && (!before || before == STRING_PAGES); i++) {
        copy_upids(to, 5000 + i % 50 * 2000);
        before = copies_before(to);
    }
    CHECK(before && before < STRING_PAGES);
    CHECK_TAKEN();
    CHECK_EQ(recv_rr(), BIT(13));
    apic_write(APIC_LVT_TIMER, 0x10000);
}

const struct test tests[] = {
    { "R67-level-eoi", test_level_eoi },
    { "R68-icr", test_source_icr },
    { "R68-self-ipi-on-clear", test_source_self_on_clear },
    { "R68-timer", test_source_timer },
    { "R68-ioapic", test_source_ioapic },
    { "R68-msi", test_source_msi },
    { "R68-store", test_source_store },
    { "R68-senduipi", test_source_senduipi },
    { "R73-rep", test_rep },
    { "R76-extint", test_extint },
    { "R76-extint-and-notification", test_extint_and_notification },
    {}
};
