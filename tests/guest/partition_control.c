/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first partition loads, starts, stops and reloads the second one by its
 * registers (farbell/partition.h).  Args: image=, size= of the agent's file,
 * which lies in this partition's memory.
 */
#include "attack.h"
#include "device.h"
#include "uintr.h"
#include "farbell/partition.h"

const char *const test_group = "/partition/control";

#define CONTROL         0xfd000000ull
#define RAM_END         0x4000000ull
#define RELOADS         20

static void put(uint64_t reg, uint64_t value)
{
    *(volatile uint64_t *)(CONTROL + reg) = value;
}

static uint64_t get(uint64_t reg)
{
    return *(volatile uint64_t *)(CONTROL + reg);
}

static uint32_t get4(uint64_t reg)
{
    return *(volatile uint32_t *)(CONTROL + reg);
}

static uint32_t command(uint32_t what)
{
    *(volatile uint32_t *)(CONTROL + PART_REG_COMMAND) = what;
    CHECK(WAIT_FOR(get4(PART_REG_STATUS) != PART_STATUS_BUSY));
    return get4(PART_REG_STATUS);
}

static uint32_t load(uint64_t image, uint64_t size, uint64_t entry)
{
    put(PART_REG_IMAGE, image);
    put(PART_REG_SIZE, size);
    put(PART_REG_ENTRY, entry);
    return command(PART_LOAD);
}

static uint32_t load_agent(void)
{
    return load(arg_number("image", 0), arg_number("size", 0), ~0ull);
}

static void agent_runs(void)
{
    CHECK_EQ(load_agent(), PART_STATUS_OK);
    CHECK_EQ(command(PART_START), PART_STATUS_OK);
    CHECK_EQ(get4(PART_REG_STATE), PART_STATE_RUNNING);
    CHECK(rt_lives());
}

/* The numbers of the documentation, written down once more. */
static void test_registers(void)
{
    CHECK_EQ(get(0x10), ~0ull);
    put(0x00, 0x1122334455667788);
    put(0x08, 0x99aabbccddeeff00);
    *(volatile uint32_t *)(CONTROL + 0x10) = 0x12345678;
    *(volatile uint32_t *)(CONTROL + 0x14) = 0x9abcdef0;
    CHECK_EQ(get(PART_REG_IMAGE), 0x1122334455667788);
    CHECK_EQ(get(PART_REG_SIZE), 0x99aabbccddeeff00);
    CHECK_EQ(get(PART_REG_ENTRY), 0x9abcdef012345678);
    CHECK_EQ(get4(0x04), 0x11223344);
    CHECK_EQ(get4(0x18), 0);            /* command */
    CHECK_EQ(get4(0x1c), 0);            /* status */
    CHECK_EQ(get4(0x20), 0);            /* state */
    CHECK_EQ(get(0x28), 0);             /* starts */
    put(0x28, 7);
    put(0x30, 7);
    CHECK_EQ(get(0x28), 0);
    CHECK_EQ(get(0x30), 0);
}

static void test_nothing(void)
{
    CHECK_EQ(command(PART_START), PART_STATUS_NOTHING);
    CHECK_EQ(get4(PART_REG_STATE), PART_STATE_STOPPED);
    CHECK_EQ(command(PART_STOP), PART_STATUS_OK);
    CHECK_EQ(command(0), PART_STATUS_COMMAND);
    CHECK_EQ(command(4), PART_STATUS_COMMAND);
}

static void test_map(void)
{
    static struct { uint64_t base, size; uint32_t type; }
        __attribute__((packed)) map[128];
    uint32_t size = fw_cfg_file("etc/e820", map, sizeof(map));
    bool reserved = false;

    for (uint32_t i = 0; i < size / sizeof(map[0]); i++) {
        reserved |= map[i].base == CONTROL && map[i].size == PAGE_SIZE &&
                    map[i].type == 2;
    }
    CHECK(reserved);
}

static void test_life(void)
{
    uint64_t alive;

    agent_runs();
    CHECK_EQ(get(PART_REG_STARTS), 1);
    CHECK_EQ(AGENT->data, 1);
    CHECK_EQ(command(PART_STOP), PART_STATUS_OK);
    CHECK_EQ(get4(PART_REG_STATE), PART_STATE_STOPPED);
    alive = AGENT->alive;
    for (int i = 0; i < 100000; i++) {
        cpu_relax();
    }
    CHECK_EQ(AGENT->alive, alive);
    CHECK_EQ(command(PART_START), PART_STATUS_OK);
    CHECK(rt_lives());
    CHECK_EQ(AGENT->data, 1);           /* of a fresh image */
    CHECK_EQ(AGENT->starts, 2);
}

/* Stores the value where the agent counts its starts, and halts. */
static uint64_t make_image(uint8_t *image, uint32_t value)
{
    uint32_t address = (uint64_t)&AGENT->starts;

    memcpy(image, "\xc7\x04\x25....####\xf4\xeb\xfd", 14);
    memcpy(image + 3, &address, 4);
    memcpy(image + 7, &value, 4);
    return 14;
}

/* Every other one does not begin with what is to be executed first. */
static void test_reload(void)
{
    static uint8_t image[64];

    agent_runs();
    for (int i = 0; i < RELOADS; i++) {
        int skip = i % 2 * 16;
        uint64_t size = skip + make_image(image + skip, 0x1000 + i);
        uint64_t entry = skip ? AGENT_MEMORY + 16ull : ~0ull;

        memset(image, 0xff, skip);      /* no instruction */
        CHECK_EQ(load((uint64_t)image, size, entry), PART_STATUS_OK);
        CHECK_EQ(command(PART_START), PART_STATUS_OK);
        CHECK(WAIT_FOR(AGENT->starts == 0x1000u + i));
    }
    agent_runs();
}

/* What cannot be loaded leaves all as it was. */
static void refused(uint64_t image, uint64_t size, uint64_t entry,
                    uint32_t status)
{
    CHECK_EQ(load(image, size, entry), status);
    CHECK(rt_lives());
}

static void test_refused(void)
{
    uint64_t image = arg_number("image", 0), starts;

    agent_runs();
    starts = get(PART_REG_STARTS);
    refused(image, 0, ~0ull, PART_STATUS_IMAGE);
    refused(image, AGENT_SIZE + 1, ~0ull, PART_STATUS_IMAGE);
    refused(image, ~0ull, ~0ull, PART_STATUS_IMAGE);
    refused(image, 64, ~0ull, PART_STATUS_IMAGE);       /* half an ELF file */
    refused(image + 1, 64, AGENT_MEMORY - 1, PART_STATUS_IMAGE);
    refused(image + 1, 64, AGENT_MEMORY + AGENT_SIZE, PART_STATUS_IMAGE);
    refused(AGENT_MEMORY, 64, ~0ull, PART_STATUS_SOURCE);
    refused(AGENT_MEMORY - 32, 64, ~0ull, PART_STATUS_SOURCE);
    refused(RAM_END - 32, 64, ~0ull, PART_STATUS_SOURCE);
    refused(APIC_BASE, 64, ~0ull, PART_STATUS_SOURCE);
    refused(CONTROL, 64, ~0ull, PART_STATUS_SOURCE);
    refused(~0ull - 31, 64, ~0ull, PART_STATUS_SOURCE);
    CHECK_EQ(get(PART_REG_STARTS), starts);
    CHECK_EQ(command(PART_START), PART_STATUS_OK);
    CHECK(WAIT_FOR(AGENT->data == 1));
    CHECK(rt_lives());
}

/* An order by a device finds the same: whoever's turn it is does not matter. */
static void test_device_orders(void)
{
    static const uint32_t order = PART_LOAD;

    if (!edu_find()) {
        skip("no edu device");
    }
    CHECK_EQ(load(AGENT_MEMORY, 64, ~0ull), PART_STATUS_SOURCE);
    CHECK_EQ(command(0), PART_STATUS_COMMAND);
    edu_dma_from(&order, sizeof(order));
    edu_dma_to((void *)(CONTROL + PART_REG_COMMAND), sizeof(order));
    CHECK_EQ(get4(PART_REG_STATUS), PART_STATUS_SOURCE);
    CHECK(rt_lives());
}

/* An image as large as the memory. */
static void test_largest(void)
{
    CHECK_EQ(load(PAGE_SIZE * 256, AGENT_SIZE, ~0ull), PART_STATUS_OK);
    agent_runs();
}

/* The second partition cannot reach them. */
static void test_rt(void)
{
    rt_breaks(AGENT_STORE, CONTROL + PART_REG_COMMAND, PART_STOP, "store",
              CONTROL + PART_REG_COMMAND);
    rt_breaks(AGENT_LOAD4, CONTROL + PART_REG_STATE, 0, "load",
              CONTROL + PART_REG_STATE);
    CHECK_EQ(AGENT->result, ~0u);
    CHECK(rt_lives());
}

static void test_crash(void)
{
    rt_ask(AGENT_CRASH, 0, 0);
    CHECK(WAIT_FOR(get4(PART_REG_STATE) == PART_STATE_CRASHED));
    expect("rt", "crash", 1, AGENT->rip, 0);
    CHECK_EQ(command(PART_START), PART_STATUS_OK);
    CHECK(rt_lives());
}

const struct test tests[] = {
    { "P21-registers", test_registers },
    { "P22-nothing-to-start", test_nothing },
    { "P21-reserved-in-the-map", test_map },
    { "P22-load-start-stop", test_life },
    { "P22-reload", test_reload },
    { "P23-refused", test_refused },
    { "P23-device-orders", test_device_orders },
    { "P23-largest", test_largest },
    { "P21-not-for-the-second", test_rt },
    { "P22-crashed", test_crash },
    {}
};
