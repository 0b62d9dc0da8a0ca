/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What partitions need of the machine while it is made: their memory out of
 * the firmware's map, their CPUs out of ACPI; and what they refuse to be part
 * of.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "hw/acpi/ich9.h"
#include "hw/boards.h"
#include "hw/i386/apic_internal.h"
#include "hw/i386/e820_memory_layout.h"
#include "hw/i386/x86-iommu.h"
#include "hw/pci-host/q35.h"
#include "hw/pci/pci.h"
#include "hw/qdev-core.h"
#include "hw/qdev-properties.h"
#include "hw/southbridge/ich9.h"
#include "system/iothread.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "system/system.h"
#include "system/tcg.h"
#include "partition.h"

/* ---- The machine ---- */

static void reserve(const Windows *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        e820_add_entry(all->list[i].base, all->list[i].size, E820_RESERVED);
    }
}

/* What is shared is memory of the machine that its system must not take. */
static void reserve_memory(void)
{
    UintrPartition *p;

    QLIST_FOREACH(p, &partitions, next) {
        reserve(&p->windows[WINDOW_MEMORY]);
        reserve(&p->windows[WINDOW_MMIO]);
        reserve(&p->windows[WINDOW_SHARED]);
        reserve(&p->windows[WINDOW_CONTROL]);
    }
}

/* The host bridge comes right after the machine's RAM. */
static void on_device(DeviceListener *listener, DeviceState *dev)
{
    if (!partition_root_bus &&
        object_dynamic_cast(OBJECT(dev), TYPE_Q35_HOST_DEVICE)) {
        reserve_memory();
        partition_take_bus(PCI_HOST_BRIDGE(dev)->bus);
    }
}

/*
 * ACPI's control method for hotplug would offer them.  There is an interface
 * of old with a list of its own, and the guest's first access would exchange
 * it for the one with this list.
 */
static void hide_from_hotplug(ICH9LPCState *lpc)
{
    CPUHotplugState *hotplug = &lpc->pm.cpuhp_state;

    object_property_set_bool(OBJECT(lpc), "cpu-hotplug-legacy", false,
                             &error_abort);
    for (unsigned i = 0; i < hotplug->dev_count; i++) {
        if (partition_of(hotplug->devs[i].cpu)) {
            hotplug->devs[i].cpu = NULL;
        }
    }
}

/*
 * Firmware may ask for SMIs that reach all CPUs.  That is offered no more, nor
 * what depends on it: then an SMI is for the CPU that raised it (P8).
 */
static void forbid_smi_for_all(ICH9LPCState *lpc)
{
    lpc->smi_host_features = 0;
    memset(lpc->smi_host_features_le, 0, sizeof(lpc->smi_host_features_le));
}

static bool check_cpus(UintrPartition *p, Error **errp)
{
    unsigned last = find_last_bit(p->cpus, PARTITION_MAX_CPUS);
    unsigned count = MACHINE(qdev_get_machine())->smp.cpus;

    if (last >= count) {
        error_setg(errp, "partition %s, cpus=%s: the machine has CPUs 0 to %u: "
                   "choose from them, or start with -smp %u",
                   partition_name(p), p->cpus_text, count - 1, last + 1);
        return false;
    }
    return true;
}

static bool is_there(const char *type)
{
    bool ambiguous;

    return object_resolve_path_type("", type, &ambiguous) || ambiguous;
}

static bool check_machine(Error **errp)
{
    if (!tcg_enabled()) {
        error_setg(errp, "uintr-partition needs TCG: start with -accel tcg");
    } else if (!partition_root_bus) {
        error_setg(errp, "uintr-partition needs a machine whose parts it "
                   "knows: start with -machine q35");
    } else if (x86_iommu_get_default() || is_there("virtio-iommu-device")) {
        error_setg(errp, "uintr-partition decides about DMA itself: start "
                   "without an IOMMU device");
    } else if (is_there(TYPE_IOTHREAD)) {
        error_setg(errp, "uintr-partition: a device in a thread of its own "
                   "would wait in a guard while its owner waits for it: start "
                   "without -object iothread");
    } else {
        return true;
    }
    return false;
}

static bool (*machine_allows)(MachineState *ms, DeviceState *dev,
                              Error **errp);

/* What comes later has passed no check, of its place for instance. */
static bool allow_hotplug(MachineState *ms, DeviceState *dev, Error **errp)
{
    if (object_dynamic_cast(OBJECT(dev), TYPE_PCI_DEVICE)) {
        error_setg(errp, "a machine with partitions takes no PCI devices "
                   "later: give -device %s on the command line",
                   object_get_typename(OBJECT(dev)));
        return false;
    }
    return machine_allows(ms, dev, errp);
}

static void filter_hotplug(void)
{
    MachineClass *mc = MACHINE_GET_CLASS(qdev_get_machine());

    machine_allows = mc->hotplug_allowed;
    mc->hotplug_allowed = allow_hotplug;
}

/* ---- Reset ---- */

/* The first partition's reset is its own affair, but for the very first. */
static void on_reset(void *opaque)
{
    UintrPartition *p;

    if (runstate_check(RUN_STATE_RESTORE_VM)) {
        return;
    }
    QLIST_FOREACH(p, &partitions, next) {
        partition_reset_control(p);
        if (!p->reset_done || p->reset_with_machine) {
            if (p->start) {
                partition_restart(p);
            } else {
                partition_stop(p, PARTITION_STOPPED);
            }
            p->reset_done = true;
        }
    }
}

static void on_machine_done(Notifier *n, void *unused)
{
    ICH9LPCState *lpc = (ICH9LPCState *)
        object_resolve_path_type("", TYPE_ICH9_LPC_DEVICE, NULL);
    UintrPartition *p;

    check_machine(&error_fatal);
    QLIST_FOREACH(p, &partitions, next) {
        check_cpus(p, &error_fatal);
        partition_confine_devices(p, &error_fatal);
    }
    partition_filter_config(partition_root_bus);
    partition_filter_ecam();
    hide_from_hotplug(lpc);
    forbid_smi_for_all(lpc);
    filter_hotplug();
    qemu_register_reset(on_reset, NULL);
}

/*
 * A device that patches the code of any CPU which uses its local APIC's task
 * priority, at the wish of whoever writes to its port.
 */
static GlobalProperty without_vapic = {
    .driver = TYPE_APIC_COMMON, .property = "vapic", .value = "off",
};

static DeviceListener device_listener = { .realize = on_device };
static Notifier machine_done = { .notify = on_machine_done };

void partition_watch_machine(void)
{
    qdev_prop_register_global(&without_vapic);
    device_listener_register(&device_listener);
    qemu_add_machine_init_done_notifier(&machine_done);
}
