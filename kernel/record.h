/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that turns a sample into the bytes of struct statchan_record,
 * straight in the memory that a transport hands out. Inline, for emit.c alone.
 */
#ifndef _STATCHAN_RECORD_H
#define _STATCHAN_RECORD_H

#include <linux/skbuff.h>
#include <linux/string.h>

#include "core.h"

u32 statchan_record_skb_captured(const struct statchan_sample *s, u32 len);
void statchan_record_skb_payload(void *dst, const struct statchan_sample *s,
				 u32 captured);

/**
 * statchan_record_captured() - bytes of payload that a channel takes
 * @s:		the sample
 * @snaplen:	of the channel
 *
 * Never more than the skb really holds, whatever the source said.
 */
static inline u32 statchan_record_captured(const struct statchan_sample *s,
					   u32 snaplen)
{
	u32 len = min(s->len, snaplen);

	return s->skb ? statchan_record_skb_captured(s, len) : len;
}

static inline u32 statchan_record_room(u32 captured)
{
	return ALIGN(sizeof(struct statchan_record) + captured, STATCHAN_ALIGN);
}

static inline void statchan_record_payload(void *dst,
					   const struct statchan_sample *s,
					   u32 captured, u32 cpu, u64 seq)
{
	if (s->skb)
		statchan_record_skb_payload(dst, s, captured);
	else if (s->data)
		memcpy(dst, s->data, captured);
	else
		s->fill(dst, captured, cpu, seq);
}

/* flags to queue, which lie in both in the same order: two moves, not five */
static inline void record_write_packet(struct statchan_record *rec,
				       const struct statchan_sample *s)
{
	enum {
		TO = offsetof(struct statchan_record, flags),
		FROM = offsetof(struct statchan_sample, flags),
		LEN = sizeof(struct statchan_record) - TO,
	};

	static_assert(offsetof(struct statchan_sample, protocol) - FROM ==
		      offsetof(struct statchan_record, protocol) - TO);
	static_assert(offsetof(struct statchan_sample, vlan_tci) - FROM ==
		      offsetof(struct statchan_record, vlan_tci) - TO);
	static_assert(offsetof(struct statchan_sample, vlan_proto) - FROM ==
		      offsetof(struct statchan_record, vlan_proto) - TO);
	static_assert(offsetof(struct statchan_sample, queue) - FROM ==
		      offsetof(struct statchan_record, queue) - TO);
	memcpy((void *)rec + TO, (const void *)s + FROM, LEN);
}

/**
 * statchan_record_write() - write head, payload and padding
 * @rec:	statchan_record_room(@captured) bytes, aligned to STATCHAN_ALIGN
 * @s:		the sample
 * @captured:	from statchan_record_captured()
 * @rate:	the source samples 1 in @rate
 * @cpu:	that emits
 * @seq:	its number on @cpu
 * @time_ns:	CLOCK_MONOTONIC
 *
 * Every byte of the room is written: nothing old leaves the kernel. The caller
 * sets STATCHAN_REC_TRUNCATED.
 */
static inline void statchan_record_write(struct statchan_record *rec,
					 const struct statchan_sample *s,
					 u32 captured, u32 rate, u32 cpu,
					 u64 seq, u64 time_ns)
{
	u32 len = sizeof(*rec) + captured;

	/* the padding lies in the last word; the payload comes over it */
	if (len % STATCHAN_ALIGN)
		*(u64 *)((void *)rec + round_down(len, STATCHAN_ALIGN)) = 0;
	rec->len = len;
	rec->type = STATCHAN_RECORD_SAMPLE;
	rec->cpu = cpu;
	rec->seq = seq;
	rec->time_ns = time_ns;
	rec->orig_len = s->orig_len ?: s->len;
	rec->ifindex = s->ifindex;
	rec->rate = rate;
	record_write_packet(rec, s);
	if (captured)
		statchan_record_payload(rec + 1, s, captured, cpu, seq);
}

#endif /* _STATCHAN_RECORD_H */
