/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "libqtest.h"
#include "libqos/malloc-pc.h"
#include "libqos/pci-pc.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_pci.h"
#include "qobject/qdict.h"
#include "mailbox-rig.h"

void rig_start(Rig *rig, const char *options)
{
    rig->qts = qtest_initf("-machine q35 -nodefaults -cpu max,uintr=on %s",
                           options);
    pc_alloc_init(&rig->alloc, rig->qts, ALLOC_NO_FLAGS);
    rig->bus = qpci_new_pc(rig->qts, &rig->alloc);
}

void rig_start_pair(Rig *rig, const char *a, const char *b)
{
    g_autofree char *options = g_strdup_printf(
        "-smp 4 -device virtio-uintr-mailbox-pci,id=a,addr=04.0%s "
        "-device virtio-uintr-mailbox-pci,id=b,addr=05.0,peer=a%s", a, b);

    rig_start(rig, options);
}

void rig_start_side(Rig *rig, const char *socket, int side,
                    const char *options)
{
    g_autofree char *text = g_strdup_printf(
        "-smp 2 -chardev socket,id=c,path=%s,%s "
        "-device virtio-uintr-mailbox-pci,id=m,addr=04.0,chardev=c,side=%d%s",
        socket, side ? "server=off,reconnect-ms=10" : "server=on,wait=off",
        side, options);

    rig_start(rig, text);
}

void rig_stop(Rig *rig)
{
    qpci_free_pc(rig->bus);
    alloc_destroy(&rig->alloc);
    qtest_quit(rig->qts);
}

uint64_t rig_number(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    uint64_t number;

    return text && !qemu_strtou64(text, NULL, 0, &number) ? number : fallback;
}

static char *migration_state(QTestState *qts)
{
    QDict *answer = qtest_qmp(qts, "{'execute': 'query-migrate'}");
    QDict *info = qdict_get_qdict(answer, "return");
    char *status = g_strdup(qdict_get_try_str(info, "status"));

    qobject_unref(answer);
    return status;
}

bool wait_for_migration(QTestState *qts)
{
    for (;;) {
        g_autofree char *state = migration_state(qts);

        if (!g_strcmp0(state, "completed") || !g_strcmp0(state, "failed")) {
            return !strcmp(state, "completed");
        }
        g_usleep(1000);
    }
}

static int log_file;

int log_start(void)
{
    g_autofree char *path = NULL;
    int old = dup(2);

    log_file = g_file_open_tmp("mailbox-log-XXXXXX", &path, NULL);
    g_assert_cmpint(log_file, >=, 0);
    unlink(path);
    dup2(log_file, 2);
    return old;
}

char *log_end(int old)
{
    off_t size = lseek(log_file, 0, SEEK_END);
    char *text = g_malloc0(size + 1);

    dup2(old, 2);
    close(old);
    g_assert_cmpint(pread(log_file, text, size, 0), ==, size);
    close(log_file);
    return text;
}

void log_expect(int old, const char *text)
{
    g_autofree char *log = log_end(old);

    if (!strstr(log, text)) {
        g_test_message("no \"%s\" in: %s", text, log);
        g_test_fail();
    }
}

void endpoint_find(Endpoint *e, Rig *rig, int slot)
{
    QPCIAddress addr = { .devfn = QPCI_DEVFN(slot, 0) };

    *e = (Endpoint) { .rig = rig };
    e->dev = virtio_pci_new(rig->bus, &addr);
    g_assert_nonnull(e->dev);
    g_assert_cmpint(e->dev->vdev.device_type, ==, MBOX_VIRTIO_ID);
    qvirtio_pci_device_enable(e->dev);
    e->shm = qpci_iomap(e->dev->pdev, MBOX_SHM_BAR, NULL);
    qvirtio_reset(&e->dev->vdev);
}

static void set_up_queue(Endpoint *e, unsigned queue)
{
    e->queue[queue] = qvirtqueue_setup(&e->dev->vdev, &e->rig->alloc, queue);
}

void endpoint_set_up(Endpoint *e, unsigned queues)
{
    QVirtioDevice *vdev = &e->dev->vdev;
    uint64_t offered;

    qvirtio_set_acknowledge(vdev);
    qvirtio_set_driver(vdev);
    offered = qvirtio_get_features(vdev);
    offered &= ~(1ull << VIRTIO_RING_F_EVENT_IDX |
                 1ull << VIRTIO_F_NOTIFICATION_DATA);
    qvirtio_set_features(vdev, e->features ? e->features : offered);
    for (unsigned i = 0; i < MBOX_QUEUES; i++) {
        if (queues & 1u << i) {
            set_up_queue(e, i);
        }
    }
}

void endpoint_start(Endpoint *e, unsigned queues)
{
    endpoint_set_up(e, queues);
    qvirtio_set_driver_ok(&e->dev->vdev);
}

void endpoint_open(Endpoint *e, Rig *rig, int slot)
{
    endpoint_find(e, rig, slot);
    endpoint_start(e, ALL_QUEUES);
}

static void free_queues(Endpoint *e)
{
    for (unsigned i = 0; i < MBOX_QUEUES; i++) {
        if (e->queue[i]) {
            qvirtqueue_cleanup(e->dev->vdev.bus, e->queue[i], &e->rig->alloc);
            e->queue[i] = NULL;
        }
    }
}

void endpoint_reset(Endpoint *e)
{
    qvirtio_reset(&e->dev->vdev);
    e->dev->vdev.features_negotiated = false;
    free_queues(e);
}

void endpoint_close(Endpoint *e)
{
    free_queues(e);
    qpci_iounmap(e->dev->pdev, e->shm);
    qvirtio_pci_device_disable(e->dev);
    g_free(e->dev->pdev);
    g_free(e->dev);
}

uint32_t reg32(Endpoint *e, unsigned offset)
{
    return qpci_io_readl(e->dev->pdev, e->shm, MBOX_REGS_OFFSET + offset);
}

uint64_t reg64(Endpoint *e, unsigned offset)
{
    return qpci_io_readq(e->dev->pdev, e->shm, MBOX_REGS_OFFSET + offset);
}

void set32(Endpoint *e, unsigned offset, uint32_t value)
{
    qpci_io_writel(e->dev->pdev, e->shm, MBOX_REGS_OFFSET + offset, value);
}

void set64(Endpoint *e, unsigned offset, uint64_t value)
{
    qpci_io_writeq(e->dev->pdev, e->shm, MBOX_REGS_OFFSET + offset, value);
}

uint32_t cfg32(Endpoint *e, unsigned offset)
{
    return qvirtio_config_readl(&e->dev->vdev, offset);
}

uint64_t counter(Endpoint *e, unsigned n)
{
    return reg64(e, MBOX_REG_COUNTERS + 8 * n);
}

void wait_for_link(Endpoint *e, uint32_t link)
{
    WAIT_UNTIL(reg32(e, MBOX_REG_LINK) == link);
}

uint64_t send_message(Endpoint *e, uint32_t length, uint8_t first)
{
    QTestState *qts = e->rig->qts;
    QVirtQueue *vq = e->queue[MBOX_QUEUE_TX];
    uint64_t text = guest_alloc(&e->rig->alloc, length);
    uint64_t report = guest_alloc(&e->rig->alloc, MBOX_TX_REPORT_SIZE);
    uint32_t head;

    qtest_memset(qts, text, 0x5a, length);
    qtest_writeb(qts, text, first);
    qtest_writel(qts, report + MBOX_TX_STATUS, NO_REPORT_YET);
    head = qvirtqueue_add(qts, vq, text, length, false, true);
    qvirtqueue_add(qts, vq, report, MBOX_TX_REPORT_SIZE, true, false);
    qvirtqueue_kick(qts, &e->dev->vdev, vq, head);
    return report;
}

static void offer(Endpoint *e, unsigned queue, uint64_t at, uint32_t length)
{
    QVirtQueue *vq = e->queue[queue];
    uint32_t head = qvirtqueue_add(e->rig->qts, vq, at, length, true, false);

    qvirtqueue_kick(e->rig->qts, &e->dev->vdev, vq, head);
}

void add_receive_buffer(Endpoint *e, uint64_t at, uint32_t length)
{
    offer(e, MBOX_QUEUE_RX, at, length);
}

uint64_t offer_buffer(Endpoint *e, uint32_t length)
{
    uint64_t at = guest_alloc(&e->rig->alloc, length + MBOX_RX_HEADER_SIZE);

    qtest_memset(e->rig->qts, at, 0, length + MBOX_RX_HEADER_SIZE);
    offer(e, MBOX_QUEUE_RX, at, length + MBOX_RX_HEADER_SIZE);
    return at;
}

uint64_t offer_event(Endpoint *e)
{
    uint64_t at = guest_alloc(&e->rig->alloc, MBOX_EVENT_SIZE);

    qtest_memset(e->rig->qts, at, 0, MBOX_EVENT_SIZE);
    offer(e, MBOX_QUEUE_EVENTS, at, MBOX_EVENT_SIZE);
    return at;
}

bool used(Endpoint *e, unsigned queue, uint32_t *length)
{
    return qvirtqueue_get_buf(e->rig->qts, e->queue[queue], NULL, length);
}

void wait_for_used(Endpoint *e, unsigned queue)
{
    WAIT_UNTIL(used(e, queue, NULL));
}

uint32_t report_status(Endpoint *e, uint64_t report)
{
    return mem32(e, report + MBOX_TX_STATUS);
}

uint32_t mem32(Endpoint *e, uint64_t addr)
{
    return qtest_readl(e->rig->qts, addr);
}

uint64_t mem64(Endpoint *e, uint64_t addr)
{
    return qtest_readq(e->rig->qts, addr);
}

uint64_t shm(Endpoint *e, unsigned section, unsigned offset)
{
    return e->shm.addr + cfg32(e, section) + offset;
}

uint32_t ring(Endpoint *e, unsigned doorbell)
{
    set32(e, MBOX_REG_DOORBELL, doorbell);
    return reg32(e, MBOX_REG_RING_STATUS + 4 * doorbell);
}

void program_msix(Endpoint *e, unsigned entry, uint64_t to, uint32_t data)
{
    QPCIDevice *pci = e->dev->pdev;
    uint64_t at = pci->msix_table_off + 16 * entry;

    qpci_io_writel(pci, pci->msix_table_bar, at, to);
    qpci_io_writel(pci, pci->msix_table_bar, at + 4, to >> 32);
    qpci_io_writel(pci, pci->msix_table_bar, at + 8, data);
    qpci_io_writel(pci, pci->msix_table_bar, at + 12, 0);
}

/* ---- One process ---- */

void pair_open(Pair *p, const char *a, const char *b)
{
    rig_start_pair(&p->rig, a, b);
    endpoint_open(&p->b, &p->rig, 5);
    endpoint_open(&p->a, &p->rig, 4);
}

void pair_close(Pair *p)
{
    endpoint_close(&p->a);
    endpoint_close(&p->b);
    rig_stop(&p->rig);
}

/* ---- Two processes ---- */

static char *folder;
char *socket_path;

void socket_path_make(void)
{
    folder = g_dir_make_tmp("mailbox-XXXXXX", NULL);
    socket_path = g_build_filename(folder, "socket", NULL);
}

void socket_path_remove(void)
{
    unlink(socket_path);
    rmdir(folder);
}

void side_open(TwoSides *p, int side, const char *options)
{
    rig_start_side(&p->rig[side], socket_path, side, options);
    endpoint_open(&p->e[side], &p->rig[side], 4);
}

void sides_open(TwoSides *p)
{
    side_open(p, 0, "");
    side_open(p, 1, "");
    wait_for_link(&p->e[0], MBOX_LINK_UP);
    wait_for_link(&p->e[1], MBOX_LINK_UP);
}

void side_close(TwoSides *p, int side)
{
    endpoint_close(&p->e[side]);
    rig_stop(&p->rig[side]);
}

void side_kill(TwoSides *p, int side)
{
    qtest_kill_qemu(p->rig[side].qts);
    g_free(p->e[side].dev->pdev);
    g_free(p->e[side].dev);
    alloc_destroy(&p->rig[side].alloc);
    qpci_free_pc(p->rig[side].bus);
}

void sides_close(TwoSides *p)
{
    side_close(p, 1);
    side_close(p, 0);
}
