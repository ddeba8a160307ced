// SPDX-License-Identifier: GPL-2.0
/*
 * Transport mmap: the program reads the kernel's memory. Samples in per-CPU
 * rings, snapshots in their slots (snapshot.c) or live (live.c).
 *
 * A mapping holds the file, and the file its channel, so nothing that is mapped
 * is freed. The consumer page is the only one that may be writable.
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/percpu.h>

#include "../ring.h"

static int mmap_open(struct statchan_channel *ch,
		     struct statchan_channel_req *req, struct statchan_err *err)
{
	int ret;

	switch (ch->kind) {
	case STATCHAN_CHANNEL_SNAPSHOT:
		return 0;
	case STATCHAN_CHANNEL_LIVE:
		return statchan_live_open(ch, req, err);
	}
	ret = statchan_ring_open(ch, err);
	if (!ret)
		req->ring_stride = statchan_ring_stride(ch);
	return ret;
}

static void mmap_close(struct statchan_channel *ch)
{
	if (ch->kind == STATCHAN_CHANNEL_LIVE)
		statchan_live_close(ch);
	else if (ch->kind == STATCHAN_CHANNEL_SAMPLES)
		statchan_ring_close(ch);
}

static void mmap_end(struct statchan_channel *ch)
{
	if (ch->kind == STATCHAN_CHANNEL_LIVE)
		statchan_live_end(ch);
	else
		statchan_ring_end(ch);
}

/* Either the consumer page alone, or read-only from the producer page on */
static int mmap_ring(struct statchan_channel *ch, struct vm_area_struct *vma)
{
	u64 stride = statchan_ring_stride(ch) >> PAGE_SHIFT;
	u64 cpu = vma->vm_pgoff / stride, first = vma->vm_pgoff % stride;
	struct statchan_ring *ring;

	if (cpu >= nr_cpu_ids || !cpu_possible(cpu))
		return -EINVAL;
	cpu = array_index_nospec(cpu, nr_cpu_ids);
	ring = per_cpu_ptr(ch->cpu, cpu)->priv;
	if (first == 0) {
		if (vma_pages(vma) != 1)
			return -EINVAL;
	} else if (vma_pages(vma) > ring->n_pages - first) {
		return -EINVAL;
	}
	if (first && vma->vm_flags & VM_WRITE)
		return -EPERM;
	if (first)
		statchan_vm_flags_mod(vma, 0, VM_MAYWRITE);
	/* the number of pages is checked above, so the offset can be dropped */
	return vm_map_pages_zero(vma, ring->pages + first,
				 ring->n_pages - first);
}

static int mmap_mmap(struct statchan_channel *ch, struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;

	/* a private copy would not be the kernel's memory; nothing is code */
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_flags & VM_EXEC)
		return -EPERM;
	statchan_vm_flags_mod(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP,
			      VM_MAYEXEC);
	if (ch->kind == STATCHAN_CHANNEL_SAMPLES)
		return mmap_ring(ch, vma);
	if (vma->vm_flags & VM_WRITE)
		return -EPERM;
	statchan_vm_flags_mod(vma, 0, VM_MAYWRITE);
	if (ch->kind == STATCHAN_CHANNEL_LIVE)
		return statchan_live_mmap(ch, vma);
	if (offset < STATCHAN_MMAP_SNAPSHOT || offset >= STATCHAN_MMAP_LIVE)
		return -EINVAL;
	return statchan_snap_mmap(ch->src, vma);
}

const struct statchan_transport statchan_transport_mmap = {
	.name = "mmap",
	.id = STATCHAN_T_MMAP,
	.caps = STATCHAN_CAP_SNAPSHOT | STATCHAN_CAP_LIVE |
		STATCHAN_CAP_SAMPLES | STATCHAN_CAP_ZEROCOPY |
		STATCHAN_CAP_OVERWRITE,
	.open = mmap_open,
	.close = mmap_close,
	.reserve = statchan_ring_reserve,
	.commit = statchan_ring_commit,
	.announce = statchan_ring_announce,
	.end = mmap_end,
	.readable = statchan_ring_readable,
	.mmap = mmap_mmap,
};
