/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ports by which software resets or switches off a PC.  In a partition's
 * view they act on the partition; everything else there is refused.
 */
#include "qemu/osdep.h"
#include "../trace.h"
#include "cpu.h"
#include "hw/core/cpu.h"
#include "target/i386/uintr/where.h"
#include "partition.h"

#define ACPI_SLP_EN (1 << 13)
#define KBD_RESET 0xfe

typedef struct ResetPort {
    uint16_t port;
    uint8_t size;
    bool restart;           /* or stop */
} ResetPort;

static const ResetPort reset_ports[] = {
    { 0x64, 1, true },      /* 8042: pulse the reset line */
    { 0x92, 1, true },      /* fast reset */
    { 0x604, 2, false },    /* PM1a control, where firmware puts it on a q35 */
    { 0xcf9, 1, true },     /* reset control */
};
QEMU_BUILD_BUG_ON(ARRAY_SIZE(reset_ports) !=
                  ARRAY_SIZE(((UintrPartition *)0)->reset_ports));

static bool asks(uint16_t port, uint64_t data)
{
    switch (port) {
    case 0x64:
        return (uint8_t)data == KBD_RESET;
    case 0x92:
        return data & 1;
    case 0x604:
        return data & ACPI_SLP_EN;
    default:
        return data & 4;
    }
}

static void refuse_port(UintrPartition *p, uint16_t port, bool out)
{
    CPUState *cs = current_cpu;

    partition_violation(p, NULL, (Violation) {
        .kind = out ? VIOLATION_OUT : VIOLATION_IN,
        .cpu = cs ? cs->cpu_index : -1,
        .rip = cs ? uintr_rip_of(cpu_env(cs), cs->mem_io_pc) : 0,
        .address = port,
    });
}

static UintrPartition *who(void)
{
    return current_cpu ? partition_of(current_cpu) : NULL;
}

static uint64_t reset_read(void *opaque, hwaddr addr, unsigned size)
{
    const ResetPort *r = opaque;

    refuse_port(who(), r->port + addr, false);
    return UINT64_MAX;
}

static void reset_write(void *opaque, hwaddr addr, uint64_t data,
                        unsigned size)
{
    const ResetPort *r = opaque;
    UintrPartition *p = who();

    if (p && asks(r->port, data << 8 * addr)) {
        trace_partition_asked(partition_name(p), current_cpu->cpu_index,
                              r->port, r->restart);
        partition_ask(p, r->restart, PARTITION_STOPPED);
    } else {
        refuse_port(p, r->port + addr, true);
    }
}

static const MemoryRegionOps reset_ops = {
    .read = reset_read,
    .write = reset_write,
    .valid = { .min_access_size = 1, .max_access_size = 4, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 2 },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

void partition_add_reset_ports(UintrPartition *p)
{
    for (int i = 0; i < ARRAY_SIZE(reset_ports); i++) {
        memory_region_init_io(&p->reset_ports[i], OBJECT(p), &reset_ops,
                              (void *)&reset_ports[i], "partition-reset-port",
                              reset_ports[i].size);
        memory_region_add_subregion_overlap(&p->port_root, reset_ports[i].port,
                                            &p->reset_ports[i], 0);
    }
}
