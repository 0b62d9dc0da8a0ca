/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoints that are unplugged in the midst of traffic, and plugged again. */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/pci-pc.h"
#include "qobject/qdict.h"
#include "hw/pci/pci_regs.h"
#include "mailbox-rig.h"

#define NATIVE_HOTPLUG                                                      \
    "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "
#define PORTS                                                               \
    "-device pcie-root-port,id=port1,chassis=1,addr=06.0 "                  \
    "-device pcie-root-port,id=port2,chassis=2,addr=07.0 "
#define WINDOW(n) (0xe8000000 + (n) * 0x4000000)
#define WINDOW_SIZE 0x4000000
/* libqos' numbers of slots run on from one bus to the next. */
#define SLOT_BEHIND(n) (32 * (n))

/* Root port @n, in slot 5 + n, gets bus @n and a window. */
static void port_open(Rig *rig, int n)
{
    QPCIDevice *port = qpci_device_find(rig->bus, QPCI_DEVFN(5 + n, 0));
    uint32_t base = WINDOW(n), limit = base + WINDOW_SIZE - 1;

    qpci_config_writeb(port, PCI_SECONDARY_BUS, n);
    qpci_config_writeb(port, PCI_SUBORDINATE_BUS, n);
    qpci_config_writew(port, PCI_MEMORY_BASE, base >> 16);
    qpci_config_writew(port, PCI_MEMORY_LIMIT, limit >> 16);
    qpci_config_writew(port, PCI_PREF_MEMORY_BASE, 0xfff0);
    qpci_config_writew(port, PCI_PREF_MEMORY_LIMIT, 0);
    qpci_config_writew(port, PCI_COMMAND,
                       PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    g_free(port);
}

static void port_power(Rig *rig, int n, bool on)
{
    QPCIDevice *port = qpci_device_find(rig->bus, QPCI_DEVFN(5 + n, 0));
    uint8_t cap = qpci_find_capability(port, PCI_CAP_ID_EXP, 0);
    uint16_t control = qpci_config_readw(port, cap + PCI_EXP_SLTCTL);

    control &= ~(PCI_EXP_SLTCTL_PIC | PCI_EXP_SLTCTL_PCC);
    control |= on ? PCI_EXP_SLTCTL_PWR_IND_ON : PCI_EXP_SLTCTL_PWR_IND_OFF |
               PCI_EXP_SLTCTL_PWR_OFF;
    qpci_config_writew(port, cap + PCI_EXP_SLTCTL, control);
    g_free(port);
}

/* The endpoint behind root port @n */
static void open_behind(Endpoint *e, Rig *rig, int n)
{
    rig->bus->mmio_alloc_ptr = WINDOW(n);
    endpoint_open(e, rig, SLOT_BEHIND(n));
}

/* The monitor asks, the guest switches off. */
static void unplug(Rig *rig, int n, const char *id)
{
    qtest_qmp_device_del_send(rig->qts, id);
    port_power(rig, n, false);
    qtest_qmp_eventwait(rig->qts, "DEVICE_DELETED");
}

static void forget(Endpoint *e)
{
    g_free(e->dev->pdev);
    g_free(e->dev);
}

static void exchange(Endpoint *from, Endpoint *to)
{
    uint64_t report;

    offer_buffer(to, 8);
    report = send_message(from, 8, 1);
    wait_for_used(from, MBOX_QUEUE_TX);
    g_assert_cmpint(report_status(from, report), ==, MBOX_STATUS_DELIVERED);
    wait_for_used(to, MBOX_QUEUE_RX);
}

/* What the one that stays sees of the other's end */
static void expect_gone(Endpoint *e, unsigned peer_side)
{
    g_assert_cmpint(reg32(e, MBOX_REG_LINK), ==, MBOX_LINK_DOWN);
    g_assert_cmphex(mem32(e, shm(e, MBOX_CFG_UPID_OFFSET,
                                 peer_side * 0x1000)), ==, 0);
}

static unsigned count_ram_blocks(Rig *rig)
{
    g_autofree char *text = qtest_hmp(rig->qts, "info ramblock");
    unsigned n = 0;

    for (char *at = text; (at = strchr(at, '\n')); at++) {
        n++;
    }
    return n;
}

/* MB48: either of the two, and another in its place */
static void test_one_process(void)
{
    Rig rig;
    Endpoint e[2];
    unsigned blocks;

    rig_start(&rig, NATIVE_HOTPLUG PORTS
              "-device virtio-uintr-mailbox-pci,id=m0,bus=port1,"
              "latency-ns=500 "
              "-device virtio-uintr-mailbox-pci,id=m1,bus=port2,peer=m0,"
              "latency-ns=500 -smp 2");
    for (int i = 0; i < 2; i++) {
        port_open(&rig, i + 1);
        open_behind(&e[i], &rig, i + 1);
        set64(&e[i], MBOX_REG_ENABLE, 1);
    }
    blocks = count_ram_blocks(&rig);
    for (int goes = 1; goes >= 0; goes--) {
        int stays = !goes;
        uint64_t waits, flies;

        waits = send_message(&e[stays], 8, 1);
        send_message(&e[goes], 8, 1);
        qtest_clock_step(rig.qts, 500);         /* and finds no buffer */
        flies = send_message(&e[stays], 8, 2);
        ring(&e[stays], 0);
        ring(&e[goes], 0);
        qtest_writel(rig.qts, shm(&e[stays], MBOX_CFG_UPID_OFFSET,
                                  goes * 0x1000), 1);
        unplug(&rig, goes + 1, goes ? "m1" : "m0");
        expect_gone(&e[stays], goes);
        qtest_clock_step(rig.qts, 1000);
        g_assert_cmpint(reg32(&e[stays], MBOX_REG_RING_STATUS), ==,
                        MBOX_RING_REFUSED);
        g_assert_cmpint(report_status(&e[stays], waits), ==,
                        MBOX_STATUS_PEER_GONE);
        g_assert_cmpint(report_status(&e[stays], flies), ==,
                        MBOX_STATUS_PEER_GONE);
        forget(&e[goes]);
        qtest_qmp_device_add(rig.qts, "virtio-uintr-mailbox-pci",
                             goes ? "m1" : "m0", "{'bus': %s, 'peer': %s, "
                             "'latency-ns': 500}",
                             goes ? "port2" : "port1", goes ? "m0" : "m1");
        port_power(&rig, goes + 1, true);
        open_behind(&e[goes], &rig, goes + 1);
        g_assert_cmpint(cfg32(&e[goes], MBOX_CFG_SIDE), ==, goes);
        endpoint_reset(&e[stays]);
        endpoint_start(&e[stays], ALL_QUEUES);
        set64(&e[stays], MBOX_REG_ENABLE, 1);
        set64(&e[goes], MBOX_REG_ENABLE, 1);
        g_assert_cmpint(reg32(&e[stays], MBOX_REG_LINK), ==, MBOX_LINK_UP);
        offer_buffer(&e[goes], 8);
        waits = send_message(&e[stays], 8, 1);
        qtest_clock_step(rig.qts, 500);
        g_assert_cmpint(report_status(&e[stays], waits), ==,
                        MBOX_STATUS_DELIVERED);
    }
    WAIT_UNTIL(count_ram_blocks(&rig) == blocks);   /* nothing of theirs */
    endpoint_close(&e[0]);
    endpoint_close(&e[1]);
    rig_stop(&rig);
}

/* MB48: the peer in the other process hears of it as of an end */
static void test_two_processes(void)
{
    TwoSides p;
    g_autofree char *options = NULL;
    uint64_t report;

    side_open(&p, 0, "");
    options = g_strdup_printf(
        NATIVE_HOTPLUG PORTS "-chardev socket,id=c,path=%s,reconnect-ms=10 "
        "-device virtio-uintr-mailbox-pci,id=m,bus=port1,chardev=c,side=1",
        socket_path);
    rig_start(&p.rig[1], options);
    port_open(&p.rig[1], 1);
    open_behind(&p.e[1], &p.rig[1], 1);
    for (int i = 0; i < 3; i++) {
        wait_for_link(&p.e[0], MBOX_LINK_UP);
        wait_for_link(&p.e[1], MBOX_LINK_UP);
        exchange(&p.e[0], &p.e[1]);
        exchange(&p.e[1], &p.e[0]);
        report = send_message(&p.e[0], 8, 1);   /* no buffer there */
        send_message(&p.e[1], 8, 1);
        unplug(&p.rig[1], 1, "m");
        wait_for_link(&p.e[0], MBOX_LINK_DOWN);
        expect_gone(&p.e[0], 1);
        g_assert_cmpint(ring(&p.e[0], 0), ==, MBOX_RING_REFUSED);
        g_assert_cmpint(report_status(&p.e[0], report), ==,
                        MBOX_STATUS_UNKNOWN);
        forget(&p.e[1]);
        endpoint_reset(&p.e[0]);
        endpoint_start(&p.e[0], ALL_QUEUES);
        qtest_qmp_device_add(p.rig[1].qts, "virtio-uintr-mailbox-pci", "m",
                             "{'bus': 'port1', 'chardev': 'c', 'side': 1}");
        port_power(&p.rig[1], 1, true);
        open_behind(&p.e[1], &p.rig[1], 1);
    }
    wait_for_link(&p.e[0], MBOX_LINK_UP);
    sides_close(&p);
}

/* MB48: the memory map is firmware's by now */
static void test_fixed_address(const void *option)
{
    Rig rig;
    QDict *answer;

    rig_start(&rig, NATIVE_HOTPLUG PORTS);
    answer = qtest_qmp(rig.qts, "{'execute': 'device_add', 'arguments': "
                       "{'driver': 'virtio-uintr-mailbox-pci', "
                       "'bus': 'port1', %s: %" PRId64 "}}",
                       (const char *)option, (int64_t)0x41ffe000);
    g_assert_nonnull(strstr(qdict_get_str(qdict_get_qdict(answer, "error"),
                                          "desc"), option));
    qobject_unref(answer);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    socket_path_make();
    qtest_add_func("/mailbox/plug/MB48-one-process", test_one_process);
    qtest_add_func("/mailbox/plug/MB48-two-processes", test_two_processes);
    qtest_add_data_func("/mailbox/plug/MB48-fixed-window", "upid-window-addr",
                        test_fixed_address);
    qtest_add_data_func("/mailbox/plug/MB48-fixed-common", "common-addr",
                        test_fixed_address);
    status = g_test_run();
    socket_path_remove();
    return status;
}
