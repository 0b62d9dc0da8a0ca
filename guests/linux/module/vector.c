// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors that name a vector of a receiver, for whoever they are passed to. There is one for
 * each vector; it keeps the receiver's UPID, not the receiver alive.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "private.h"

struct vector {
	struct receiver *receiver;
	u8 number;
};

static DEFINE_SPINLOCK(vectors_lock);	/* receiver->vectors of all */

static bool take_number(struct receiver *receiver, u8 number)
{
	bool taken;

	spin_lock(&vectors_lock);
	taken = receiver->vectors & BIT_ULL(number);
	receiver->vectors |= BIT_ULL(number);
	spin_unlock(&vectors_lock);
	return !taken;
}

static void vector_destroy(struct vector *vector)
{
	spin_lock(&vectors_lock);
	vector->receiver->vectors &= ~BIT_ULL(vector->number);
	spin_unlock(&vectors_lock);
	receiver_put(vector->receiver);
	kfree(vector);
	count_less(COUNT_VECTORS);
}

static int vector_release(struct inode *inode, struct file *file)
{
	vector_destroy(file->private_data);
	return 0;
}

static const struct file_operations vector_operations = {
	.owner = THIS_MODULE,
	.release = vector_release,
	.llseek = noop_llseek,
};

static struct vector *vector_create(struct receiver *receiver, u8 number)
{
	struct vector *vector = kzalloc(sizeof(*vector), GFP_KERNEL_ACCOUNT);

	if (!vector)
		return ERR_PTR(-ENOMEM);
	if (!take_number(receiver, number)) {
		kfree(vector);
		return ERR_PTR(-EBUSY);
	}
	vector->receiver = receiver_get(receiver);
	vector->number = number;
	count_more(COUNT_VECTORS);
	return vector;
}

int vector_fd(unsigned long number)
{
	struct thread *thread = current_thread();
	struct vector *vector;
	int fd;

	if (!thread || !thread->receiver)
		return -EOPNOTSUPP;
	if (number >= UINTR_VECTORS)
		return -ENOSPC;
	if (thread->receiver->area)
		return -EXDEV;	/* nobody here could send by it, and it would keep the UPID */
	vector = vector_create(thread->receiver, number);
	if (IS_ERR(vector))
		return PTR_ERR(vector);
	fd = anon_inode_getfd("[uintr]", &vector_operations, vector, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		vector_destroy(vector);
	return fd;
}

static int with_vector(int fd, int (*what)(struct receiver *receiver, u8 vector))
{
	struct fd file = fdget(fd);
	struct vector *vector;
	int ret = -EOPNOTSUPP;

	if (!file.file)
		return -EBADF;
	if (file.file->f_op == &vector_operations) {
		vector = file.file->private_data;
		ret = what(vector->receiver, vector->number);
	}
	fdput(file);
	return ret;
}

int vector_register_sender(int fd)
{
	return with_vector(fd, uitt_register);
}

int vector_disconnect(int fd)
{
	return with_vector(fd, uitt_disconnect);
}

int vector_register_self(unsigned long number)
{
	struct thread *thread = current_thread();

	if (!thread || !thread->receiver)
		return -EOPNOTSUPP;
	if (number >= UINTR_VECTORS)
		return -ENOSPC;
	return uitt_register(thread->receiver, number);
}
