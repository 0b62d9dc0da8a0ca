// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The driver of virtio-uintr-mailbox: what the device says of itself, and its
 * coming and going.  It needs nothing of virtio that the stock core does not
 * export: doorbells interrupt by the MSI-X entry of the configuration, which
 * is 0 in whatever way virtio_pci has shared out the entries (RING_MSIX, MB24).
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include "mailbox.h"

#define CONFIG_ENTRY	0

u32 mailbox_config(struct mailbox *m, unsigned int offset)
{
	__le32 value;

	m->vdev->config->get(m->vdev, offset, &value, sizeof(value));
	return le32_to_cpu(value);
}

static bool section_fits(const struct mailbox *m,
			 const struct mailbox_section *s)
{
	return PAGE_ALIGNED(s->offset) && PAGE_ALIGNED(s->size) && s->size &&
	       s->size <= m->shm_size && s->offset <= m->shm_size - s->size;
}

/* In the order of FBMB_MAP_* */
static int find_sections(struct mailbox *m)
{
	u64 output = mailbox_config(m, MBOX_CFG_OUTPUT_OFFSET);
	u64 size = mailbox_config(m, MBOX_CFG_OUTPUT_SIZE);
	u64 half = mailbox_config(m, MBOX_CFG_UPID_SIZE);
	struct mailbox_section sections[] = {
		{ mailbox_config(m, MBOX_CFG_REGS_OFFSET), PAGE_SIZE },
		{ mailbox_config(m, MBOX_CFG_STATE_OFFSET), 2 * PAGE_SIZE },
		{ mailbox_config(m, MBOX_CFG_COMMON_OFFSET),
		  mailbox_config(m, MBOX_CFG_COMMON_SIZE), true },
		{ output + m->side * size, size, true },
		{ output + !m->side * size, size },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(sections); i++)
		if (!section_fits(m, &sections[i]))
			return -ENXIO;
	memcpy(m->sections, sections, sizeof(sections));
	m->upids = (struct mailbox_section) {
		mailbox_config(m, MBOX_CFG_UPID_OFFSET), 2 * half, true };
	return section_fits(m, &m->upids) ? 0 : -ENXIO;
}

static int read_config(struct mailbox *m)
{
	struct virtio_shm_region region;

	if (mailbox_config(m, MBOX_CFG_MAGIC) != MBOX_MAGIC ||
	    mailbox_config(m, MBOX_CFG_VERSION) != MBOX_VERSION) {
		dev_err(&m->vdev->dev, "not a mailbox of version %d\n",
			MBOX_VERSION);
		return -ENODEV;
	}
	if (!virtio_get_shm_region(m->vdev, &region, MBOX_SHM_ID))
		return -ENXIO;
	m->shm_base = region.addr;
	m->shm_size = region.len;
	m->side = mailbox_config(m, MBOX_CFG_SIDE) == 1;
	m->max_message = mailbox_config(m, MBOX_CFG_MAX_MESSAGE);
	return find_sections(m);
}

static int map_registers(struct mailbox *m)
{
	m->regs = ioremap(m->shm_base + m->sections[0].offset, PAGE_SIZE);
	m->state = memremap(m->shm_base + m->sections[1].offset, 2 * PAGE_SIZE,
			    MEMREMAP_WB);
	return m->regs && m->state ? 0 : -ENOMEM;
}

static void unmap_registers(struct mailbox *m)
{
	if (m->regs)
		iounmap(m->regs);
	if (m->state)
		memunmap(m->state);
}

static struct mailbox *mailbox_alloc(struct virtio_device *vdev)
{
	struct mailbox *m = kzalloc(sizeof(*m), GFP_KERNEL);

	if (!m)
		return NULL;
	m->vdev = vdev;
	mailbox_begin(m);
	init_rwsem(&m->alive);
	init_rwsem(&m->mapped);
	spin_lock_init(&m->tx_lock);
	spin_lock_init(&m->rx_lock);
	spin_lock_init(&m->event_lock);
	spin_lock_init(&m->files_lock);
	spin_lock_init(&m->ring_lock);
	mutex_init(&m->rx_reader);
	init_waitqueue_head(&m->wait);
	INIT_LIST_HEAD(&m->rx_ready);
	INIT_LIST_HEAD(&m->files);
	return m;
}

static void start(struct mailbox *m)
{
	int i;

	virtio_device_ready(m->vdev);
	for (i = 0; i < MBOX_DOORBELLS; i++)
		writel(CONFIG_ENTRY, m->regs + MBOX_REG_RING_MSIX + 4 * i);
	mailbox_queues_fill(m);
}

static int probe(struct virtio_device *vdev)
{
	struct mailbox *m = mailbox_alloc(vdev);
	int error = m ? 0 : -ENOMEM;

	if (error)
		return error;
	vdev->priv = m;
	error = read_config(m);
	if (error)
		goto free;
	error = map_registers(m);
	if (error)
		goto unmap;
	error = mailbox_queues_start(m);
	if (error)
		goto unmap;
	start(m);
	error = mailbox_window_start(m);
	if (error)
		goto stop;
	error = mailbox_add(m);
	if (error)
		goto close;
	return 0;
close:
	mailbox_window_stop(m);
stop:
	virtio_reset_device(vdev);
	mailbox_queues_stop(m);
unmap:
	unmap_registers(m);
free:
	put_device(&m->dev);
	return error;
}

/* Who has it open keeps the struct, and finds that the device is gone. */
static void remove(struct virtio_device *vdev)
{
	struct mailbox *m = vdev->priv;

	mailbox_remove(m);
	mailbox_window_stop(m);
	virtio_reset_device(vdev);
	mailbox_queues_stop(m);
	unmap_registers(m);
	put_device(&m->dev);
}

/* Of the configuration, or of a doorbell: both are by the same entry. */
static void config_changed(struct virtio_device *vdev)
{
	struct mailbox *m = vdev->priv;

	mailbox_rung(m);
	wake_up_interruptible(&m->wait);
}

static const struct virtio_device_id ids[] = {
	{ MBOX_VIRTIO_ID, VIRTIO_DEV_ANY_ID },
	{ 0 },
};

static unsigned int features[] = { MBOX_F_EVENTS, MBOX_F_POST, MBOX_F_ROUTE };

static struct virtio_driver driver = {
	.driver.name = KBUILD_MODNAME,
	.driver.owner = THIS_MODULE,
	.id_table = ids,
	.feature_table = features,
	.feature_table_size = ARRAY_SIZE(features),
	.probe = probe,
	.remove = remove,
	.config_changed = config_changed,
};

static int __init mailbox_init(void)
{
	int error = mailbox_files_init();

	if (error)
		return error;
	error = register_virtio_driver(&driver);
	if (error)
		mailbox_files_exit();
	return error;
}

static void __exit mailbox_exit(void)
{
	unregister_virtio_driver(&driver);
	mailbox_files_exit();
}

module_init(mailbox_init);
module_exit(mailbox_exit);
MODULE_DEVICE_TABLE(virtio, ids);
MODULE_DESCRIPTION("Farbell mailbox between partitions");
MODULE_LICENSE("GPL");
