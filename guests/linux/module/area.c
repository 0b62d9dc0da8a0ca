// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * UPIDs in memory that a peer sees, too. UPIDs of ours are handed out in turn, so that one that
 * the peer may still name is the last to have another owner.
 */
#include <linux/bitmap.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <asm/smp.h>

#include "private.h"

struct uintr_area {
	struct uintr_area_config config;
	refcount_t users;		/* whoever added it is one */
	bool removed;
	struct module *last;		/* of the last user; stays until the area is released */
	spinlock_t lock;		/* the next two */
	unsigned long *taken;		/* of the slots of our part */
	u32 next;
	struct work_struct release;
};

static u32 slots(const struct uintr_area *area)
{
	return area->config.own_size / UPID_ALIGN;
}

static struct uintr_upid *slot_upid(struct uintr_area *area, u32 slot)
{
	return area->config.base + area->config.own_offset + slot * UPID_ALIGN;
}

u32 area_offset(struct uintr_area *area, struct uintr_upid *upid)
{
	return (void *)upid - area->config.base;
}

void area_place(struct uintr_area *area, struct receiver *receiver)
{
	receiver->area = area;
	receiver->apic_base = area->config.apic_base;
	receiver->ndst_shift = area->config.ndst_shift;
}

static void release_area(struct uintr_area *area)
{
	struct module *last = area->last;

	area->config.release(area->config.opaque);
	bitmap_free(area->taken);
	kfree(area);
	count_less(COUNT_AREAS);
	module_put(last);
	module_put(THIS_MODULE);
}

static void release_work(struct work_struct *work)
{
	release_area(container_of(work, struct uintr_area, release));
}

int area_use(struct uintr_area *area)
{
	if (READ_ONCE(area->removed) || !try_module_get(area->config.owner))
		return -ENODEV;
	refcount_inc(&area->users);
	return 0;
}

/* The last user may be a thread that exits, which must not sleep. */
void area_unuse(struct uintr_area *area)
{
	struct module *owner = area->config.owner;

	if (!refcount_dec_and_test(&area->users)) {
		module_put(owner);
		return;
	}
	area->last = owner;
	schedule_work(&area->release);
}

static int take_slot(struct uintr_area *area)
{
	u32 count = slots(area), slot;

	spin_lock(&area->lock);
	slot = find_next_zero_bit(area->taken, count, area->next);
	if (slot >= count)
		slot = find_first_zero_bit(area->taken, count);
	if (slot < count) {
		__set_bit(slot, area->taken);
		area->next = slot + 1;
	}
	spin_unlock(&area->lock);
	return slot < count ? slot : -ENOSPC;
}

struct uintr_upid *area_take_upid(struct uintr_area *area)
{
	int slot, ret = area_use(area);
	struct uintr_upid *upid;

	if (ret)
		return ERR_PTR(ret);
	slot = take_slot(area);
	if (slot < 0) {
		area_unuse(area);
		return ERR_PTR(slot);
	}
	upid = slot_upid(area, slot);
	memset(upid, 0, sizeof(*upid));
	return upid;
}

void area_return_upid(struct uintr_area *area, struct uintr_upid *upid)
{
	u32 offset = area_offset(area, upid);

	spin_lock(&area->lock);
	__clear_bit((offset - area->config.own_offset) / UPID_ALIGN, area->taken);
	spin_unlock(&area->lock);
	if (area->config.gone)
		area->config.gone(area->config.opaque, offset);
	area_unuse(area);
}

/* NDST in xAPIC format has eight bits for the ID. */
static bool reaches_all_cpus(const struct uintr_area_config *config)
{
	int cpu;

	if (!config->ndst_shift)
		return true;
	for_each_present_cpu(cpu) {
		if ((u64)config->apic_base + cpu_physical_id(cpu) > 0xff)
			return false;
	}
	return true;
}

static bool fits(const struct uintr_area_config *config)
{
	u64 all = (u64)config->base | config->size | config->own_offset | config->own_size;

	return config->base && config->release && config->own_size &&
	       IS_ALIGNED(all, UPID_ALIGN) &&
	       (u64)config->own_offset + config->own_size <= config->size &&
	       (config->ndst_shift == 0 || config->ndst_shift == UPID_NDST_XAPIC_SHIFT) &&
	       reaches_all_cpus(config);
}

struct uintr_area *uintr_area_add(const struct uintr_area_config *config)
{
	struct uintr_area *area;

	if (!fits(config))
		return ERR_PTR(-EINVAL);
	area = kzalloc(sizeof(*area), GFP_KERNEL);
	if (!area)
		return ERR_PTR(-ENOMEM);
	area->config = *config;
	area->taken = bitmap_zalloc(slots(area), GFP_KERNEL);
	if (!area->taken) {
		kfree(area);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&area->users, 1);
	spin_lock_init(&area->lock);
	INIT_WORK(&area->release, release_work);
	__module_get(THIS_MODULE);
	count_more(COUNT_AREAS);
	return area;
}
EXPORT_SYMBOL_GPL(uintr_area_add);

void uintr_area_remove(struct uintr_area *area)
{
	WRITE_ONCE(area->removed, true);
	if (refcount_dec_and_test(&area->users))
		release_area(area);
}
EXPORT_SYMBOL_GPL(uintr_area_remove);

int uintr_area_register_handler(struct uintr_area *area, u64 handler, u32 flags)
{
	return receiver_register(area, handler, flags);
}
EXPORT_SYMBOL_GPL(uintr_area_register_handler);

int uintr_area_register_sender(struct uintr_area *area, u32 offset, u8 vector)
{
	const struct uintr_area_config *config = &area->config;

	if (!IS_ALIGNED(offset, UPID_ALIGN) || offset >= config->size || vector >= UINTR_VECTORS)
		return -EINVAL;
	if (offset >= config->own_offset && offset - config->own_offset < config->own_size)
		return -EINVAL;
	return uitt_register_peer(area, config->base + offset, vector);
}
EXPORT_SYMBOL_GPL(uintr_area_register_sender);
