/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The per-CPU ring that the transports ioctl, read and mmap share. Layout and
 * protocol: see "shared memory of the mmap transport" in uapi/linux/statchan.h.
 *
 *   page 0      consumer   written by the program (mmap) or ring_read.c (ioctl, read)
 *   page 1      producer   written by emit, under channel_cpu.lock
 *   page 2..    data       written by emit
 *   again       data       the same pages
 */
#ifndef _STATCHAN_RING_H
#define _STATCHAN_RING_H

#include "core.h"

/**
 * struct statchan_ring - one CPU's ring
 * @head:	the producer's own copy of producer->head; cc->lock
 * @limit:	a record may end here without another look at the consumer, whose
 *		cache line each look takes away; cc->lock
 * @announced:	same of producer->announced; cc->lock
 * @tail:	mode overwrite: same of producer->tail; cc->lock
 * @evicted:	mode overwrite: same of producer->evicted; cc->lock
 * @floor:	position that must not be overwritten: that of the consumer, or
 *		in mode overwrite @tail
 * @size:	bytes of data, a power of two
 * @consumed:	sample records that ring_read.c copied; reader's mutex
 * @taken:	bytes after the consumer's position that ring_read.c has copied, and
 * @taken_records: samples among them, until the program knows; reader's mutex
 * @pages:	n_pages of them, the data pages twice
 */
struct statchan_ring {
	u64 head;
	u64 limit;
	u64 size;
	void *data;
	struct statchan_ring_producer *producer;
	u64 announced;
	u64 tail;
	u64 evicted;
	const u64 *floor;
	struct statchan_ring_consumer *consumer;
	u64 consumed;
	u64 taken;
	u64 taken_records;
	u32 n_pages;
	struct page **pages;
};

int statchan_ring_open(struct statchan_channel *ch, struct statchan_err *err);
void statchan_ring_close(struct statchan_channel *ch);
void *statchan_ring_reserve(struct statchan_channel_cpu *cc, u32 room,
			    u32 *reason);
void *statchan_ring_make_room(struct statchan_channel_cpu *cc, u32 room,
			      u32 *reason);
bool statchan_ring_commit(struct statchan_channel_cpu *cc, u32 room, u32 *reason);
bool statchan_ring_announce(struct statchan_channel_cpu *cc);
void statchan_ring_end(struct statchan_channel *ch);
bool statchan_ring_readable(struct statchan_channel *ch);

/* The two of the fast path; see the contract of struct statchan_transport */
static __always_inline void *
statchan_ring_reserve_inline(struct statchan_channel_cpu *cc, u32 room,
			     u32 *reason)
{
	struct statchan_ring *ring = cc->priv;

	if (unlikely((s64)(ring->head + room - ring->limit) > 0))
		return statchan_ring_make_room(cc, room, reason);
	return ring->data + (ring->head & (ring->size - 1));
}

static __always_inline bool
statchan_ring_commit_inline(struct statchan_channel_cpu *cc, u32 room)
{
	struct statchan_ring *ring = cc->priv;

	ring->head += room;
	/* the record is complete before it can be seen: consumer's load-acquire */
	smp_store_release(&ring->producer->head, ring->head);
	return true;
}

static inline u64 statchan_ring_stride(const struct statchan_channel *ch)
{
	return 2 * PAGE_SIZE + 2 * ch->got.buffer_size;
}

/* ---- live snapshots: live.c ---- */

int statchan_live_open(struct statchan_channel *ch,
		       struct statchan_channel_req *req,
		       struct statchan_err *err);
void statchan_live_close(struct statchan_channel *ch);
void statchan_live_end(struct statchan_channel *ch);
int statchan_live_mmap(struct statchan_channel *ch, struct vm_area_struct *vma);

#endif /* _STATCHAN_RING_H */
