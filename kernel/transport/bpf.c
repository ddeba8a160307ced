// SPDX-License-Identifier: GPL-2.0
/*
 * Transport bpf: a BPF program of the consumer takes each record at the tracepoint
 * of trace.h and puts it into a BPF ring buffer of this CPU. The protocol of the two
 * is at struct statchan_bpf.
 *
 * A BPF program can call nothing of ours that would write a record in its ring, so
 * each is written in a shot first, always the same memory, and copied by the program.
 *
 * The rings are the program's. What is in them is known all the same, since only
 * we put something in: the head is counted here. Of the consumer's position the last
 * known is good enough until the ring looks full; then the program is asked. So the
 * books are exact, room is kept for the gaps, and a record that finds none is not even
 * written. poll() of a BPF ring buffer is readable when there is anything in it, so
 * the wakeup policy announces on the channel instead.
 */
#include <linux/bpf.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/wait.h>

#include "../fault.h"
#include "../record.h"

#define CREATE_TRACE_POINTS
#include "../trace.h"

/* Slots of up to SMALL bytes are a multiple of STEP, all with their heads */
#define BPF_STEP	64U
#define BPF_SMALL	1024U
/* The gaps that must be told, and the end */
#define BPF_GAPS	(STATCHAN_GAP_SPARE / sizeof(struct statchan_lost) * BPF_STEP)
#define BPF_LAST	(STATCHAN_BPF_HEAD + STATCHAN_BPF_END)

/**
 * struct bpf_ring - of one CPU; all under cc->lock
 * @head:	the producer's position in the ring
 * @tail:	the consumer's when it was last asked: a hint, may be forged
 * @announced:	position that may be delivered
 * @size:	bytes of the ring
 * @shot:	the tracepoint shows it; the rest of a large record lies behind it
 */
struct bpf_ring {
	u64 head;
	u64 tail;
	u64 announced;
	u64 size;
	struct statchan_bpf shot;
};

/* Bytes of the ring that a record of @room bytes takes */
static u32 bpf_bytes(u32 room)
{
	u32 bytes = room + STATCHAN_BPF_HEAD, step = BPF_STEP;

	if (bytes > BPF_SMALL)
		step = 1U << (ilog2(bytes - 1) - 2);
	return ALIGN(bytes, step);
}

/* Ask the program where its ring is. Return: whether it answered. */
static bool bpf_look(struct bpf_ring *ring)
{
	struct statchan_bpf *shot = &ring->shot;

	shot->op = STATCHAN_BPF_LOOK;
	shot->answer = STATCHAN_BPF_NOBODY;
	trace_statchan_bpf(shot);
	shot->op = STATCHAN_BPF_TAKE;
	if (shot->answer != STATCHAN_BPF_DONE)
		return false;
	WRITE_ONCE(ring->tail, shot->tail);
	return true;
}

/* ---- producer: cc->lock held ---- */

/* A ring is never quite full: that is how BPF has it */
static bool bpf_fits(const struct statchan_channel_cpu *cc, u32 bytes)
{
	const struct bpf_ring *ring = cc->priv;
	u64 used = ring->head - ring->tail;
	u32 spare = BPF_LAST + (cc->spare ? BPF_GAPS : 0);

	return used < ring->size && ring->size - used > bytes + spare;
}

static void *bpf_reserve(struct statchan_channel_cpu *cc, u32 room, u32 *reason)
{
	struct bpf_ring *ring = cc->priv;
	u32 bytes = bpf_bytes(room);

	if (unlikely(!bpf_fits(cc, bytes))) {
		if (bytes >= ring->size)
			*reason = STATCHAN_LOST_OVERSIZE;
		else if (!bpf_look(ring))
			*reason = STATCHAN_LOST_CONSUMER_GONE;
		else if (!bpf_fits(cc, bytes))
			*reason = STATCHAN_LOST_RING_FULL;
		else
			return ring->shot.record;
		return NULL;
	}
	return ring->shot.record;
}

/* Return: STATCHAN_BPF_DONE, or why not */
static u32 bpf_take(struct bpf_ring *ring, u32 room, u32 slot)
{
	struct statchan_bpf *shot = &ring->shot;

	shot->answer = STATCHAN_BPF_NOBODY;
	shot->room = room;
	shot->slot = slot;
	trace_statchan_bpf(shot);
	if (likely(shot->answer == STATCHAN_BPF_DONE))
		ring->head += slot + STATCHAN_BPF_HEAD;
	return shot->answer;
}

static bool bpf_commit(struct statchan_channel_cpu *cc, u32 room, u32 *reason)
{
	u32 answer = bpf_take(cc->priv, room,
			      bpf_bytes(room) - STATCHAN_BPF_HEAD);

	if (likely(answer == STATCHAN_BPF_DONE))
		return true;
	/* full all the same: the consumer has moved its position back */
	*reason = answer == STATCHAN_BPF_FULL ? STATCHAN_LOST_RING_FULL :
						STATCHAN_LOST_CONSUMER_GONE;
	return false;
}

static bool bpf_announce(struct statchan_channel_cpu *cc)
{
	struct bpf_ring *ring = cc->priv;

	WRITE_ONCE(ring->announced, ring->head);
	/* pairs with bpf_readable() */
	smp_mb();
	/* the barrier above orders this against the sleeper's poll_wait() */
	return waitqueue_active(&cc->ch->wait);
}

static void bpf_end(struct statchan_channel *ch)
{
	unsigned long flags;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct statchan_channel_cpu *cc = per_cpu_ptr(ch->cpu, cpu);

		raw_spin_lock_irqsave(&cc->lock, flags);
		bpf_take(cc->priv, 0, STATCHAN_BPF_END);
		raw_spin_unlock_irqrestore(&cc->lock, flags);
	}
}

/* ---- consumer ---- */

static bool bpf_unread(struct statchan_channel_cpu *cc)
{
	struct bpf_ring *ring = cc->priv;
	unsigned long flags;
	bool unread;

	/* nothing announced since it was seen that all was read */
	if ((s64)(READ_ONCE(ring->announced) - READ_ONCE(ring->tail)) <= 0)
		return false;
	raw_spin_lock_irqsave(&cc->lock, flags);
	unread = bpf_look(ring) && (s64)(ring->announced - ring->tail) > 0;
	raw_spin_unlock_irqrestore(&cc->lock, flags);
	return unread;
}

static bool bpf_readable(struct statchan_channel *ch)
{
	int cpu;

	/* pairs with bpf_announce(); the caller is in ch->wait */
	smp_mb();
	for_each_possible_cpu(cpu)
		if (bpf_unread(per_cpu_ptr(ch->cpu, cpu)))
			return true;
	return false;
}

/* ---- life ---- */

static void bpf_close(struct statchan_channel *ch)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct statchan_channel_cpu *cc = per_cpu_ptr(ch->cpu, cpu);

		kvfree(cc->priv);
		cc->priv = NULL;
	}
}

static struct bpf_ring *bpf_ring_alloc(u64 key, int cpu, u32 largest)
{
	size_t len = sizeof(struct bpf_ring) + largest;
	struct bpf_ring *ring = NULL;

	if (!statchan_fault(STATCHAN_FAULT_BPF))
		ring = kvzalloc_node(len, GFP_KERNEL_ACCOUNT, cpu_to_node(cpu));
	if (!ring)
		return NULL;
	ring->shot.key = key;
	ring->shot.cpu = cpu;
	return ring;
}

/* What the program says about its ring: 0, or errno with a sentence */
static int bpf_ring_open(struct statchan_channel_cpu *cc, u32 largest,
			 bool first, struct statchan_err *err)
{
	struct bpf_ring *ring = cc->priv;
	unsigned long flags;
	bool there;

	raw_spin_lock_irqsave(&cc->lock, flags);
	there = bpf_look(ring);
	raw_spin_unlock_irqrestore(&cc->lock, flags);
	if (!there)
		return statchan_err(err, -ENXIO, "bpf: no program at the tracepoint %s answers for this channel and CPU %u: attach one first",
				    STATCHAN_BPF_TRACEPOINT, cc->cpu);
	ring->size = ring->shot.size;
	ring->head = ring->shot.head;
	ring->announced = ring->head;
	if (!is_power_of_2(ring->size) || ring->size > STATCHAN_BUFFER_MAX ||
	    ring->head != ring->tail || ring->head % STATCHAN_ALIGN ||
	    (cc->ch->got.buffer_size != ring->size && !first))
		return statchan_err(err, -EINVAL, "bpf: the ring of CPU %u, %llu bytes, is not a new one like the others, of a power of two up to %u bytes",
				    cc->cpu, ring->size, STATCHAN_BUFFER_MAX);
	if (ring->size <= largest)
		return statchan_err(err, -EINVAL, "buffer size %llu holds no record of snaplen %u: at least %lu bytes",
				    ring->size, cc->ch->got.snaplen,
				    roundup_pow_of_two(largest + 1));
	cc->ch->got.buffer_size = ring->size;
	return 0;
}

static int bpf_open(struct statchan_channel *ch,
		    struct statchan_channel_req *req, struct statchan_err *err)
{
	u32 room = statchan_record_room(ch->got.snaplen);
	u32 largest = bpf_bytes(room) + BPF_STEP + BPF_GAPS + BPF_LAST;
	bool first = true;
	int cpu, ret;

	if (!IS_ENABLED(CONFIG_BPF_EVENTS))
		return statchan_err(err, -EOPNOTSUPP, "bpf: this kernel is built without CONFIG_BPF_EVENTS: use another transport");
	if (!req->key)
		return statchan_err(err, -ENXIO, "bpf: key 0: no program can answer for this channel");
	for_each_possible_cpu(cpu) {
		struct statchan_channel_cpu *cc = per_cpu_ptr(ch->cpu, cpu);

		cc->priv = bpf_ring_alloc(req->key, cpu, bpf_bytes(room));
		ret = cc->priv ? bpf_ring_open(cc, largest, first, err) :
		      statchan_err(err, -ENOMEM, "bpf: no memory for a record of %u bytes on each of %u CPUs",
				   room, num_possible_cpus());
		if (ret) {
			bpf_close(ch);
			return ret;
		}
		first = false;
	}
	return 0;
}

const struct statchan_transport statchan_transport_bpf = {
	.name = "bpf",
	.id = STATCHAN_T_BPF,
	.caps = STATCHAN_CAP_SAMPLES | STATCHAN_CAP_ZEROCOPY,
	.open = bpf_open,
	.close = bpf_close,
	.reserve = bpf_reserve,
	.commit = bpf_commit,
	.announce = bpf_announce,
	.end = bpf_end,
	.readable = bpf_readable,
};
