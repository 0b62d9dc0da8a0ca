/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of hw/partition share: docs/partitions.md. */
#ifndef HW_UINTR_PARTITION_H
#define HW_UINTR_PARTITION_H

#include "exec/memory.h"
#include "hw/core/cpu.h"
#include "qemu/bitmap.h"
#include "qemu/range.h"
#include "qom/object.h"

#define TYPE_UINTR_PARTITION "uintr-partition"
OBJECT_DECLARE_SIMPLE_TYPE(UintrPartition, UINTR_PARTITION)

#define PARTITION_MAX_CPUS 255      /* local APIC IDs of an xAPIC */
#define PARTITION_VECTORS 256
#define PARTITION_FIRST_VECTOR 16

/*
 * A page table, a GDT and a stack for the first instruction, where a PC has
 * its firmware: a partition has none.
 */
#define PARTITION_BOOT_BASE 0xffff8000ull
#define PARTITION_BOOT_SIZE 0x8000ull

typedef enum ViolationKind {
    VIOLATION_LOAD,         /* page walks as well */
    VIOLATION_STORE,
    VIOLATION_FETCH,
    VIOLATION_DMA,
    VIOLATION_IN,
    VIOLATION_OUT,
    VIOLATION_CONFIG,       /* address: requester ID << 12 | register */
    VIOLATION_INTERRUPT,    /* address: mode << 8 | vector */
    VIOLATION_CRASH,        /* triple fault */
    VIOLATION__MAX,
} ViolationKind;

typedef struct Violation {
    ViolationKind kind;
    int cpu;                /* -1: a device; then rip is its requester ID */
    uint64_t rip, address;
} Violation;

typedef struct ViolationLog {
    uint64_t count[VIOLATION__MAX];
    Violation last;
} ViolationLog;

/* A region that refuses, on behalf of @victim or against @offender. */
typedef struct Refusal {
    MemoryRegion mr;
    UintrPartition *inside;     /* whose view it is in; null: the first's */
    UintrPartition *victim;     /* whose memory it guards; null: nobody's */
    uint64_t base;
    bool ports;
} Refusal;

typedef enum WindowKind {
    WINDOW_MEMORY, WINDOW_MMIO, WINDOW_SHARED, WINDOW_CONTROL, WINDOW_PORTS,
    WINDOW__MAX,
} WindowKind;

typedef struct Window {
    uint64_t base, size;
    MemoryRegion mr;            /* RAM, or an alias of the machine's */
    MemoryRegion nobody;        /* beneath such an alias */
    Refusal guard;              /* for the others, if it is not shared */
} Window;

typedef struct Windows {
    Window *list;
    unsigned count;
} Windows;

typedef enum PartitionState {
    PARTITION_STOPPED, PARTITION_RUNNING, PARTITION_CRASHED,
} PartitionState;

/* Registers of the first partition: farbell/partition.h */
typedef struct PartitionControl {
    uint64_t image, size, entry;
    uint32_t status;
} PartitionControl;

struct UintrPartition {
    Object parent_obj;

    /* As the user wrote them */
    char *text[WINDOW__MAX], *cpus_text, *devices_text;
    char *vectors_in_text, *vectors_out_text, *payload_file;
    uint64_t load, entry;
    uint8_t bits;
    bool start, reset_with_machine, stop_on_violation;

    bool complete;
    GStrv devices;
    Windows windows[WINDOW__MAX];
    DECLARE_BITMAP(cpus, PARTITION_MAX_CPUS);
    DECLARE_BITMAP(vectors_in, PARTITION_VECTORS);
    DECLARE_BITMAP(vectors_out, PARTITION_VECTORS);
    GBytes *payload;
    uint64_t entry_now;         /* of that payload */

    MemoryRegion root, apic, boot, port_root;
    MemoryRegion bars;          /* where its devices' base addresses are */
    MemoryRegion dma_root, dma_all, dma_apic;   /* as its devices see it */
    Refusal refusal, port_refusal, dma_config;
    MemoryRegion reset_ports[4];
    AddressSpace as, dma_as, port_as;
    PartitionControl control;

    uint32_t state;             /* PartitionState */
    bool reset_done;            /* the very first one */
    uint64_t starts;
    ViolationLog violations;    /* by it */
    ViolationLog intrusions;    /* against it */
    QLIST_ENTRY(UintrPartition) next;
};

typedef QLIST_HEAD(PartitionList, UintrPartition) PartitionList;
extern PartitionList partitions;

/* ---- partition.c ---- */
UintrPartition *partition_of(CPUState *cs);
const char *partition_name(UintrPartition *p);      /* null: "first" */

/* ---- parse.c: one errp line names the option and the cure ---- */
bool partition_parse(UintrPartition *p, Error **errp);
bool partition_parse_vectors(const char *name, const char *text,
                             unsigned long *map, Error **errp);
bool partition_window_has(UintrPartition *p, WindowKind kind, uint64_t base,
                          uint64_t size);
bool partition_contains(UintrPartition *p, uint64_t base, uint64_t size);
uint64_t partition_memory_size(UintrPartition *p);

/* ---- places.c ---- */
bool partition_check_place(const char *option, const char *text,
                           WindowKind kind, uint64_t base, uint64_t size,
                           Error **errp);

/* ---- view.c ---- */
#define PARTITION_ABOVE_MACHINE 0x800   /* below the local APIC's 0x1000 */
void partition_make_view(UintrPartition *p);

/* ---- dmaview.c ---- */
void partition_make_dma_view(UintrPartition *p);

/* ---- control.c ---- */
void partition_add_control(UintrPartition *p);
void partition_reset_control(UintrPartition *p);

/* ---- resetports.c ---- */
void partition_add_reset_ports(UintrPartition *p);

/* ---- refuse.c ---- */
void partition_init_refusal(Refusal *r, Object *owner, const char *name,
                            uint64_t base, uint64_t size, bool ports);
void partition_violation(UintrPartition *offender, UintrPartition *victim,
                         Violation what);
bool partition_is_device(MemTxAttrs attrs);
void partition_refuse_dma(UintrPartition *offender, UintrPartition *victim,
                          uint64_t address, MemTxAttrs attrs);
extern const char *const violation_names[];

/* ---- payload.c ---- */
bool partition_read_payload(UintrPartition *p, const char *file, Error **errp);
/* Of whatever name, with its own entry if that is all ones; takes the data. */
bool partition_take_payload(UintrPartition *p, const char *name, uint8_t *data,
                            gsize size, uint64_t entry, Error **errp);
void partition_load_payload(UintrPartition *p);

/* ---- start.c ---- */
/* With all vCPUs paused; then @state is what a stop leaves behind. */
void partition_restart(UintrPartition *p);
void partition_stop(UintrPartition *p, PartitionState state);
/* From a vCPU: as soon as all others stand still. */
void partition_ask(UintrPartition *p, bool restart, PartitionState state);
/* The same, by order of the first partition. */
void partition_order(UintrPartition *p, bool restart);

/* ---- kinds.c ---- */
bool partition_knows_kind(PCIDevice *dev);

/* ---- devices.c ---- */
extern PCIBus *partition_root_bus;
UintrPartition *partition_of_requester(uint32_t id);
UintrPartition *partition_of_device(PCIDevice *dev);
void partition_confine_devices(UintrPartition *p, Error **errp);
void partition_reset_devices(UintrPartition *p);
void partition_take_bus(PCIBus *root);

/* ---- ecam.c ---- */
void partition_filter_ecam(void);

/* ---- config.c ---- */
void partition_filter_config(PCIBus *root);

/* ---- machine.c ---- */
void partition_watch_machine(void);

/* ---- inspect.c ---- */
void partition_inspect_class_init(ObjectClass *oc);

#endif
