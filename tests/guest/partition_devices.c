/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same with devices (attack.h): edu at 04.0 is the first partition's, that
 * at 05.0 the second one's, and the chipset is the first's.
 */
#include "attack.h"
#include "device.h"
#include "pci.h"

const char *const test_group = "/partition/holes";

#define ECAM            0xb0000000ull
#define OWN_CONFIG      (ECAM | 0x28 << 12)
#define FIRST_CONFIG    (ECAM | 0x20 << 12)
#define OWN_BAR         0xfe000000ull   /* mmio=0xfe000000+1M */
#define OWN_WINDOW_SIZE    0x100000
#define WIDE_CONFIG     (ECAM | 0x30 << 12)     /* its BAR 4 has 64 bits */
#define MSI             0x40            /* edu's capability */
#define MSI_ENABLE      0x10000
#define EDU_ID          0x10000edu
#define EDU_LIVE        4               /* reads what was written, inverted */
#define LIVE            0x12345678u
#define INTERRUPT_LINE  0x3c
#define EDU_RAISE       0x60
#define EDU_ACK         0x64
#define EDU_DMA_FROM    0x80
#define EDU_DMA_TO      0x88
#define EDU_DMA_COUNT   0x90
#define EDU_DMA_COMMAND 0x98
#define EDU_BUFFER      0x40000
#define EDU_DMA_GO_TO_RAM 3
#define EDU_DMA_INTERRUPT 4
#define EDU_DMA_DONE    0x100

static volatile uint64_t victim __attribute__((aligned(16))) =
    0x1122334455667788;

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
    rt_breaks(AGENT_STORE, OWN_CONFIG + 0x24, 0, "config", 0x28024);
    rt_does(AGENT_LOAD4, OWN_BAR, 0);
    CHECK_EQ(AGENT->result, EDU_ID);
}

/* A part of a register is judged by what it makes of the whole. */
static void test_rt_bytes(void)
{
    rt_does(AGENT_STORE2, OWN_CONFIG + 4, 0);
    rt_breaks(AGENT_STORE1, OWN_CONFIG + 4, 7, "config", 0x28004);
    rt_breaks(AGENT_STORE2, OWN_CONFIG + 4, 7, "config", 0x28004);
    rt_does(AGENT_STORE1, OWN_CONFIG + 4, 6);
    rt_does(AGENT_STORE1, OWN_CONFIG + 5, 1);
    rt_does(AGENT_STORE2, OWN_CONFIG + 6, 1);
    rt_does(AGENT_STORE1, OWN_CONFIG + 0xf, 0);
    rt_breaks(AGENT_STORE1, OWN_CONFIG + 0x10, 0, "config", 0x28010);
    rt_breaks(AGENT_STORE1, OWN_CONFIG + 0x13, 0, "config", 0x28013);
    rt_breaks(AGENT_STORE2, OWN_CONFIG + 0x26, 0, "config", 0x28026);
    rt_does(AGENT_STORE1, OWN_CONFIG + 0x28, 1);
    rt_breaks(AGENT_STORE1, OWN_CONFIG + 0x30, 1, "config", 0x28030);
    rt_does(AGENT_STORE1, OWN_CONFIG + 0x31, 1);
    rt_does(AGENT_LOAD4, OWN_CONFIG + 0x10, 0);
    CHECK_EQ(AGENT->result, OWN_BAR);
    rt_does(AGENT_LOAD4, OWN_BAR, 0);
    CHECK_EQ(AGENT->result, EDU_ID);
}

/* Both halves of a base address decide. */
static void test_rt_wide_bar(void)
{
    rt_does(AGENT_STORE, WIDE_CONFIG + 0x14, OWN_BAR + 0x40000);
    rt_does(AGENT_STORE, WIDE_CONFIG + 0x20, OWN_BAR + 0x80000);
    rt_does(AGENT_STORE, WIDE_CONFIG + 0x24, 1);
    rt_breaks(AGENT_STORE, WIDE_CONFIG + 4, 6, "config", 0x30004);
    rt_does(AGENT_STORE, WIDE_CONFIG + 0x24, 0);
    rt_does(AGENT_STORE, WIDE_CONFIG + 4, 6);
    rt_breaks(AGENT_STORE, WIDE_CONFIG + 0x24, 1, "config", 0x30024);
    rt_does(AGENT_LOAD4, WIDE_CONFIG + 0x24, 0);
    CHECK_EQ(AGENT->result, 0);
    rt_does(AGENT_STORE, WIDE_CONFIG + 4, 0);
    rt_does(AGENT_STORE, WIDE_CONFIG + 0x20, OWN_BAR + OWN_WINDOW_SIZE);
    rt_breaks(AGENT_STORE, WIDE_CONFIG + 4, 6, "config", 0x30004);
}

static void test_first_mmio(void)
{
    first_load(OWN_BAR);
    first_store(OWN_BAR + 8);
}

/* Its device's registers are in nobody else's view, devices' included. */
static void test_first_dma_to_mmio(void)
{
    if (!edu_find()) {
        skip("no edu device");
    }
    rt_does(AGENT_STORE, OWN_BAR + EDU_LIVE, ~LIVE);
    edu_dma_to((void *)(OWN_BAR + EDU_LIVE), 4);
    printf("# EXPECT-DMA first 0x%llx\n", OWN_BAR + EDU_LIVE);
    rt_does(AGENT_LOAD4, OWN_BAR + EDU_LIVE, 0);
    CHECK_EQ(AGENT->result, LIVE);
}

/* A device has no local APIC, whoever's turn it is: a register stays. */
static void test_first_dma_to_apic(void)
{
    uint32_t own = apic_read(APIC_SVR);

    if (!edu_find()) {
        skip("no edu device");
    }
    for (int round = 0; round < 4; round++) {
        edu_dma_to((void *)(APIC_BASE + APIC_SVR), 4);
        rt_does(AGENT_LOAD4, APIC_BASE + APIC_SVR, 0);
        CHECK_EQ(AGENT->result, 0x1ff);
        CHECK_EQ(apic_read(APIC_SVR), own);
    }
}

/* What the first partition puts at the same place does not come between. */
static void test_first_bar(void)
{
    volatile uint32_t *base = (volatile uint32_t *)(FIRST_CONFIG + 0x10);
    uint32_t before;

    if (!edu_find()) {
        skip("no edu device");
    }
    before = *base;
    rt_does(AGENT_STORE, OWN_BAR + EDU_LIVE, ~LIVE);
    *base = OWN_BAR;
    rt_does(AGENT_LOAD4, OWN_BAR + EDU_LIVE, 0);
    CHECK_EQ(AGENT->result, LIVE);
    first_load(OWN_BAR);
    *base = before;
    CHECK_EQ(*(volatile uint32_t *)(edu_registers() - EDU_DMA_FROM), EDU_ID);
}

/* Whoever's CPU runs meanwhile: a device configures nobody. */
static void test_first_dma_to_config(void)
{
    if (!edu_find()) {
        skip("no edu device");
    }
    rt_does(AGENT_STORE1, OWN_CONFIG + INTERRUPT_LINE, 0x5a);
    edu_dma_to((void *)(OWN_CONFIG + INTERRUPT_LINE), 4);
    printf("# EXPECT-DMA first 0x%llx\n", OWN_CONFIG + INTERRUPT_LINE);
    rt_does(AGENT_LOAD4, OWN_CONFIG + INTERRUPT_LINE, 0);
    CHECK_EQ(AGENT->result & 0xff, 0x5a);
}

static void own_dma(uint64_t to, uint32_t more)
{
    rt_does(AGENT_STORE, OWN_BAR + EDU_DMA_FROM, EDU_BUFFER);
    rt_does(AGENT_STORE, OWN_BAR + EDU_DMA_TO, to);
    rt_does(AGENT_STORE, OWN_BAR + EDU_DMA_COUNT, 8);
    rt_does(AGENT_STORE, OWN_BAR + EDU_DMA_COMMAND, EDU_DMA_GO_TO_RAM | more);
    do {
        rt_does(AGENT_LOAD, OWN_BAR + EDU_DMA_COMMAND, 0);
    } while (AGENT->result & 1);
}

static void test_rt_dma(void)
{
    uint64_t own = AGENT_MEMORY + 0x20000;

    rt_does(AGENT_STORE, own, 0x12345678);
    own_dma((uint64_t)&victim, 0);
    printf("# EXPECT-DMA rt 0x%lx\n", (uint64_t)&victim);
    CHECK_EQ(victim, 0x1122334455667788);
    own_dma(own, 0);
    rt_does(AGENT_LOAD, own, 0);
    CHECK_EQ(AGENT->result, 0);         /* the device's buffer */
}

static void test_rt_dma_to_config(void)
{
    volatile uint8_t *first = (volatile uint8_t *)FIRST_CONFIG + INTERRUPT_LINE;

    *first = 0x5a;
    own_dma((uint64_t)first, 0);
    printf("# EXPECT-DMA rt 0x%lx\n", (uint64_t)first);
    CHECK_EQ(*first, 0x5a);
    rt_does(AGENT_STORE1, OWN_CONFIG + INTERRUPT_LINE, 0x5a);
    own_dma(OWN_CONFIG + INTERRUPT_LINE, 0);
    printf("# EXPECT-DMA rt 0x%llx\n", OWN_CONFIG + INTERRUPT_LINE);
    rt_does(AGENT_LOAD4, OWN_CONFIG + INTERRUPT_LINE, 0);
    CHECK_EQ(AGENT->result & 0xff, 0x5a);
}

/* A message is a store by the device, wherever it goes. */
static void test_rt_msi_to_ram(void)
{
    rt_does(AGENT_STORE, OWN_CONFIG + MSI + 4, (uint64_t)&victim);
    rt_does(AGENT_STORE, OWN_CONFIG + MSI + 8, 0);
    rt_does(AGENT_STORE, OWN_CONFIG + MSI, MSI_ENABLE);
    rt_does(AGENT_STORE, OWN_BAR + EDU_RAISE, 1);
    expect("rt", "dma", -1, 0x28, (uint64_t)&victim);
    rt_does(AGENT_STORE, OWN_BAR + EDU_ACK, 1);
    rt_does(AGENT_STORE, OWN_CONFIG + MSI, 0);
    CHECK_EQ(victim, 0x1122334455667788);
}

/* A message with the address of a register is none, whoever's turn it is. */
static void test_rt_msi_to_register(void)
{
    rt_does(AGENT_STORE, OWN_CONFIG + MSI + 4, APIC_BASE + APIC_TPR);
    rt_does(AGENT_STORE, OWN_CONFIG + MSI + 8, 0);
    rt_does(AGENT_STORE, OWN_CONFIG + MSI + 12, 0x20);
    rt_does(AGENT_STORE, OWN_CONFIG + MSI, MSI_ENABLE);
    own_dma(AGENT_MEMORY + 0x20000, EDU_DMA_INTERRUPT);
    rt_does(AGENT_STORE, OWN_BAR + EDU_ACK, EDU_DMA_DONE);
    rt_does(AGENT_STORE, OWN_CONFIG + MSI, 0);
    rt_does(AGENT_STORE, OWN_CONFIG + MSI + 12, 0);
    CHECK_EQ(apic_read(APIC_TPR), 0);
    rt_does(AGENT_LOAD4, APIC_BASE + APIC_TPR, 0);
    CHECK_EQ(AGENT->result, 0);
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

/* A restart takes the device along (P14). */
static void test_rt_reset(void)
{
    uint64_t starts = AGENT->starts;

    rt_does(AGENT_STORE, OWN_CONFIG + 4, 6);
    rt_ask(AGENT_OUT, 0xcf9, 6);
    CHECK(WAIT_FOR(AGENT->starts == starts + 1));
    rt_does(AGENT_LOAD4, OWN_CONFIG + 4, 0);
    CHECK_EQ(AGENT->result & 6, 0);
    rt_does(AGENT_LOAD4, OWN_CONFIG + 0x10, 0);
    CHECK_EQ(AGENT->result, 0);
}

void payload_start(void)
{
    WAIT_FOR(AGENT->starts);
}

const struct test tests[] = {
    { "device-msi", test_device_msi },
    { "device-dma", test_device_dma },
    { "rt-8259", test_rt_pic },
    { "rt-empty-window", test_rt_empty },
    { "first-config", test_first_config },
    { "rt-config", test_rt_config },
    { "rt-bars", test_rt_bars },
    { "rt-bytes-of-registers", test_rt_bytes },
    { "rt-wide-bar", test_rt_wide_bar },
    { "first-mmio", test_first_mmio },
    { "first-dma-to-mmio", test_first_dma_to_mmio },
    { "first-dma-to-apic", test_first_dma_to_apic },
    { "first-moves-a-base-address", test_first_bar },
    { "first-dma-to-config", test_first_dma_to_config },
    { "rt-msi-to-ram", test_rt_msi_to_ram },
    { "rt-device-dma", test_rt_dma },
    { "rt-dma-to-config", test_rt_dma_to_config },
    { "rt-msi-to-register", test_rt_msi_to_register },
    { "rt-intx", test_rt_intx },
    { "rt-device-reset", test_rt_reset },
    {}
};
