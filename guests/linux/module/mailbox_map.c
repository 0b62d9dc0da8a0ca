// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sections in the memory of programs.  All mappings of a mailbox are of one
 * inode, by which they are found when the device goes.  It is an inode of our
 * own: one of the device's nodes would keep the file system busy in which
 * somebody has made that node.
 */
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "mailbox.h"

#define SECTION_SHIFT	40	/* of FBMB_MAP_* */
#define FS_MAGIC	0x4642	/* nobody sees it */

/*
 * Pages are looked up when they are touched, so that none is left, or comes
 * again, when the device has gone: SIGBUS.
 */
static vm_fault_t mailbox_fault(struct vm_fault *vmf)
{
	struct mailbox_file *f = vmf->vma->vm_file->private_data;
	struct mailbox *m = f->m;
	u64 section = vmf->pgoff >> (SECTION_SHIFT - PAGE_SHIFT);
	u64 page = vmf->pgoff & ((1ULL << (SECTION_SHIFT - PAGE_SHIFT)) - 1);
	vm_fault_t result = VM_FAULT_SIGBUS;

	down_read(&m->mapped);
	if (!m->gone && section < ARRAY_SIZE(m->sections) &&
	    page < m->sections[section].size >> PAGE_SHIFT)
		result = vmf_insert_pfn(vmf->vma, vmf->address,
			((m->shm_base + m->sections[section].offset) >>
			 PAGE_SHIFT) + page);
	up_read(&m->mapped);
	return result;
}

static const struct vm_operations_struct mapping = {
	.fault = mailbox_fault,
};

/* The section, or null: there is none, or not so much of it. */
static const struct mailbox_section *section_of(struct mailbox *m,
						struct vm_area_struct *vma)
{
	u64 number = vma->vm_pgoff >> (SECTION_SHIFT - PAGE_SHIFT);
	u64 page = vma->vm_pgoff & ((1ULL << (SECTION_SHIFT - PAGE_SHIFT)) - 1);
	u64 pages;

	if (!number || number >= ARRAY_SIZE(m->sections))
		return NULL;
	pages = m->sections[number].size >> PAGE_SHIFT;
	return page < pages && vma_pages(vma) <= pages - page ?
	       &m->sections[number] : NULL;
}

int mailbox_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mailbox_file *f = file->private_data;
	const struct mailbox_section *s = section_of(f->m, vma);

	if (!s)
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC || (vma->vm_flags & VM_WRITE && !s->writable))
		return -EACCES;
	vma->vm_flags &= ~VM_MAYEXEC;
	if (!s->writable)
		vma->vm_flags &= ~VM_MAYWRITE;
	vma->vm_flags |= VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP;
	vma->vm_ops = &mapping;
	return 0;
}

/* ---- coming and going ---- */

static int init_fs_context(struct fs_context *context)
{
	return init_pseudo(context, FS_MAGIC) ? 0 : -ENOMEM;
}

/* Never registered, so nobody else mounts it; without an owner, to be unmounted by its module. */
static struct file_system_type fs_type = {
	.name = "farbell-mailbox",
	.init_fs_context = init_fs_context,
	.kill_sb = kill_anon_super,
};

static struct vfsmount *mount;

int mailbox_map_init(void)
{
	mount = kern_mount(&fs_type);
	return PTR_ERR_OR_ZERO(mount);
}

void mailbox_map_exit(void)
{
	kern_unmount(mount);
}

int mailbox_map_start(struct mailbox *m)
{
	struct inode *inode = alloc_anon_inode(mount->mnt_sb);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	m->inode = inode;
	return 0;
}

void mailbox_unmap_all(struct mailbox *m)
{
	unmap_mapping_range(m->inode->i_mapping, 0, 0, 1);
}
