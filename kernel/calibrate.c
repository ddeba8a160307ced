// SPDX-License-Identifier: GPL-2.0
/*
 * STATCHAN_IOC_CALIBRATE: times steps that a crossing is made of, and that a
 * program can't see one by one. Steps are done in batches; only they are timed,
 * and between them others may run.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#include "core.h"

#define CAL_BUDGET_NS	(40 * NSEC_PER_MSEC)
#define CAL_BATCH	64
#define CAL_BATCH_BYTES	SZ_1M
#define CAL_MAP_MAX	SZ_1M

/**
 * struct calibration - what a step works with; freed by calibration_free()
 * @bytes:	as asked for
 * @buf:	of the caller
 * @batch:	iterations between two looks at the clock
 * @from:	vmalloc memory, zeroed, as it goes to user space
 * @file:	on tmpfs, empty
 * @page:	zeroed
 * @src:	known to nobody
 */
struct calibration {
	u64 bytes;
	void __user *buf;
	u32 batch;
	void *from;
	struct file *file;
	struct page *page;
	struct statchan_source *src;
};

static void calibration_free(struct calibration *c)
{
	vfree(c->from);
	if (c->file)
		fput(c->file);
	if (c->page)
		__free_page(c->page);
	if (c->src)
		free_percpu(c->src->cpu);
	kfree(c->src);
}

/* ---- steps: prepare() is not timed, run() does it n times ---- */

static int clock_run(struct calibration *c, u32 n)
{
	while (n--)
		ktime_get_ns();
	return 0;
}

static int file_prepare(struct calibration *c)
{
	struct file *file = shmem_file_setup("statchan-calibrate", 0, 0);

	if (IS_ERR(file))
		return PTR_ERR(file);
	c->file = file;
	return file->f_op->read_iter ? 0 : -EOPNOTSUPP;
}

static int vfs_run(struct calibration *c, u32 n)
{
	ssize_t got = 0;
	loff_t pos = 0;
	char none;

	while (n-- && got >= 0)
		got = kernel_read(c->file, &none, 0, &pos);
	return min_t(ssize_t, got, 0);
}

static int fop_run(struct calibration *c, u32 n)
{
	ssize_t got = 0;
	char none;

	while (n-- && got >= 0) {
		struct kvec vec = { .iov_base = &none };
		struct iov_iter iter;
		struct kiocb iocb;

		init_sync_kiocb(&iocb, c->file);
		iov_iter_kvec(&iter, READ, &vec, 1, 0);
		got = c->file->f_op->read_iter(&iocb, &iter);
	}
	return min_t(ssize_t, got, 0);
}

static int copy_prepare(struct calibration *c)
{
	c->batch = clamp_t(u64, CAL_BATCH_BYTES / c->bytes, 1, CAL_BATCH);
	c->from = __vmalloc(c->bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	return c->from ? 0 : -ENOMEM;
}

static int copy_run(struct calibration *c, u32 n)
{
	while (n--) {
		if (copy_to_user(c->buf, c->from, c->bytes))
			return -EFAULT;
	}
	return 0;
}

static int skb_run(struct calibration *c, u32 n)
{
	while (n--) {
		struct sk_buff *skb = alloc_skb(c->bytes, GFP_KERNEL);

		if (!skb)
			return -ENOMEM;
		consume_skb(skb);
	}
	return 0;
}

static int source_prepare(struct calibration *c)
{
	c->src = kzalloc(sizeof(*c->src), GFP_KERNEL);
	if (!c->src)
		return -ENOMEM;
	c->src->rate = 1;
	INIT_LIST_HEAD(&c->src->channels);
	c->src->cpu = alloc_percpu(struct statchan_source_cpu);
	return c->src->cpu ? 0 : -ENOMEM;
}

/* If somebody does listen somewhere it costs what unheard_run() does */
static int nobody_run(struct calibration *c, u32 n)
{
	struct statchan_sample sample = {};

	while (n--) {
		if (statchan_sampled(c->src))
			statchan_emit(c->src, &sample);
	}
	return 0;
}

static int unheard_run(struct calibration *c, u32 n)
{
	struct statchan_sample sample = {};

	while (n--) {
		if (__statchan_sampled(c->src))
			__statchan_emit(c->src, &sample);
	}
	return 0;
}

/* ---- a page put into a mapping ---- */

/* No fault handler: outside of remap_run() nothing is there, which is SIGBUS */
static const struct vm_operations_struct calibrate_vm_ops = {
};

/**
 * statchan_calibrate_mmap() - an empty area for STATCHAN_CAL_REMAP
 * @vma:	of the device, at offset STATCHAN_MMAP_CALIBRATE
 *
 * Context: mmap. May sleep.
 * Return: 0 or negative errno
 */
int statchan_calibrate_mmap(struct vm_area_struct *vma)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EPERM;
	if (vma->vm_end - vma->vm_start > CAL_MAP_MAX)
		return -EINVAL;
	statchan_vm_flags_mod(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTCOPY |
			      VM_DONTDUMP, VM_MAYWRITE | VM_MAYEXEC);
	vma->vm_ops = &calibrate_vm_ops;
	return 0;
}

static int remap_prepare(struct calibration *c)
{
	if (!PAGE_ALIGNED(c->bytes) || !PAGE_ALIGNED((unsigned long)c->buf))
		return -EINVAL;
	c->batch = c->bytes / PAGE_SIZE;
	c->page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	return c->page ? 0 : -ENOMEM;
}

/*
 * The page leaves all places where this call put it under the same mmap_lock:
 * whoever calls at the same time, it can be freed afterwards.
 */
static int remap_pages(struct calibration *c, struct vm_area_struct *vma, u32 n)
{
	unsigned long at = (unsigned long)c->buf, pfn = page_to_pfn(c->page);
	vm_fault_t fault = VM_FAULT_NOPAGE;
	u32 i;

	for (i = 0; i < n && fault == VM_FAULT_NOPAGE; i++)
		fault = vmf_insert_pfn(vma, at + i * PAGE_SIZE, pfn);
	zap_vma_ptes(vma, at, n * PAGE_SIZE);
	return fault == VM_FAULT_NOPAGE ? 0 : -ENOMEM;
}

static int remap_run(struct calibration *c, u32 n)
{
	unsigned long at = (unsigned long)c->buf;
	struct vm_area_struct *vma;
	int ret = -EINVAL;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, at);
	if (vma && vma->vm_ops == &calibrate_vm_ops &&
	    vma->vm_end - at >= n * PAGE_SIZE)
		ret = remap_pages(c, vma, n);
	mmap_read_unlock(current->mm);
	return ret;
}

/* ---- dispatch ---- */

static const struct calibration_step {
	int (*prepare)(struct calibration *c);
	int (*run)(struct calibration *c, u32 n);
	u64 max_bytes;		/* 0: takes none */
	bool buf;
} steps[] = {
	[STATCHAN_CAL_CLOCK] = { NULL, clock_run, 0, false },
	[STATCHAN_CAL_VFS] = { file_prepare, vfs_run, 0, false },
	[STATCHAN_CAL_FOP] = { file_prepare, fop_run, 0, false },
	[STATCHAN_CAL_COPY] = { copy_prepare, copy_run, SZ_16M, true },
	[STATCHAN_CAL_REMAP] = { remap_prepare, remap_run, CAL_MAP_MAX, true },
	[STATCHAN_CAL_SKB] = { NULL, skb_run, SZ_32K, false },
	[STATCHAN_CAL_NOBODY] = { source_prepare, nobody_run, 0, false },
	[STATCHAN_CAL_UNHEARD] = { source_prepare, unheard_run, 0, false },
};

/* Return: NULL for one that there is not */
static const struct calibration_step *step_of(u32 number)
{
	if (number >= ARRAY_SIZE(steps))
		return NULL;
	number = array_index_nospec(number, ARRAY_SIZE(steps));
	return steps[number].run ? &steps[number] : NULL;
}

static int calibrate_check(const struct calibration_step *step,
			   const struct statchan_calibrate *req,
			   struct statchan_err *err)
{
	if (req->flags || req->reserved)
		return statchan_err(err, -EINVAL, "unknown flags %#x or reserved field not 0",
				    req->flags);
	if (!req->iterations || req->iterations > STATCHAN_CAL_ITERATIONS)
		return statchan_err(err, -EINVAL, "%llu iterations: 1 to %llu are possible",
				    req->iterations, STATCHAN_CAL_ITERATIONS);
	if (!step->max_bytes != !req->bytes || req->bytes > step->max_bytes)
		return statchan_err(err, -EINVAL, "%llu bytes: step %u takes %s%llu",
				    req->bytes, req->step,
				    step->max_bytes ? "1 to " : "", step->max_bytes);
	if (step->buf != !!req->buf)
		return statchan_err(err, -EINVAL, "step %u %s buffer", req->step,
				    step->buf ? "needs a" : "takes no");
	return 0;
}

static int calibrate_run(const struct calibration_step *step,
			 struct calibration *c, struct statchan_calibrate *req)
{
	u64 left = req->iterations;
	int ret = 0;

	req->ns = 0;
	while (left && req->ns < CAL_BUDGET_NS) {
		u32 n = min_t(u64, left, c->batch);
		u64 begin = ktime_get_ns();

		ret = step->run(c, n);
		req->ns += ktime_get_ns() - begin;
		if (ret)
			break;
		left -= n;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	req->iterations -= left;
	return ret;
}

/**
 * statchan_calibrate() - time a step
 * @req:	what, how often; the answer
 * @err:	sentence
 *
 * Context: process of the caller. May sleep.
 * Return: 0 or negative errno
 */
int statchan_calibrate(struct statchan_calibrate *req, struct statchan_err *err)
{
	const struct calibration_step *step = step_of(req->step);
	struct calibration c = { .batch = CAL_BATCH };
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return statchan_err(err, -EPERM, "calibrating needs CAP_SYS_ADMIN: it takes processor time from all");
	if (!step)
		return statchan_err(err, -EINVAL, "there is no step %u to calibrate",
				    req->step);
	ret = calibrate_check(step, req, err);
	if (ret)
		return ret;
	c.bytes = req->bytes;
	c.buf = u64_to_user_ptr(req->buf);
	if (step->prepare)
		ret = step->prepare(&c);
	if (!ret)
		ret = calibrate_run(step, &c, req);
	calibration_free(&c);
	if (ret)
		return statchan_err(err, ret, "step %u can not be done: errno %d%s",
				    req->step, -ret, step->buf ?
				    ": is the buffer what this step needs?" : "");
	return 0;
}
