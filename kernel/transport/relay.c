// SPDX-License-Identifier: GPL-2.0
/*
 * Transport relay: per-CPU relay buffers (kernel/relay.c), as files in debugfs.
 *
 * What differs from relay_reserve() and relay_write():
 * - The write offset moves after the record is complete, not before, so read()
 *   on another CPU never sees half a record.
 * - A sub-buffer is left only when the next one is free. relay's own full state
 *   makes read() skip a whole sub-buffer when it races with the switch.
 * - read(), splice() and what mmap() checks are ours: relay_file.c.
 * - What is left of a sub-buffer is a STATCHAN_RECORD_PAD, for mapped readers;
 *   read() and splice() never deliver it.
 * - A begun sub-buffer is completed for a reader that has read all before it and
 *   sleeps on the file, or when the timeout has passed and it was not read: poll()
 *   and a mapped reader know complete ones only. A reader that is behind costs no
 *   padding; the timeout comes again until it has caught up.
 * - In mode overwrite the oldest sub-buffer makes room, and nothing is completed
 *   for readers: they come when the channel is stopped and nothing moves any more.
 */
#include <linux/cpu.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/percpu.h>
#include <linux/relay.h>
#include <linux/slab.h>

#include "../fault.h"
#include "../record.h"
#include "relay_file.h"

/**
 * struct relay_channel - one channel
 * @chan:	its per-CPU buffers; an offline CPU gets one when it comes online
 * @dir:	in debugfs
 * @cpu:	what relay does not know of its buffers
 */
struct relay_channel {
	struct rchan *chan;
	struct dentry *dir;
	struct relay_cpu __percpu *cpu;
};

/**
 * struct relay_cpu - one CPU's part of a channel
 * @announced:	position that may be delivered; cc->lock
 * @samples:	mode overwrite: in each sub-buffer; cc->lock
 */
struct relay_cpu {
	u64 announced;
	u32 *samples;
};

/* ---- files ---- */

#define RELAY_FILE "cpu"	/* and the number of the CPU */

static struct dentry *relay_create_file(const char *name, struct dentry *parent,
					umode_t mode, struct rchan_buf *buf,
					int *is_global)
{
	/* relay notes it afterwards, and without it takes the buffer of CPU 0 for
	 * the one to forget if this fails
	 */
	if (kstrtouint(name + strlen(RELAY_FILE), 10, &buf->cpu) ||
	    statchan_fault(STATCHAN_FAULT_RELAY_FILE))
		return NULL;
	/* not debugfs_create_file(): its wrapper has neither mmap nor splice.
	 * An open file counts its buffer, and the module.
	 */
	return debugfs_create_file_unsafe(name, 0400, parent, buf,
					  &statchan_relay_fops);
}

/* Who sleeps on the file learns that it has ended */
static int relay_remove_file(struct dentry *dentry)
{
	struct rchan_buf *buf = d_inode(dentry)->i_private;

	wake_up_interruptible_all(&buf->read_wait);
	debugfs_remove(dentry);
	return 0;
}

static int relay_subbuf_start(struct rchan_buf *buf, void *subbuf, void *prev,
			      size_t prev_padding)
{
	smp_wmb();	/* offset, which is 0 now, before data: relay_file.c */
	return 1;	/* relay_fits() has seen that the next one is free */
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

static bool relay_overwrites(const struct statchan_channel *ch)
{
	return ch->got.mode == STATCHAN_MODE_OVERWRITE;
}

static struct relay_cpu *relay_cpu(struct statchan_channel_cpu *cc)
{
	struct relay_channel *rc = cc->ch->priv;

	return per_cpu_ptr(rc->cpu, cc->cpu);
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
	/* relay does the same, but not before others see produced: relay_file.c */
	buf->padding[buf->subbufs_produced % buf->chan->n_subbufs] = left;
	smp_wmb();	/* pairs with that behind produced in relay_filled() */
	relay_switch_subbuf(buf, 0);
}

/* The oldest sub-buffer is the next to be written: who has not read it, lost it */
static void relay_evict(struct statchan_channel_cpu *cc, struct rchan_buf *buf)
{
	u32 *samples = &relay_cpu(cc)->samples[(buf->subbufs_produced + 1) %
					       buf->chan->n_subbufs];

	if (!relay_next_free(buf)) {
		cc->lost[STATCHAN_LOST_OVERWRITTEN] += *samples;
		relay_subbufs_consumed(buf->chan, buf->cpu, 1);
	}
	*samples = 0;
}

/*
 * There is not room for the record and for the spare bytes behind the last one. Both
 * must fit in this and the next sub-buffer.
 */
static void *relay_make_room(struct statchan_channel_cpu *cc,
			     struct rchan_buf *buf, u32 room, u32 *reason)
{
	size_t size = buf->chan->subbuf_size;
	bool overwrites = relay_overwrites(cc->ch);

	if (room > size) {
		*reason = STATCHAN_LOST_OVERSIZE;
		return NULL;
	}
	if (!overwrites && !relay_next_free(buf)) {
		*reason = STATCHAN_LOST_RING_FULL;
		return NULL;
	}
	if (buf->offset + room > size) {
		if (overwrites)
			relay_evict(cc, buf);
		relay_next(buf);
	}
	return buf->data + buf->offset;
}

static void *relay_transport_reserve(struct statchan_channel_cpu *cc, u32 room,
				     u32 *reason)
{
	struct rchan_buf *buf = relay_buf(cc);

	if (unlikely(!buf)) {
		*reason = STATCHAN_LOST_NO_MEMORY;
		return NULL;
	}
	if (unlikely(buf->offset + room + cc->spare > buf->chan->subbuf_size))
		return relay_make_room(cc, buf, room, reason);
	return buf->data + buf->offset;
}

static bool relay_transport_commit(struct statchan_channel_cpu *cc, u32 room,
				   u32 *reason)
{
	struct rchan_buf *buf = relay_buf(cc);
	const struct statchan_record *rec = buf->data + buf->offset;

	if (relay_overwrites(cc->ch) && rec->type == STATCHAN_RECORD_SAMPLE)
		relay_cpu(cc)->samples[buf->subbufs_produced %
				       buf->chan->n_subbufs]++;
	/* the record is complete before read() may copy it */
	smp_store_release(&buf->offset, buf->offset + room);
	return true;
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

/*
 * Whether the reader is behind @position, so that he looks again before he sleeps. One
 * that has just begun a sub-buffer may be about to say so: of the two words that
 * tell where he is he writes one after the other.
 */
static bool relay_is_behind(const struct rchan_buf *buf, u64 position)
{
	return (s64)(position - relay_consumed(buf)) > 0 &&
	       READ_ONCE(buf->bytes_consumed);
}

static bool relay_announce(struct statchan_channel_cpu *cc)
{
	struct rchan_buf *buf = relay_buf(cc);
	u64 before, *announced = &relay_cpu(cc)->announced;
	bool show;

	if (!buf || relay_overwrites(cc->ch))
		return false;
	before = *announced;
	WRITE_ONCE(*announced, relay_produced(buf));
	/* pairs with relay_readable(), and with relay's poll */
	smp_mb();
	/* the barrier above orders both waitqueue_active() */
	show = cc->flushing || waitqueue_active(&buf->read_wait);
	if (buf->offset && relay_consumed(buf) != *announced) {
		if (show && buf->subbufs_produced == READ_ONCE(buf->subbufs_consumed))
			relay_next(buf);	/* it wakes read_wait */
		else
			cc->unflushed = true;
	}
	/* nothing new, but to be shown: that wakes who sleeps on the file */
	if (*announced == before || relay_is_behind(buf, before))
		return false;
	/* ordered by the barrier above, too */
	return waitqueue_active(&cc->ch->wait);
}

/* Nothing follows, so padding costs nothing: complete what was begun. If no
 * sub-buffer is free, read() delivers it all the same, and the rest of the readers
 * when they have given one back.
 */
static void relay_end(struct statchan_channel *ch)
{
	struct relay_channel *rc = ch->priv;
	unsigned long flags;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct statchan_channel_cpu *cc = per_cpu_ptr(ch->cpu, cpu);
		struct rchan_buf *buf;

		raw_spin_lock_irqsave(&cc->lock, flags);
		buf = relay_buf(cc);
		if (buf && buf->offset && relay_next_free(buf))
			relay_next(buf);
		if (buf)
			WRITE_ONCE(relay_cpu(cc)->announced, relay_produced(buf));
		raw_spin_unlock_irqrestore(&cc->lock, flags);
	}
	statchan_relay_ended(rc->chan);
	/* who began to wait meanwhile, with a rest to read */
	for_each_possible_cpu(cpu) {
		struct rchan_buf *buf = relay_buf(per_cpu_ptr(ch->cpu, cpu));

		if (buf)
			wake_up_interruptible_all(&buf->read_wait);
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

		if (buf && (s64)(READ_ONCE(per_cpu_ptr(rc->cpu, cpu)->announced) -
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
	u32 cpu = 0;
	u64 unread;

	if (req->flags & ~STATCHAN_RELAY_FLUSH)
		return statchan_err(err, -EINVAL, "relay: unknown flags %#x",
				    req->flags);
	/* what is overwritten meanwhile would be counted twice */
	if (ch->got.mode == STATCHAN_MODE_OVERWRITE && !READ_ONCE(ch->eos) &&
	    (req->consume || req->flags))
		return statchan_err(err, -EBUSY, "relay: in mode overwrite a file is read once the channel has been stopped");
	if (req->cpu < nr_cpu_ids && cpu_possible(req->cpu)) {
		cpu = array_index_nospec(req->cpu, nr_cpu_ids);
		buf = READ_ONCE(*per_cpu_ptr(rc->chan->buf, cpu));
	}
	if (!buf)
		return statchan_err(err, -ENXIO, "relay: CPU %u has no buffer",
				    req->cpu);
	cc = per_cpu_ptr(ch->cpu, cpu);
	inode_lock(d_inode(buf->dentry));	/* of one reader: relay_read_iter() */
	raw_spin_lock_irqsave(&cc->lock, flags);
	unread = buf->subbufs_produced - READ_ONCE(buf->subbufs_consumed);
	if (req->consume <= unread) {
		/* not by 0: that would undo what read() does meanwhile */
		if (req->consume) {
			relay_subbufs_consumed(rc->chan, cpu, req->consume);
			/* the next one is read from its beginning */
			WRITE_ONCE(buf->bytes_consumed, 0);
		}
		if (req->flags & STATCHAN_RELAY_FLUSH && buf->offset &&
		    relay_next_free(buf))
			relay_next(buf);
	}
	req->produced = buf->subbufs_produced;
	req->consumed = READ_ONCE(buf->subbufs_consumed);
	req->filled = buf->offset;
	raw_spin_unlock_irqrestore(&cc->lock, flags);
	inode_unlock(d_inode(buf->dentry));
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
		      sizeof(struct statchan_lost) + STATCHAN_GAP_SPARE;
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
	int cpu;

	if (rc->chan) {
		/* who has a file open reads on */
		statchan_relay_ended(rc->chan);
		relay_close(rc->chan);
	}
	debugfs_remove(rc->dir);
	if (rc->cpu)
		for_each_possible_cpu(cpu)
			kvfree(per_cpu_ptr(rc->cpu, cpu)->samples);
	free_percpu(rc->cpu);
	kfree(rc);
}

static int relay_alloc_cpus(struct relay_channel *rc, u32 n_subbufs)
{
	int cpu;

	rc->cpu = alloc_percpu(struct relay_cpu);
	if (!rc->cpu)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		u32 *samples = kvcalloc(n_subbufs, sizeof(*samples), GFP_KERNEL);

		if (!samples)
			return -ENOMEM;
		per_cpu_ptr(rc->cpu, cpu)->samples = samples;
	}
	return 0;
}

static int relay_transport_open(struct statchan_channel *ch,
				struct statchan_channel_req *req,
				struct statchan_err *err)
{
	struct relay_channel *rc;
	char name[48];
	int ret;

	/* nobody else can open the files, and nobody is charged for the buffers */
	if (!capable(CAP_NET_ADMIN))
		return statchan_err(err, -EPERM, "relay: its files are in debugfs, for root of the machine only: use another transport");
	ret = relay_geometry(ch, err);
	if (ret)
		return ret;
	rc = kzalloc(sizeof(*rc), GFP_KERNEL);
	if (!rc)
		return statchan_err(err, -ENOMEM, "relay: no memory for a channel");
	ch->priv = rc;
	if (statchan_fault(STATCHAN_FAULT_RELAY) ||
	    relay_alloc_cpus(rc, ch->got.subbufs))
		goto nomem;
	snprintf(name, sizeof(name), "%u-%s", ch->id, ch->src->name);
	rc->dir = statchan_fault(STATCHAN_FAULT_RELAY_FOLDER) ?
		  ERR_PTR(-ENOMEM) : debugfs_create_dir(name, statchan_debugfs);
	if (IS_ERR(rc->dir)) {
		ret = PTR_ERR(rc->dir);
		rc->dir = NULL;
		relay_transport_close(ch);
		return statchan_err(err, ret, "relay: no folder in debugfs: error %d; is debugfs there, and not locked down?",
				    -ret);
	}
	/* relay misses a CPU that is neither online nor still to be prepared */
	cpus_read_lock();
	rc->chan = relay_open(RELAY_FILE, rc->dir,
			      ch->got.buffer_size / ch->got.subbufs,
			      ch->got.subbufs, &relay_callbacks,
			      ch->got.mode == STATCHAN_MODE_OVERWRITE ?
			      (void *)&statchan_relay_overwrites : NULL);
	cpus_read_unlock();
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
	.caps = STATCHAN_CAP_SAMPLES | STATCHAN_CAP_FILES |
		STATCHAN_CAP_OVERWRITE,
	.open = relay_transport_open,
	.close = relay_transport_close,
	.reserve = relay_transport_reserve,
	.commit = relay_transport_commit,
	.announce = relay_announce,
	.end = relay_end,
	.readable = relay_readable,
	.state = relay_state,
};
