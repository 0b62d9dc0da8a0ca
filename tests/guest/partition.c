/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first partition attacks the second one, and lets it attack back: the
 * agent there (tests/partition/agent.c) does what this payload asks for.
 * Before each attack it prints what must be counted, for the script that
 * compares it with the trace: by whom, kind, CPU, RIP (0: any), address.
 */
#include "agent.h"
#include "device.h"
#include "pci.h"
#include "send.h"
#include "uintr.h"

const char *const test_group = "/partition/holes";

#define REFUSED         0x42            /* in nobody's list */
#define TO_RT           0x50            /* vectors-in=0x50 */
#define FROM_RT         0x51            /* vectors-out=0x51 */
#define APIC_BASE       0xfee00000ull
#define RT_APIC_ID      1
#define MODE(icr)       ((icr) >> 8 & 7)

static volatile uint64_t victim __attribute__((aligned(16))) =
    0x1122334455667788;
#define VICTIM_PAGE ((uint64_t)&victim / PAGE_SIZE * PAGE_SIZE)

static void expect(const char *by, const char *kind, int cpu, uint64_t rip,
                   uint64_t address)
{
    printf("# EXPECT %s %s %d 0x%lx 0x%lx\n", by, kind, cpu, rip, address);
}

/* What the agent does; where it did so is known only afterwards. */
static uint64_t rt_tries(int op, uint64_t a, uint64_t b)
{
    AGENT->op = op;
    AGENT->a = a;
    AGENT->b = b;
    AGENT->sequence++;
    return WAIT_FOR(AGENT->done == AGENT->sequence);
}

static void rt_does(int op, uint64_t a, uint64_t b)
{
    CHECK(rt_tries(op, a, b));
}

static void rt_breaks(int op, uint64_t a, uint64_t b, const char *kind,
                      uint64_t address)
{
    rt_does(op, a, b);
    expect("rt", kind, 1, AGENT->rip, address);
}

static bool rt_lives(void)
{
    uint64_t before = AGENT->alive;

    return WAIT_FOR(AGENT->alive > before + 10);
}

/* ---- The second partition reaches out ---- */

static void test_rt_load(void)
{
    rt_breaks(AGENT_LOAD, (uint64_t)&victim, 0, "load", (uint64_t)&victim);
    CHECK_EQ(AGENT->result, ~0ull);
    rt_breaks(AGENT_LOAD, 0, 0, "load", 0);
    rt_breaks(AGENT_LOAD, AGENT_MEMORY + AGENT_SIZE, 0, "load",
              AGENT_MEMORY + AGENT_SIZE);
    rt_breaks(AGENT_LOAD, AGENT_PAGE + PAGE_SIZE, 0, "load",
              AGENT_PAGE + PAGE_SIZE);
}

static void test_rt_store(void)
{
    rt_breaks(AGENT_STORE, (uint64_t)&victim, 1, "store", (uint64_t)&victim);
    CHECK_EQ(victim, 0x1122334455667788);
}

static void test_rt_atomic(void)
{
    rt_does(AGENT_ATOMIC, (uint64_t)&victim, 1);
    expect("rt", "load", 1, AGENT->rip, (uint64_t)&victim);
    expect("rt", "store", 1, AGENT->rip, (uint64_t)&victim);
    CHECK_EQ(victim, 0x1122334455667788);
}

static void test_rt_string(void)
{
    rt_does(AGENT_STRING, 3, (uint64_t)&victim);
    for (int i = 0; i < 3; i++) {
        expect("rt", "load", 1, AGENT->rip, (uint64_t)&victim + i);
    }
}

/* All ones are no instruction. */
static void test_rt_fetch(void)
{
    rt_does(AGENT_FETCH, (uint64_t)test_rt_fetch, 0);
    CHECK_EQ(AGENT->fault, VEC_UD + 1);
    printf("# EXPECT-SOME rt fetch 1 0x%lx\n", (uint64_t)test_rt_fetch);
}

static void test_rt_walk(void)
{
    rt_does(AGENT_WALK, VICTIM_PAGE, 0);
    CHECK_EQ(AGENT->fault, VEC_PF + 1);
    expect("rt", "load", 1, AGENT->rip, VICTIM_PAGE);
}

static void test_rt_ports(void)
{
    static const uint16_t ports[] = { 0x20, 0x40, 0x70, 0xcf8, 0xcfc, 0xe9 };

    for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        rt_breaks(AGENT_OUT, ports[i], 0x41, "out", ports[i]);
        rt_breaks(AGENT_IN, ports[i], 0, "in", ports[i]);
        CHECK_EQ(AGENT->result, 0xff);
    }
}

static void rt_icr(uint32_t dest, uint32_t low)
{
    rt_does(AGENT_STORE, APIC_BASE + APIC_ICR2, dest << 24);
    rt_does(AGENT_STORE, APIC_BASE + APIC_ICR, low);
}

static const uint32_t modes[] = {
    ICR_FIXED | REFUSED, 0x100 | REFUSED, ICR_SMI, ICR_NMI, ICR_INIT,
    ICR_STARTUP | 9, 0x700 | REFUSED,
};
#define MODES (sizeof(modes) / sizeof(modes[0]))

static void count_nothing(struct frame *f)
{
    (void)f;
    CHECK(!"an interrupt came across");
}

static void listen(void)
{
    trap_handle(REFUSED, count_nothing);
    trap_handle(VEC_NMI, count_nothing);
}

static void rt_sends(uint32_t dest, uint32_t low)
{
    rt_icr(dest, ICR_ASSERT | low);
    expect("rt", "interrupt", 1, AGENT->rip, MODE(low) << 8 | (low & 0xff));
    irq_window();
}

static void test_rt_ipis(void)
{
    listen();
    for (unsigned i = 0; i < MODES; i++) {
        rt_sends(apic_id(), modes[i]);
        rt_sends(0, ICR_OTHERS | modes[i]);
    }
    /* Those that reach itself as well */
    if (apic_is_x2()) {         /* FFH is nobody's ID there */
        rt_icr(0xff, ICR_ASSERT | REFUSED);
    } else {
        rt_sends(0xff, ICR_FIXED | REFUSED);
    }
    CHECK(WAIT_FOR(AGENT->irqs[REFUSED] == 1));
    rt_sends(0, ICR_ALL | ICR_FIXED | REFUSED);
    CHECK(WAIT_FOR(AGENT->irqs[REFUSED] == 2));
    CHECK(rt_lives());
}

/* By the MSR; INIT to itself ends that life. */
static void test_rt_x2apic(void)
{
    listen();
    rt_does(AGENT_WRMSR, MSR_APIC_BASE, APIC_BASE | 0xc00);
    for (unsigned i = 0; i < MODES; i++) {
        uint32_t low = ICR_ASSERT | modes[i];

        rt_breaks(AGENT_WRMSR, 0x830, (uint64_t)apic_id() << 32 | low,
                  "interrupt", MODE(low) << 8 | (low & 0xff));
        rt_breaks(AGENT_WRMSR, 0x830, ICR_OTHERS | low, "interrupt",
                  MODE(low) << 8 | (low & 0xff));
        irq_window();
    }
}

/* The ID and the logical ID of a local APIC are the guest's to choose. */
static void test_rt_forges(void)
{
    listen();
    rt_does(AGENT_STORE, APIC_BASE + APIC_ID, apic_id() << 24);
    rt_sends(apic_id(), ICR_FIXED | REFUSED);
    rt_does(AGENT_STORE, APIC_BASE + APIC_ID, RT_APIC_ID << 24);
}

static void test_rt_stores_msi(void)
{
    listen();
    rt_breaks(AGENT_STORE, APIC_BASE | apic_id() << 12, REFUSED, "interrupt",
              REFUSED);
    rt_breaks(AGENT_STORE, APIC_BASE | apic_id() << 12, ICR_NMI, "interrupt",
              MODE(ICR_NMI) << 8);
    irq_window();
}

static void test_rt_may_send(void)
{
    uint32_t before = irq_counts[FROM_RT];

    trap_handle(FROM_RT, irq_count);
    rt_icr(apic_id(), ICR_ASSERT | FROM_RT);
    irq_window();
    CHECK_EQ(irq_counts[FROM_RT], before + 1);
}

/* ---- The first partition reaches in ---- */

static void first_load(uint64_t a)
{
    uint64_t value, rip;

    asm volatile("lea 1f(%%rip), %1; 1: mov (%2), %0"
                 : "=r"(value), "=&r"(rip) : "r"(a) : "memory");
    expect("first", "load", 0, rip, a);
    CHECK_EQ(value, ~0ull);
}

static void first_store(uint64_t a)
{
    uint64_t rip;

    asm volatile("lea 1f(%%rip), %0; 1: movl $0, (%1)"
                 : "=&r"(rip) : "r"(a) : "memory");
    expect("first", "store", 0, rip, a);
}

static void test_first_memory(void)
{
    static const uint64_t places[] = {
        AGENT_MEMORY, AGENT_MEMORY + 0x1000, AGENT_MEMORY + AGENT_SIZE - 8,
    };

    for (int i = 0; i < 3; i++) {
        first_load(places[i]);
        first_store(places[i]);
    }
    CHECK(rt_lives());
}

static void test_first_walk(void)
{
    uint64_t value, rip, va = 1ull << 30;
    uint64_t pte;

    pte = *vm_pte(va);
    (void)pte;
    vm_map(va, AGENT_MEMORY, PTE_P | PTE_W);
    asm volatile("lea 1f(%%rip), %1; 1: mov (%2), %0"
                 : "=r"(value), "=&r"(rip) : "r"(va) : "memory");
    expect("first", "load", 0, rip, AGENT_MEMORY);
    CHECK_EQ(value, ~0ull);
}

static void first_sends(uint32_t dest, uint32_t low)
{
    printf("# EXPECT first interrupt 0 0x0 0x%x\n",
           MODE(low) << 8 | (low & 0xff));
    apic_icr(dest, ICR_ASSERT | low);
}

static void test_first_ipis(void)
{
    uint32_t before = AGENT->irqs[REFUSED];
    uint64_t starts = AGENT->starts;

    for (unsigned i = 0; i < MODES; i++) {
        first_sends(RT_APIC_ID, modes[i]);
        first_sends(0, ICR_OTHERS | modes[i]);
    }
    CHECK(rt_lives());
    CHECK_EQ(AGENT->irqs[REFUSED], before);
    CHECK_EQ(AGENT->starts, starts);
}

static void test_first_msi(void)
{
    uint32_t before = AGENT->irqs[REFUSED];

    printf("# EXPECT first interrupt 0 0x0 0x%x\n", REFUSED);
    *(volatile uint32_t *)(APIC_BASE | RT_APIC_ID << 12) = REFUSED;
    CHECK(rt_lives());
    CHECK_EQ(AGENT->irqs[REFUSED], before);
}

/* SENDUIPI with the other's local ID, which is not for it to name */
static void test_first_senduipi(void)
{
    uint64_t ndst = apic_is_x2() ? RT_APIC_ID :
                    RT_APIC_ID << UPID_NDST_XAPIC_SHIFT;

    send_setup();
    upid_fill(&send_upids[0],
              ndst << UPID_NDST_SHIFT | REFUSED << UPID_NV_SHIFT, 0);
    printf("# EXPECT first interrupt 0 0x0 0x%x\n", REFUSED);
    senduipi(0);
    CHECK_EQ(send_upids[0].pir, BIT(SEND_UV));
    CHECK(rt_lives());
    CHECK_EQ(AGENT->irqs[REFUSED], 0 + AGENT->irqs[REFUSED]);
}

static void test_first_may_send(void)
{
    uint32_t before = AGENT->irqs[TO_RT];

    apic_icr(RT_APIC_ID, ICR_ASSERT | TO_RT);
    CHECK(WAIT_FOR(AGENT->irqs[TO_RT] == before + 1));
}

static void test_device_msi(void)
{
    if (!edu_find()) {
        skip("no edu device");
    }
    printf("# EXPECT first interrupt -1 0x0 0x%x\n", REFUSED);
    edu_use_msi(RT_APIC_ID, REFUSED);
    edu_raise();
    edu_ack();
    edu_use_intx();
    CHECK(rt_lives());
}

static void test_device_dma(void)
{
    if (!edu_find()) {
        skip("no edu device");
    }
    edu_dma_to((void *)(AGENT_MEMORY + 0x10000), 4);
    printf("# EXPECT-DMA first 0x%x\n", AGENT_MEMORY + 0x10000);
    CHECK(rt_lives());
}

/* ---- Devices: edu at 04.0 is the first's, at 05.0 the agent's ---- */

#define ECAM            0xb0000000ull
#define OWN_CONFIG      (ECAM | 0x28 << 12)
#define FIRST_CONFIG    (ECAM | 0x20 << 12)
#define OWN_BAR         0xfe000000ull
#define EDU_ID          0x10000edu
#define EDU_RAISE       0x60
#define EDU_ACK         0x64
#define EDU_DMA_FROM    0x80
#define EDU_DMA_TO      0x88
#define EDU_DMA_COUNT   0x90
#define EDU_DMA_COMMAND 0x98
#define EDU_BUFFER      0x40000
#define EDU_DMA_GO_TO_RAM 3

/* Before the first partition opens the window, nobody is there (P2). */
static void test_rt_empty(void)
{
    rt_does(AGENT_LOAD4, OWN_CONFIG, 0);
    CHECK_EQ(AGENT->result, ~0u);
    rt_does(AGENT_STORE, OWN_BAR, 1);
    rt_does(AGENT_LOAD, OWN_BAR, 0);
    CHECK_EQ(AGENT->result, ~0ull);
}

static void test_first_config(void)
{
    pci_init();
    CHECK_EQ(*(volatile uint32_t *)OWN_CONFIG, ~0u);
    printf("# EXPECT first config 0 0x0 0x28000\n");
    *(volatile uint32_t *)(OWN_CONFIG + 0x10) = 0;
    printf("# EXPECT first config 0 0x0 0x28010\n");
    outl(0xcf8, 0x80000000 | 0x28 << 8);
    CHECK_EQ(inl(0xcfc), ~0u);
    printf("# EXPECT first config 0 0x0 0x28000\n");
}

/* Of the first's device it sees nothing, although the page is shown to it. */
static void test_rt_config(void)
{
    rt_breaks(AGENT_STORE, FIRST_CONFIG + 4, 0, "config", 0x20004);
    rt_breaks(AGENT_LOAD4, FIRST_CONFIG, 0, "config", 0x20000);
    CHECK_EQ(AGENT->result, ~0u);
}

/* Its device decodes only in its window, and never I/O or a ROM. */
static void test_rt_bars(void)
{
    rt_does(AGENT_STORE, OWN_CONFIG + 0x10, 0xfd000000);
    rt_breaks(AGENT_STORE, OWN_CONFIG + 4, 6, "config", 0x28004);
    rt_does(AGENT_STORE, OWN_CONFIG + 0x10, OWN_BAR);
    rt_breaks(AGENT_STORE, OWN_CONFIG + 4, 7, "config", 0x28004);
    rt_breaks(AGENT_STORE, OWN_CONFIG + 0x30, 1, "config", 0x28030);
    rt_does(AGENT_STORE, OWN_CONFIG + 4, 6);
    rt_breaks(AGENT_STORE, OWN_CONFIG + 0x10, 0, "config", 0x28010);
    rt_does(AGENT_LOAD4, OWN_BAR, 0);
    CHECK_EQ(AGENT->result, EDU_ID);
}

static void test_first_mmio(void)
{
    first_load(OWN_BAR);
    first_store(OWN_BAR + 8);
}

static void own_dma(uint64_t to)
{
    rt_does(AGENT_STORE, OWN_BAR + EDU_DMA_FROM, EDU_BUFFER);
    rt_does(AGENT_STORE, OWN_BAR + EDU_DMA_TO, to);
    rt_does(AGENT_STORE, OWN_BAR + EDU_DMA_COUNT, 8);
    rt_does(AGENT_STORE, OWN_BAR + EDU_DMA_COMMAND, EDU_DMA_GO_TO_RAM);
    do {
        rt_does(AGENT_LOAD, OWN_BAR + EDU_DMA_COMMAND, 0);
    } while (AGENT->result & 1);
}

static void test_rt_dma(void)
{
    uint64_t own = AGENT_MEMORY + 0x20000;

    rt_does(AGENT_STORE, own, 0x12345678);
    own_dma((uint64_t)&victim);
    printf("# EXPECT-DMA rt 0x%lx\n", (uint64_t)&victim);
    CHECK_EQ(victim, 0x1122334455667788);
    own_dma(own);
    rt_does(AGENT_LOAD, own, 0);
    CHECK_EQ(AGENT->result, 0);         /* the device's buffer */
}

/* INTx is the first partition's, so the device's goes nowhere (P6). */
static void test_rt_intx(void)
{
    listen();
    for (int pin = 0; pin < IOAPIC_PINS; pin++) {
        ioapic_route(pin, RTE_LEVEL | REFUSED);
    }
    rt_does(AGENT_STORE, OWN_BAR + EDU_RAISE, 1);
    irq_window();
    CHECK(rt_lives());
    rt_does(AGENT_STORE, OWN_BAR + EDU_ACK, 1);
    for (int pin = 0; pin < IOAPIC_PINS; pin++) {
        ioapic_route(pin, RTE_MASKED);
    }
}

/* The 8259 is the first partition's: nobody else may take its interrupts. */
static void test_rt_pic(void)
{
    rt_does(AGENT_STORE, APIC_BASE + APIC_LVT_LINT0, 0x700);
    pic_on(REFUSED);
    pit_once(100);
    CHECK(WAIT_FOR(pic_requested()));
    CHECK(rt_lives());
    CHECK(pic_requested());
    pic_off();
    rt_does(AGENT_STORE, APIC_BASE + APIC_LVT_LINT0, 0x10700);
}

/* ---- Life ---- */

static void test_entry(void)
{
    CHECK_EQ(AGENT->base, AGENT_MEMORY);
    CHECK_EQ(AGENT->size, AGENT_SIZE);
    CHECK_EQ(AGENT->data, 1);
}

static void test_count(void)
{
    CHECK_EQ(cpu_count(), 1);
    outb(0x70, 0x5f);
    CHECK_EQ(inb(0x71), 0);
}

/* What an operating system would learn from firmware */
static uint8_t file[65536];

static void test_e820(void)
{
    static struct { uint64_t base, size; uint32_t type; }
        __attribute__((packed)) *e = (void *)file;
    uint32_t size = fw_cfg_file("etc/e820", file, sizeof(file));
    bool reserved = false;

    for (uint32_t i = 0; i < size / 20; i++) {
        reserved |= e[i].base == AGENT_MEMORY && e[i].size == AGENT_SIZE &&
                    e[i].type == 2;
    }
    CHECK(reserved);
}

static void test_madt(void)
{
    uint32_t size = fw_cfg_file("etc/acpi/tables", file, sizeof(file));
    int apics = 0, tables = 0;

    for (uint32_t i = 0; i + 44 < size; i++) {
        uint32_t length;

        if (memcmp(file + i, "APIC", 4) || file[i + 8] != 3) {
            continue;
        }
        tables++;
        memcpy(&length, file + i + 4, 4);
        for (uint32_t at = 44; at < length && file[i + at + 1];
             at += file[i + at + 1]) {
            apics += file[i + at] == 0 || file[i + at] == 9;
        }
    }
    CHECK_EQ(tables, 1);
    CHECK_EQ(apics, 1);
}

/* It restarts with a fresh image and a fresh device; nobody else notices. */
static void rt_resets(int op, uint16_t port, uint16_t value)
{
    uint64_t starts = AGENT->starts;

    rt_tries(op, port, value);
    CHECK(WAIT_FOR(AGENT->starts == starts + 1));
    CHECK_EQ(AGENT->data, 1);
    CHECK(rt_lives());
    rt_does(AGENT_LOAD4, OWN_CONFIG + 4, 0);
    CHECK_EQ(AGENT->result & 6, 0);
    rt_does(AGENT_STORE, OWN_CONFIG + 0x10, OWN_BAR);
    rt_does(AGENT_STORE, OWN_CONFIG + 4, 6);
}

static void test_rt_resets(void)
{
    rt_resets(AGENT_OUT, 0xcf9, 6);
    rt_resets(AGENT_OUT, 0x92, 1);
    rt_resets(AGENT_OUT, 0x64, 0xfe);
}

/* The same ports, but nothing that resets */
static void test_rt_reset_ports(void)
{
    rt_breaks(AGENT_OUT, 0x64, 0xd1, "out", 0x64);
    rt_breaks(AGENT_OUT, 0x92, 0, "out", 0x92);
    rt_breaks(AGENT_IN, 0x64, 0, "in", 0x64);
    rt_breaks(AGENT_OUT, 0xcf9, 2, "out", 0xcf9);
}

/* It stands still, and this side does not notice. */
static void check_ended(void)
{
    uint64_t before;

    for (int i = 0; i < 100000; i++) {
        cpu_relax();
    }
    before = AGENT->alive;
    for (int i = 0; i < 100000; i++) {
        cpu_relax();
    }
    CHECK_EQ(AGENT->alive, before);
}

static void rt_begins(int op, uint64_t a, uint64_t b)
{
    AGENT->op = op;
    AGENT->a = a;
    AGENT->b = b;
    AGENT->sequence++;
}

static void test_rt_ends(void)
{
    if (arg_is("end", "off")) {
        rt_begins(AGENT_OUTW, 0x604, 0x2000);
        check_ended();
    } else {
        rt_begins(AGENT_CRASH, 0, 0);
        check_ended();
        expect("rt", "crash", 1, AGENT->rip, 0);
    }
}

void payload_start(void)
{
    WAIT_FOR(AGENT->starts);
}

/* end=off switches it off at last; else it crashes. */
const struct test tests[] = {
    { "entry", test_entry },
    { "firmware-counts-its-own-cpus", test_count },
    { "firmware-map-reserves-memory", test_e820 },
    { "acpi-lists-its-own-cpus", test_madt },
    { "rt-loads", test_rt_load },
    { "rt-stores", test_rt_store },
    { "rt-locked-add", test_rt_atomic },
    { "rt-string", test_rt_string },
    { "rt-fetches", test_rt_fetch },
    { "rt-walks-pages", test_rt_walk },
    { "rt-ports", test_rt_ports },
    { "rt-reset-ports", test_rt_reset_ports },
    { "rt-ipis", test_rt_ipis },
    { "rt-forged-id", test_rt_forges },
    { "rt-msi-by-store", test_rt_stores_msi },
    { "rt-allowed-vector", test_rt_may_send },
    { "first-loads-and-stores", test_first_memory },
    { "first-page-outside", test_first_walk },
    { "first-ipis", test_first_ipis },
    { "first-msi-by-store", test_first_msi },
    { "first-senduipi", test_first_senduipi },
    { "first-allowed-vector", test_first_may_send },
    { "device-msi", test_device_msi },
    { "device-dma", test_device_dma },
    { "rt-8259", test_rt_pic },
    { "rt-empty-window", test_rt_empty },
    { "first-config", test_first_config },
    { "rt-config", test_rt_config },
    { "rt-bars", test_rt_bars },
    { "first-mmio", test_first_mmio },
    { "rt-device-dma", test_rt_dma },
    { "rt-intx", test_rt_intx },
    { "rt-x2apic-ipis", test_rt_x2apic },
    { "rt-resets-itself", test_rt_resets },
    { "rt-ends", test_rt_ends },
    {}
};
