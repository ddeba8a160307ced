// SPDX-License-Identifier: GPL-2.0
/*
 * Transport ioctl: records are copied out of the per-CPU rings by
 * STATCHAN_IOC_READ. Snapshots by STATCHAN_IOC_SNAPSHOT: see chardev.c.
 */
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../ring.h"

/**
 * struct ioctl_reader - the consumer side of one channel
 * @lock:	one reader at a time
 * @next_cpu:	where the next read begins, so that no CPU starves another
 */
struct ioctl_reader {
	struct mutex lock;	/* the consumer pages, next_cpu */
	u32 next_cpu;
};

static int ioctl_open(struct statchan_channel *ch,
		      struct statchan_channel_req *req, struct statchan_err *err)
{
	struct ioctl_reader *reader;
	int ret;

	reader = kzalloc(sizeof(*reader), GFP_KERNEL);
	if (!reader)
		return -ENOMEM;
	ret = statchan_ring_open(ch, err);
	if (ret) {
		kfree(reader);
		return ret;
	}
	mutex_init(&reader->lock);
	ch->priv = reader;
	return 0;
}

static void ioctl_close(struct statchan_channel *ch)
{
	statchan_ring_close(ch);
	kfree(ch->priv);
}

/*
 * Whole records from pos that fit into room. Only the kernel writes this ring's
 * consumer page and data, so the lengths can be trusted.
 */
static u64 ioctl_whole(const struct statchan_ring *ring, u64 pos, u64 head,
		       u64 room, u64 *records)
{
	u64 at = pos;

	while (at != head) {
		const struct statchan_record *rec =
			ring->data + (at & (ring->size - 1));
		u64 step = ALIGN(rec->len, STATCHAN_ALIGN);

		if (at + step - pos > room)
			break;
		if (rec->type == STATCHAN_RECORD_SAMPLE)
			(*records)++;
		at += step;
	}
	return at - pos;
}

static int ioctl_read_ring(struct statchan_ring *ring, struct statchan_read *req,
			   u64 room)
{
	u64 pos = ring->consumer->pos;
	/* pairs with statchan_ring_commit() */
	u64 head = smp_load_acquire(&ring->producer->head);
	u64 records = 0, len;

	len = ioctl_whole(ring, pos, head, room - req->len, &records);
	if (!len) {
		const struct statchan_record *rec =
			ring->data + (pos & (ring->size - 1));

		if (pos == head || req->len)
			return 0;
		req->len = ALIGN(rec->len, STATCHAN_ALIGN);
		return -EMSGSIZE;
	}
	if (copy_to_user(u64_to_user_ptr(req->buf) + req->len,
			 ring->data + (pos & (ring->size - 1)), len))
		return -EFAULT;
	ring->consumed += records;
	req->records += records;
	req->len += len;
	/* the copy is done before the producer may overwrite */
	smp_store_release(&ring->consumer->pos, pos + len);
	return 0;
}

static bool ioctl_drained(struct statchan_channel *ch)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct statchan_ring *ring = per_cpu_ptr(ch->cpu, cpu)->priv;

		/* pairs with statchan_ring_commit() */
		if (ring->consumer->pos != smp_load_acquire(&ring->producer->head))
			return false;
	}
	return true;
}

static int ioctl_read(struct statchan_channel *ch, struct statchan_read *req,
		      struct statchan_err *err)
{
	struct ioctl_reader *reader = ch->priv;
	u64 room = req->len;
	u32 i, cpu;
	int ret = 0;
	bool eos;

	req->len = 0;
	req->records = 0;
	req->flags = 0;
	if (mutex_lock_interruptible(&reader->lock))
		return -EINTR;
	/* before looking at the rings: what was accepted comes before the end */
	eos = smp_load_acquire(&ch->eos);	/* statchan_channel_end() */
	for (i = 0; i < nr_cpu_ids && !ret; i++) {
		cpu = (reader->next_cpu + i) % nr_cpu_ids;
		if (cpu_possible(cpu))
			ret = ioctl_read_ring(per_cpu_ptr(ch->cpu, cpu)->priv,
					      req, room);
	}
	reader->next_cpu = (reader->next_cpu + 1) % nr_cpu_ids;
	if (eos && ioctl_drained(ch))
		req->flags = STATCHAN_CHAN_EOS;
	mutex_unlock(&reader->lock);
	/* what was copied before a fault stays delivered: say so */
	if (ret == -EFAULT && req->len)
		ret = 0;
	if (ret == -EMSGSIZE)
		statchan_err(err, ret, "the next record needs %llu bytes, there is room for %llu",
			     req->len, room);
	return ret;
}

static u64 ioctl_consumed(struct statchan_channel_cpu *cc)
{
	const struct statchan_ring *ring = cc->priv;

	return READ_ONCE(ring->consumed);
}

const struct statchan_transport statchan_transport_ioctl = {
	.name = "ioctl",
	.id = STATCHAN_T_IOCTL,
	.caps = STATCHAN_CAP_SNAPSHOT | STATCHAN_CAP_SAMPLES,
	.open = ioctl_open,
	.close = ioctl_close,
	.reserve = statchan_ring_reserve,
	.commit = statchan_ring_commit,
	.announce = statchan_ring_announce,
	.end = statchan_ring_end,
	.consumed = ioctl_consumed,
	.readable = statchan_ring_readable,
	.read = ioctl_read,
};
