/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first partition attacks the second one, and lets it attack back
 * (attack.h): memory, ports, interrupts, firmware's tables, resets.
 */
#include "attack.h"
#include "send.h"
#include "uintr.h"

const char *const test_group = "/partition/holes";

#define TO_RT           0x50            /* vectors-in=0x50 */
#define FROM_RT         0x51            /* vectors-out=0x51 */
#define RT_MMIO         0xfe000000ull   /* mmio=0xfe000000+1M */
#define RT_MMIO_SIZE    0x100000ull
#define BOOT_PML4       0xffff8000ull   /* of its boot page */
#define BOOT_PDPT       0xffff9000ull
#define BOOT_PD         0xffffa000ull   /* for 2 MiB each */
#define BOOT_GDT        0xffffe000ull
#define BOOT_STACK      0xfffff000ull
#define CPU_HOTPLUG     0xcd8
#define ICR_LOWEST      0x100
#define MODE(icr)       ((icr) >> 8 & 7)

static volatile uint64_t victim __attribute__((aligned(16))) =
    0x1122334455667788;
#define VICTIM_PAGE ((uint64_t)&victim / PAGE_SIZE * PAGE_SIZE)

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

/* Its first byte is the last one of its memory. */
static void test_rt_fetch_across(void)
{
    uint64_t last = AGENT_MEMORY + AGENT_SIZE - 1;

    rt_does(AGENT_STORE1, last, 0x66);
    rt_does(AGENT_FETCH, last, 0);
    CHECK_EQ(AGENT->fault, VEC_UD + 1);
    printf("# EXPECT-SOME rt fetch 1 0x%lx\n", last);
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

/* With a vector that may cross, too: it is the mode that may not. */
static const uint32_t modes[] = {
    ICR_FIXED | REFUSED, ICR_LOWEST | REFUSED, ICR_SMI, ICR_NMI, ICR_INIT,
    ICR_STARTUP | 9, 0x700 | REFUSED, ICR_SMI | FROM_RT, ICR_NMI | FROM_RT,
    ICR_INIT | FROM_RT, ICR_STARTUP | FROM_RT, ICR_SMI | TO_RT,
    ICR_NMI | TO_RT, ICR_INIT | TO_RT, ICR_STARTUP | TO_RT,
};
#define MODES (sizeof(modes) / sizeof(modes[0]))

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
    rt_icr(apic_id(), ICR_ASSERT | ICR_LOWEST | FROM_RT);
    irq_window();
    CHECK_EQ(irq_counts[FROM_RT], before + 2);
}

/* ---- The first partition reaches in ---- */

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
    uint32_t before = AGENT->irqs[REFUSED];

    send_setup();
    upid_fill(&send_upids[0],
              ndst << UPID_NDST_SHIFT | REFUSED << UPID_NV_SHIFT, 0);
    printf("# EXPECT first interrupt 0 0x0 0x%x\n", REFUSED);
    senduipi(0);
    CHECK_EQ(send_upids[0].pir, BIT(SEND_UV));
    CHECK(rt_lives());
    CHECK_EQ(AGENT->irqs[REFUSED], before);
}

static void test_first_may_send(void)
{
    uint32_t before = AGENT->irqs[TO_RT];

    apic_icr(RT_APIC_ID, ICR_ASSERT | TO_RT);
    CHECK(WAIT_FOR(AGENT->irqs[TO_RT] == before + 1));
    apic_icr(RT_APIC_ID, ICR_ASSERT | ICR_LOWEST | TO_RT);
    CHECK(WAIT_FOR(AGENT->irqs[TO_RT] == before + 2));
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

/* Nor are they offered as hot-plugged (docs/specs/acpi_cpu_hotplug.rst). */
static void test_hotplug(void)
{
    for (uint32_t cpu = 0; cpu < 2; cpu++) {
        outl(CPU_HOTPLUG, 0);           /* leaves the interface of old */
        outl(CPU_HOTPLUG, cpu);
        CHECK_EQ(inb(CPU_HOTPLUG + 4) & 1, !cpu);
    }
}

/* What an operating system would learn from firmware */
static uint8_t file[65536];

/* An SMI for all CPUs would be one for the other side's. */
static void test_smi(void)
{
    uint64_t features = ~0ull;

    fw_cfg_file("etc/smi/supported-features", &features, sizeof(features));
    CHECK_EQ(features, 0);
}

static bool is_reserved(uint64_t base, uint64_t bytes)
{
    static struct { uint64_t base, size; uint32_t type; }
        __attribute__((packed)) *e = (void *)file;
    uint32_t size = fw_cfg_file("etc/e820", file, sizeof(file));
    bool reserved = false;

    for (uint32_t i = 0; i < size / 20; i++) {
        reserved |= e[i].base == base && e[i].size == bytes && e[i].type == 2;
    }
    return reserved;
}

static void test_e820(void)
{
    CHECK(is_reserved(AGENT_MEMORY, AGENT_SIZE));
    CHECK(is_reserved(RT_MMIO, RT_MMIO_SIZE));
    CHECK(is_reserved(AGENT_PAGE, PAGE_SIZE));
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

/* What a life leaves behind, and what the next one finds there (P14) */
static const struct { uint64_t at; uint32_t left, found; } remains[] = {
    { APIC_BASE + APIC_TPR, 0x20, 0 },
    { APIC_BASE + APIC_LVT_LINT0, 0x10042, 0x10000 },
    { BOOT_PML4 + 8, 3, 0 },
    { BOOT_PML4 + 511 * 8, 3, 0 },
    { BOOT_PDPT + 4 * 8, 3, 0 },
    { BOOT_PD + 128 * 8, 0, 128u << 21 | 0x83 },
    { BOOT_GDT, 1, 0 },
    { BOOT_GDT + 32, 1, 0 },
    { BOOT_STACK, 1, 0 },
    { AGENT_MEMORY + AGENT_SIZE - 8, 0x600df00d, 0x600df00d },
};
#define REMAINS (sizeof(remains) / sizeof(remains[0]))

/* It restarts with a fresh image, and nobody else notices. */
static void rt_resets(int op, uint16_t port, uint16_t value)
{
    uint64_t starts = AGENT->starts;

    for (unsigned i = 0; i < REMAINS; i++) {
        rt_does(AGENT_STORE, remains[i].at, remains[i].left);
    }
    rt_ask(op, port, value);
    CHECK(WAIT_FOR(AGENT->starts == starts + 1));
    CHECK_EQ(AGENT->data, 1);
    for (unsigned i = 0; i < REMAINS; i++) {
        rt_does(AGENT_LOAD4, remains[i].at, 0);
        CHECK_EQ(AGENT->result, remains[i].found);
    }
    CHECK(rt_lives());
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

static bool stands_still(void)
{
    uint64_t before = AGENT->alive;

    for (int i = 0; i < 100000; i++) {
        cpu_relax();
    }
    return AGENT->alive == before;
}

/* A busy host may let it go on for a while; this side does not notice. */
static void check_ended(void)
{
    CHECK(WAIT_FOR(stands_still()));
    CHECK(stands_still());
}

static void test_rt_ends(void)
{
    if (arg_is("end", "off")) {
        if (arg_is("accel", "icount")) {        /* its upper byte alone */
            rt_ask(AGENT_OUT, 0x605, 0x20);
        } else {
            rt_ask(AGENT_OUTW, 0x604, 0x2000);
        }
        check_ended();
    } else {
        rt_ask(AGENT_CRASH, 0, 0);
        check_ended();
        expect("rt", "crash", 1, AGENT->rip, 0);
    }
}

/* Logical IDs are the guests' to choose as well, and may be the same. */
static void test_logical_ids(void)
{
    uint32_t before = AGENT->irqs[REFUSED];

    if (apic_is_x2()) {
        skip("they follow from the IDs");
    }
    listen();
    apic_write(APIC_LDR, 1 << 24);
    rt_does(AGENT_STORE, APIC_BASE + APIC_LDR, 2 << 24);
    rt_sends(1, ICR_LOGICAL | REFUSED);
    rt_sends(1, ICR_LOGICAL | ICR_NMI);
    first_sends(2, ICR_LOGICAL | REFUSED);
    first_sends(2, ICR_LOGICAL | ICR_NMI);
    CHECK(rt_lives());
    CHECK_EQ(AGENT->irqs[REFUSED], before);
    rt_does(AGENT_STORE, APIC_BASE + APIC_LDR, 1 << 24);
    rt_sends(1, ICR_LOGICAL | REFUSED);
    CHECK(WAIT_FOR(AGENT->irqs[REFUSED] == before + 1));
    apic_write(APIC_LDR, 0);
}

void payload_start(void)
{
    WAIT_FOR(AGENT->starts);
}

/* end=off switches it off at last; else it crashes. */
const struct test tests[] = {
    { "entry", test_entry },
    { "firmware-counts-its-own-cpus", test_count },
    { "hotplug-offers-its-own-cpus", test_hotplug },
    { "no-smi-for-all", test_smi },
    { "firmware-map-reserves-memory", test_e820 },
    { "acpi-lists-its-own-cpus", test_madt },
    { "rt-loads", test_rt_load },
    { "rt-stores", test_rt_store },
    { "rt-locked-add", test_rt_atomic },
    { "rt-string", test_rt_string },
    { "rt-fetches", test_rt_fetch },
    { "rt-fetches-across", test_rt_fetch_across },
    { "rt-walks-pages", test_rt_walk },
    { "rt-ports", test_rt_ports },
    { "rt-reset-ports", test_rt_reset_ports },
    { "rt-ipis", test_rt_ipis },
    /* Once an ID has been changed, no SENDUIPI takes the way without lock. */
    { "first-senduipi", test_first_senduipi },
    { "rt-forged-id", test_rt_forges },
    { "rt-msi-by-store", test_rt_stores_msi },
    { "rt-allowed-vector", test_rt_may_send },
    { "first-loads-and-stores", test_first_memory },
    { "first-page-outside", test_first_walk },
    { "first-ipis", test_first_ipis },
    { "first-msi-by-store", test_first_msi },
    { "first-allowed-vector", test_first_may_send },
    { "logical-ids", test_logical_ids },
    { "rt-x2apic-ipis", test_rt_x2apic },
    { "rt-resets-itself", test_rt_resets },
    { "rt-ends", test_rt_ends },
    {}
};
