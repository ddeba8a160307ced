// SPDX-License-Identifier: GPL-2.0
/*
 * Live snapshots: the kernel refreshes two images in turn, the program reads
 * without a system call. Protocol: see struct statchan_live.
 *
 * Each refresh is a snapshot like any other (same generation and bytes on all
 * transports), carried here by one copy.
 */
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "fault.h"
#include "ring.h"

/**
 * struct live - one live channel
 * @ch:		it belongs to
 * @control:	first page of the mapped area; written by @work only
 * @len:	bytes of the area
 * @seq:	own copy of control->seq, which a reader can't write, either
 * @counted:	in src->live
 * @closing:	no refresh follows
 * @timer:	queues @work, a period after the last one has ended
 * @work:	refreshes
 */
struct live {
	struct statchan_channel *ch;
	struct statchan_live *control;
	u64 len;
	u64 seq;
	bool counted;
	bool closing;
	struct hrtimer timer;
	struct work_struct work;
};

/* Not the system's, which many wait for: a refresh waits for drivers, and for readers */
static struct workqueue_struct *live_wq;

int __init statchan_live_init(void)
{
	live_wq = alloc_workqueue("statchan_live", WQ_UNBOUND, 0);
	return live_wq ? 0 : -ENOMEM;
}

void statchan_live_exit(void)
{
	destroy_workqueue(live_wq);
}

static void live_publish(struct live *live, const struct statchan_snap *snap)
{
	struct statchan_live *control = live->control;
	u64 next = live->seq + 1;

	WRITE_ONCE(control->writing, next);
	/* writing is seen before any byte of the image changes; pairs with the
	 * read barrier between a reader's image and its load of writing
	 */
	smp_wmb();
	memcpy((void *)control + control->image_offset[next & 1], snap->image,
	       snap->len);
	/* the image is complete before its number; pairs with load-acquire */
	smp_store_release(&control->seq, next);
	live->seq = next;
}

/* Not jiffies: a period may be shorter than one */
static void live_wait(struct live *live)
{
	if (!READ_ONCE(live->closing))
		hrtimer_start(&live->timer,
			      ns_to_ktime(live->ch->got.period_ns),
			      HRTIMER_MODE_REL_SOFT);
}

/* A copy may take long, and so may what it waits for: not where others wait for workers */
static enum hrtimer_restart live_due(struct hrtimer *timer)
{
	struct live *live = container_of(timer, struct live, timer);

	queue_work(live_wq, &live->work);
	return HRTIMER_NORESTART;
}

static void live_refresh(struct work_struct *work)
{
	struct live *live = container_of(work, struct live, work);
	u64 period_ns = live->ch->got.period_ns;
	struct statchan_snap *snap;

	/* its end does not wait for one more */
	if (READ_ONCE(live->closing))
		return;
	/* with the rights of who opened it, not of this worker */
	snap = statchan_snap_get(live->ch->src, period_ns / 2, 0,
				 live->counted ? NULL : &init_user_ns, NULL);
	/* a driver whose device sleeps may say so, too: that is a failed refresh */
	if (PTR_ERR(snap) == -ENODEV && READ_ONCE(live->ch->src->gone)) {
		WRITE_ONCE(live->control->flags, STATCHAN_LIVE_EOS);
		WRITE_ONCE(live->ch->eos, true);
		wake_up_interruptible_poll(&live->ch->wait, EPOLLIN | EPOLLHUP);
		return;
	}
	if (IS_ERR(snap)) {
		WRITE_ONCE(live->control->errors, live->control->errors + 1);
	} else {
		live_publish(live, snap);
		statchan_snap_put(snap);
	}
	live_wait(live);
}

/* Who may only read can not take memory without end */
static int live_admit(struct statchan_channel *ch, bool *counted,
		      struct statchan_err *err)
{
	struct statchan_source *src = ch->src;

	*counted = !statchan_may_admin(ch->net);
	if (!*counted ||
	    atomic_inc_return(&src->live) <= STATCHAN_LIVE_UNPRIVILEGED)
		return 0;
	atomic_dec(&src->live);
	return statchan_err(err, -EBUSY, "source '%s': readers without CAP_NET_ADMIN have %u live channels open: try again when one is closed",
			    src->name, STATCHAN_LIVE_UNPRIVILEGED);
}

static int live_open(struct statchan_channel *ch,
		     struct statchan_channel_req *req, bool counted,
		     struct statchan_err *err)
{
	u64 image_len = statchan_image_len(ch->src->schema->n_counters);
	struct statchan_live *control;
	struct statchan_snap *snap;
	struct live *live;

	snap = statchan_snap_get(ch->src, ch->got.period_ns / 2, 0,
				 counted ? NULL : ch->net->user_ns, err);
	if (IS_ERR(snap))
		return PTR_ERR(snap);
	live = statchan_fault(STATCHAN_FAULT_LIVE) ?
	       NULL : kzalloc(sizeof(*live), GFP_KERNEL);
	if (!live)
		goto put;
	live->len = PAGE_SIZE + 2 * PAGE_ALIGN(image_len);
	/* as vmalloc_user(), but charged: nobody waits for this one */
	control = __vmalloc(live->len, GFP_KERNEL_ACCOUNT | __GFP_ZERO |
			    __GFP_NOWARN | __GFP_RETRY_MAYFAIL);
	if (!control)
		goto free;
	live->counted = counted;
	control->magic = STATCHAN_LIVE_MAGIC;
	control->period_ns = ch->got.period_ns;
	control->image_len = image_len;
	control->image_offset[0] = PAGE_SIZE;
	control->image_offset[1] = PAGE_SIZE + PAGE_ALIGN(image_len);
	live->control = control;
	live->ch = ch;
	live_publish(live, snap);
	statchan_snap_put(snap);
	INIT_WORK(&live->work, live_refresh);
	statchan_hrtimer_setup(&live->timer, live_due, HRTIMER_MODE_REL_SOFT);
	live_wait(live);
	ch->priv = live;
	req->map_len = live->len;
	return 0;
free:
	kfree(live);
put:
	statchan_snap_put(snap);
	return statchan_err(err, -ENOMEM, "no memory for two live images of %llu bytes",
			    image_len);
}

int statchan_live_open(struct statchan_channel *ch,
		       struct statchan_channel_req *req, struct statchan_err *err)
{
	bool counted;
	int ret;

	ret = live_admit(ch, &counted, err);
	if (ret)
		return ret;
	ret = live_open(ch, req, counted, err);
	if (ret && counted)
		atomic_dec(&ch->src->live);
	return ret;
}

void statchan_live_close(struct statchan_channel *ch)
{
	struct live *live = ch->priv;

	/* each starts the other; the last one sees closing */
	WRITE_ONCE(live->closing, true);
	cancel_work_sync(&live->work);
	hrtimer_cancel(&live->timer);
	cancel_work_sync(&live->work);
	if (live->counted)
		atomic_dec(&ch->src->live);
	vfree(live->control);
	kfree(live);
}

/* The source is gone: the next refresh, which may be a day away, comes now and says so */
void statchan_live_end(struct statchan_channel *ch)
{
	struct live *live = ch->priv;

	queue_work(live_wq, &live->work);
}

/* remap_vmalloc_range() takes memory of vmalloc_user() only. What fails half way is
 * unmapped by the caller.
 */
int statchan_live_mmap(struct statchan_channel *ch, struct vm_area_struct *vma)
{
	struct live *live = ch->priv;
	void *at = live->control;
	unsigned long user;
	int ret = 0;

	if (vma->vm_pgoff != STATCHAN_MMAP_LIVE >> PAGE_SHIFT ||
	    vma_pages(vma) > live->len >> PAGE_SHIFT)
		return -EINVAL;
	for (user = vma->vm_start; !ret && user < vma->vm_end;
	     user += PAGE_SIZE, at += PAGE_SIZE)
		ret = vm_insert_page(vma, user, vmalloc_to_page(at));
	return ret;
}
