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

/**
 * statchan_record_write() - write head, payload and padding
 * @dst:	statchan_record_room(@captured) bytes, aligned to STATCHAN_ALIGN
 * @s:		the sample
 * @captured:	from statchan_record_captured()
 * @rate:	the source samples 1 in @rate
 * @cpu:	that emits
 * @seq:	its number on @cpu
 * @time_ns:	CLOCK_MONOTONIC
 *
 * Every byte of the room is written: nothing old leaves the kernel.
 */
static inline void statchan_record_write(void *dst,
					 const struct statchan_sample *s,
					 u32 captured, u32 rate, u32 cpu,
					 u64 seq, u64 time_ns)
{
	struct statchan_record *rec = dst;
	u32 len = sizeof(*rec) + captured;

	/* the padding lies in the last word; the payload comes over it */
	if (len % STATCHAN_ALIGN)
		*(u64 *)(dst + round_down(len, STATCHAN_ALIGN)) = 0;
	rec->len = len;
	rec->type = STATCHAN_RECORD_SAMPLE;
	rec->cpu = cpu;
	rec->seq = seq;
	rec->time_ns = time_ns;
	rec->orig_len = s->orig_len ?: s->len;
	rec->ifindex = s->ifindex;
	rec->rate = rate;
	rec->flags = s->flags | (captured < s->len ? STATCHAN_REC_TRUNCATED : 0);
	rec->protocol = s->protocol;
	rec->vlan_tci = s->vlan_tci;
	rec->vlan_proto = s->vlan_proto;
	rec->queue = s->queue;
	if (captured)
		statchan_record_payload(rec + 1, s, captured, cpu, seq);
}

#endif /* _STATCHAN_RECORD_H */
