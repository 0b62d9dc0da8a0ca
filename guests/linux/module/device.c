// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /dev/uintr, and what the module has of everything, in /sys/class/misc/uintr/objects. All zero
 * when nobody uses it (M15).
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "private.h"

static atomic_t counts[COUNT_KINDS];

void count_more(enum count kind)
{
	atomic_inc(&counts[kind]);
}

void count_less(enum count kind)
{
	atomic_dec(&counts[kind]);
}

static ssize_t objects_show(struct device *device, struct device_attribute *attr, char *buffer)
{
	static const char * const names[COUNT_KINDS] = {
		"threads", "receivers", "vectors", "tables", "senders", "areas",
	};
	ssize_t length = 0;
	int i;

	for (i = 0; i < COUNT_KINDS; i++)
		length += sysfs_emit_at(buffer, length, "%s %d\n", names[i],
					atomic_read(&counts[i]));
	return length;
}
static DEVICE_ATTR_RO(objects);

static struct attribute *device_attrs[] = { &dev_attr_objects.attr, NULL };
ATTRIBUTE_GROUPS(device);

static int register_handler(void __user *user)
{
	struct uintr_handler_args args;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if (args.reserved)
		return -EINVAL;
	return receiver_register(NULL, args.handler, args.flags);
}

static int alt_stack(void __user *user)
{
	struct uintr_stack_args args;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	return receiver_alt_stack(args.sp, args.size);
}

/* Descriptors are int: what is above must not become another by being cut. */
static long with_descriptor(int (*what)(int fd), unsigned long arg)
{
	return arg > INT_MAX ? -EBADF : what(arg);
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	switch (command) {
	case UINTR_IOC_REGISTER_HANDLER:
		return register_handler((void __user *)arg);
	case UINTR_IOC_UNREGISTER_HANDLER:
		return uintr_unregister_handler();
	case UINTR_IOC_VECTOR_FD:
		return vector_fd(arg);
	case UINTR_IOC_REGISTER_SENDER:
		return with_descriptor(vector_register_sender, arg);
	case UINTR_IOC_UNREGISTER_SENDER:
		return uintr_unregister_sender(arg);
	case UINTR_IOC_WAIT:
		return wait_for_interrupt(arg);
	case UINTR_IOC_REGISTER_SELF:
		return vector_register_self(arg);
	case UINTR_IOC_ALT_STACK:
		return alt_stack((void __user *)arg);
	case UINTR_IOC_DISCONNECT:
		return with_descriptor(vector_disconnect, arg);
	}
	return -ENOTTY;
}

/* No compat_ioctl: user interrupts are delivered to 64-bit code only. */
static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "uintr",
	.fops = &operations,
	.groups = device_groups,
	.mode = 0666,
};

int device_start(void)
{
	return misc_register(&device);
}

void device_stop(void)
{
	misc_deregister(&device);
}
