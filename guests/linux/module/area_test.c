// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * farbell_area_test.ko: a user of uintr.h without a mailbox. Two areas lie in the same memory, each
 * with the other's peer part for its own, and global APIC IDs are local ones, so that what "the
 * peer" sends arrives here.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <asm/apic.h>

#include <farbell/uintr.h>
#include "area_test.h"
#include "uintr.h"

static void *memory;
static struct uintr_area *ours, *peers;
static atomic_t gone, released;

static void upid_gone(void *opaque, u32 offset)
{
	atomic_inc(&gone);
}

static void area_released(void *opaque)
{
	atomic_inc(&released);
}

static struct uintr_area *add(u32 own_offset)
{
	struct uintr_area_config config = {
		.owner = THIS_MODULE,
		.base = memory,
		.size = 2 * AREA_TEST_PART,
		.own_offset = own_offset,
		.own_size = AREA_TEST_PART,
		.ndst_shift = x2apic_mode ? 0 : UPID_NDST_XAPIC_SHIFT,
		.gone = upid_gone,
		.release = area_released,
	};

	return uintr_area_add(&config);
}

static int add_areas(void)
{
	ours = add(0);
	if (IS_ERR(ours))
		return PTR_ERR(ours);
	peers = add(AREA_TEST_PART);
	if (!IS_ERR(peers))
		return 0;
	uintr_area_remove(ours);
	return PTR_ERR(peers);
}

static void remove_areas(void)
{
	if (!ours)
		return;
	uintr_area_remove(ours);
	uintr_area_remove(peers);
	ours = NULL;
}

static int scribble(u32 offset)
{
	if (offset >= AREA_TEST_PART || offset % UPID_ALIGN)
		return -EINVAL;
	WRITE_ONCE(*(u64 *)(memory + offset), ~0ull);
	return 0;
}

static long test_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	switch (command) {
	case AREA_TEST_RECEIVE:
		return ours ? uintr_area_register_handler(ours, arg, 0) : -ENODEV;
	case AREA_TEST_SEND:
		return ours ? uintr_area_register_sender(peers, arg, arg >> 32) : -ENODEV;
	case AREA_TEST_SEND_PEER:
		return ours ? uintr_area_register_sender(ours, arg, arg >> 32) : -ENODEV;
	case AREA_TEST_SCRIBBLE:
		return scribble(arg);
	case AREA_TEST_GONE:
		return atomic_read(&gone);
	case AREA_TEST_REMOVE:
		remove_areas();
		return 0;
	case AREA_TEST_RELEASED:
		return atomic_read(&released);
	}
	return -ENOTTY;
}

static const struct file_operations test_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = test_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice test_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "farbell-area-test",
	.fops = &test_operations,
};

static int __init area_test_start(void)
{
	int ret;

	memory = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, 1);
	if (!memory)
		return -ENOMEM;
	ret = add_areas();
	if (!ret) {
		ret = misc_register(&test_device);
		if (ret)
			remove_areas();
	}
	if (ret)
		free_pages((unsigned long)memory, 1);
	return ret;
}

static void __exit area_test_stop(void)
{
	misc_deregister(&test_device);
	remove_areas();
	free_pages((unsigned long)memory, 1);
}

module_init(area_test_start);
module_exit(area_test_stop);

MODULE_DESCRIPTION("For the tests: an area of UPIDs whose peer is this kernel");
MODULE_LICENSE("GPL");
