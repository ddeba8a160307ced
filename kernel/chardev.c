// SPDX-License-Identifier: GPL-2.0
/*
 * Front end /dev/statchan: its open files, and what a file can do besides ioctls.
 */
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <net/net_namespace.h>

#include "chardev.h"

int statchan_file_no_channel(const char *what, struct statchan_err *err)
{
	return statchan_err(err, -EBADFD, "%s: this descriptor has no channel yet: STATCHAN_IOC_CHANNEL_OPEN first",
			    what);
}

int statchan_file_not_by(const struct statchan_channel *ch, const char *what,
			 struct statchan_err *err)
{
	return statchan_err(err, -EOPNOTSUPP, "%s: not by this channel of transport %s",
			    what, ch->transport->name);
}

/* Hold this snapshot, counted by the caller, or NULL, and no other one */
void statchan_file_pin(struct statchan_file *f, struct statchan_snap *snap,
		       bool chosen)
{
	mutex_lock(&f->lock);
	swap(f->pinned, snap);
	f->chosen = chosen;
	mutex_unlock(&f->lock);
	if (snap)
		statchan_snap_put(snap);
}

/* ---- read ---- */

/* The snapshot that is read at @pos, counted; NULL: none is held */
static struct statchan_snap *file_pinned(struct statchan_file *f, loff_t pos)
{
	struct statchan_snap *snap = NULL;

	mutex_lock(&f->lock);
	if (f->pinned && (pos || f->chosen)) {
		snap = f->pinned;
		statchan_snap_hold(snap);
	}
	mutex_unlock(&f->lock);
	return snap;
}

static ssize_t snapshot_copy(struct statchan_snap *snap, u64 pos,
			     struct iov_iter *to)
{
	size_t len = min_t(u64, iov_iter_count(to), snap->len - pos);
	size_t copied = copy_to_iter((void *)snap->image + pos, len, to);

	return copied || !len ? copied : -EFAULT;
}

/*
 * At offset 0 a new snapshot, unless the program has chosen one. If it is not read
 * whole at once it is held, so that the pieces that follow are of the same one.
 */
static ssize_t dev_read_snapshot(const struct file *file, loff_t pos,
				 struct iov_iter *to, struct statchan_err *err)
{
	struct statchan_file *f = file->private_data;
	struct statchan_channel *ch = f->ch;
	struct statchan_snap *snap;
	ssize_t ret;
	bool taken;

	if (pos < 0)
		return -EINVAL;
	if (pos >= statchan_image_len(ch->src->schema->n_counters) ||
	    !iov_iter_count(to))
		return 0;
	snap = file_pinned(f, pos);
	taken = !snap;
	if (taken && pos)
		return statchan_err(err, -ENODATA, "no snapshot is held to read at offset %lld: read at 0, or STATCHAN_IOC_SNAPSHOT_MAP first",
				    pos);
	/* both who opened and who reads must have the right to the last slots: a file
	 * can be made somebody's standard input
	 */
	if (taken)
		snap = statchan_snap_get(ch->src, 0, 0,
					 file_ns_capable(file, f->net->user_ns, CAP_NET_ADMIN) ?
					 f->net->user_ns : NULL, err);
	if (IS_ERR(snap))
		return PTR_ERR(snap);
	ret = snapshot_copy(snap, pos, to);
	if (taken && ret >= 0 && ret < snap->len)
		statchan_file_pin(f, snap, false);
	else
		statchan_snap_put(snap);
	return ret;
}

static ssize_t dev_read_channel(struct kiocb *iocb, struct iov_iter *to,
				struct statchan_err *err)
{
	struct statchan_file *f = iocb->ki_filp->private_data;
	struct statchan_channel *ch = statchan_file_channel(f);
	bool wait = !(iocb->ki_filp->f_flags & O_NONBLOCK);
	ssize_t ret;

	if (!ch)
		return statchan_file_no_channel("reading", err);
	if (ch->kind == STATCHAN_CHANNEL_SAMPLES && ch->transport->read_iter) {
		/* a stream has no offsets */
		if (iocb->ki_pos)
			return -ESPIPE;
		return iov_iter_count(to) ?
		       ch->transport->read_iter(ch, to, wait, err) : 0;
	}
	if (ch->kind != STATCHAN_CHANNEL_SNAPSHOT ||
	    !ch->transport->reads_snapshots)
		return statchan_file_not_by(ch, "reading", err);
	ret = dev_read_snapshot(iocb->ki_filp, iocb->ki_pos, to, err);
	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

static ssize_t dev_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct statchan_file *f = iocb->ki_filp->private_data;
	struct statchan_err err = { "" };
	ssize_t ret = dev_read_channel(iocb, to, &err);

	/* the sentence of the last failure: to find nothing is none */
	if (ret < 0 && ret != -EAGAIN && ret != -ERESTARTSYS)
		statchan_file_failed(f, &err);
	return ret;
}

static __poll_t dev_poll(struct file *file, poll_table *wait)
{
	struct statchan_file *f = file->private_data;
	struct statchan_channel *ch = statchan_file_channel(f);
	__poll_t mask = 0;

	if (!ch)
		return EPOLLERR;
	poll_wait(file, &ch->wait, wait);
	if (READ_ONCE(ch->eos))
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLHUP;
	if (ch->kind == STATCHAN_CHANNEL_SAMPLES && ch->transport->readable &&
	    ch->transport->readable(ch))
		mask |= EPOLLIN | EPOLLRDNORM;
	return mask;
}

static int dev_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct statchan_file *f = file->private_data;
	struct statchan_channel *ch = statchan_file_channel(f);

	if (vma->vm_pgoff == STATCHAN_MMAP_CALIBRATE >> PAGE_SHIFT)
		return statchan_calibrate_mmap(vma);
	if (!ch || !ch->transport->mmap)
		return -ENODEV;
	return ch->transport->mmap(ch, vma);
}

static int dev_open(struct inode *inode, struct file *file)
{
	struct statchan_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return -ENOMEM;
	mutex_init(&f->lock);
	mutex_init(&f->open_lock);
	f->net = get_net(current->nsproxy->net_ns);
	file->private_data = f;
	/* a snapshot is read by pread(); nothing has a position to seek to */
	file->f_mode &= ~(FMODE_LSEEK | FMODE_PWRITE);
	return 0;
}

static int dev_release(struct inode *inode, struct file *file)
{
	struct statchan_file *f = file->private_data;

	if (f->pinned)
		statchan_snap_put(f->pinned);
	if (f->ch)
		statchan_channel_close(f->ch);
	put_net(f->net);
	kfree(f);
	return 0;
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.release = dev_release,
	.read_iter = dev_read_iter,
	.unlocked_ioctl = statchan_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = dev_poll,
	.mmap = dev_mmap,
};

static struct miscdevice dev_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = STATCHAN_DEVICE,
	.fops = &dev_fops,
	.mode = 0660,
};

int statchan_chardev_init(void)
{
	return misc_register(&dev_misc);
}

void statchan_chardev_exit(void)
{
	misc_deregister(&dev_misc);
}
