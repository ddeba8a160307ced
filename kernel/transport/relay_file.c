// SPDX-License-Identifier: GPL-2.0
/*
 * The files of relay channels: relay's file operations, except read(), poll(),
 * splice() and what open() and mmap() check.
 *
 * relay's own open() counts a user of the buffer, but the file is there before the
 * count is set to 1: who came between was forgotten, and read freed memory.
 *
 * relay's own poll() looks whether the channel has ended, then begins to wait.
 *
 * relay's own read() looks at the write position while relay_switch_subbuf()
 * moves it, field by field: subbufs_produced, offset, data, padding. Between two
 * of them it takes a sub-buffer of an earlier round for a new one, or begins the
 * one just read again; so records came twice, or from the past.
 *
 * Barriers. "P" is the producer, cc->lock held; "C" is the reader, here.
 *	P: padding of the old sub-buffer; wmb; produced++; mb; offset = 0; wmb;
 *	   data
 *	C: produced; rmb; data; rmb; offset; rmb; produced, the same
 * If data is the place of sub-buffer number produced, offset is of that one, too.
 * Otherwise the switch is under way, and nothing is in the new one yet. What is
 * before it is complete, and its padding there.
 *
 * relay's own splice() puts its pages into the pipe without counting them: when the
 * file was closed, the pipe showed whatever the memory was used for by then. Ours
 * copies, as read() does.
 *
 * relay's own mmap() looks at the length only. Its pages are found by the offset
 * in the mapping, so one that began later showed what the kernel had behind the
 * buffer, and could be writable, too.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/relay.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "../core.h"
#include "relay_file.h"

struct file_operations statchan_relay_fops __ro_after_init;
const int statchan_relay_overwrites;

/*
 * relay tells of a buffer when it is complete. That it is not freed meanwhile is
 * debugfs' promise: who removes a file waits for those who open it.
 */
static int relay_open_file(struct inode *inode, struct file *file)
{
	const struct rchan_buf *buf = inode->i_private;

	if (READ_ONCE(*per_cpu_ptr(buf->chan->buf, buf->cpu)) != buf)
		return -ENOENT;
	/* the count is looked at after it; relay itself stores them in that order,
	 * and relies on the memory to keep it
	 */
	smp_rmb();
	return relay_file_operations.open(inode, file);
}

/* Bytes in the sub-buffer that is written, and its number in @produced */
static size_t relay_filled(const struct rchan_buf *buf, size_t *produced)
{
	const struct rchan *chan = buf->chan;
	size_t before, offset;
	const void *data;

	do {
		before = READ_ONCE(buf->subbufs_produced);
		smp_rmb();	/* see above */
		data = READ_ONCE(buf->data);
		smp_rmb();	/* see above */
		/* pairs with relay_transport_commit(), too: records are complete */
		offset = smp_load_acquire(&buf->offset);
		*produced = READ_ONCE(buf->subbufs_produced);
	} while (before != *produced);
	if (data != buf->start + before % chan->n_subbufs * chan->subbuf_size)
		return 0;
	return offset;
}

/*
 * What can be read of the sub-buffer that is next, from @begin on.
 * Return: whether it is complete.
 */
static bool relay_unread(const struct rchan_buf *buf, size_t consumed,
			 size_t begin, size_t *bytes)
{
	const struct rchan *chan = buf->chan;
	size_t produced, end = relay_filled(buf, &produced);
	bool complete = produced != consumed;

	if (complete)
		end = chan->subbuf_size -
		      buf->padding[consumed % chan->n_subbufs];
	*bytes = end > begin ? end - begin : 0;
	return complete;
}

/*
 * What there is, as far as pages of @to are there. The inode is locked. @faulted: so
 * many bytes more there are, for pages that are not there.
 */
static size_t relay_copy(struct rchan_buf *buf, struct iov_iter *to, size_t *faulted)
{
	const struct rchan *chan = buf->chan;
	size_t done = 0, bytes;

	*faulted = 0;
	while (iov_iter_count(to)) {
		/* once: STATCHAN_IOC_RELAY_STATE may move both meanwhile */
		size_t consumed = READ_ONCE(buf->subbufs_consumed);
		size_t begin = READ_ONCE(buf->bytes_consumed);
		bool complete = relay_unread(buf, consumed, begin, &bytes);
		size_t n = min(bytes, iov_iter_count(to));
		void *from = buf->start + begin +
			consumed % chan->n_subbufs * chan->subbuf_size;
		size_t copied;

		pagefault_disable();
		copied = copy_to_iter(from, n, to);
		pagefault_enable();
		done += copied;
		if (!complete || copied < bytes) {
			/* relay_consumed() looks at any time */
			WRITE_ONCE(buf->bytes_consumed, begin + copied);
			*faulted = n - copied;
			if (copied < n || n == bytes)
				break;
			continue;
		}
		WRITE_ONCE(buf->bytes_consumed, 0);
		/* the copy is done before the producer may overwrite */
		smp_store_release(&buf->subbufs_consumed, consumed + 1);
	}
	return done;
}

/*
 * As relay's: never waits, leaves the padding out, ends within a record if @to does.
 * A page that does not come is waited for without the inode's lock, for which who
 * closes the channel waits, and others for him.
 */
static ssize_t relay_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	const struct rchan_buf *buf = file->private_data;
	size_t done = 0, copied, faulted;

	/* reader and producer would both move what has been consumed */
	if (smp_load_acquire(&buf->chan->private_data) ==
	    &statchan_relay_overwrites)
		return -EBUSY;
	do {
		inode_lock(file_inode(file));	/* one reader at a time */
		copied = relay_copy(file->private_data, to, &faulted);
		inode_unlock(file_inode(file));
		done += copied;
		/* bytes that could not be made there: all, if not even the first */
	} while (faulted && user_backed_iter(to) &&
		 !fatal_signal_pending(current) &&
		 fault_in_iov_iter_writeable(to, faulted) < faulted);
	iocb->ki_pos += done;
	return done ?: faulted ? -EFAULT : 0;
}

/* All of it, to be read: only the kernel writes records */
static int relay_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff)
		return -EINVAL;
	/* shared, though of a file that may be open for reading only */
	if (!(vma->vm_flags & VM_MAYSHARE) || vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EPERM;
	statchan_vm_flags_mod(vma, VM_DONTCOPY | VM_DONTDUMP,
			      VM_MAYWRITE | VM_MAYEXEC);
	return relay_file_operations.mmap(file, vma);
}

/* Nothing follows, and for the last records there was no free sub-buffer */
static bool relay_has_rest(const struct rchan_buf *buf)
{
	size_t bytes;

	/* pairs with statchan_relay_ended() */
	if (smp_load_acquire(&buf->chan->private_data) != buf->chan)
		return false;
	relay_unread(buf, READ_ONCE(buf->subbufs_consumed),
		     READ_ONCE(buf->bytes_consumed), &bytes);
	return bytes;
}

/*
 * As relay's, but who begins to wait while the channel ends is not left waiting, and
 * when nothing follows what read() delivers is all there is.
 */
static __poll_t relay_poll(struct file *file, poll_table *wait)
{
	struct rchan_buf *buf = file->private_data;

	poll_wait(file, &buf->read_wait, wait);
	smp_mb();	/* pairs with relay_announce(), and relay_remove_file() */
	if (READ_ONCE(buf->finalized))
		return EPOLLERR;
	return READ_ONCE(buf->subbufs_produced) !=
			       READ_ONCE(buf->subbufs_consumed) ||
		       relay_has_rest(buf) ?
		       EPOLLIN | EPOLLRDNORM : 0;
}

/* No record follows in any of its files. The channel's own struct may be gone when
 * they are read: rchan is not.
 */
void statchan_relay_ended(struct rchan *chan)
{
	/* the last record is seen by who sees this; pairs with relay_has_rest() and
	 * relay_read_iter()
	 */
	smp_store_release(&chan->private_data, chan);
}

/* A copy, made when the addresses are known */
void __init statchan_relay_init(void)
{
	statchan_relay_fops = relay_file_operations;
	statchan_relay_fops.owner = THIS_MODULE;
	statchan_relay_fops.open = relay_open_file;
	statchan_relay_fops.read = NULL;
	statchan_relay_fops.read_iter = relay_read_iter;
	statchan_relay_fops.splice_read = statchan_splice_read;
	statchan_relay_fops.mmap = relay_mmap;
	statchan_relay_fops.poll = relay_poll;
}
