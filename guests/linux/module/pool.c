// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where UPIDs lie: in pages that hold nothing else as long as the module is loaded. A processor
 * writes to a UPID without asking the kernel, so one that has gone becomes nothing but another
 * UPID (M12). Each is clear when it is handed out.
 */
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "private.h"

struct upid_page {
	struct list_head list;
	struct uintr_upid *upids;
	u64 taken;
};

static LIST_HEAD(pages);	/* those with room come first */
static DEFINE_SPINLOCK(pages_lock);

static struct uintr_upid *take_locked(void)
{
	struct upid_page *page = list_first_entry_or_null(&pages, struct upid_page, list);
	int slot;

	if (!page || !~page->taken)
		return NULL;
	slot = __ffs64(~page->taken);
	page->taken |= BIT_ULL(slot);
	if (!~page->taken)
		list_move_tail(&page->list, &pages);
	return page->upids + slot;
}

static struct upid_page *page_create(void)
{
	struct upid_page *page = kzalloc(sizeof(*page), GFP_KERNEL);

	BUILD_BUG_ON(PAGE_SIZE != BITS_PER_TYPE(page->taken) * sizeof(struct uintr_upid));
	if (!page)
		return NULL;
	page->upids = (void *)get_zeroed_page(GFP_KERNEL);
	if (!page->upids) {
		kfree(page);
		return NULL;
	}
	set_page_private(virt_to_page(page->upids), (unsigned long)page);
	return page;
}

struct uintr_upid *pool_take(void)
{
	struct uintr_upid *upid;
	struct upid_page *page;

	spin_lock(&pages_lock);
	upid = take_locked();
	spin_unlock(&pages_lock);
	if (upid)
		return upid;
	page = page_create();
	if (!page)
		return NULL;
	spin_lock(&pages_lock);
	list_add(&page->list, &pages);
	upid = take_locked();
	spin_unlock(&pages_lock);
	return upid;
}

void pool_return(struct uintr_upid *upid)
{
	struct upid_page *page = (void *)page_private(virt_to_page(upid));

	memset(upid, 0, sizeof(*upid));
	spin_lock(&pages_lock);
	page->taken &= ~BIT_ULL(upid - page->upids);
	list_move(&page->list, &pages);
	spin_unlock(&pages_lock);
}

void pool_stop(void)
{
	struct upid_page *page, *next;

	list_for_each_entry_safe(page, next, &pages, list) {
		set_page_private(virt_to_page(page->upids), 0);
		free_page((unsigned long)page->upids);
		kfree(page);
	}
}
