// SPDX-License-Identifier: GPL-2.0
/*
 * The files of relay channels: relay's file operations, except read().
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
 */
#include <linux/fs.h>
#include <linux/relay.h>
#include <linux/uaccess.h>

#include "../core.h"
#include "relay_file.h"

struct file_operations statchan_relay_fops __ro_after_init;

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
 * What can be read of the sub-buffer that is next, from buf->bytes_consumed on.
 * Return: whether it is complete.
 */
static bool relay_unread(const struct rchan_buf *buf, size_t *bytes)
{
	const struct rchan *chan = buf->chan;
	size_t produced, end = relay_filled(buf, &produced);
	bool complete = produced != buf->subbufs_consumed;

	if (complete)
		end = chan->subbuf_size -
		      buf->padding[buf->subbufs_consumed % chan->n_subbufs];
	*bytes = end > buf->bytes_consumed ? end - buf->bytes_consumed : 0;
	return complete;
}

/* As relay's: never waits, leaves the padding out, ends within a record if @count does */
static ssize_t relay_read(struct file *file, char __user *to, size_t count,
			  loff_t *ppos)
{
	struct rchan_buf *buf = file->private_data;
	const struct rchan *chan = buf->chan;
	size_t done = 0, bytes;
	ssize_t ret = 0;

	inode_lock(file_inode(file));	/* one reader at a time */
	while (done < count) {
		bool complete = relay_unread(buf, &bytes);
		size_t n = min(bytes, count - done);
		const void *from = buf->start + buf->bytes_consumed +
			buf->subbufs_consumed % chan->n_subbufs *
			chan->subbuf_size;

		if (n && copy_to_user(to + done, from, n)) {
			ret = -EFAULT;
			break;
		}
		done += n;
		if (!complete || n < bytes) {
			buf->bytes_consumed += n;
			if (n == bytes)
				break;
			continue;
		}
		WRITE_ONCE(buf->bytes_consumed, 0);
		/* the copy is done before the producer may overwrite */
		smp_store_release(&buf->subbufs_consumed,
				  buf->subbufs_consumed + 1);
	}
	inode_unlock(file_inode(file));
	*ppos += done;
	return done ?: ret;
}

/* A copy, made when the addresses are known */
void __init statchan_relay_init(void)
{
	statchan_relay_fops = relay_file_operations;
	statchan_relay_fops.owner = THIS_MODULE;
	statchan_relay_fops.read = relay_read;
}
