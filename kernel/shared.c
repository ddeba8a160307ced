// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of the kernel that programs map: as vmalloc_user() makes it, but charged to
 * the memory cgroup of who asks for it, which vmalloc_user() has no way to say.
 */
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "core.h"

/**
 * statchan_shared_alloc() - zeroed pages
 * @len:	bytes; the rest of the last page is zero, too
 *
 * Process context, may sleep.
 *
 * Return: for vfree(), or NULL.
 */
void *statchan_shared_alloc(size_t len)
{
	return __vmalloc(len, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

/**
 * statchan_shared_mmap() - map it from its start
 * @vma:	not longer than what was asked for, up to whole pages: the caller looks
 * @at:		of statchan_shared_alloc(); stays as long as @vma: its caller's part
 *
 * Return: 0 or errno; then nothing is mapped, though some of the pages were.
 */
int statchan_shared_mmap(struct vm_area_struct *vma, void *at)
{
	unsigned long user;
	int ret = 0;

	for (user = vma->vm_start; !ret && user < vma->vm_end;
	     user += PAGE_SIZE, at += PAGE_SIZE)
		ret = vm_insert_page(vma, user, vmalloc_to_page(at));
	return ret;
}
