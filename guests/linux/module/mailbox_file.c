// SPDX-License-Identifier: GPL-2.0-or-later
/* /dev/farbell-mailboxN */
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mailbox.h"

#define DEVICES		16

static dev_t first;
static struct class *class;
static DEFINE_IDA(numbers);

/* ---- open, release ---- */

static int mailbox_open(struct inode *inode, struct file *file)
{
	struct mailbox *m = container_of(inode->i_cdev, struct mailbox, cdev);
	struct mailbox_file *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	f->m = m;
	init_waitqueue_head(&f->wait);
	file->f_mapping = m->inode->i_mapping;
	spin_lock_irq(&m->files_lock);
	f->events_seen = m->event_count;
	list_add_tail(&f->entry, &m->files);
	spin_unlock_irq(&m->files_lock);
	file->private_data = f;
	return stream_open(inode, file);
}

static int mailbox_fasync(int fd, struct file *file, int on)
{
	struct mailbox_file *f = file->private_data;

	return fasync_helper(fd, file, on, &f->async);
}

static int mailbox_release(struct inode *inode, struct file *file)
{
	struct mailbox_file *f = file->private_data;
	struct mailbox *m = f->m;

	down_read(&m->alive);
	mailbox_listen(f, 0);
	if (!m->gone)
		mailbox_window_leave(f);
	up_read(&m->alive);
	spin_lock_irq(&m->files_lock);
	list_del(&f->entry);
	spin_unlock_irq(&m->files_lock);
	put_pid(f->receiver);
	kfree(f);
	return 0;
}

/* ---- messages ---- */

static ssize_t mailbox_read(struct file *file, char __user *to, size_t room,
			    loff_t *offset)
{
	struct mailbox_file *f = file->private_data;

	return mailbox_receive(f->m, to, room, !(file->f_flags & O_NONBLOCK));
}

static ssize_t mailbox_write(struct file *file, const char __user *from,
			     size_t bytes, loff_t *offset)
{
	struct mailbox_file *f = file->private_data;

	return mailbox_send(f->m, from, bytes, !(file->f_flags & O_NONBLOCK));
}

static __poll_t mailbox_poll(struct file *file, poll_table *table)
{
	struct mailbox_file *f = file->private_data;
	struct mailbox *m = f->m;
	__poll_t events = 0;

	poll_wait(file, &f->wait, table);
	poll_wait(file, &m->wait, table);
	if (READ_ONCE(m->gone))
		return EPOLLERR | EPOLLHUP;
	if (READ_ONCE(f->rung) || READ_ONCE(m->event_count) != f->events_seen)
		events |= EPOLLPRI;
	if (poll_requested_events(table) & EPOLLIN && mailbox_has_message(m))
		events |= EPOLLIN | EPOLLRDNORM;
	if (poll_requested_events(table) & EPOLLOUT && mailbox_has_room(m))
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

/* ---- ioctl: each is called with m->alive, the device being there ---- */

static u32 state(struct mailbox *m, unsigned int field)
{
	return READ_ONCE(*(u32 *)(m->state + m->side * MBOX_PAGE_SIZE + field));
}

static long tell_info(struct mailbox_file *f, void __user *to)
{
	struct mailbox *m = f->m;
	struct fbmb_info info = {
		.side = m->side,
		.max_message = m->max_message,
		.link = state(m, MBOX_STATE_LINK),
		.generation = state(m, MBOX_STATE_GENERATION),
		.peer_generation = state(m, MBOX_STATE_PEER_GENERATION),
		.doorbells = MBOX_DOORBELLS,
		.state_size = m->sections[1].size,
		.common_size = m->sections[2].size,
		.output_size = m->sections[3].size,
		.upid_size = m->upids.size / 2,
	};

	return copy_to_user(to, &info, sizeof(info)) ? -EFAULT : 0;
}

static long tell_event(struct mailbox_file *f, void __user *to)
{
	struct fbmb_event event;

	if (!mailbox_next_event(f, &event))
		return -EAGAIN;
	return copy_to_user(to, &event, sizeof(event)) ? -EFAULT : 0;
}

static long ring(struct mailbox_file *f, void __user *argument)
{
	struct fbmb_ring r;

	if (copy_from_user(&r, argument, sizeof(r)))
		return -EFAULT;
	if (r.doorbell >= MBOX_DOORBELLS)
		return -EINVAL;
	r.status = mailbox_ring(f->m, r.doorbell);
	return copy_to_user(argument, &r, sizeof(r)) ? -EFAULT : 0;
}

static long listen(struct mailbox_file *f, void __user *argument)
{
	u64 doorbells;

	if (copy_from_user(&doorbells, argument, sizeof(doorbells)))
		return -EFAULT;
	mailbox_listen(f, doorbells);
	return 0;
}

static long tell_rung(struct mailbox_file *f, void __user *to)
{
	u64 rung;

	spin_lock_irq(&f->m->files_lock);
	rung = f->rung;
	f->rung = 0;
	spin_unlock_irq(&f->m->files_lock);
	return copy_to_user(to, &rung, sizeof(rung)) ? -EFAULT : 0;
}

static long set_state(struct mailbox_file *f, void __user *argument)
{
	u32 word;

	if (copy_from_user(&word, argument, sizeof(word)))
		return -EFAULT;
	writel(word, f->m->regs + MBOX_REG_STATE_WORD);
	return 0;
}

static long perform(struct mailbox_file *f, unsigned int call, void __user *a)
{
	switch (call) {
	case FBMB_INFO:
		return tell_info(f, a);
	case FBMB_EVENT:
		return tell_event(f, a);
	case FBMB_RING:
		return ring(f, a);
	case FBMB_LISTEN:
		return listen(f, a);
	case FBMB_RUNG:
		return tell_rung(f, a);
	case FBMB_STATE:
		return set_state(f, a);
	case FBMB_RECEIVER:
		return mailbox_receiver(f, a);
	case FBMB_SENDER:
		return mailbox_sender(f, a);
	case FBMB_BIND:
		return mailbox_bind(f, a);
	default:
		return -ENOTTY;
	}
}

static long mailbox_ioctl(struct file *file, unsigned int call,
			  unsigned long argument)
{
	struct mailbox_file *f = file->private_data;
	long result;

	if (down_read_killable(&f->m->alive))
		return -EINTR;
	result = f->m->gone ? -ENODEV :
		 perform(f, call, (void __user *)argument);
	up_read(&f->m->alive);
	return result;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = mailbox_open,
	.release = mailbox_release,
	.read = mailbox_read,
	.write = mailbox_write,
	.poll = mailbox_poll,
	.fasync = mailbox_fasync,
	.unlocked_ioctl = mailbox_ioctl,
	.mmap = mailbox_mmap,
	.llseek = no_llseek,
};

/* ---- coming and going ---- */

/* All zero when nobody uses the mailbox. */
static ssize_t objects_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	struct mailbox *m = container_of(dev, struct mailbox, dev);
	struct mailbox_file *f;
	int files = 0;

	spin_lock_irq(&m->files_lock);
	list_for_each_entry(f, &m->files, entry)
		files++;
	spin_unlock_irq(&m->files_lock);
	return sysfs_emit(buffer, "files %d\nmessages %d\n", files, atomic_read(&m->messages));
}
static DEVICE_ATTR_RO(objects);

static struct attribute *mailbox_attrs[] = { &dev_attr_objects.attr, NULL };
ATTRIBUTE_GROUPS(mailbox);

static void release(struct device *dev)
{
	struct mailbox *m = container_of(dev, struct mailbox, dev);

	if (m->inode)
		iput(m->inode);
	if (m->number >= 0)
		ida_free(&numbers, m->number);
	kfree(m);
}

void mailbox_begin(struct mailbox *m)
{
	device_initialize(&m->dev);
	m->dev.release = release;
	m->number = -1;
}

int mailbox_add(struct mailbox *m)
{
	int error;

	error = mailbox_map_start(m);
	if (error)
		return error;
	m->number = ida_alloc_max(&numbers, DEVICES - 1, GFP_KERNEL);
	if (m->number < 0)
		return m->number;
	m->dev.devt = MKDEV(MAJOR(first), m->number);
	m->dev.class = class;
	m->dev.parent = &m->vdev->dev;
	m->dev.groups = mailbox_groups;
	cdev_init(&m->cdev, &operations);
	m->cdev.owner = THIS_MODULE;
	error = dev_set_name(&m->dev, "farbell-mailbox%d", m->number);
	return error ? error : cdev_device_add(&m->cdev, &m->dev);
}

static void set_gone(struct mailbox *m)
{
	down_write(&m->alive);
	down_write(&m->mapped);
	spin_lock_irq(&m->tx_lock);
	spin_lock(&m->rx_lock);
	m->gone = true;
	spin_unlock(&m->rx_lock);
	spin_unlock_irq(&m->tx_lock);
	up_write(&m->mapped);
	up_write(&m->alive);
}

void mailbox_remove(struct mailbox *m)
{
	struct mailbox_file *f;

	cdev_device_del(&m->cdev, &m->dev);
	set_gone(m);
	wake_up_all(&m->wait);
	spin_lock_irq(&m->files_lock);
	list_for_each_entry(f, &m->files, entry)
		wake_up_all(&f->wait);
	spin_unlock_irq(&m->files_lock);
	mailbox_unmap_all(m);
}

static char *devnode(struct device *dev, umode_t *mode)
{
	if (mode)
		*mode = 0600;
	return NULL;
}

static int add_class(void)
{
	class = class_create(THIS_MODULE, "farbell-mailbox");
	if (IS_ERR(class))
		return PTR_ERR(class);
	class->devnode = devnode;
	return 0;
}

int mailbox_files_init(void)
{
	int error = mailbox_map_init();

	if (error)
		return error;
	error = alloc_chrdev_region(&first, 0, DEVICES, "farbell-mailbox");
	if (error)
		goto maps;
	error = add_class();
	if (error)
		goto region;
	return 0;
region:
	unregister_chrdev_region(first, DEVICES);
maps:
	mailbox_map_exit();
	return error;
}

void mailbox_files_exit(void)
{
	class_destroy(class);
	unregister_chrdev_region(first, DEVICES);
	ida_destroy(&numbers);
	mailbox_map_exit();
}
