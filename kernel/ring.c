// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU rings: one producer (emit, cc->lock held, IRQs off), one consumer.
 *
 * Barriers. "P" is here, "C" is the consumer: ring_read.c or a program.
 *	P: write record; store-release head	C: load-acquire head; read record
 *	C: read record; store-release pos	P: load-acquire pos; overwrite
 *	P: store announced; mb; load pos	C: store pos; mb (in poll); load
 *						   announced
 *	P: evicting; wmb; tail; wmb; evicted,	C: evicted; rmb; tail; rmb; evicting
 *	   overwrite				C: copy; rmb; tail
 * The pair with mb is Dekker's: at least one side sees the other, so a consumer
 * that goes to sleep just when a batch is announced is woken.
 */
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#include "fault.h"
#include "record.h"
#include "ring.h"

void *statchan_ring_reserve(struct statchan_channel_cpu *cc, u32 room,
			    u32 *reason)
{
	return statchan_ring_reserve_inline(cc, room, reason);
}

/*
 * Mode overwrite: let go of the oldest records. The order of the stores is what
 * tells a consumer that copies just now which bytes to throw away.
 */
static void *ring_evict(struct statchan_ring *ring, u32 room)
{
	u64 tail = ring->tail, evicted = ring->evicted;

	while (ring->head + room - tail > ring->size) {
		/* only the kernel writes data, so lengths can be trusted */
		const struct statchan_record *rec =
			ring->data + (tail & (ring->size - 1));

		if (rec->type == STATCHAN_RECORD_SAMPLE)
			evicted++;
		tail += ALIGN(rec->len, STATCHAN_ALIGN);
	}
	WRITE_ONCE(ring->producer->evicting, evicted);
	smp_wmb();	/* evicting before tail */
	ring->tail = tail;
	WRITE_ONCE(ring->producer->tail, tail);
	smp_wmb();	/* tail before evicted, and before data changes */
	ring->evicted = evicted;
	WRITE_ONCE(ring->producer->evicted, evicted);
	return ring->data + (ring->head & (ring->size - 1));
}

/*
 * How far the consumer has come is a hint, read once. A program that forges it
 * makes the ring look full or loses records of its own; what is written stays in
 * data either way, since that depends on head only.
 * Return: whether there is room.
 */
static bool ring_look(struct statchan_channel_cpu *cc, u32 room)
{
	struct statchan_ring *ring = cc->priv;
	/* pairs with the consumer's store-release */
	u64 pos = smp_load_acquire(ring->floor);
	u64 used = ring->head - pos;

	if (used > ring->size || ring->size - used < room + cc->spare)
		return false;
	ring->limit = pos + ring->size - cc->spare;
	return true;
}

/* The slow part of reserve: as far as was known there is too little room */
void *statchan_ring_make_room(struct statchan_channel_cpu *cc, u32 room,
			      u32 *reason)
{
	struct statchan_ring *ring = cc->priv;

	if (ring_look(cc, room))
		return ring->data + (ring->head & (ring->size - 1));
	if (cc->ch->got.mode == STATCHAN_MODE_OVERWRITE && room <= ring->size)
		return ring_evict(ring, room);
	*reason = room > ring->size ? STATCHAN_LOST_OVERSIZE :
				      STATCHAN_LOST_RING_FULL;
	return NULL;
}

bool statchan_ring_commit(struct statchan_channel_cpu *cc, u32 room, u32 *reason)
{
	return statchan_ring_commit_inline(cc, room);
}

bool statchan_ring_announce(struct statchan_channel_cpu *cc)
{
	struct statchan_ring *ring = cc->priv;
	u64 before = ring->announced;

	ring->announced = ring->head;
	WRITE_ONCE(ring->producer->announced, ring->head);
	/* pairs with the barrier in statchan_ring_readable() */
	smp_mb();
	/*
	 * A consumer that has not come to the end of the batch before this one
	 * finds poll() readable without being woken.
	 */
	if ((s64)(before - READ_ONCE(ring->consumer->pos)) > 0)
		return false;
	/* the barrier above orders this against the sleeper's poll_wait() */
	return waitqueue_active(&cc->ch->wait);
}

bool statchan_ring_readable(struct statchan_channel *ch)
{
	int cpu;

	/* pairs with statchan_ring_announce(); the caller is in ch->wait */
	smp_mb();
	for_each_possible_cpu(cpu) {
		struct statchan_ring *ring = per_cpu_ptr(ch->cpu, cpu)->priv;

		if ((s64)(READ_ONCE(ring->producer->announced) -
			  READ_ONCE(ring->consumer->pos)) > 0)
			return true;
	}
	return false;
}

void statchan_ring_end(struct statchan_channel *ch)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct statchan_ring *ring = per_cpu_ptr(ch->cpu, cpu)->priv;

		/* after the last head: who sees the flag sees all records */
		smp_store_release(&ring->producer->flags, STATCHAN_RING_EOS);
	}
}

/* ---- memory ---- */

static void ring_free(struct statchan_ring *ring)
{
	u32 i, n_data;

	if (!ring)
		return;
	if (ring->consumer)
		vunmap(ring->consumer);
	if (ring->pages) {
		n_data = (ring->n_pages - 2) / 2;
		for (i = 0; i < 2 + n_data; i++)
			if (ring->pages[i])
				__free_page(ring->pages[i]);
		kvfree(ring->pages);
	}
	kfree(ring);
}

static int ring_alloc_pages(struct statchan_ring *ring, int node)
{
	u32 i, n_data = ring->size >> PAGE_SHIFT;

	ring->n_pages = 2 + 2 * n_data;
	ring->pages = kvcalloc(ring->n_pages, sizeof(*ring->pages),
			       GFP_KERNEL_ACCOUNT);
	if (!ring->pages)
		return -ENOMEM;
	for (i = 0; i < 2 + n_data; i++) {
		/* up to 256 MiB a CPU: not for who has been killed meanwhile */
		if (statchan_fault(STATCHAN_FAULT_RING_PAGE) ||
		    fatal_signal_pending(current))
			return -ENOMEM;
		ring->pages[i] = alloc_pages_node(node, GFP_KERNEL_ACCOUNT |
						  __GFP_ZERO | __GFP_NOWARN |
						  __GFP_RETRY_MAYFAIL, 0);
		if (!ring->pages[i])
			return -ENOMEM;
		if (i >= 2)
			ring->pages[i + n_data] = ring->pages[i];
	}
	return 0;
}

static struct statchan_ring *ring_alloc(u64 size, int cpu)
{
	int node = cpu_to_node(cpu);
	struct statchan_ring *ring;
	void *at;

	if (statchan_fault(STATCHAN_FAULT_RING))
		return NULL;
	ring = kzalloc_node(sizeof(*ring), GFP_KERNEL_ACCOUNT, node);
	if (!ring)
		return NULL;
	ring->size = size;
	if (ring_alloc_pages(ring, node))
		goto fail;
	at = vmap(ring->pages, ring->n_pages, VM_MAP, PAGE_KERNEL);
	if (!at)
		goto fail;
	ring->consumer = at;
	ring->producer = at + PAGE_SIZE;
	ring->data = at + 2 * PAGE_SIZE;
	ring->producer->cpu = cpu;
	ring->floor = &ring->consumer->pos;
	return ring;
fail:
	ring_free(ring);
	return NULL;
}

/* Then there is always room: none need be kept for gaps */
static void ring_set_overwrite(struct statchan_channel_cpu *cc)
{
	struct statchan_ring *ring = cc->priv;

	ring->floor = &ring->tail;
	cc->spare = 0;
}

int statchan_ring_open(struct statchan_channel *ch, struct statchan_err *err)
{
	u64 size = roundup_pow_of_two(max_t(u64, ch->got.buffer_size, PAGE_SIZE));
	u32 largest = statchan_record_room(ch->got.snaplen) +
		      sizeof(struct statchan_lost) + STATCHAN_GAP_SPARE;
	int cpu;

	if (size < largest)
		return statchan_err(err, -EINVAL, "buffer size %llu holds no record of snaplen %u: at least %lu bytes",
				    ch->got.buffer_size, ch->got.snaplen,
				    roundup_pow_of_two(largest));
	for_each_possible_cpu(cpu) {
		struct statchan_channel_cpu *cc = per_cpu_ptr(ch->cpu, cpu);

		cc->priv = ring_alloc(size, cpu);
		if (!cc->priv) {
			statchan_ring_close(ch);
			return statchan_err(err, -ENOMEM, "no memory for rings of %llu bytes on each of %u CPUs: ask for a smaller buffer",
					    size, num_possible_cpus());
		}
		if (ch->got.mode == STATCHAN_MODE_OVERWRITE)
			ring_set_overwrite(cc);
	}
	ch->got.buffer_size = size;
	return 0;
}

void statchan_ring_close(struct statchan_channel *ch)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct statchan_channel_cpu *cc = per_cpu_ptr(ch->cpu, cpu);

		ring_free(cc->priv);
		cc->priv = NULL;
	}
}
