// SPDX-License-Identifier: GPL-2.0
/*
 * Transport relay: per-CPU relay buffers (kernel/relay.c), as files in debugfs.
 *
 * What differs from relay_reserve() and relay_write():
 * - The write offset moves after the record is complete, not before, so read()
 *   on another CPU never sees half a record.
 * - A sub-buffer is left only when the next one is free. relay's own full state
 *   makes read() skip a whole sub-buffer when it races with the switch.
 * - What is left of a sub-buffer is a STATCHAN_RECORD_PAD, for mapped readers;
 *   read() and splice() never deliver it.
 * - A begun sub-buffer is completed for a reader that has read all before it and
 *   sleeps on the file, or when the timeout has passed: relay's poll() and splice()
 *   know complete ones only. A reader that is behind costs no padding; the
 *   timeout comes again until it has caught up.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/relay.h>
#include <linux/slab.h>

#include "../record.h"

/**
 * struct relay_channel - one channel
 * @chan:	its per-CPU buffers; an offline CPU gets one when it comes online
 * @dir:	in debugfs
 * @announced:	per-CPU: position that may be delivered; cc->lock
 */
struct relay_channel {
	struct rchan *chan;
	struct dentry *dir;
	u64 __percpu *announced;
};

/* ---- files ---- */

static struct dentry *relay_create_file(const char *name, struct dentry *parent,
					umode_t mode, struct rchan_buf *buf,
					int *is_global)
{
	/* not debugfs_create_file(): its wrapper has neither mmap nor splice.
	 * relay's file operations are not ours and count the buffer themselves.
	 */
	return debugfs_create_file_unsafe(name, 0400, parent, buf,
					  &relay_file_operations);
}

static int relay_remove_file(struct dentry *dentry)
{
	debugfs_remove(dentry);
	return 0;
}

static int relay_subbuf_start(struct rchan_buf *buf, void *subbuf, void *prev,
			      size_t prev_padding)
{
	return 1;	/* relay_room() has seen that the next one is free */
}

static const struct rchan_callbacks relay_callbacks = {
	.subbuf_start = relay_subbuf_start,
	.create_buf_file = relay_create_file,
	.remove_buf_file = relay_remove_file,
};

/* ---- producer: cc->lock held ---- */

static struct rchan_buf *relay_buf(struct statchan_channel_cpu *cc)
{
	struct relay_channel *rc = cc->ch->priv;

	return READ_ONCE(*per_cpu_ptr(rc->chan->buf, cc->cpu));
}

static bool relay_next_free(const struct rchan_buf *buf)
{
	return buf->subbufs_produced + 1 - READ_ONCE(buf->subbufs_consumed) <
	       buf->chan->n_subbufs;
}

static void relay_next(struct rchan_buf *buf)
{
	size_t left = buf->chan->subbuf_size - buf->offset;
	struct statchan_record *pad = buf->data + buf->offset;

	/* len, type and cpu: the part that all records have in common */
	if (left) {
		pad->len = left;
		pad->type = STATCHAN_RECORD_PAD;
		pad->cpu = buf->cpu;
	}
	relay_switch_subbuf(buf, 0);
}

static void *relay_transport_reserve(struct statchan_channel_cpu *cc, u32 room,
				     u32 *reason)
{
	struct rchan_buf *buf = relay_buf(cc);

	if (unlikely(!buf)) {
		*reason = STATCHAN_LOST_NO_MEMORY;
		return NULL;
	}
	if (unlikely(buf->offset + room > buf->chan->subbuf_size)) {
		if (room > buf->chan->subbuf_size) {
			*reason = STATCHAN_LOST_OVERSIZE;
			return NULL;
		}
		if (!relay_next_free(buf)) {
			*reason = STATCHAN_LOST_RING_FULL;
			return NULL;
		}
		relay_next(buf);
	}
	return buf->data + buf->offset;
}

static void relay_transport_commit(struct statchan_channel_cpu *cc, u32 room)
{
	struct rchan_buf *buf = relay_buf(cc);

	/* the record is complete before read() may copy it */
	smp_store_release(&buf->offset, buf->offset + room);
}

static u64 relay_produced(const struct rchan_buf *buf)
{
	return (u64)READ_ONCE(buf->subbufs_produced) * buf->chan->subbuf_size +
	       READ_ONCE(buf->offset);
}

static u64 relay_consumed(const struct rchan_buf *buf)
{
	return (u64)READ_ONCE(buf->subbufs_consumed) * buf->chan->subbuf_size +
	       READ_ONCE(buf->bytes_consumed);
}

static bool relay_announce(struct statchan_channel_cpu *cc)
{
	struct relay_channel *rc = cc->ch->priv;
	struct rchan_buf *buf = relay_buf(cc);
	u64 before, *announced = per_cpu_ptr(rc->announced, cc->cpu);

	if (!buf)
		return false;
	before = *announced;
	WRITE_ONCE(*announced, relay_produced(buf));
	/* pairs with relay_readable(), and with relay's poll */
	smp_mb();
	/* the barrier above orders both waitqueue_active() */
	if ((cc->flushing || waitqueue_active(&buf->read_wait)) && buf->offset) {
		if (buf->subbufs_produced == READ_ONCE(buf->subbufs_consumed))
			relay_next(buf);	/* it wakes read_wait */
		else
			cc->unflushed = cc->flushing;
	}
	if ((s64)(before - relay_consumed(buf)) > 0)
		return false;
	/* ordered by the barrier above, too */
	return waitqueue_active(&cc->ch->wait);
}

/* Nothing follows, so padding costs nothing: complete what was begun. */
static void relay_end(struct statchan_channel *ch)
{
	unsigned long flags;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct statchan_channel_cpu *cc = per_cpu_ptr(ch->cpu, cpu);
		struct rchan_buf *buf;

		raw_spin_lock_irqsave(&cc->lock, flags);
		buf = relay_buf(cc);
		if (buf && buf->offset && relay_next_free(buf))
			relay_next(buf);
		raw_spin_unlock_irqrestore(&cc->lock, flags);
	}
}

/* ---- consumer ---- */

static bool relay_readable(struct statchan_channel *ch)
{
	struct relay_channel *rc = ch->priv;
	int cpu;

	smp_mb();	/* pairs with relay_announce() */
	for_each_possible_cpu(cpu) {
		struct rchan_buf *buf = READ_ONCE(*per_cpu_ptr(rc->chan->buf,
							       cpu));

		if (buf && (s64)(READ_ONCE(*per_cpu_ptr(rc->announced, cpu)) -
				 relay_consumed(buf)) > 0)
			return true;
	}
	return false;
}

static int relay_state(struct statchan_channel *ch,
		       struct statchan_relay_state *req, struct statchan_err *err)
{
	struct relay_channel *rc = ch->priv;
	struct statchan_channel_cpu *cc;
	struct rchan_buf *buf = NULL;
	unsigned long flags;
	u64 unread;

	if (req->flags & ~STATCHAN_RELAY_FLUSH)
		return statchan_err(err, -EINVAL, "relay: unknown flags %#x",
				    req->flags);
	if (req->cpu < nr_cpu_ids && cpu_possible(req->cpu))
		buf = READ_ONCE(*per_cpu_ptr(rc->chan->buf, req->cpu));
	if (!buf)
		return statchan_err(err, -ENXIO, "relay: CPU %u has no buffer",
				    req->cpu);
	cc = per_cpu_ptr(ch->cpu, req->cpu);
	raw_spin_lock_irqsave(&cc->lock, flags);
	unread = buf->subbufs_produced - buf->subbufs_consumed;
	if (req->consume <= unread) {
		relay_subbufs_consumed(rc->chan, req->cpu, req->consume);
		if (req->flags & STATCHAN_RELAY_FLUSH && buf->offset &&
		    relay_next_free(buf))
			relay_next(buf);
	}
	req->produced = buf->subbufs_produced;
	req->consumed = buf->subbufs_consumed;
	req->filled = buf->offset;
	raw_spin_unlock_irqrestore(&cc->lock, flags);
	if (req->consume > unread)
		return statchan_err(err, -EINVAL, "relay: %llu sub-buffers given back, %llu are complete",
				    req->consume, unread);
	req->subbuf_size = rc->chan->subbuf_size;
	req->subbufs = rc->chan->n_subbufs;
	req->flags = READ_ONCE(ch->eos) ? STATCHAN_CHAN_EOS : 0;
	return 0;
}

/* ---- life ---- */

static int relay_geometry(struct statchan_channel *ch, struct statchan_err *err)
{
	struct statchan_channel_config *got = &ch->got;
	u32 largest = statchan_record_room(got->snaplen) +
		      sizeof(struct statchan_lost);
	u64 size;

	got->subbufs = ch->want.subbufs ?: STATCHAN_SUBBUFS_DEFAULT;
	if (got->subbufs < 2 || got->subbufs > STATCHAN_SUBBUFS_MAX)
		return statchan_err(err, -EINVAL, "relay: %u sub-buffers: must be 2 to %u",
				    got->subbufs, STATCHAN_SUBBUFS_MAX);
	/* whole pages, so that each sub-buffer can be mapped and spliced */
	size = PAGE_ALIGN(DIV_ROUND_UP_ULL(got->buffer_size, got->subbufs));
	if (size < largest)
		return statchan_err(err, -EINVAL, "relay: sub-buffers of %llu bytes hold no record of snaplen %u: ask for a buffer of %llu bytes or fewer sub-buffers",
				    size, got->snaplen,
				    (u64)PAGE_ALIGN(largest) * got->subbufs);
	got->buffer_size = size * got->subbufs;
	return 0;
}

static void relay_transport_close(struct statchan_channel *ch)
{
	struct relay_channel *rc = ch->priv;

	if (rc->chan)
		relay_close(rc->chan);
	debugfs_remove(rc->dir);
	free_percpu(rc->announced);
	kfree(rc);
}

static int relay_transport_open(struct statchan_channel *ch,
				struct statchan_channel_req *req,
				struct statchan_err *err)
{
	struct relay_channel *rc;
	char name[48];
	int ret;

	ret = relay_geometry(ch, err);
	if (ret)
		return ret;
	rc = kzalloc(sizeof(*rc), GFP_KERNEL);
	if (!rc)
		return statchan_err(err, -ENOMEM, "relay: no memory");
	ch->priv = rc;
	rc->announced = alloc_percpu(u64);
	if (!rc->announced)
		goto nomem;
	snprintf(name, sizeof(name), "%u-%s", ch->id, ch->src->name);
	rc->dir = debugfs_create_dir(name, statchan_debugfs);
	if (IS_ERR(rc->dir)) {
		ret = PTR_ERR(rc->dir);
		rc->dir = NULL;
		relay_transport_close(ch);
		return statchan_err(err, ret, "relay: no folder in debugfs: error %d; is debugfs there, and not locked down?",
				    -ret);
	}
	rc->chan = relay_open("cpu", rc->dir,
			      ch->got.buffer_size / ch->got.subbufs,
			      ch->got.subbufs, &relay_callbacks, NULL);
	if (!rc->chan)
		goto nomem;
	snprintf(req->path, sizeof(req->path), "/sys/kernel/debug/statchan/%s",
		 name);
	return 0;
nomem:
	relay_transport_close(ch);
	return statchan_err(err, -ENOMEM, "relay: no memory for buffers of %llu bytes per CPU",
			    ch->got.buffer_size);
}

const struct statchan_transport statchan_transport_relay = {
	.name = "relay",
	.id = STATCHAN_T_RELAY,
	.caps = STATCHAN_CAP_SAMPLES | STATCHAN_CAP_FILES,
	.open = relay_transport_open,
	.close = relay_transport_close,
	.reserve = relay_transport_reserve,
	.commit = relay_transport_commit,
	.announce = relay_announce,
	.end = relay_end,
	.readable = relay_readable,
	.state = relay_state,
};
