/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mailbox of docs/mailbox.md under Linux: one struct mailbox for each
 * device, one struct mailbox_file for each open file.  "MBn" are rules of that
 * page.  The peer is an adversary: what it may write is read once.
 */
#ifndef FARBELL_LINUX_MAILBOX_H
#define FARBELL_LINUX_MAILBOX_H

#include <linux/atomic.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/wait.h>

#include <farbell/mailbox-linux.h>
#include <farbell/mailbox.h>

#define MAILBOX_EVENTS	32	/* kept for who reads them late */

struct mailbox_section {
	u64 offset, size;	/* in the shared memory region */
	bool writable;
};

struct mailbox {
	struct virtio_device *vdev;
	struct device dev;
	struct cdev cdev;
	int number;
	struct inode *inode;	/* all mappings are its */

	/*
	 * Read by who uses the device's registers or memory.  That it is gone
	 * is set under the locks of all queues as well.
	 */
	struct rw_semaphore alive;
	struct rw_semaphore mapped;	/* of faults, which a user may nest */
	bool gone;

	struct virtqueue *vqs[MBOX_QUEUES];
	spinlock_t tx_lock;
	atomic_t messages;		/* that are not forgotten yet */
	wait_queue_head_t wait;		/* queues and events */

	spinlock_t event_lock;
	spinlock_t rx_lock;
	struct list_head rx_ready;
	struct mutex rx_reader;

	spinlock_t files_lock;
	struct list_head files;
	u64 enabled;			/* doorbells that anybody listens to */
	struct fbmb_event events[MAILBOX_EVENTS];
	u64 event_count;		/* told since the beginning */

	u64 shm_base, shm_size;		/* physical */
	void __iomem *regs;
	void *state;			/* the state table */
	spinlock_t ring_lock;
	u32 side, max_message;
	struct mailbox_section sections[5];
	struct mailbox_section upids;	/* both halves */
	struct mailbox_window *window;
};

struct mailbox_file {
	struct mailbox *m;
	struct list_head entry;
	wait_queue_head_t wait;		/* doorbells */
	struct fasync_struct *async;
	u64 listens, rung;		/* under files_lock */
	u64 events_seen;
	struct pid *receiver;		/* who has become one by this file */
	u32 upid;			/* and where; under the window's lock */
	bool is_receiver;
};

/* mailbox_main.c */
u32 mailbox_config(struct mailbox *m, unsigned int offset);

/* mailbox_queues.c */
int mailbox_queues_start(struct mailbox *m);
void mailbox_queues_fill(struct mailbox *m);
void mailbox_queues_stop(struct mailbox *m);
ssize_t mailbox_send(struct mailbox *m, const char __user *from, size_t bytes,
		     bool wait);
ssize_t mailbox_receive(struct mailbox *m, char __user *to, size_t room,
			bool wait);
bool mailbox_has_message(struct mailbox *m);
bool mailbox_has_room(struct mailbox *m);

/* mailbox_doorbell.c */
void mailbox_rung(struct mailbox *m);
u32 mailbox_ring(struct mailbox *m, u32 doorbell);
void mailbox_listen(struct mailbox_file *f, u64 doorbells);
void mailbox_add_event(struct mailbox *m, const u8 *event);
bool mailbox_next_event(struct mailbox_file *f, struct fbmb_event *event);

/* mailbox_uintr.c */
int mailbox_window_start(struct mailbox *m);
void mailbox_window_stop(struct mailbox *m);
void mailbox_window_leave(struct mailbox_file *f);
long mailbox_receiver(struct mailbox_file *f, void __user *argument);
long mailbox_sender(struct mailbox_file *f, void __user *argument);
long mailbox_bind(struct mailbox_file *f, void __user *argument);

/* mailbox_map.c */
int mailbox_map_init(void);
void mailbox_map_exit(void);
int mailbox_map_start(struct mailbox *m);
int mailbox_mmap(struct file *file, struct vm_area_struct *vma);
void mailbox_unmap_all(struct mailbox *m);

/* mailbox_file.c */
int mailbox_files_init(void);
void mailbox_files_exit(void);
void mailbox_begin(struct mailbox *m);	/* put_device() frees it */
int mailbox_add(struct mailbox *m);
void mailbox_remove(struct mailbox *m);

#endif
