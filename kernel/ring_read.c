// SPDX-License-Identifier: GPL-2.0
/*
 * The consumer of the rings that lives in the kernel: whole records of all CPUs
 * are copied to where the caller wants them.
 */
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "ring_read.h"

/**
 * struct ring_reader - the consumer side of one channel; ch->priv
 * @lock:	one reader at a time
 * @next_cpu:	where the next read begins, so that no CPU starves another
 */
struct ring_reader {
	struct mutex lock;	/* the consumer pages, next_cpu */
	u32 next_cpu;
};

int statchan_ring_reader_open(struct statchan_channel *ch,
			      struct statchan_err *err)
{
	struct ring_reader *reader;
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

void statchan_ring_reader_close(struct statchan_channel *ch)
{
	statchan_ring_close(ch);
	kfree(ch->priv);
}

/*
 * Whole records from pos that fit into room. Only the kernel writes this ring's
 * consumer page and data, so the lengths can be trusted.
 */
static u64 ring_whole(const struct statchan_ring *ring, u64 pos, u64 head,
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

/* So many bytes are looked at and copied before others may run */
#define RING_COPY_STEP	(1U << 20)

static int ring_copy(struct statchan_ring *ring, struct iov_iter *to,
		     struct statchan_ring_read *got)
{
	/* pairs with statchan_ring_commit() */
	u64 head = smp_load_acquire(&ring->producer->head);
	u64 pos = ring->consumer->pos;

	while (pos != head) {
		const struct statchan_record *rec =
			ring->data + (pos & (ring->size - 1));
		u64 room = min_t(u64, iov_iter_count(to), RING_COPY_STEP);
		u64 records = 0, len;

		len = ring_whole(ring, pos, head, room, &records);
		if (!len) {
			if (got->len)
				return 0;
			got->len = ALIGN(rec->len, STATCHAN_ALIGN);
			return -EMSGSIZE;
		}
		/* a part that came before a fault is not counted: it comes again */
		if (copy_to_iter(rec, len, to) != len)
			return -EFAULT;
		pos += len;
		ring->taken += len;
		ring->taken_records += records;
		got->records += records;
		got->len += len;
		cond_resched();
	}
	return 0;
}

/* What was copied is the program's, or comes again */
static void ring_settle(struct statchan_ring *ring, bool told)
{
	if (told) {
		/* anybody may ask for the ledger meanwhile */
		WRITE_ONCE(ring->consumed, ring->consumed + ring->taken_records);
		/* the copy is done before the producer may overwrite */
		smp_store_release(&ring->consumer->pos,
				  ring->consumer->pos + ring->taken);
	}
	ring->taken = 0;
	ring->taken_records = 0;
}

static bool rings_drained(struct statchan_channel *ch)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct statchan_ring *ring = per_cpu_ptr(ch->cpu, cpu)->priv;

		/* pairs with statchan_ring_commit() */
		u64 head = smp_load_acquire(&ring->producer->head);

		if (ring->consumer->pos + ring->taken != head)
			return false;
	}
	return true;
}

/**
 * statchan_ring_reader_copy() - copy what there is
 * @ch:		opened by statchan_ring_reader_open()
 * @to:		takes whole records only, as many as fit
 * @got:	what was copied
 * @err:	gets the sentence
 *
 * Does not wait for records. Process context, may sleep and fault.
 *
 * Return: 0, also if there was nothing: then statchan_ring_reader_settle() must
 * follow, by the same task; -EMSGSIZE if not even the next record fits, -EFAULT if
 * nothing was copied before the fault, -EINTR.
 */
int statchan_ring_reader_copy(struct statchan_channel *ch, struct iov_iter *to,
			      struct statchan_ring_read *got,
			      struct statchan_err *err)
{
	struct ring_reader *reader = ch->priv;
	u64 room = iov_iter_count(to);
	int ret = 0;
	u32 i, cpu;
	bool eos;

	*got = (struct statchan_ring_read){};
	if (mutex_lock_interruptible(&reader->lock))
		return -EINTR;
	/* before looking at the rings: what was accepted comes before the end */
	eos = smp_load_acquire(&ch->eos);	/* statchan_channel_end() */
	for (i = 0; i < nr_cpu_ids && !ret; i++) {
		cpu = (reader->next_cpu + i) % nr_cpu_ids;
		if (cpu_possible(cpu))
			ret = ring_copy(per_cpu_ptr(ch->cpu, cpu)->priv, to, got);
	}
	reader->next_cpu = (reader->next_cpu + 1) % nr_cpu_ids;
	got->ended = eos && rings_drained(ch);
	/* what was copied before a fault is delivered: say so */
	if (ret == -EFAULT && got->len)
		ret = 0;
	if (ret)
		mutex_unlock(&reader->lock);
	if (ret == -EMSGSIZE)
		statchan_err(err, ret, "the next record needs %llu bytes, there is room for %llu",
			     got->len, room);
	return ret;
}

/**
 * statchan_ring_reader_settle() - end what statchan_ring_reader_copy() began
 * @ch:		the same
 * @told:	the program knows what was copied; else all of it comes again
 */
void statchan_ring_reader_settle(struct statchan_channel *ch, bool told)
{
	struct ring_reader *reader = ch->priv;
	int cpu;

	for_each_possible_cpu(cpu)
		ring_settle(per_cpu_ptr(ch->cpu, cpu)->priv, told);
	mutex_unlock(&reader->lock);
}

u64 statchan_ring_reader_consumed(struct statchan_channel_cpu *cc)
{
	const struct statchan_ring *ring = cc->priv;

	return READ_ONCE(ring->consumed);
}
